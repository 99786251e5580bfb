//! `ssmpf rm`.

use nu_protocol::Value;

use crate::spec::{COMMON, NAMES, Output, Sample, Spec, YES};

/// Removes connections.
pub static SPEC: Spec = Spec {
    name: "ssmpf rm",
    about: "Remove connections",
    more: "Nothing is asked, so --yes is needed. Returns the names of those that are gone.",
    search: &["delete", "remove"],
    words: &["rm"],
    arguments: &[NAMES],
    flags: &[YES, COMMON],
    output: Output::Words { field: "removed" },
    examples: &[
        Sample {
            code: "ssmpf rm web --yes",
            about: "Remove one",
            result: Some(|| Value::test_list(vec![Value::test_string("web")])),
        },
        Sample {
            code: "ssmpf ls | where last_used == null and profile == old | ssmpf rm --yes",
            about: "Remove those of a profile that were never opened",
            result: Some(|| Value::test_list(Vec::new())),
        },
    ],
    ..Spec::NEW
};
