//! `ssmpf edit`.

use nu_protocol::Value;

use crate::columns::CONNECTION;
use crate::spec::{COMMON, FIELDS, NAME, Output, PLACE, Sample, Spec, Takes, UPKEEP, flag};

/// Changes a connection.
pub static SPEC: Spec = Spec {
    name: "ssmpf edit",
    about: "Change a connection",
    more: "An empty value takes a field away: `--host ''`. The editor is `^ssmpf edit`.",
    words: &["edit"],
    arguments: &[NAME],
    flags: &[
        FIELDS,
        &[flag("untag", Takes::Texts, "Tag to take away, or a list of them")],
        UPKEEP,
        PLACE,
        COMMON,
    ],
    output: Output::Record { field: Some("connection"), columns: CONNECTION },
    examples: &[Sample {
        code: "ssmpf edit web --idle-timeout 15min --tag [front public] | get idle_timeout",
        about: "Have its sessions end when nobody uses them",
        result: Some(|| Value::test_duration(15 * 60 * 1_000_000_000)),
    }],
    ..Spec::NEW
};
