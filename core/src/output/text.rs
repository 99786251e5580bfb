//! A result on its way to stdout.

use std::io::{self, Write};

/// Text in pieces: ten thousand connections are several megabytes, which are written from where they
/// were made instead of being put together first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pieces: Vec<Vec<u8>>,
}

impl Text {
    /// Text that will have about so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { pieces: vec![Vec::with_capacity(bytes)] }
    }

    /// Returns what is written to: the last piece.
    pub fn last(&mut self) -> &mut Vec<u8> {
        if self.pieces.is_empty() {
            self.pieces.push(Vec::new());
        }
        let last = self.pieces.len() - 1;
        &mut self.pieces[last]
    }

    /// Adds to the end.
    pub fn push_str(&mut self, text: &str) {
        self.last().extend_from_slice(text.as_bytes());
    }

    /// Adds other text to the end, without copying it.
    pub fn append(&mut self, mut other: Self) {
        self.pieces.append(&mut other.pieces);
    }

    /// Returns whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.pieces.iter().all(Vec::is_empty)
    }

    /// Takes away the first byte, if there is one.
    pub(super) fn skip_first(&mut self) {
        if let Some(piece) = self.pieces.iter_mut().find(|piece| !piece.is_empty()) {
            piece.remove(0);
        }
    }

    /// Writes all of it.
    pub fn write_to(&self, mut to: impl Write) -> io::Result<()> {
        self.pieces.iter().try_for_each(|piece| to.write_all(piece))?;
        to.flush()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { pieces: vec![text.into_bytes()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &Text) -> String {
        let mut all = Vec::new();
        text.write_to(&mut all).expect("memory takes it");
        String::from_utf8(all).expect("text")
    }

    #[test]
    fn pieces_are_one_text() {
        let mut text = Text::default();
        assert!(text.is_empty());
        text.append(Text::with_capacity(10));
        text.push_str("ä");
        text.append(Text::from("b".to_owned()));
        text.push_str("c");
        assert_eq!(written(&text), "äbc");
        assert!(!text.is_empty());
    }
}
