//! What a translation left out of an answer, told wherever that can still be told.

use ark_dialect::loss::Loss;
use ark_gateway_core::snapshot::OnLoss;

use super::ProviderFilter;
use crate::host;
use crate::vm::Live;

impl ProviderFilter {
    /// Takes note of what the client does not get of the answer whose head has not gone yet: the
    /// header says so, beside what the request lost.
    pub(super) fn answer_lost(&self, dropped: &[Loss]) {
        let Some(shared) = self.live.as_ref().filter(|_| !dropped.is_empty()) else {
            return;
        };
        let mut live = shared.borrow_mut();
        live.exchange.speak_of(self.place);
        let told = note(&mut live, dropped);
        if told.is_empty() {
            return;
        }
        let told = told.join(",");
        match live.lossy.iter_mut().find(|(of, _)| *of == self.place) {
            Some((_, said)) => {
                said.push(',');
                said.push_str(&told);
            }
            None => live
                .lossy
                .push((self.place, format!("lossy; dropped={told}"))),
        }
    }

    /// The same once the head has gone: the record says so, and the log.
    pub(super) fn stream_lost(&self, dropped: &[Loss]) {
        let Some(shared) = self.live.as_ref().filter(|_| !dropped.is_empty()) else {
            return;
        };
        let mut live = shared.borrow_mut();
        live.exchange.speak_of(self.place);
        let told = note(&mut live, dropped);
        if !told.is_empty() {
            host::warn(&format!(
                "{} of {}'s streamed answer cannot be said to the client",
                told.join(", "),
                self.provider
            ));
        }
    }
}

/// Puts losses into the record; the names of those that the model's policy wants told.
fn note(live: &mut Live, dropped: &[Loss]) -> Vec<&'static str> {
    let policy = live.exchange.current_model().map(|model| model.on_loss);
    let fields = dropped.iter().map(|loss| loss.field.label());
    let new: Vec<_> = fields
        .filter(|field| live.exchange.answer_lost(field))
        .collect();
    match policy.unwrap_or(OnLoss::Allow) {
        OnLoss::Allow => Vec::new(),
        OnLoss::Warn | OnLoss::Reject => new,
    }
}
