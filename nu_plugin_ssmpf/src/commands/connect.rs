//! `ssmpf connect`.

use crate::spec::{COMMON, NAMES, Output, PLACE, Sample, Spec, Takes, UPKEEP, YES, flag};

/// Opens connections for as long as the stream is read.
pub static SPEC: Spec = Spec {
    name: "ssmpf connect",
    about: "Open connections until Ctrl-C, and stream what happens",
    more: "Every event is a record with `time`, `connection`, `event` and fields of its own. \
           Connections that shall stay open while you go on are for `ssmpf up`.",
    search: &["forward", "open"],
    words: &["connect"],
    arguments: &[NAMES],
    flags: &[
        &[
            flag("local-port", Takes::IntOrWord, "Another local port this time, or `auto`"),
            flag("reason", Takes::Text, "Reason, for the session history and CloudTrail"),
        ],
        YES,
        UPKEEP,
        PLACE,
        COMMON,
    ],
    output: Output::Events,
    examples: &[
        Sample { code: "ssmpf connect prod-db", about: "Open one and look on", result: None },
        Sample {
            code: "ssmpf connect @prod | where event in [ready reconnecting stopped]",
            about: "Open those that bear a tag; show the turning points",
            result: None,
        },
    ],
    ..Spec::NEW
};
