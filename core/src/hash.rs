//! Short names for long things.

use sha2::{Digest, Sha256};

/// Bytes that tell things apart; two of a thousand names meet once in 10^13 cases.
const BYTES: usize = 8;

/// Returns a short text, fit for a file name, that stands for a longer one.
pub fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
}
