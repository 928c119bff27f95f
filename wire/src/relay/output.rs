//! What the client gets of one chunk, copied only when it differs from the chunk.

use super::RelayOut;

/// The decisions about a chunk, from its beginning on.
pub(super) struct Output<'c> {
    chunk: &'c [u8],
    decided: usize,
    /// `None` as long as all that was decided on is kept.
    replaced: Option<Vec<u8>>,
}

impl<'c> Output<'c> {
    pub(super) fn new(chunk: &'c [u8]) -> Self {
        Self {
            chunk,
            decided: 0,
            replaced: None,
        }
    }

    /// The place up to which the chunk is decided on.
    pub(super) fn decided(&self) -> usize {
        self.decided
    }

    /// What stands there up to `end`.
    pub(super) fn undecided(&self, end: usize) -> &'c [u8] {
        self.chunk.get(self.decided..end).unwrap_or_default()
    }

    /// What is left of a chunk of which nothing passes.
    pub(super) fn nothing(chunk: &[u8]) -> RelayOut {
        if chunk.is_empty() {
            RelayOut::Unchanged
        } else {
            RelayOut::Replace(Vec::new())
        }
    }

    /// Keeps the chunk from there to `end`.
    pub(super) fn keep_until(&mut self, end: usize) {
        if let Some(replaced) = &mut self.replaced {
            replaced.extend_from_slice(self.chunk.get(self.decided..end).unwrap_or_default());
        }
        self.decided = end;
    }

    /// Drops the chunk from there to `end`.
    pub(super) fn drop_until(&mut self, end: usize) {
        if self.replaced.is_none() && end > self.decided {
            let kept = self.chunk.get(..self.decided).unwrap_or_default();
            self.replaced = Some(kept.to_vec());
        }
        self.decided = end;
    }

    /// Puts bytes of earlier chunks before this one, of which nothing is decided yet.
    pub(super) fn release(&mut self, held: &mut Vec<u8>) {
        if !held.is_empty() {
            self.replaced = Some(std::mem::take(held));
        }
    }

    pub(super) fn finish(self) -> RelayOut {
        self.replaced.map_or(RelayOut::Unchanged, RelayOut::Replace)
    }
}
