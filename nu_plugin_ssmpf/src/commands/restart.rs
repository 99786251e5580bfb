//! `ssmpf restart`.

use super::up::HOW;
use crate::columns::FORWARD;
use crate::spec::{COMMON, NAMES, Output, PLACE, Sample, Spec, Takes, UPKEEP, YES, flag};

/// Opens forwards anew.
pub static SPEC: Spec = Spec {
    name: "ssmpf restart",
    about: "End and open again forwards in the background; the ports stay the same",
    words: &["restart"],
    arguments: &[NAMES],
    flags: &[
        &[flag("all", Takes::Nothing, "All forwards that are up")],
        HOW,
        YES,
        UPKEEP,
        PLACE,
        COMMON,
    ],
    output: Output::Table { field: "forwards", columns: FORWARD },
    examples: &[Sample {
        code: "ssmpf status | where state != ready | ssmpf restart",
        about: "Open anew those that are in trouble",
        result: None,
    }],
    ..Spec::NEW
};
