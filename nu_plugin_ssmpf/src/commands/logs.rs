//! `ssmpf logs`.

use crate::spec::{COMMON, Flag, NAME, Output, Sample, Spec, Takes};

/// What happened to a forward.
pub static SPEC: Spec = Spec {
    name: "ssmpf logs",
    about: "Show what happened to a forward in the background",
    more: "Every event is a record with `time`, `connection`, `event` and fields of its own; other \
           lines of the log are the event `log`.",
    words: &["logs"],
    arguments: &[NAME],
    flags: &[
        &[
            Flag {
                name: "follow",
                short: Some('f'),
                about: "Go on with what happens, until Ctrl-C",
                takes: Takes::Nothing,
                is_core: true,
            },
            Flag {
                name: "lines",
                short: Some('n'),
                about: "How many [default: 100]",
                takes: Takes::Int,
                is_core: true,
            },
        ],
        COMMON,
    ],
    output: Output::Events,
    examples: &[Sample {
        code: "ssmpf logs prod-db --lines 1000 | where event == reconnecting | get reason",
        about: "Why the connection was lost",
        result: None,
    }],
    ..Spec::NEW
};
