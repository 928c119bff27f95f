//! What a model of OpenAI's takes, told by its name, where a wrong guess is refused with 400.
//!
//! Sources: OpenAI's OpenAPI document, `ReasoningEffort` (which model takes which word, and what it
//! does unasked); <https://platform.openai.com/docs/guides/reasoning> and
//! `…/guides/latest-model` (sampling beside reasoning); tools beside reasoning:
//! <https://github.com/openai/openai-openapi/issues/541>,
//! <https://github.com/BerriAI/litellm/issues/34569>.

use crate::chat::{ChatRequest, Effort};
use crate::loss::{Field, Losses};

const O_SERIES: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High];
const GPT_5: &[Effort] = &[Effort::Minimal, Effort::Low, Effort::Medium, Effort::High];
const GPT_5_1: &[Effort] = &[Effort::None, Effort::Low, Effort::Medium, Effort::High];
const GPT_5_2: &[Effort] = &[
    Effort::None,
    Effort::Low,
    Effort::Medium,
    Effort::High,
    Effort::Max,
];
const CODEX: &[Effort] = &[Effort::Low, Effort::Medium, Effort::High, Effort::Max];
const PRO: &[Effort] = &[Effort::Medium, Effort::High, Effort::Max];

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    /// The efforts that it takes, from little to much: none for a model that does not reason, `None`
    /// for one of which nothing is known.
    efforts: Option<&'static [Effort]>,
    /// What it does when nothing is said.
    default: Effort,
    /// Whether this endpoint lets it reason and call functions in one answer.
    tools_beside_reasoning: bool,
}

/// Which of the settings of sampling a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampling {
    /// `temperature`, `top_p`, `logprobs`.
    pub(crate) common: bool,
    /// `stop`, penalties, `logit_bias`.
    pub(crate) rest: bool,
    /// `seed`.
    pub(crate) seed: bool,
}

impl Family {
    /// Nothing is known, as of models that one serves oneself: everything passes.
    const OTHER: Self = Self {
        efforts: None,
        default: Effort::None,
        tools_beside_reasoning: true,
    };
    /// Does not reason.
    const PLAIN: Self = Self {
        efforts: Some(&[]),
        ..Self::OTHER
    };

    /// Reads a model's name: OpenAI's own, a fine-tuned model's, or a deployment's that holds one. A
    /// name with a path is no name at OpenAI but at a gateway to many models, which knows them.
    pub(crate) fn of(model: &str) -> Self {
        if model.contains('/') {
            return Self::OTHER;
        }
        if is_o_series(model.strip_prefix("ft:").unwrap_or(model)) {
            return Self::reasoning(O_SERIES, Effort::Medium);
        }
        match model.split_once("gpt-").and_then(|(_, name)| version(name)) {
            Some((version, variant)) => Self::gpt(version, variant),
            None => Self::OTHER,
        }
    }

    /// The same model as the Responses API serves it.
    pub(crate) fn by_responses(self) -> Self {
        Self {
            tools_beside_reasoning: true,
            ..self
        }
    }

    /// Whether it is known to reason.
    pub(crate) fn reasons(self) -> bool {
        self.efforts.is_some_and(|efforts| !efforts.is_empty())
    }

    const fn reasoning(efforts: &'static [Effort], default: Effort) -> Self {
        Self {
            efforts: Some(efforts),
            default,
            tools_beside_reasoning: true,
        }
    }

    fn gpt(version: (u32, u32), variant: &str) -> Self {
        let is = |word: &str| variant.contains(word);
        let family = match version {
            (3 | 4, _) => Self::PLAIN,
            (0..=2 | 10.., _) => Self::OTHER,
            (5, 0) if is("chat") => Self::PLAIN,
            (5, 0) if is("pro") => Self::reasoning(&[Effort::High], Effort::High),
            (5, 0) if is("codex") => Self::reasoning(O_SERIES, Effort::Medium),
            (5, 0) => Self::reasoning(GPT_5, Effort::Medium),
            _ if is("chat") => Self::reasoning(&[Effort::Medium], Effort::Medium),
            _ if is("pro") => Self::reasoning(PRO, Effort::Medium),
            (5, 1) if is("codex") && !is("max") => Self::reasoning(O_SERIES, Effort::Medium),
            _ if is("codex") => Self::reasoning(CODEX, Effort::Medium),
            (5, 1) => Self::reasoning(GPT_5_1, Effort::None),
            (5, 2..=4) => Self::reasoning(GPT_5_2, Effort::None),
            _ => Self::reasoning(GPT_5_2, Effort::Medium),
        };
        let can_be_silent = family.takes(Effort::None);
        Self {
            tools_beside_reasoning: version < (5, 4) || !can_be_silent,
            ..family
        }
    }

    fn takes(self, effort: Effort) -> bool {
        self.efforts
            .is_some_and(|efforts| efforts.contains(&effort))
    }

    /// The effort to ask for. An amount that the model has no word for becomes the nearest, which is
    /// a loss unless it was a budget; where functions exclude reasoning, functions win.
    pub(crate) fn effort(self, request: &ChatRequest, losses: &mut Losses) -> Option<Effort> {
        let asked = request.reasoning.as_ref();
        let said = asked.and_then(|reasoning| reasoning.effort);
        let budget = asked.and_then(|reasoning| reasoning.budget_tokens);
        // "As much as you like" is what a model does that reasons unless told otherwise.
        let free = asked.is_some_and(|reasoning| reasoning.adaptive);
        let wish = said.or(budget.map(Effort::of_budget));
        let Some(efforts) = self.efforts else {
            return wish;
        };
        let wish = wish.or((free && self.default == Effort::None).then_some(Effort::Medium));
        if !self.tools_beside_reasoning && !request.tools.is_empty() {
            let reasons = wish.unwrap_or(self.default) != Effort::None;
            losses.note_if(reasons, Field::Reasoning);
            return Some(Effort::None);
        }
        let wish = wish?;
        let nearest = nearest(efforts, wish);
        let exact = nearest.unwrap_or(Effort::None) == wish;
        let near = said.is_none() && nearest.is_some() && wish != Effort::None;
        losses.note_if(!exact && !near, Field::Reasoning);
        nearest
    }

    /// What may be said of sampling beside this effort.
    pub(crate) fn sampling(self, effort: Option<Effort>) -> Sampling {
        let plain = self.efforts.is_none_or(<[Effort]>::is_empty);
        Sampling {
            common: plain || effort.unwrap_or(self.default) == Effort::None,
            rest: plain,
            seed: true,
        }
    }
}

/// `o1`, `o3-mini`, ….
fn is_o_series(model: &str) -> bool {
    let number = model
        .strip_prefix('o')
        .and_then(|rest| rest.split('-').next());
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The version at the start of `5.4-mini`, and what follows it.
fn version(name: &str) -> Option<((u32, u32), &str)> {
    let number = |text: &str| {
        let end = text.bytes().take_while(u8::is_ascii_digit).count();
        text.get(..end)?.parse::<u32>().ok().map(|n| (n, end))
    };
    let (major, end) = number(name)?;
    let rest = name.get(end..)?;
    match rest
        .strip_prefix('.')
        .and_then(|rest| Some((number(rest)?, rest)))
    {
        Some(((minor, end), rest)) => Some(((major, minor), rest.get(end..)?)),
        None => Some(((major, 0), rest)),
    }
}

/// The effort that comes nearest; of two, the one for more.
fn nearest(efforts: &[Effort], wish: Effort) -> Option<Effort> {
    let distance = |effort: &&Effort| (**effort as i8 - wish as i8).abs();
    efforts.iter().rev().min_by_key(distance).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Reasoning, Tool};

    fn asked(reasoning: Option<Reasoning>, tools: bool) -> ChatRequest {
        ChatRequest {
            reasoning,
            tools: vec![Tool::default(); usize::from(tools)],
            ..ChatRequest::default()
        }
    }

    fn wanted(effort: Effort) -> Option<Reasoning> {
        Some(Reasoning {
            effort: Some(effort),
            ..Reasoning::default()
        })
    }

    fn check(model: &str, request: &ChatRequest, written: Option<Effort>, lost: bool) {
        let mut losses = Losses::default();
        let effort = Family::of(model).effort(request, &mut losses);
        let lost_any = !losses.into_vec().is_empty();
        assert_eq!((effort, lost_any), (written, lost), "{model}: {request:?}");
    }

    #[test]
    fn models_take_the_efforts_that_they_know() {
        use Effort::{High, Low, Max, Medium, Minimal, None as No};
        for (model, wish, written, lost) in [
            ("gpt-4.1", High, None, true),
            ("gpt-4o-2024-08-06", No, None, false),
            ("ft:gpt-4o-mini-2024-07-18:org::x", Low, None, true),
            ("gpt-5-chat-latest", High, None, true),
            ("o3", No, Some(Low), true),
            ("o4-mini-2025-04-16", Max, Some(High), true),
            ("gpt-5", No, Some(Minimal), true),
            ("gpt-5-mini-2025-08-07", Minimal, Some(Minimal), false),
            ("gpt-5-pro", Low, Some(High), true),
            ("gpt-5.1", Minimal, Some(Low), true),
            ("gpt-5.1", No, Some(No), false),
            ("gpt-5.1-codex-max", Max, Some(Max), false),
            ("gpt-5.2-chat-latest", High, Some(Medium), true),
            ("prod-gpt-5.6-luna", Max, Some(Max), false),
            ("gpt-6", No, Some(No), false),
            ("gpt-oss-120b", Minimal, Some(Minimal), false),
            ("gpt-35-turbo", No, Some(No), false),
            ("openai/gpt-4o", Max, Some(Max), false),
            ("o1js", No, Some(No), false),
            ("deepseek-chat", No, Some(No), false),
            ("", No, Some(No), false),
        ] {
            check(model, &asked(wanted(wish), false), written, lost);
        }
    }

    #[test]
    fn a_budget_becomes_the_nearest_effort_without_loss() {
        let budget = |tokens| {
            Some(Reasoning {
                budget_tokens: Some(tokens),
                ..Reasoning::default()
            })
        };
        check(
            "gpt-5.1",
            &asked(budget(1024), false),
            Some(Effort::Low),
            false,
        );
        check(
            "gpt-5.1",
            &asked(budget(60_000), false),
            Some(Effort::High),
            false,
        );
        check(
            "gpt-5",
            &asked(budget(0), false),
            Some(Effort::Minimal),
            true,
        );
        check("gpt-4.1", &asked(budget(1024), false), None, true);
    }

    #[test]
    fn functions_win_over_reasoning_where_both_are_refused() {
        use Effort::{High, None as No};
        for (model, wish, written, lost) in [
            ("gpt-5.2", wanted(High), Some(High), false),
            ("gpt-5.4", wanted(High), Some(No), true),
            ("gpt-5.4", None, Some(No), false),
            ("gpt-5.4-mini", wanted(No), Some(No), false),
            ("gpt-5.6", None, Some(No), true),
            ("gpt-5.6", wanted(No), Some(No), false),
            ("gpt-4o", None, None, false),
            ("qwen", wanted(High), Some(High), false),
        ] {
            check(model, &asked(wish, true), written, lost);
        }
    }

    #[test]
    fn as_much_as_it_likes_is_said_to_models_that_do_not_reason_unasked() {
        let free = || {
            Some(Reasoning {
                adaptive: true,
                ..Reasoning::default()
            })
        };
        for (model, written, lost) in [
            ("gpt-5.1", Some(Effort::Medium), false),
            ("gpt-5.4", Some(Effort::Medium), false),
            ("gpt-5.5", None, false),
            ("o3", None, false),
            ("gpt-4o", None, true),
            ("served-here", None, false),
        ] {
            check(model, &asked(free(), false), written, lost);
        }
        check("gpt-5.5", &asked(free(), true), Some(Effort::None), true);
    }

    #[test]
    fn sampling_and_reasoning_exclude_each_other() {
        for (model, effort, common, rest) in [
            ("gpt-4o", None, true, true),
            ("served-here", Some(Effort::High), true, true),
            ("o3", None, false, false),
            ("gpt-5", Some(Effort::Minimal), false, false),
            ("gpt-5.1", None, true, false),
            ("gpt-5.1", Some(Effort::Low), false, false),
            ("gpt-5.5", None, false, false),
            ("gpt-5.5", Some(Effort::None), true, false),
        ] {
            let sampling = Family::of(model).sampling(effort);
            let takes = Sampling {
                common,
                rest,
                seed: true,
            };
            assert_eq!(sampling, takes, "{model}");
        }
    }
}
