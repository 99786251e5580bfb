//! `ssmpf status`.

use nu_protocol::Value;

use crate::columns::FORWARD;
use crate::spec::{Argument, COMMON, Count, Flag, NAMES, Output, PLACE, Sample, Spec, Takes};

/// The forwards, once or whenever they change.
pub static SPEC: Spec = Spec {
    name: "ssmpf status",
    about: "Show the forwards in the background",
    more: "With --watch a stream: at each change every forward is a row, with the time of the look.",
    search: &["forwards", "ps", "throughput"],
    words: &["status"],
    arguments: &[Argument { count: Count::Any, ..NAMES }],
    flags: &[
        &[Flag {
            name: "watch",
            short: Some('w'),
            about: "Show them again whenever they change, until Ctrl-C",
            takes: Takes::Nothing,
            is_core: true,
        }],
        PLACE,
        COMMON,
    ],
    output: Output::If {
        flag: "watch",
        given: &Output::Forwards,
        otherwise: &Output::Table { field: "forwards", columns: FORWARD },
    },
    examples: &[
        Sample {
            code: "ssmpf status | where up_since < (date now) - 8hr",
            about: "Those that are up for longer than a working day",
            result: Some(|| Value::test_list(Vec::new())),
        },
        Sample {
            code: "ssmpf status --watch | select time name received_per_second",
            about: "Watch the throughput",
            result: None,
        },
    ],
    ..Spec::NEW
};
