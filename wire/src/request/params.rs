//! What access rules bound of a request: a scan of its own, as few requests are subject to any.

use std::ops::Range;

use super::{BodyError, fields};
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};
use crate::rewrite::Splice;

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        // Of two, the provider might take the one that was not checked.
        unique: true,
    }
}

static WANTED: [Wanted; 6] = [
    wanted("max_tokens", 32),
    wanted("max_completion_tokens", 32),
    wanted("max_output_tokens", 32),
    wanted("tools", 16),
    wanted("functions", 16),
    wanted("web_search_options", 0),
];

/// What a request asks for, of what rules bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params {
    /// The largest of its bounds on output tokens.
    pub max_tokens: Option<u64>,
    /// Whether it offers tools.
    pub tools: bool,
    /// Bounds that are there and null, by their names.
    nulls: Vec<(&'static str, Range<usize>)>,
    object_open: usize,
}

impl Params {
    /// The edit that makes `most` the bound on output tokens, by this name, of a request without one.
    #[must_use]
    pub fn bound(&self, name: &str, most: u64) -> Splice {
        match self.nulls.iter().find(|(null, _)| *null == name) {
            Some((_, span)) => Splice {
                at: span.clone(),
                text: most.to_string().into(),
            },
            None => Splice {
                at: self.object_open..self.object_open,
                text: format!("\"{name}\":{most},").into(),
            },
        }
    }
}

/// Reads a request's body chunk by chunk for [`Params`].
#[derive(Debug)]
pub struct ParamsScan(ObjectScanner<6>);

impl Default for ParamsScan {
    fn default() -> Self {
        Self(ObjectScanner::new(&WANTED, Keys::Folded))
    }
}

impl ParamsScan {
    /// Reads the next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        self.0.push(chunk);
    }

    /// Ends the body.
    ///
    /// # Errors
    /// When it is not a JSON object, says a member twice, or a bound is no number of tokens.
    pub fn finish(self) -> Result<Params, BodyError> {
        let scanned = self.0.finish()?;
        let [old, new, output, tools, functions, search] = &scanned.members;
        let mut params = Params {
            max_tokens: None,
            tools: fields::any_element(tools.as_ref())
                || fields::any_element(functions.as_ref())
                || search.as_ref().is_some_and(|m| m.kind != Kind::Null),
            nulls: Vec::new(),
            object_open: scanned.object_open,
        };
        for (name, member) in [
            ("max_tokens", old),
            ("max_completion_tokens", new),
            ("max_output_tokens", output),
        ] {
            let stated = fields::tokens(member.as_ref(), name)?;
            params.max_tokens = params.max_tokens.max(stated);
            let null = |m: &&Member| m.kind == Kind::Null;
            let null = member.as_ref().filter(null).map(|m| (name, m.span.clone()));
            params.nulls.extend(null);
        }
        Ok(params)
    }
}
