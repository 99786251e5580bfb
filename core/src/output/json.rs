//! Documents as JSON text.

use serde::Serialize;
use ssmpf_schema::SCHEMA;

use super::text::Text;

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
    name: &'static str,
    /// The items, with a comma in front of each.
    items: Text,
}

impl ListWriter {
    /// Begins a document with the schema and a list called `name`, whose text will have about so many
    /// bytes.
    pub fn with_capacity(name: &'static str, bytes: usize) -> Self {
        Self { name, items: Text::with_capacity(bytes) }
    }

    /// Adds an item.
    pub fn push(&mut self, item: &impl Serialize) {
        let text = self.items.last();
        text.extend_from_slice(b",\n");
        // As above, this cannot fail.
        let _ = serde_json::to_writer(text, item);
    }

    /// Adds the items of another such document.
    pub fn append(&mut self, other: Self) {
        self.items.append(other.items);
    }

    /// Ends the document.
    pub fn finish(mut self) -> Text {
        let mut text = Text::from(format!("{{\"schema\":\"{SCHEMA}\",\"{}\":[", self.name));
        self.items.skip_first();
        text.append(self.items);
        text.push_str("\n]}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::Listing;

    use super::*;

    fn written(text: &Text) -> String {
        let mut all = Vec::new();
        text.write_to(&mut all).expect("memory takes it");
        String::from_utf8(all).expect("JSON")
    }

    #[test]
    fn a_list_has_a_line_for_each_item() {
        let mut list = ListWriter::with_capacity("a", 0);
        list.push(&"x");
        let mut more = ListWriter::with_capacity("a", 100);
        more.push(&["größe"]);
        list.append(more);
        list.append(ListWriter::with_capacity("a", 0));
        assert_eq!(
            written(&list.finish()),
            "{\"schema\":\"ssmpf/1\",\"a\":[\n\"x\",\n[\"größe\"]\n]}\n"
        );
    }

    #[test]
    fn what_is_written_in_pieces_is_the_document_of_the_schema() {
        let text = ListWriter::with_capacity("connections", 100).finish();
        let whole: Listing = serde_json::from_str(&written(&text)).expect("the document");
        assert_eq!(whole, Listing::new(Vec::new()));
    }
}
