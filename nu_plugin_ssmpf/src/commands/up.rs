//! `ssmpf up`.

use nu_protocol::Value;

use crate::columns::FORWARD;
use crate::spec::{COMMON, Flag, NAMES, Output, PLACE, Sample, Spec, Takes, UPKEEP, YES, flag};

/// How connections are opened in the background.
pub(super) const HOW: &[Flag] = &[
    flag("no-wait", Takes::Nothing, "Return as soon as the local ports are bound"),
    flag("timeout", Takes::Time, "Longest wait until they are ready"),
    flag("reason", Takes::Text, "Reason, for the session history and CloudTrail"),
];

/// Opens connections in the background.
pub static SPEC: Spec = Spec {
    name: "ssmpf up",
    about: "Open connections in the background",
    more: "Returns the forwards when they are ready. Each is a process of its own, which outlives \
           Nushell. One that is up already is a success.",
    search: &["forward", "open", "background"],
    words: &["up"],
    arguments: &[NAMES],
    flags: &[&[flag("all", Takes::Nothing, "All connections")], HOW, YES, UPKEEP, PLACE, COMMON],
    output: Output::Table { field: "forwards", columns: FORWARD },
    examples: &[
        Sample {
            code: "ssmpf ls | where profile == prod | ssmpf up",
            about: "Open those of a profile",
            result: None,
        },
        Sample {
            code: "[] | ssmpf up",
            about: "A filter that leaves nothing over opens nothing",
            result: Some(|| Value::test_list(Vec::new())),
        },
    ],
    ..Spec::NEW
};
