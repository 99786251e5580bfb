//! Tables for people, as wide as the terminal allows.

/// Spaces between two columns.
const GAP: usize = 2;
/// Narrower than this a column says nothing, and is left out instead.
const LEAST: usize = 8;

/// A table: headings, rows, and the order in which columns may be left out.
#[derive(Clone, Debug, Default)]
pub struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Begins a table. The columns further left are the more important ones.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
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
    /// Empty columns are left out. If the rest is too wide, columns go from the right until what is
    /// left fits, and then the widest is shortened.
    pub fn render(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = (0..self.headings.len()).map(|it| self.natural(it)).collect();
        if let Some(limit) = width {
            fit(&mut widths, limit);
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
fn fit(widths: &mut [usize], limit: usize) {
    let total = |widths: &[usize]| {
        let shown = widths.iter().filter(|width| **width > 0);
        let (sum, count) = shown.fold((0, 0), |(sum, count), width| (sum + width, count + 1));
        sum + GAP * usize::saturating_sub(count, 1)
    };
    // Shortening a little is better than leaving out; a column keeps half of what it would like.
    let least: Vec<usize> = widths.iter().map(|width| (*width).min(LEAST.max(width / 2))).collect();
    while total(widths) > limit {
        let widest = (0..widths.len()).filter(|&it| widths[it] > least[it]);
        match widest.max_by_key(|&it| widths[it]) {
            Some(column) => widths[column] -= 1,
            None => match (1..widths.len()).rev().find(|&it| widths[it] > 0) {
                Some(column) => widths[column] = 0,
                None => return,
            },
        }
    }
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
    fn every_line_fits_the_terminal() {
        for width in 4..100 {
            let text = table().render(Some(width));
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
            assert!(text.contains("web"), "{width}:\n{text}");
        }
    }
}
