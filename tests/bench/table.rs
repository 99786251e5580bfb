//! Rows of figures as a Markdown table.

/// One measured thing, in words.
pub struct Figures {
    /// The main figure.
    pub value: String,
    /// CPU seconds of the tunnel per GiB.
    pub cpu: Option<f64>,
    /// Peak memory of the tunnel in MiB.
    pub memory: Option<f64>,
}

impl Figures {
    /// A figure without costs.
    pub fn plain(value: String) -> Self {
        Self { value, cpu: None, memory: None }
    }
}

/// Rows in the order they were measured.
pub struct Table<'a> {
    only: &'a str,
    rows: Vec<(String, Figures)>,
}

impl<'a> Table<'a> {
    /// Starts empty; only rows whose name contains `only` are measured.
    pub fn new(only: &'a str) -> Self {
        Self { only, rows: Vec::new() }
    }

    /// Returns whether rows whose names begin like this may be wanted.
    pub fn wants(&self, beginning: &str) -> bool {
        beginning.contains(self.only) || self.only.starts_with(beginning)
    }

    /// Measures a row.
    pub fn row(&mut self, name: &str, measure: impl FnOnce() -> Figures) {
        if !name.contains(self.only) {
            return;
        }
        let figures = measure();
        eprintln!("{name}: {}", figures.value);
        self.rows.push((name.to_owned(), figures));
    }

    /// Writes the table to stdout.
    pub fn print(&self) {
        println!("| what | figure | CPU s/GiB | peak MiB |");
        println!("|---|---:|---:|---:|");
        let number =
            |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.1}"));
        for (name, figures) in &self.rows {
            let (cpu, memory) = (number(figures.cpu), number(figures.memory));
            println!("| {name} | {} | {cpu} | {memory} |", figures.value);
        }
    }
}
