//! What a worker is told: the snapshot and the pages of keys that it lacks, and scores.

use ark_gateway_core::keys::{PageBytes, Paged};
use ark_gateway_core::snapshot::Snapshot;
use ark_gateway_core::sync::{SyncRequest, SyncResponse};

use super::Control;

/// Pages in one message, in bytes at most, beyond the first one: taking it in is a step that delays a
/// worker's requests.
const PAGES_BYTES: usize = 64 * 1024;

impl Control {
    pub(super) fn hand_out(&self, request: &SyncRequest) -> SyncResponse {
        let version = Some(&self.snapshot.version);
        let wanted = request.pages.as_ref();
        let runs = request.snapshot.as_ref() == version;
        let has = runs || wanted.is_some_and(|wanted| wanted.snapshot.as_ref() == version);
        let lacks_scores = !has || request.scores != self.scores.sequence;
        let (snapshot, pages) = match wanted {
            _ if runs => (None, Vec::new()),
            None => (self.whole(), Vec::new()),
            Some(wanted) if has => (None, self.pages_of(&wanted.numbers)),
            // Where there are few keys all is said at once. Who has most of them asks for the rest.
            Some(_) if self.size_of_pages() <= PAGES_BYTES => {
                let pages = (0u16..).zip(self.pages.iter().cloned());
                (Some(self.snapshot.clone()), pages.collect())
            }
            Some(_) => (Some(self.snapshot.clone()), Vec::new()),
        };
        SyncResponse {
            snapshot,
            pages,
            scores: lacks_scores.then(|| self.scores.clone()),
            resend: false,
        }
    }

    fn size_of_pages(&self) -> usize {
        self.pages.iter().map(|page| page.0.len()).sum()
    }

    fn pages_of(&self, numbers: &[u16]) -> Vec<(u16, PageBytes)> {
        let mut left = PAGES_BYTES;
        let mut pages = Vec::new();
        for number in numbers {
            let Some(page) = self.pages.get(usize::from(*number)) else {
                continue;
            };
            if !pages.is_empty() && page.0.len() > left {
                break;
            }
            left = left.saturating_sub(page.0.len());
            pages.push((*number, page.clone()));
        }
        pages
    }

    /// For whoever does not know pages.
    fn whole(&self) -> Option<Snapshot> {
        let paged = Paged {
            snapshot: self.snapshot.clone(),
            pages: self.pages.clone(),
        };
        paged.whole().ok()
    }
}
