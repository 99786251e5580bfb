//! Rows on the terminal, of which a person picks some. The one file that knows skim.
//!
//! It is drawn on stderr, in a screen of its own that leaves what was there before as it was; keys
//! come from the terminal itself. So stdout and stdin may be pipes.

use std::borrow::Cow;
use std::io::{self, IsTerminal};

use skim::prelude::*;
use skim::tui::event::Action;
use unicode_width::UnicodeWidthStr;

use crate::output::printable::{one_line, printable};

/// Widest that a column gets, in cells of the terminal.
const WIDEST: usize = 40;
/// Narrower terminals show no preview, in cells.
const NARROW: u16 = 100;

/// What is shown about one thing, and what it is called.
pub struct Row {
    /// What is returned when it is picked.
    pub value: String,
    /// What is shown and searched, the first column first.
    pub columns: Vec<String>,
    /// What is shown beside the list while it is highlighted.
    pub preview: Box<dyn Fn() -> String + Send + Sync>,
}

/// What a person is asked to pick.
#[derive(Clone, Copy, Debug, Default)]
pub struct Question<'a> {
    /// What is typed already.
    pub query: &'a str,
    /// Whether several may be picked.
    pub multi: bool,
    /// Keys besides Enter, in skim's spelling, and what picking with them means.
    pub keys: &'a [(&'a str, &'a str)],
    /// The meaning of a key that needs no row.
    pub alone: &'a str,
    /// A line above the list.
    pub header: &'a str,
    /// Whether there are colours.
    pub colored: bool,
}

/// What was picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// What the key means that was used; `None` for Enter.
    pub key: Option<String>,
    /// The values, in the order of the list.
    pub values: Vec<String>,
    /// Their places in the list.
    pub places: Vec<usize>,
}

/// Why there is no picker.
#[derive(Debug, thiserror::Error)]
pub enum PickerError {
    /// Nobody would see it.
    #[error("picking needs a terminal, and there is none")]
    NoTerminal,
    /// The terminal cannot move its cursor.
    #[error(
        "picking needs a terminal that can move its cursor, and TERM says that this one cannot"
    )]
    DumbTerminal,
    /// The terminal failed.
    #[error("the picker failed: {0}")]
    Failed(String),
}

/// Returns why a picker would not work here, before anything is asked or read.
pub fn check() -> Result<(), PickerError> {
    if std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
        return Err(PickerError::DumbTerminal);
    }
    if !io::stderr().is_terminal() || !has_keyboard() {
        return Err(PickerError::NoTerminal);
    }
    Ok(())
}

/// Has a person pick from `rows`. `None` means that they left without a choice.
pub fn pick(rows: Vec<Row>, question: Question<'_>) -> Result<Option<Picked>, PickerError> {
    check()?;
    let mut binds: Vec<String> =
        question.keys.iter().map(|(key, meaning)| format!("{key}:accept({meaning})")).collect();
    if !question.multi {
        // Without marks these keys would only move.
        binds.extend(["tab:ignore".to_owned(), "btab:ignore".to_owned()]);
    }
    let items: Vec<Arc<dyn SkimItem>> =
        items(rows).into_iter().map(|item| Arc::new(item) as Arc<dyn SkimItem>).collect();
    let mut query = question.query.to_owned();
    let mut came_back: Option<String> = None;
    loop {
        let output = ask(&items, &query, &binds, question)?;
        if output.is_abort {
            return Ok(None);
        }
        let key = match &output.final_event {
            Event::Action(Action::Accept(key)) => key.clone(),
            _ => None,
        };
        if key.as_deref().is_some_and(|key| key == question.alone) {
            return Ok(Some(Picked { key, values: Vec::new(), places: Vec::new() }));
        }
        let mut chosen: Vec<&Item> =
            output.selected_items.iter().filter_map(|item| item.downcast_item()).collect();
        // skim searches beside the typing, so a quick Enter may find the list of some letters before,
        // or none yet. Nobody means to connect to what does not even fit, or to leave while something
        // does: the list comes back, with all letters, once.
        let too_quick = match chosen[..] {
            [] => rows_that_fit(&items, &output.query) && came_back.as_ref() != Some(&output.query),
            [only] => !fits(&only.text, &output.query) && query != output.query,
            _ => false,
        };
        if too_quick {
            came_back = Some(output.query.clone());
            query = output.query;
            continue;
        }
        chosen.sort_by_key(|item| item.place);
        let places: Vec<usize> = chosen.iter().map(|item| item.place).collect();
        let values: Vec<String> = chosen.into_iter().map(|item| item.row.value.clone()).collect();
        return Ok((!values.is_empty()).then_some(Picked { key, values, places }));
    }
}

/// Shows the list until a person has chosen or left.
fn ask(
    items: &[Arc<dyn SkimItem>],
    query: &str,
    binds: &[String],
    question: Question<'_>,
) -> Result<SkimOutput, PickerError> {
    let failed = |error: &dyn std::fmt::Display| PickerError::Failed(error.to_string());
    let mut options = SkimOptionsBuilder::default();
    options
        .multi(question.multi)
        .reverse(true)
        .height("100%")
        // What does not have the letters typed does not fit, and the name stays in sight.
        .typos(Typos::Disabled)
        .no_hscroll(true)
        .prompt("> ")
        .query(query.to_owned())
        .bind(binds.to_vec());
    if !question.header.is_empty() {
        options.header(question.header.to_owned());
    }
    if !question.colored {
        options.color("none".to_owned());
    }
    // skim wants a command even where each item has a preview of its own.
    if columns_of_terminal().is_none_or(|columns| columns >= NARROW) {
        options.preview("".to_owned()).preview_window("right:45%:wrap");
    }
    let options = options.build().map_err(|error| failed(&error))?;
    let (sender, receiver) = unbounded();
    // Both ends are here, so it is not closed.
    let _ = sender.send(items.to_vec());
    drop(sender);
    Skim::run_with(options, Some(receiver)).map_err(|error| failed(&error))
}

/// Whether the query fits any of the rows.
fn rows_that_fit(items: &[Arc<dyn SkimItem>], query: &str) -> bool {
    items.iter().any(|item| fits(&item.text(), query))
}

/// Whether the letters of every word typed are in the text, in their order. Words with a meaning of
/// their own in skim (`^a`, `!a`, `a | b`) are left to it.
fn fits(text: &str, query: &str) -> bool {
    let text = text.to_lowercase();
    let in_order = |word: &str| {
        let mut letters = text.chars();
        word.to_lowercase().chars().all(|wanted| letters.any(|letter| letter == wanted))
    };
    let special = |word: &str| word.contains(['^', '$', '!', '\'', '|', '\\']);
    query.contains('|') || query.split_whitespace().all(|word| special(word) || in_order(word))
}

/// A row with its columns put side by side.
struct Item {
    row: Row,
    text: String,
    place: usize,
}

impl SkimItem for Item {
    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.text)
    }

    fn preview(&self, _: PreviewContext) -> ItemPreview {
        // Names and descriptions come from elsewhere and must not steer the terminal.
        ItemPreview::Text(printable(&(self.row.preview)()).into_owned())
    }
}

/// Aligns the columns. Empty ones take no room.
fn items(rows: Vec<Row>) -> Vec<Item> {
    let mut widths: Vec<usize> = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.columns.len()), 0);
        for (width, column) in widths.iter_mut().zip(&row.columns) {
            *width = (*width).max(column.width().min(WIDEST));
        }
    }
    let item = |(place, row): (usize, Row)| Item { text: line(&row.columns, &widths), row, place };
    rows.into_iter().enumerate().map(item).collect()
}

fn line(columns: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (column, &width) in columns.iter().zip(widths).filter(|(_, width)| **width > 0) {
        let column = one_line(column);
        line.push_str(&column);
        let blanks = width.saturating_sub(column.width()) + 2;
        line.extend(std::iter::repeat_n(' ', blanks));
    }
    line.truncate(line.trim_end().len());
    line
}

#[cfg(unix)]
fn has_keyboard() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

#[cfg(not(unix))]
fn has_keyboard() -> bool {
    io::stdin().is_terminal()
}

#[cfg(unix)]
fn columns_of_terminal() -> Option<u16> {
    rustix::termios::tcgetwinsize(io::stderr()).ok().map(|size| size.ws_col)
}

#[cfg(not(unix))]
fn columns_of_terminal() -> Option<u16> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[&str]) -> Row {
        let columns: Vec<String> = columns.iter().map(|text| (*text).to_owned()).collect();
        Row { value: columns[0].clone(), columns, preview: Box::new(String::new) }
    }

    #[test]
    fn columns_stand_under_each_other_whatever_they_are_written_in() {
        let rows =
            vec![row(&["db", "", "größe"]), row(&["数据", "", "x"]), row(&["a-b-c", "", ""])];
        let texts: Vec<String> = items(rows).into_iter().map(|item| item.text).collect();
        assert_eq!(texts, ["db     größe", "数据   x", "a-b-c"]);
    }

    #[test]
    fn what_was_typed_is_compared_with_what_was_chosen() {
        assert!(fits("web-2  port 5432  Größe", "w2 größ"));
        assert!(!fits("orders-db", "web-2"));
        assert!(!fits("orders-db", "dbo"));
        for special in ["", "^web", "!orders", "'x", "a | b"] {
            assert!(fits("orders-db", special), "{special}");
        }
    }

    #[test]
    fn what_is_shown_cannot_steer_the_terminal() {
        let texts = items(vec![row(&["a\u{1b}[2J", "b\nc"])]);
        assert!(!texts[0].text.contains(char::is_control), "{:?}", texts[0].text);
    }
}
