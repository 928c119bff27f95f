//! Everything that a task prints. A closed pipe (`| head`) never stops a task.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Duration;

/// The colours that a terminal shows; none elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Colour {
    /// Something was done.
    Green,
    /// Something deserves a look.
    Yellow,
    /// Something failed.
    Red,
    /// Where a log line comes from.
    Cyan,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
            Self::Red => "\x1b[31m",
            Self::Cyan => "\x1b[36m",
        }
    }
}

/// One line as it is.
pub(crate) fn line(text: &str) {
    // A reader that went away (`| head`) is no reason to fail.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A step begins.
pub(crate) fn step(text: &str) {
    line(&format!("{} {text}", paint("==>", Colour::Green)));
}

/// Something deserves a look.
pub(crate) fn warn(text: &str) {
    line(&format!("{} {text}", paint("warning:", Colour::Yellow)));
}

/// The task failed.
pub(crate) fn error(text: &str) {
    let _ = writeln!(
        io::stderr().lock(),
        "{} {text}",
        paint("error:", Colour::Red)
    );
}

/// A line of a service's log.
pub(crate) fn log(service: &str, text: &str) {
    line(&format!(
        "{} {text}",
        paint(&format!("[{service}]"), Colour::Cyan)
    ));
}

/// `text` in a colour, where colours are wanted.
pub(crate) fn paint(text: &str, colour: Colour) -> String {
    if colours() {
        format!("{}{text}\x1b[0m", colour.code())
    } else {
        text.to_owned()
    }
}

/// Whether output goes to a terminal that shows colours.
pub(crate) fn colours() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| {
        let no_color = env::var("NO_COLOR").ok();
        wants_colour(io::stdout().is_terminal(), no_color.as_deref())
    })
}

/// <https://no-color.org>: any value but the empty one turns colours off.
fn wants_colour(terminal: bool, no_color: Option<&str>) -> bool {
    terminal && no_color.is_none_or(str::is_empty)
}

/// A duration as people read it.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// Lays rows out in columns: the first column to the left, the others to the right.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            if column == 0 {
                line.push_str(&format!("{cell}{pad}"));
            } else {
                line.push_str(&format!("  {pad}{cell}"));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_whose_owner_wants_them() {
        assert!(wants_colour(true, None));
        assert!(wants_colour(true, Some("")));
        assert!(!wants_colour(true, Some("1")));
        assert!(!wants_colour(false, None));
    }

    #[test]
    fn a_table_aligns_names_left_and_figures_right() {
        let rows = [
            vec!["name".to_owned(), "bare".to_owned(), "ark".to_owned()],
            vec!["µs p50".to_owned(), "7".to_owned(), "12.50".to_owned()],
            vec!["no figures".to_owned()],
        ];
        assert_eq!(
            table(&rows),
            "name        bare    ark\nµs p50         7  12.50\nno figures\n"
        );
        assert_eq!(table(&[]), "");
    }
}
