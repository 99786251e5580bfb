//! `ssmpf mv`.

use nu_protocol::Value;

use super::cp::{FROM, TO};
use crate::columns::CONNECTION;
use crate::spec::{COMMON, Output, Sample, Spec};

/// Renames a connection.
pub static SPEC: Spec = Spec {
    name: "ssmpf mv",
    about: "Give a connection another name",
    search: &["rename", "move"],
    words: &["mv"],
    arguments: &[FROM, TO],
    flags: &[COMMON],
    output: Output::Record { field: Some("connection"), columns: CONNECTION },
    examples: &[Sample {
        code: "ssmpf mv web website | get name",
        about: "Rename one; its local port stays",
        result: Some(|| Value::test_string("website")),
    }],
    ..Spec::NEW
};
