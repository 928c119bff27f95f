//! Why a request's body is refused.

use crate::json_scan::{MAX_DEPTH, ScanError};

/// Why a request's body is refused: always the client's fault, a 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// No body.
    Empty,
    /// Not JSON at this offset.
    NotJson {
        /// Bytes before the offence.
        offset: usize,
    },
    /// JSON, but not an object.
    NotAnObject,
    /// The body ends within the object.
    Truncated,
    /// Nested too deep.
    TooDeep,
    /// No `model`.
    MissingModel,
    /// A member of the wrong type.
    WrongType {
        /// Its path.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A value that is too long.
    TooLong {
        /// Its path.
        field: &'static str,
        /// Its bound.
        limit_bytes: usize,
    },
    /// A member that must be unique is there twice.
    DuplicateField {
        /// Its path.
        field: &'static str,
    },
}

impl BodyError {
    /// The client's message. Names fields, never quotes the body.
    #[must_use]
    pub fn message(&self) -> String {
        match *self {
            Self::Empty => "The request body is empty; it must be a JSON object.".to_owned(),
            Self::NotJson { offset } => {
                format!("The request body is not valid JSON (at byte {offset}).")
            }
            Self::NotAnObject => "The request body must be a JSON object.".to_owned(),
            Self::Truncated => {
                "The request body is not valid JSON: it ends before its object does.".to_owned()
            }
            Self::TooDeep => {
                format!("The request body is nested deeper than {MAX_DEPTH} levels.")
            }
            Self::MissingModel => "You must provide a `model` parameter.".to_owned(),
            Self::WrongType { field, expected } => format!("`{field}` must be {expected}."),
            Self::TooLong { field, limit_bytes } => {
                format!("`{field}` is longer than {limit_bytes} bytes.")
            }
            Self::DuplicateField { field } => format!("`{field}` is there more than once."),
        }
    }

    /// The field to blame: `param` of OpenAI's error object.
    #[must_use]
    pub fn param(&self) -> Option<&'static str> {
        match *self {
            Self::Empty
            | Self::NotJson { .. }
            | Self::NotAnObject
            | Self::Truncated
            | Self::TooDeep => None,
            Self::MissingModel => Some("model"),
            Self::WrongType { field, .. }
            | Self::TooLong { field, .. }
            | Self::DuplicateField { field } => Some(field),
        }
    }
}

impl From<ScanError> for BodyError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Empty => Self::Empty,
            ScanError::NotAnObject => Self::NotAnObject,
            ScanError::Unexpected { offset } => Self::NotJson { offset },
            ScanError::Truncated => Self::Truncated,
            ScanError::TooDeep => Self::TooDeep,
            ScanError::Duplicate { name } => Self::DuplicateField { field: name },
        }
    }
}
