//! `ssmpf ls`.

use nu_protocol::Value;

use crate::columns::CONNECTION;
use crate::spec::{Argument, COMMON, Count, Output, PLACE, Sample, Spec, Takes, flag};

/// The connections.
pub static SPEC: Spec = Spec {
    name: "ssmpf ls",
    about: "List the connections",
    search: &["list", "catalogue"],
    words: &["ls"],
    arguments: &[Argument {
        name: "filters",
        about: "@tag, or text that is in the name, description, target, destination or a tag",
        count: Count::Any,
        column: None,
        completes: true,
    }],
    flags: &[&[flag("kind", Takes::Text, "Only connections of this kind")], PLACE, COMMON],
    output: Output::Table { field: "connections", columns: CONNECTION },
    examples: &[
        Sample {
            code: "ssmpf ls | where profile == prod",
            about: "Those of a profile",
            result: None,
        },
        Sample {
            code: "ssmpf ls @prod | get name",
            about: "The names of those that bear a tag",
            result: Some(|| {
                Value::test_list(["prod-api", "prod-db"].map(Value::test_string).to_vec())
            }),
        },
        Sample {
            code: "ssmpf ls | group-by profile --to-table | update items {|it| $it.items | length }",
            about: "How many there are for each profile",
            result: None,
        },
        Sample {
            code: "ssmpf ls nothing-like-this",
            about: "A search without a find is an empty table",
            result: Some(|| Value::test_list(Vec::new())),
        },
    ],
    ..Spec::NEW
};
