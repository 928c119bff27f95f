//! `temperature`, `top_p` and `top_k`.
//!
//! Source: <https://platform.claude.com/docs/en/build-with-claude/extended-thinking#feature-compatibility>
//! (with thinking: no `temperature`, no `top_k`, `top_p` from 0.95) and `…/about-claude/models/migration-guide`.

use serde_json::Number;

use crate::anthropic::generation::Generation;
use crate::anthropic::json::Json;
use crate::chat::ChatRequest;
use crate::loss::{Field, Losses};

const LEAST_THINKING_TOP_P: f64 = 0.95;

/// What is written of them.
#[derive(Default)]
pub(super) struct Sampling {
    temperature: Option<Number>,
    top_p: Option<Number>,
    top_k: Option<u64>,
}

impl Sampling {
    pub(super) fn of(
        request: &ChatRequest,
        generation: Generation,
        thinks: bool,
        losses: &mut Losses,
    ) -> Self {
        let mut said = Self {
            temperature: request.temperature.clone(),
            top_p: request.top_p.clone(),
            top_k: request.top_k,
        };
        if thinks || !generation.sampling {
            said.drop_temperature(losses);
            said.drop_top_k(losses);
            let is_high = |p: &Number| p.as_f64().is_some_and(|p| p >= LEAST_THINKING_TOP_P);
            if !generation.sampling || !said.top_p.as_ref().is_some_and(is_high) {
                said.drop_top_p(losses);
            }
            return said;
        }
        if said.temperature.is_some() && said.top_p.is_some() && !generation.both_samplings {
            if is_default(said.temperature.as_ref()) {
                said.temperature = None;
            } else {
                said.drop_top_p(losses);
            }
        }
        said.clamp(losses);
        said
    }

    /// OpenAI's scale ends at 2.
    fn clamp(&mut self, losses: &mut Losses) {
        let Some(temperature) = self.temperature.as_ref().and_then(Number::as_f64) else {
            return;
        };
        if temperature > 1.0 {
            losses.note(Field::Temperature);
            self.temperature = Some(Number::from(1));
        } else if temperature < 0.0 {
            losses.note(Field::Temperature);
            self.temperature = Some(Number::from(0));
        }
    }

    fn drop_temperature(&mut self, losses: &mut Losses) {
        let said = self.temperature.take();
        losses.note_if(!is_default(said.as_ref()), Field::Temperature);
    }

    fn drop_top_p(&mut self, losses: &mut Losses) {
        let said = self.top_p.take();
        losses.note_if(!is_default(said.as_ref()), Field::TopP);
    }

    fn drop_top_k(&mut self, losses: &mut Losses) {
        losses.note_if(self.top_k.take().is_some(), Field::TopK);
    }

    pub(super) fn write(&self, json: &mut Json<'_>) {
        if let Some(temperature) = &self.temperature {
            json.key("temperature").raw(&temperature.to_string());
        }
        if let Some(top_p) = &self.top_p {
            json.key("top_p").raw(&top_p.to_string());
        }
        if let Some(top_k) = self.top_k {
            json.key("top_k").number(top_k);
        }
    }
}

/// Whether leaving the number out says the same: 1 is the default of both.
fn is_default(number: Option<&Number>) -> bool {
    number.is_none_or(|number| number.as_f64() == Some(1.0))
}
