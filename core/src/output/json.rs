//! Documents as JSON text.

use serde::Serialize;

/// Returns one indented document with a line feed.
pub fn document(value: &impl Serialize) -> String {
    // The documents of the schema are strings, numbers, lists and objects, so this cannot fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns a document as one line.
pub fn line(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}
