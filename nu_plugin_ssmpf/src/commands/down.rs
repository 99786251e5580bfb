//! `ssmpf down`.

use nu_protocol::{Value, record};

use crate::columns::DOWN;
use crate::spec::{COMMON, NAMES, Output, PLACE, Sample, Spec, Takes, flag};

/// Ends forwards.
pub static SPEC: Spec = Spec {
    name: "ssmpf down",
    about: "End forwards in the background",
    more: "Returns when their processes and remote sessions are gone. One that is not up is a success.",
    search: &["close", "stop"],
    words: &["down"],
    arguments: &[NAMES],
    flags: &[&[flag("all", Takes::Nothing, "All forwards that are up")], PLACE, COMMON],
    output: Output::Record { field: None, columns: DOWN },
    examples: &[
        Sample {
            code: "ssmpf down web",
            about: "End one; here it was not up",
            result: Some(|| {
                Value::test_record(record! {
                    "stopped" => Value::test_list(Vec::new()),
                    "not_up" => Value::test_list(vec![Value::test_string("web")]),
                })
            }),
        },
        Sample {
            code: "ssmpf status | where clients == 0 | ssmpf down",
            about: "End those that nobody uses",
            result: None,
        },
    ],
    ..Spec::NEW
};
