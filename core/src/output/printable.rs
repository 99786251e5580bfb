//! Text from elsewhere on a person's terminal: it must not steer it.

use std::borrow::Cow;

/// Returns the text with control characters spelled out, except for line feeds.
///
/// Names, answers and files come from anywhere; an escape sequence in them could rewrite what a
/// person reads.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() && c != '\n')
}

/// The same, and line feeds too, for text that has to stay in its line.
pub fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, char::is_control)
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_bad) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_bad(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_spelled_out() {
        assert_eq!(printable("größe\u{1b}[2J\r\u{9b}1m\nx"), "größe\\u{1b}[2J\\r\\u{9b}1m\nx");
        assert_eq!(one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(printable("größe → 数据库"), Cow::Borrowed(_)));
    }
}
