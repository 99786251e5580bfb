//! `ssmpf targets`.

use crate::columns::{TARGET, TARGETS};
use crate::spec::{
    Argument, COMMON, Count, FULL, Output, PLACES, REFRESH, Sample, Spec, Takes, flag,
};

/// Text that is looked for in a list.
pub(super) const FILTERS: Argument = Argument {
    name: "filters",
    about: "Only those with this text somewhere in them; several: all of them",
    count: Count::Any,
    column: None,
    completes: false,
};

/// What sessions can go to.
pub static SPEC: Spec = Spec {
    name: "ssmpf targets",
    about: "List what sessions can go to: nodes, machines outside of EC2, ECS containers",
    more: "What could not be read is said on stderr; with --full it is in the record.",
    search: &["ec2", "ecs", "instances", "nodes"],
    words: &["targets"],
    arguments: &[FILTERS],
    flags: &[
        PLACES,
        &[flag("all", Takes::Nothing, "Also instances that Systems Manager does not know")],
        REFRESH,
        FULL,
        COMMON,
    ],
    output: Output::If {
        flag: "full",
        given: &Output::Record { field: None, columns: TARGETS },
        otherwise: &Output::Table { field: "targets", columns: TARGET },
    },
    examples: &[
        Sample {
            code: "ssmpf targets | where reachable and last_ping > (date now) - 5min",
            about: "Those that were heard of lately",
            result: None,
        },
        Sample {
            code: "ssmpf targets --region [eu-west-1 us-east-1] | get region | uniq",
            about: "Where they are",
            result: None,
        },
    ],
    ..Spec::NEW
};
