//! The fast path: a chunk of whole events in which there is nothing to see.

use memchr::{memchr, memmem::Finder};

use crate::bytes::{is_space, tail};

/// Tells plain chunks from others. Says "not plain" in doubt: then the events are read.
#[derive(Debug)]
pub(super) struct PlainChunk {
    usage: Finder<'static>,
    error: Finder<'static>,
    base_resp: Option<Finder<'static>>,
}

impl PlainChunk {
    pub(super) fn new() -> Self {
        Self {
            usage: Finder::new(b"\"usage\""),
            error: Finder::new(b"\"error\""),
            base_resp: None,
        }
    }

    /// Chunks with MiniMax's `base_resp` are not plain, either.
    pub(super) fn watch_base_resp(&mut self) {
        self.base_resp = Some(Finder::new(b"\"base_resp\""));
    }

    pub(super) fn watches_base_resp(&self) -> bool {
        self.base_resp.is_some()
    }

    /// The number of events, if `chunk`, which begins with an event, is whole events of one line
    /// that hold a JSON object and neither usage nor an error.
    pub(super) fn count_events(&self, chunk: &[u8]) -> Option<u64> {
        if !chunk.ends_with(b"\n\n")
            || has_value(&self.usage, chunk)
            || has_value(&self.error, chunk)
            || self
                .base_resp
                .as_ref()
                .is_some_and(|it| has_value(it, chunk))
            || memchr(b'\r', chunk).is_some()
        {
            return None;
        }
        let mut events = 0;
        let mut rest = chunk;
        while let Some(end) = memchr(b'\n', rest) {
            let line = rest.get(..end)?;
            rest = tail(rest, end + 1);
            if line.starts_with(b"data: {") || line.starts_with(b"data:{") {
                events += 1;
                rest = rest.strip_prefix(b"\n")?;
            } else if !line.is_empty() && !line.starts_with(b":") {
                return None;
            }
        }
        Some(events)
    }
}

/// Whether what is looked for stands anywhere but as a key whose value is `null`.
fn has_value(finder: &Finder<'static>, chunk: &[u8]) -> bool {
    finder.find_iter(chunk).any(|at| {
        let value = tail(chunk, at + finder.needle().len()).trim_ascii_start();
        let value = value.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        let after = value.and_then(|value| value.strip_prefix(b"null"));
        !after.is_some_and(|after| {
            after
                .first()
                .is_some_and(|&byte| is_space(byte) || byte == b',' || byte == b'}')
        })
    })
}
