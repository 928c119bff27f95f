//! Small edits of a request's body that leave every other byte as it was.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::Range;

use crate::json_scan::{Keys, ObjectScanner, Scanned, Wanted};
use crate::request::{RequestFacts, StreamOptions};

const OPTIONS: &str = r#"{"include_usage":true}"#;

/// What to change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edits<'a> {
    /// The provider's own name for the model.
    pub model: Option<&'a str>,
    /// Ask for the usage chunk. Only streams are asked: providers refuse it elsewhere.
    pub include_usage: bool,
    /// What the provider is told about storing the exchange.
    pub store: StoreEdit,
}

/// What a provider is told about storing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreEdit {
    /// What the client says.
    #[default]
    Leave,
    /// Not to, where the client says anything else.
    Off,
    /// Not to, also where the client says nothing: this provider's API stores by default.
    SayOff,
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
pub struct Splice {
    /// The others: byte offsets in the body; an empty range for an insertion before its offset.
    pub at: Range<usize>,
    /// What to put there; empty to take them out.
    pub text: Cow<'static, str>,
}

/// What to do to one body: splices in the order of their places, none of which overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    splices: Vec<Splice>,
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
            text: Cow::Owned(serde_json::to_string(model).unwrap_or_default()),
        });
    let usage = (edits.include_usage && facts.stream && !facts.include_usage)
        .then(|| usage_splice(&facts.stream_options, facts.object_open));
    let store = store_splice(facts, edits.store);
    let all = model.into_iter().chain(usage).chain(store);
    Plan::new(all.collect(), facts.body_len)
}

fn store_splice(facts: &RequestFacts, edit: StoreEdit) -> Option<Splice> {
    match (edit, &facts.store) {
        (StoreEdit::Leave, _) | (StoreEdit::Off, None) => None,
        (StoreEdit::Off | StoreEdit::SayOff, Some(store)) => {
            (!store.off).then(|| off_splice(Some(&store.span), facts.object_open))
        }
        (StoreEdit::SayOff, None) => Some(off_splice(None, facts.object_open)),
    }
}

/// Says not to store: in the place of what is said, or as the first of an object's members.
fn off_splice(said: Option<&Range<usize>>, object_open: usize) -> Splice {
    let (at, text) = match said {
        Some(value) => (value.clone(), "false"),
        None => (object_open..object_open, "\"store\":false,"),
    };
    Splice {
        at,
        text: Cow::Borrowed(text),
    }
}

/// Tells a provider not to store, in a body that Ark wrote: an object with members.
#[must_use]
pub fn say_off(body: Vec<u8>) -> Vec<u8> {
    let mut scan = ObjectScanner::new(&STORE, Keys::Decoded);
    scan.push(&body);
    let Ok(Scanned {
        members: [store],
        object_open,
        body_len,
    }) = scan.finish()
    else {
        return body;
    };
    let splice = off_splice(store.map(|store| store.span).as_ref(), object_open);
    let plan = Plan::new(vec![splice], body_len);
    plan.apply(&body).unwrap_or(body)
}

static STORE: [Wanted; 1] = [Wanted {
    name: "store",
    capture_bytes: 0,
    unique: false,
}];

fn usage_splice(options: &StreamOptions, object_open: usize) -> Splice {
    match options {
        StreamOptions::Absent => Splice {
            at: object_open..object_open,
            text: format!("\"stream_options\":{OPTIONS},").into(),
        },
        StreamOptions::Null(span) => Splice {
            at: span.clone(),
            text: Cow::Borrowed(OPTIONS),
        },
        StreamOptions::Object {
            include_usage: Some(value),
            ..
        } => Splice {
            at: value.clone(),
            text: Cow::Borrowed("true"),
        },
        StreamOptions::Object { open, empty, .. } => Splice {
            at: *open..*open,
            text: Cow::Borrowed(if *empty {
                "\"include_usage\":true"
            } else {
                "\"include_usage\":true,"
            }),
        },
    }
}

impl Plan {
    /// A plan of `splices`, in any order, for a body of `body_len` bytes. One that overlaps a larger
    /// one is part of what that takes away, and is left out.
    #[must_use]
    pub fn new(splices: Vec<Splice>, body_len: usize) -> Self {
        // An insertion comes before what it is inserted before; a part comes after its whole.
        let place = |s: &Splice| (s.at.start, !s.at.is_empty(), Reverse(s.at.end));
        let mut ordered: Vec<Splice> = Vec::with_capacity(splices.len());
        for splice in splices {
            // Nearly always the end: who edits goes through the body from its beginning.
            let at = ordered.partition_point(|other| place(other) <= place(&splice));
            ordered.insert(at, splice);
        }
        let mut end = 0;
        ordered.retain(|splice| {
            let apart = splice.at.start >= end && splice.at.end <= body_len;
            if apart {
                end = splice.at.end.max(end);
            }
            apart
        });
        Self {
            splices: ordered,
            body_len,
        }
    }

    /// The plan with more splices of the same body.
    #[must_use]
    pub fn with(mut self, more: Vec<Splice>) -> Self {
        self.splices.extend(more);
        Self::new(self.splices, self.body_len)
    }

    /// Whether the body stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty()
    }

    /// Bytes of the edited body.
    #[must_use]
    pub fn new_len(&self) -> usize {
        self.splices.iter().fold(self.body_len, |len, splice| {
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
        for splice in &self.splices {
            edited.extend_from_slice(body.get(done..splice.at.start).ok_or(mismatch)?);
            edited.extend_from_slice(splice.text.as_bytes());
            done = splice.at.end;
        }
        edited.extend_from_slice(body.get(done..).ok_or(mismatch)?);
        Ok(edited)
    }
}
