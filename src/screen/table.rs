//! Columns that line up, whatever script the names are in, and fit into the terminal.

use unicode_width::UnicodeWidthStr;

use super::{cut, plain};

/// Between two columns.
const GAP: usize = 2;
/// A column that gives way keeps so many columns of the terminal.
const LEAST: usize = 8;

/// Where a cell stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A heading and what is below it.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The heading.
    pub name: &'static str,
    /// Where its cells stand.
    pub align: Align,
    /// Whether its cells may be cut when there is too little room.
    pub gives_way: bool,
}

/// Rows of cells under headings.
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; cells are made [`plain()`].
    pub fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|cell| plain(cell)).collect());
    }

    /// The lines: first the headings, then one for each row; none is wider than `width`, as far as that can be.
    #[must_use]
    pub fn lines(&self, width: usize) -> Vec<String> {
        let widths = self.widths(width);
        let heading = self.columns.iter().map(|column| column.name.to_owned()).collect();
        std::iter::once(&heading).chain(&self.rows).map(|cells| self.line(cells, &widths)).collect()
    }

    /// The widest column that may be cut is, until all fit or none can be cut any more.
    fn widths(&self, width: usize) -> Vec<usize> {
        let widest = |at: usize| self.rows.iter().map(|row| row[at].width()).max().unwrap_or(0);
        let mut widths: Vec<usize> =
            self.columns.iter().enumerate().map(|(at, column)| widest(at).max(column.name.width())).collect();
        let gaps = GAP * (widths.len().saturating_sub(1));
        while widths.iter().sum::<usize>() + gaps > width {
            let may = |at: &usize| self.columns[*at].gives_way && widths[*at] > LEAST;
            let Some(at) = (0..widths.len()).filter(may).max_by_key(|at| widths[*at]) else { break };
            widths[at] -= 1;
        }
        widths
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, column), width) in cells.iter().zip(&self.columns).zip(widths) {
            let cell = cut(cell, *width);
            let room = " ".repeat(width - cell.width());
            match column.align {
                Align::Left => line.extend([cell.as_str(), &room]),
                Align::Right => line.extend([&room, cell.as_str()]),
            }
            line.push_str(&" ".repeat(GAP));
        }
        line.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |name, align, gives_way| Column { name, align, gives_way };
        let mut table = Table::new(&[
            column("WHO", Align::Left, true),
            column("WHERE", Align::Left, true),
            column("N", Align::Right, false),
        ]);
        table.row(["東京", "https://a.example/a/b/c", "7"]);
        table.row(["a\u{1b}[1m", "x", "1,204"]);
        table
    }

    #[test]
    fn wide_characters_line_up() {
        assert_eq!(
            table().lines(80),
            [
                "WHO    WHERE                        N",
                "東京   https://a.example/a/b/c      7",
                "a\u{fffd}[1m  x                        1,204",
            ]
        );
    }

    #[test]
    fn the_widest_gives_way_first() {
        assert_eq!(table().lines(24)[1], "東京   https://a…      7");
        assert!(table().lines(10)[1].width() > 10, "what may not be cut stays");
    }
}
