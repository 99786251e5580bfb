//! A terminal's screen as a picture, for the documentation.

use std::fmt::Write;

use vt100::{Cell, Color, Screen};

/// Width and height of a cell, and the size of letters, in pixels.
const CELL: (f64, f64) = (8.4, 18.0);
const LETTERS: f64 = 14.0;
/// Pixels around the screen.
const MARGIN: f64 = 12.0;

const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d7dae0";

/// The sixteen colours that have names.
const NAMED: [&str; 16] = [
    "#2b2f37", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
    "#5c6370", "#e88388", "#a8cc8c", "#ebcb8b", "#73bef3", "#d290e4", "#66c2cd", "#ffffff",
];

/// Draws the screen as SVG, text as text.
pub fn svg(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let width = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" \
         font-size=\"{LETTERS}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            let run = Run::at(screen, row, column);
            run.draw(&mut svg, row);
            column = run.end;
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Neighbours in a row that look alike.
struct Run {
    start: u16,
    end: u16,
    text: String,
    look: Look,
}

#[derive(PartialEq, Eq)]
struct Look {
    foreground: Option<String>,
    background: Option<String>,
    bold: bool,
    underlined: bool,
}

impl Run {
    fn at(screen: &Screen, row: u16, start: u16) -> Self {
        let look = screen.cell(row, start).map_or_else(Look::plain, Look::of);
        let mut run = Self { start, end: start, text: String::new(), look };
        while let Some(cell) = screen.cell(row, run.end).filter(|cell| Look::of(cell) == run.look) {
            if !cell.is_wide_continuation() {
                run.text.push_str(if cell.has_contents() { cell.contents() } else { " " });
            }
            run.end += 1;
        }
        run.end = run.end.max(start + 1);
        run
    }

    fn draw(&self, svg: &mut String, row: u16) {
        let (x, y) = (MARGIN + f64::from(self.start) * CELL.0, MARGIN + f64::from(row) * CELL.1);
        let width = f64::from(self.end - self.start) * CELL.0;
        // Writing to text cannot fail.
        if let Some(fill) = &self.look.background {
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{fill}\"/>",
                CELL.1
            );
        }
        if self.text.trim().is_empty() {
            return;
        }
        let fill = self.look.foreground.as_deref().unwrap_or(FOREGROUND);
        let bold = if self.look.bold { " font-weight=\"bold\"" } else { "" };
        let line = if self.look.underlined { " text-decoration=\"underline\"" } else { "" };
        let _ = writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" xml:space=\"preserve\" \
             fill=\"{fill}\"{bold}{line}>{}</text>",
            y + LETTERS,
            escaped(&self.text)
        );
    }
}

impl Look {
    fn plain() -> Self {
        Self { foreground: None, background: None, bold: false, underlined: false }
    }

    fn of(cell: &Cell) -> Self {
        let (mut foreground, mut background) = (color(cell.fgcolor()), color(cell.bgcolor()));
        if cell.inverse() {
            (foreground, background) = (
                Some(background.unwrap_or_else(|| BACKGROUND.to_owned())),
                Some(foreground.unwrap_or_else(|| FOREGROUND.to_owned())),
            );
        }
        Self { foreground, background, bold: cell.bold(), underlined: cell.underline() }
    }
}

fn color(color: Color) -> Option<String> {
    match color {
        Color::Default => None,
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Idx(index @ 0..16) => Some(NAMED[usize::from(index)].to_owned()),
        // The cube of 6 × 6 × 6 colours, as xterm has it.
        Color::Idx(index @ 16..232) => {
            let part = |value: u8| if value == 0 { 0 } else { 55 + 40 * value };
            let index = index - 16;
            let (r, g, b) = (part(index / 36), part(index / 6 % 6), part(index % 6));
            Some(format!("#{r:02x}{g:02x}{b:02x}"))
        }
        Color::Idx(index) => {
            let grey = 8 + 10 * (index - 232);
            Some(format!("#{grey:02x}{grey:02x}{grey:02x}"))
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_colours_are_colours() {
        let mut parser = vt100::Parser::new(2, 20, 0);
        parser.process(b"a<b \x1b[31;1mred\x1b[0m \x1b[7minverse\x1b[0m");
        let svg = svg(parser.screen());
        assert!(svg.contains(">a&lt;b </text>"), "{svg}");
        assert!(svg.contains("fill=\"#e06c75\" font-weight=\"bold\">red</text>"), "{svg}");
        assert!(svg.contains("<rect x=\"79.2\"") && svg.contains(">inverse</text>"), "{svg}");
    }
}
