//! Small edits of a request's body that leave every other byte as it was.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::request::{RequestFacts, StreamOptions};

const OPTIONS: &str = r#"{"include_usage":true}"#;

/// What to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edits<'a> {
    /// The provider's own name for the model.
    pub model: Option<&'a str>,
    /// Ask for the usage chunk. Only streams are asked: providers refuse it elsewhere.
    pub include_usage: bool,
}

/// Why a plan does not fit a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherBody {
    /// Bytes of the body that the plan was made for.
    pub planned_len: usize,
    /// Bytes of the body that was given.
    pub body_len: usize,
}

/// Bytes to put in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Splice {
    at: Range<usize>,
    text: String,
}

/// What to do to one body: at most two splices, in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    splices: [Option<Splice>; 2],
    body_len: usize,
}

/// Plans the edits that are not fulfilled already.
#[must_use]
pub fn plan(facts: &RequestFacts, edits: Edits<'_>) -> Plan {
    let model = edits
        .model
        .filter(|&model| model != facts.model)
        .map(|model| Splice {
            at: facts.model_span.clone(),
            // A string always serialises.
            text: serde_json::to_string(model).unwrap_or_default(),
        });
    let usage = (edits.include_usage && facts.stream && !facts.include_usage)
        .then(|| usage_splice(&facts.stream_options, facts.object_open));
    let mut splices = [model, usage];
    splices.sort_by_key(|splice| splice.as_ref().map(|s| s.at.start));
    Plan {
        splices,
        body_len: facts.body_len,
    }
}

fn usage_splice(options: &StreamOptions, object_open: usize) -> Splice {
    match options {
        StreamOptions::Absent => Splice {
            at: object_open..object_open,
            text: format!("\"stream_options\":{OPTIONS},"),
        },
        StreamOptions::Null(span) => Splice {
            at: span.clone(),
            text: OPTIONS.to_owned(),
        },
        StreamOptions::Object {
            include_usage: Some(value),
            ..
        } => Splice {
            at: value.clone(),
            text: "true".to_owned(),
        },
        StreamOptions::Object { open, empty, .. } => Splice {
            at: *open..*open,
            text: if *empty {
                "\"include_usage\":true".to_owned()
            } else {
                "\"include_usage\":true,".to_owned()
            },
        },
    }
}

impl Plan {
    /// Whether the body stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.splices.iter().all(Option::is_none)
    }

    /// Bytes of the edited body.
    #[must_use]
    pub fn new_len(&self) -> usize {
        self.splices().fold(self.body_len, |len, splice| {
            (len + splice.text.len()).saturating_sub(splice.at.len())
        })
    }

    /// By how many bytes the body grows.
    #[must_use]
    pub fn len_delta(&self) -> isize {
        self.new_len().cast_signed() - self.body_len.cast_signed()
    }

    /// The edited body, in one allocation.
    ///
    /// # Errors
    /// When `body` has not the length of the body that was inspected.
    pub fn apply(&self, body: &[u8]) -> Result<Vec<u8>, OtherBody> {
        let mismatch = OtherBody {
            planned_len: self.body_len,
            body_len: body.len(),
        };
        if body.len() != self.body_len {
            return Err(mismatch);
        }
        let mut edited = Vec::with_capacity(self.new_len());
        let mut done = 0;
        for splice in self.splices() {
            edited.extend_from_slice(body.get(done..splice.at.start).ok_or(mismatch)?);
            edited.extend_from_slice(splice.text.as_bytes());
            done = splice.at.end;
        }
        edited.extend_from_slice(body.get(done..).ok_or(mismatch)?);
        Ok(edited)
    }

    fn splices(&self) -> impl Iterator<Item = &Splice> {
        self.splices.iter().flatten()
    }
}
