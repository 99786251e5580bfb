//! Documents as JSON text.

use serde::Serialize;
use ssmpf_schema::SCHEMA;

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

/// A document that is one long list, written while its items come: each in a line of its own.
#[derive(Debug)]
pub struct ListWriter {
    text: Vec<u8>,
    /// Bytes in front of the first item.
    head: usize,
}

impl ListWriter {
    /// Begins a document with the schema and a list called `name`.
    pub fn new(name: &str) -> Self {
        let text = format!("{{\"schema\":\"{SCHEMA}\",\"{name}\":[").into_bytes();
        Self { head: text.len(), text }
    }

    /// Adds an item.
    pub fn push(&mut self, item: &impl Serialize) {
        self.text.extend_from_slice(if self.is_empty() { b"\n" } else { b",\n" });
        // As above, this cannot fail.
        let _ = serde_json::to_writer(&mut self.text, item);
    }

    /// Adds the items of another such document.
    pub fn append(&mut self, other: Self) {
        if !other.is_empty() {
            self.text.extend_from_slice(if self.is_empty() { b"" } else { b"," });
            self.text.extend_from_slice(&other.text[other.head..]);
        }
    }

    fn is_empty(&self) -> bool {
        self.text.len() == self.head
    }

    /// Ends the document.
    pub fn finish(mut self) -> String {
        self.text.extend_from_slice(b"\n]}\n");
        // JSON is always UTF-8.
        String::from_utf8(self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::Listing;

    use super::*;

    #[test]
    fn a_list_has_a_line_for_each_item() {
        let mut list = ListWriter::new("a");
        list.push(&"x");
        let mut more = ListWriter::new("a");
        more.push(&["größe"]);
        list.append(more);
        list.append(ListWriter::new("a"));
        assert_eq!(list.finish(), "{\"schema\":\"ssmpf/1\",\"a\":[\n\"x\",\n[\"größe\"]\n]}\n");
    }

    #[test]
    fn what_is_written_in_pieces_is_the_document_of_the_schema() {
        let text = ListWriter::new("connections").finish();
        let whole: Listing = serde_json::from_str(&text).expect("the document");
        assert_eq!(whole, Listing::new(Vec::new()));
    }
}
