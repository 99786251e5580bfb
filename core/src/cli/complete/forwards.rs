//! Which forwards are up, as the runtime folder says.

use super::super::background;
use crate::background::registry::{self, Found, Record};

/// Returns the records of the forwards that live. Nobody is asked, and nothing is cleaned up.
pub(in crate::cli) fn running() -> Vec<Record> {
    let found = background::folder().ok().and_then(|folder| registry::look(&folder).ok());
    let running = found.into_iter().flatten().filter_map(|found| match found {
        Found::Running(record) => Some(record),
        Found::Dead(..) => None,
    });
    running.collect()
}
