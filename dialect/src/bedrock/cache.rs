//! Cache points.

use super::family::Model;
use super::wire::CachePoint;
use crate::chat::{CacheMark, Part};
use crate::loss::{Field, Losses};

/// Most cache points of a request.
const CACHE_POINTS: usize = 4;
/// The cache points still to be had; those first in the prompt count: tools, system, messages.
#[derive(Debug)]
pub(super) struct CachePoints {
    model: Model,
    left: usize,
}

impl CachePoints {
    pub(super) fn new(model: Model) -> Self {
        let left = if model.caches() { CACHE_POINTS } else { 0 };
        Self { model, left }
    }

    pub(super) fn point<'a>(
        &mut self,
        mark: &'a CacheMark,
        losses: &mut Losses,
    ) -> Option<CachePoint<'a>> {
        let Some(left) = self.left.checked_sub(1) else {
            losses.note(Field::CacheControl);
            return None;
        };
        self.left = left;
        // `CacheTTL`; 5 minutes is what every model does unasked.
        let asked = mark.ttl.as_deref();
        let ttl = asked.filter(|ttl| matches!(*ttl, "5m" | "1h") && self.model.caches_tools());
        losses.note_if(ttl != asked && asked != Some("5m"), Field::CacheControl);
        Some(CachePoint {
            kind: "default",
            ttl,
        })
    }
}

/// The mark of a part within a tool result, where cache points have no place.
pub(super) fn inner_mark(part: &Part) -> Option<&CacheMark> {
    match part {
        Part::Text { cache, .. } | Part::Image { cache, .. } | Part::File { cache, .. } => {
            cache.as_ref()
        }
        Part::Audio { .. }
        | Part::ToolCall { .. }
        | Part::ToolResult { .. }
        | Part::Reasoning { .. }
        | Part::RedactedReasoning { .. }
        | Part::Refusal { .. }
        | Part::Foreign { .. } => None,
    }
}
