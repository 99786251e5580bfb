//! `ssmpf sessions` and `ssmpf sessions end`.

use crate::columns::{DONE, SESSION, SESSIONS};
use crate::spec::{
    Argument, COMMON, Count, FULL, Output, PLACE, PLACES, Sample, Spec, Takes, flag,
};

/// Live sessions.
pub static SPEC: Spec = Spec {
    name: "ssmpf sessions",
    about: "List your live sessions, whichever program started them",
    more: "What could not be read is said on stderr; with --full it is in the record.",
    words: &["sessions"],
    flags: &[PLACES, &[flag("all", Takes::Nothing, "Everybody's sessions")], FULL, COMMON],
    output: Output::If {
        flag: "full",
        given: &Output::Record { field: None, columns: SESSIONS },
        otherwise: &Output::Table { field: "sessions", columns: SESSION },
    },
    examples: &[Sample {
        code: "ssmpf sessions | sort-by started | first 1 | select session_id target",
        about: "The oldest",
        result: None,
    }],
    ..Spec::NEW
};

/// Ends sessions.
pub static END: Spec = Spec {
    name: "ssmpf sessions end",
    about: "End sessions",
    words: &["sessions", "end"],
    arguments: &[Argument {
        name: "ids",
        about: "Ids of sessions; ids and rows from the pipe too",
        count: Count::Some,
        column: Some("session_id"),
        completes: false,
    }],
    flags: &[PLACE, COMMON],
    output: Output::Record { field: None, columns: DONE },
    examples: &[Sample {
        code: "ssmpf sessions | where started < (date now) - 1day | ssmpf sessions end",
        about: "End those that somebody forgot",
        result: None,
    }],
    ..Spec::NEW
};
