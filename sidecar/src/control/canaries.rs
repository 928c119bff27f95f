//! The canaries of the running configuration: moved, told to the workers, shown.

use ark_gateway_core::rules::CanaryShare;
use ark_gateway_core::snapshot::{ModelId, ModelSpec};

use super::Control;
use crate::Ms;
use crate::canary::{Action, CanaryView, Move};

impl Control {
    /// Moves what has proved itself, or has proved to be worse.
    pub(super) fn move_canaries(&mut self, now: Ms) {
        for moved in self.canaries.tick(now) {
            self.tell_move(&moved);
        }
        self.show_canaries();
    }

    /// Says aloud that a canary has moved.
    fn tell_move(&self, moved: &Move) {
        let Move {
            model,
            from,
            to,
            kind,
            reason,
        } = moved;
        self.setting.metrics.canary_moved(model, kind, reason);
        let (from, to) = (from.0, to.0);
        match *kind {
            "rolled_back" => tracing::error!(
                model,
                from_millionths = from,
                reason,
                "canary rolled back: it gets no requests any more"
            ),
            _ => tracing::warn!(
                model,
                from_millionths = from,
                to_millionths = to,
                reason,
                "canary {kind}"
            ),
        }
    }

    /// Puts the canaries' states into the metrics.
    pub(super) fn show_canaries(&self) {
        self.setting.metrics.canaries(self.canaries.states());
    }

    /// What the workers are told, by the running snapshot's models.
    pub(super) fn canary_shares(&self) -> Vec<CanaryShare> {
        let models = (0u16..).zip(&self.snapshot.models);
        let share = |(n, model): (u16, &ModelSpec)| {
            model.rules.canary.as_ref().filter(|c| c.is_automatic)?;
            let (model, share) = (ModelId(n), self.canaries.share(&model.name)?);
            Some(CanaryShare { model, share })
        };
        models.filter_map(share).collect()
    }

    /// Does what an operator wants of a canary.
    ///
    /// # Errors
    /// In words: there is none, or only the file moves it.
    pub fn act_on_canary(
        &mut self,
        model: &str,
        action: Action,
        now: Ms,
    ) -> Result<CanaryView, String> {
        let moved = self
            .canaries
            .act(model, action, now)
            .ok_or("there is no such model with a canary that has `promote`")?;
        tracing::warn!(model, ?action, "an operator acts on a canary");
        if let Some(moved) = moved {
            self.tell_move(&moved);
        }
        self.show_canaries();
        self.rescore(now);
        let mut views = self.canaries.views(now).into_iter();
        let own = views.find(|view| view.model == model);
        own.ok_or_else(|| "it has gone".to_owned())
    }

    /// `/v1/canaries`.
    #[must_use]
    pub fn canary_views(&self, now: Ms) -> Vec<CanaryView> {
        self.canaries.views(now)
    }
}
