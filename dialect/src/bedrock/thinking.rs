//! How much the model thinks: each vendor's models have their own words for it, outside Converse's
//! own fields but for `outputConfig.effort`.

use serde_json::{Map, Value, json};

use super::family::{Claude, Family, Model};
use crate::chat::{ChatRequest, Effort, Reasoning};
use crate::loss::{Field, Losses};

/// The least budget that Claude takes, in tokens.
const LEAST_BUDGET_TOKENS: u64 = 1024;

/// What is said of reasoning.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// For `additionalModelRequestFields`.
    pub(super) fields: Map<String, Value>,
    /// For `outputConfig`.
    pub(super) effort: Option<&'static str>,
    /// Claude thinks, by a budget or adaptively, because the request says so.
    pub(super) claude_thinks: bool,
    /// Nova thinks with the most effort, with which it takes no bound and no sampling.
    pub(super) nova_unbound: bool,
}

/// What forbids thinking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    /// The model has to call a tool: "Thinking may not be enabled when tool_choice forces tool use."
    pub(super) forced: bool,
    /// A tool call is under way whose reasoning is not there.
    pub(super) calls_without_reasoning: bool,
}

/// Says how much to think, in the model's words; what it has no word for is a loss.
pub(super) fn thinking(
    request: &ChatRequest,
    model: Model,
    circumstances: Circumstances,
    losses: &mut Losses,
) -> Thinking {
    let none = Reasoning::default();
    let asked = request.reasoning.as_ref().unwrap_or(&none);
    let amount = Amount::of(asked);
    let mut thinking = Thinking::default();
    let said = match model.family {
        Family::Claude(claude) => {
            let ask = Ask {
                amount,
                summary: asked.summary,
                max_tokens: request.max_tokens,
                circumstances,
            };
            ask.of_claude(claude, &mut thinking)
        }
        Family::Nova { reasons: true } if !circumstances.forced => {
            of_nova(amount, request.max_tokens, &mut thinking)
        }
        Family::Openai { open_weight } => of_openai(amount, open_weight, &mut thinking),
        // What does not reason need not be told not to.
        Family::Nova { .. } => matches!(amount, Amount::Unsaid | Amount::None),
        Family::Other | Family::Opaque => amount == Amount::Unsaid,
    };
    losses.note_if(!said, Field::Reasoning);
    thinking
}

/// What the client said of the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Amount {
    Unsaid,
    None,
    Tokens(u64),
    Effort(Effort),
    /// The model chooses.
    Free,
}

impl Amount {
    fn of(asked: &Reasoning) -> Self {
        match (asked.budget_tokens, asked.effort) {
            (Some(tokens), _) if tokens > 0 => Self::Tokens(tokens),
            (_, Some(Effort::None)) | (Some(_), None) => Self::None,
            (_, Some(effort)) => Self::Effort(effort),
            (None, None) if asked.adaptive => Self::Free,
            (None, None) => Self::Unsaid,
        }
    }

    fn effort(self) -> Option<Effort> {
        match self {
            Self::Unsaid | Self::Free => None,
            Self::None => Some(Effort::None),
            Self::Tokens(tokens) => Some(Effort::of_budget(tokens)),
            Self::Effort(effort) => Some(effort),
        }
    }
}

struct Ask {
    amount: Amount,
    summary: Option<bool>,
    max_tokens: Option<u64>,
    circumstances: Circumstances,
}

impl Ask {
    /// Whether all was said.
    fn of_claude(&self, claude: Claude, thinking: &mut Thinking) -> bool {
        let forced = self.circumstances.forced;
        let wants = !matches!(self.amount, Amount::Unsaid | Amount::None);
        if self.amount == Amount::None || forced {
            let can_stop = !claude.always_thinks();
            if claude.thinks_by_default() && can_stop {
                thinking.set_claude(json!({"type": "disabled"}));
            }
            return !wants && (can_stop || self.amount == Amount::Unsaid);
        }
        if self.amount == Amount::Unsaid {
            if claude.thinks_by_default() && self.summary.is_some() {
                thinking.set_claude(self.adaptive());
                thinking.claude_thinks = true;
            }
            return true;
        }
        if !claude.thinks() {
            return false;
        }
        let tokens = match self.amount {
            Amount::Tokens(tokens) => Some(tokens),
            Amount::Unsaid | Amount::None | Amount::Effort(_) | Amount::Free => None,
        };
        if claude.adapts() && !(claude.takes_budget() && tokens.is_some()) {
            thinking.set_claude(self.adaptive());
            thinking.claude_thinks = true;
            let effort = self.amount.effort();
            let effort = effort.map(|effort| claude_effort(effort, claude));
            thinking.effort = effort.map(|(word, _)| word);
            return tokens.is_none() && effort.is_none_or(|(_, exact)| exact);
        }
        let default = self.amount.effort().unwrap_or(Effort::High).budget_tokens();
        let asked = tokens.unwrap_or(default);
        let bound = self.max_tokens.or(claude.most_tokens());
        let Some(budget) = self.budget(asked, tokens.is_some(), bound) else {
            return false;
        };
        thinking.set_claude(json!({"type": "enabled", "budget_tokens": budget}));
        thinking.claude_thinks = true;
        // These models show what they think, whatever was asked.
        (tokens.is_none() || budget == asked) && self.summary != Some(false)
    }

    fn adaptive(&self) -> Value {
        let mut adaptive = Map::from_iter([("type".to_owned(), Value::from("adaptive"))]);
        if let Some(summary) = self.summary {
            let display = if summary { "summarized" } else { "omitted" };
            adaptive.insert("display".to_owned(), display.into());
        }
        Value::Object(adaptive)
    }

    /// The budget within a bound on output tokens, of which it is a part: what the client said as far as it
    /// fits, an effort's so that half is left to the answer. `None` when Claude would refuse.
    fn budget(&self, asked: u64, exact: bool, bound: Option<u64>) -> Option<u64> {
        if self.circumstances.calls_without_reasoning {
            return None;
        }
        let most = match bound {
            Some(bound) if bound <= LEAST_BUDGET_TOKENS => return None,
            Some(bound) if exact => bound - 1,
            Some(bound) => bound / 2,
            None => u64::MAX,
        };
        Some(asked.min(most).max(LEAST_BUDGET_TOKENS))
    }
}

impl Thinking {
    fn set_claude(&mut self, value: Value) {
        self.fields.insert("thinking".to_owned(), value);
    }
}

/// The word for an effort, and whether it means the same.
fn claude_effort(effort: Effort, claude: Claude) -> (&'static str, bool) {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => ("low", true),
        Effort::Medium => ("medium", true),
        Effort::High => ("high", true),
        Effort::XHigh if claude.knows_xhigh() => ("xhigh", true),
        Effort::XHigh => ("high", false),
        Effort::Max => ("max", true),
    }
}

/// `reasoningConfig`: <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>.
/// The most effort excludes a bound on output tokens: with one, the effort is medium.
fn of_nova(amount: Amount, max_tokens: Option<u64>, thinking: &mut Thinking) -> bool {
    let bounded = max_tokens.is_some();
    let (effort, said) = match amount.effort() {
        None if amount == Amount::Free => ("medium", true),
        None | Some(Effort::None) => return true,
        Some(Effort::Minimal | Effort::Low) => ("low", true),
        Some(Effort::Medium) => ("medium", true),
        Some(Effort::High | Effort::XHigh | Effort::Max) if bounded => ("medium", false),
        Some(Effort::High | Effort::XHigh | Effort::Max) => ("high", true),
    };
    let config = json!({"type": "enabled", "maxReasoningEffort": effort});
    thinking.fields.insert("reasoningConfig".to_owned(), config);
    thinking.nova_unbound = effort == "high";
    said && !matches!(amount, Amount::Tokens(_))
}

/// `reasoning_effort`; gpt-oss has three.
fn of_openai(amount: Amount, open_weight: bool, thinking: &mut Thinking) -> bool {
    let Some(effort) = amount.effort() else {
        return true;
    };
    let word = match effort {
        Effort::None | Effort::Minimal if open_weight => "low",
        Effort::XHigh | Effort::Max if open_weight => "high",
        Effort::None => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh | Effort::Max => "xhigh",
    };
    let field = "reasoning_effort".to_owned();
    thinking.fields.insert(field, word.into());
    let is_off = open_weight && effort == Effort::None;
    !is_off && !matches!(amount, Amount::Tokens(_))
}
