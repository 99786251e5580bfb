//! `ssmpf wait`.

use crate::columns::FORWARD;
use crate::spec::{COMMON, NAMES, Output, PLACE, Sample, Spec, Takes, flag};

/// Waits for forwards.
pub static SPEC: Spec = Spec {
    name: "ssmpf wait",
    about: "Wait until forwards in the background are ready",
    words: &["wait"],
    arguments: &[NAMES],
    flags: &[&[flag("timeout", Takes::Time, "Longest wait [default: 1min]")], PLACE, COMMON],
    output: Output::Table { field: "forwards", columns: FORWARD },
    examples: &[Sample {
        code: "ssmpf up prod-db --no-wait | ssmpf wait --timeout 30sec | get 0.address",
        about: "Open one, do something else, then see where it listens",
        result: None,
    }],
    ..Spec::NEW
};
