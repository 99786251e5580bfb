//! `ssmpf cp`.

use crate::columns::CONNECTION;
use crate::spec::{Argument, COMMON, Count, Output, Sample, Spec};

/// The connection that is copied or renamed.
pub(super) const FROM: Argument = Argument {
    name: "from",
    about: "Connection",
    count: Count::One,
    column: None,
    completes: true,
};

/// Its new name.
pub(super) const TO: Argument =
    Argument { name: "to", about: "New name", count: Count::One, column: None, completes: false };

/// Copies a connection.
pub static SPEC: Spec = Spec {
    name: "ssmpf cp",
    about: "Copy a connection; the copy has a local port of its own",
    search: &["copy"],
    words: &["cp"],
    arguments: &[FROM, TO],
    flags: &[COMMON],
    output: Output::Record { field: Some("connection"), columns: CONNECTION },
    examples: &[Sample {
        code: "ssmpf cp prod-db prod-replica | ssmpf edit --host replica.internal",
        about: "A second one that differs in its host",
        result: None,
    }],
    ..Spec::NEW
};
