//! What both databases have in common: the columns of a line, values, and the form of a question.

use std::io;

/// A value of a row or of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
}

impl Cell {
    pub(super) fn maybe(text: Option<&String>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.clone()))
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Null | Self::Text(_) => None,
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Integer(_) => None,
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
}

/// The columns of a line, in the order of [`super::Line::cells`].
pub(super) const COLUMNS: [(&str, Kind); 33] = [
    ("worker", Kind::Text),
    ("sequence", Kind::Integer),
    ("attempt", Kind::Integer),
    ("is_last", Kind::Integer),
    ("request_id", Kind::Text),
    ("at_ms", Kind::Integer),
    ("duration_us", Kind::Integer),
    ("tenant", Kind::Text),
    ("key_id", Kind::Text),
    ("model", Kind::Text),
    ("endpoint", Kind::Text),
    ("provider", Kind::Text),
    ("upstream_model", Kind::Text),
    ("priority", Kind::Text),
    ("purpose", Kind::Text),
    ("verdict", Kind::Text),
    ("status", Kind::Integer),
    ("settlement", Kind::Text),
    ("input_tokens", Kind::Integer),
    ("output_tokens", Kind::Integer),
    ("cached_tokens", Kind::Integer),
    ("cache_creation_tokens", Kind::Integer),
    ("reasoning_tokens", Kind::Integer),
    ("input_audio_tokens", Kind::Integer),
    ("output_audio_tokens", Kind::Integer),
    ("price", Kind::Text),
    ("snapshot", Kind::Text),
    ("cost_micro", Kind::Integer),
    ("currency", Kind::Text),
    ("tags", Kind::Text),
    ("opened", Kind::Integer),
    ("ceiling_tokens", Kind::Integer),
    ("ceiling_micro", Kind::Integer),
];

/// The columns' names, with commas.
pub(super) fn column_names() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}

/// The place of a column in [`COLUMNS`], from 1.
pub(super) fn place_of(column: &str) -> usize {
    let place = COLUMNS.iter().position(|(name, _)| *name == column);
    place.map_or(0, |place| place + 1)
}

/// What holds of a line that says what its attempt came to.
pub(super) const IS_SETTLED: &str = "(settlement NOT IN ('reserved', 'lost'))";

/// What is done with a row; an error ends the answer.
pub(super) type EachRow<'a> = &'a mut dyn FnMut(&[Cell]) -> io::Result<()>;

/// Why an answer ended early.
#[derive(Debug)]
pub enum ReadError {
    /// It took longer than it may.
    Late,
    /// The database, in its words.
    Database(String),
    /// Who asked does not take the rows.
    Taker(io::Error),
}

/// A database that answers `SELECT`s, whose values are `?1`, `?2` and so on.
pub(super) trait Answers {
    /// Gives up on answers that take longer.
    fn give_up_after(&mut self, seconds: u64) -> Result<(), String>;

    /// The value of a tag: `at` is the value that [`Answers::tag`] made of its name.
    fn tag_column(&self, at: usize) -> String;

    /// What to bind for a tag of that name.
    fn tag(&self, name: &str) -> Cell;

    /// Runs a question; one row is in memory at a time.
    fn each_row(&mut self, sql: &str, values: &[Cell], row: EachRow<'_>) -> Result<(), ReadError>;
}
