//! Tables for people, as wide as the terminal allows.

/// Spaces between two columns.
const GAP: usize = 2;
/// Up to this width a column is left out rather than shortened: half an account id says nothing.
const WHOLE: usize = 12;
/// A longer column is shortened to this at most, while there are others to leave out.
const SHORT: usize = 24;
/// Columns that stay on however narrow a terminal.
const KEPT: usize = 2;
/// Narrower than this no column is made.
const LEAST: usize = 8;

/// A table: headings, rows, and the order in which columns may be left out.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    whole: Vec<&'static str>,
}

impl Table {
    /// Begins a table. The columns further left are the more important ones.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), whole: Vec::new() }
    }

    /// Keeps a column from being shortened while others can be left out: its cells end with what
    /// matters.
    pub fn keep_whole(mut self, heading: &'static str) -> Self {
        self.whole.push(heading);
        self
    }

    /// Adds a row with a cell for every column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Adds the rows of another table with the same columns.
    pub fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the lines. Without a `width` nothing is shortened or left out.
    ///
    /// Empty columns are left out. If the rest is too wide, long columns are shortened, the widest
    /// first; then columns go from the right until what is left fits.
    pub fn render(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = (0..self.headings.len()).map(|it| self.natural(it)).collect();
        if let Some(limit) = width {
            let whole: Vec<bool> = self.headings.iter().map(|it| self.whole.contains(it)).collect();
            fit(&mut widths, &whole, limit);
        }
        let mut text = String::new();
        let headings: Vec<String> = self.headings.iter().map(|it| (*it).to_owned()).collect();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let mut line = String::new();
            for (cell, &width) in row.iter().zip(&widths).filter(|(_, width)| **width > 0) {
                if !line.is_empty() {
                    line.push_str(&" ".repeat(GAP));
                }
                line.push_str(&padded(cell, width));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Returns the width a column would like; 0 if all its cells are empty.
    fn natural(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        if widest == 0 { 0 } else { widest.max(self.headings[column].len()) }
    }
}

/// Makes columns narrower until they fit: 0 stands for a column that is left out.
fn fit(widths: &mut [usize], whole: &[bool], limit: usize) {
    let natural = widths.to_vec();
    // A column keeps half of what it would like, as long as that leaves room for others.
    let comfortable = |column: usize, width: usize| match whole[column] {
        true => width,
        false => width.min(WHOLE.max(SHORT.min(width / 2))),
    };
    loop {
        if shorten(widths, limit, comfortable) {
            return;
        }
        let shown = |it: &usize| natural[*it] > 0 && widths[*it] > 0;
        let last = (0..widths.len()).filter(shown).skip(KEPT).last();
        widths.copy_from_slice(&natural);
        match last {
            Some(last) => widths[last..].fill(0),
            None => break,
        }
    }
    let mut shown = (0..widths.len()).filter(|it| natural[*it] > 0).skip(KEPT);
    if let Some(first_left_out) = shown.next() {
        widths[first_left_out..].fill(0);
    }
    while !shorten(widths, limit, |_, width| width.min(LEAST)) {
        match (1..widths.len()).rev().find(|&it| widths[it] > 0) {
            Some(column) => widths[column] = 0,
            None => return,
        }
    }
}

/// Takes from the widest column until all fit. Returns whether they do.
fn shorten(widths: &mut [usize], limit: usize, least: impl Fn(usize, usize) -> usize) -> bool {
    let least: Vec<usize> =
        widths.iter().enumerate().map(|(at, width)| least(at, *width)).collect();
    while total(widths) > limit {
        let longer = (0..widths.len()).filter(|&it| widths[it] > least[it]);
        match longer.max_by_key(|&it| widths[it]) {
            Some(column) => widths[column] -= 1,
            None => return false,
        }
    }
    true
}

/// Returns the width of a line.
fn total(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0);
    let (sum, count) = shown.fold((0, 0), |(sum, count), width| (sum + width, count + 1));
    sum + GAP * usize::saturating_sub(count, 1)
}

fn padded(cell: &str, width: usize) -> String {
    let length = cell.chars().count();
    if length <= width {
        return format!("{cell}{}", " ".repeat(width - length));
    }
    let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["NAME", "DESTINATION", "TAGS"]);
        table.row(vec![
            "db".to_owned(),
            "orders.abc.eu-west-1.rds.amazonaws.com:5432".to_owned(),
            String::new(),
        ]);
        table.row(vec!["web".to_owned(), "8080".to_owned(), String::new()]);
        table
    }

    #[test]
    fn without_a_terminal_nothing_is_shortened() {
        let text = table().render(None);
        assert_eq!(
            text,
            "NAME  DESTINATION\n\
             db    orders.abc.eu-west-1.rds.amazonaws.com:5432\n\
             web   8080\n"
        );
    }

    #[test]
    fn a_long_cell_makes_room_before_short_ones_are_cut() {
        let mut table = Table::new(&["NAME", "TARGET", "STATUS", "ADDRESS", "ZONE", "PLATFORM"]);
        let task = "ecs:apps_0123456789abcdef0123456789abcdef_0123456789abcdef0123456789abcdef-01";
        for (name, target, status) in
            [("apps/api", task, "exec-ready"), ("bastion", "i-0123456789abcdef0", "online")]
        {
            let rest = ["10.0.1.10", "eu-west-1a", "Amazon Linux"];
            let cells = [&[name, target, status][..], &rest].concat();
            table.row(cells.into_iter().map(str::to_owned).collect());
        }
        let text = table.render(Some(100));
        assert_eq!(text.matches('…').count(), 1, "{text}");
        for whole in ["apps/api", "i-0123456789abcdef0", "exec-ready", "10.0.1.10", "Amazon Linux"]
        {
            assert!(text.contains(whole), "{whole}: {text}");
        }
        // With less room the columns on the right go, and what is left is whole again.
        let text = table.render(Some(80));
        assert!(text.contains("i-0123456789abcdef0") && !text.contains("PLATFORM"), "{text}");
        assert!(text.contains("eu-west-1a"), "{text}");
        // Two stay to the end.
        assert_eq!(table.render(Some(30)).lines().next(), Some("NAME      TARGET"));
    }

    #[test]
    fn a_column_whose_end_matters_is_not_cut_while_another_can_go() {
        let mut table = Table::new(&["NAME", "SIGN-IN", "KIND", "NOTE"]).keep_whole("SIGN-IN");
        let cells = ["play", "signed in until 21:00", "assume-role-mfa", "sso-session corp"];
        table.row(cells.map(str::to_owned).to_vec());
        for width in 27..80 {
            let text = table.render(Some(width));
            assert!(text.contains("until 21:00"), "{width}:\n{text}");
        }
        assert!(table.render(Some(20)).contains("signed in unt…"));
    }

    #[test]
    fn every_line_fits_the_terminal() {
        for width in 4..100 {
            let text = table().render(Some(width));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
            assert!(text.contains("web"), "{width}:\n{text}");
        }
    }
}
