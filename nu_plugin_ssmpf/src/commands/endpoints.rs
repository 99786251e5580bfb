//! `ssmpf endpoints`.

use super::targets::FILTERS;
use crate::columns::{ENDPOINT, ENDPOINTS};
use crate::spec::{COMMON, FULL, Output, PLACES, REFRESH, Sample, Spec};

/// Databases and caches.
pub static SPEC: Spec = Spec {
    name: "ssmpf endpoints",
    about: "List databases and caches that can be destinations",
    more: "What could not be read is said on stderr; with --full it is in the record.",
    search: &["rds", "elasticache", "databases"],
    words: &["endpoints"],
    arguments: &[FILTERS],
    flags: &[PLACES, REFRESH, FULL, COMMON],
    output: Output::If {
        flag: "full",
        given: &Output::Record { field: None, columns: ENDPOINTS },
        otherwise: &Output::Table { field: "endpoints", columns: ENDPOINT },
    },
    examples: &[Sample {
        code: "ssmpf endpoints | where kind == postgres and role == reader",
        about: "The readers among the databases",
        result: None,
    }],
    ..Spec::NEW
};
