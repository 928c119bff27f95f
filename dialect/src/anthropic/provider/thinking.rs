//! How much to think, and the bound on output tokens that includes it.
//!
//! Source: SDK types `ThinkingConfigParam` and `OutputConfigParam`, and
//! <https://platform.claude.com/docs/en/build-with-claude/extended-thinking>.

use crate::anthropic::generation::{Generation, ThinkingModes};
use crate::anthropic::json::Json;
use crate::chat::{ChatRequest, Effort, Reasoning};
use crate::loss::{Field, Losses};

/// The smallest budget that Anthropic takes.
const LEAST_BUDGET_TOKENS: u64 = 1024;
/// The least effort that Anthropic knows.
const LEAST_EFFORT: &str = "low";

/// What thinking depends on beside the request.
pub(super) struct Facts {
    pub(super) generation: Generation,
    /// A tool must be called.
    pub(super) forced_tool: bool,
    /// Tools are under way whose calls do not begin with thinking.
    pub(super) in_tool_loop: bool,
    /// For requests without a bound on output tokens.
    pub(super) default_max_tokens: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinking {
    Unsaid,
    Disabled,
    Enabled { budget_tokens: u64 },
    Adaptive,
}

/// What is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ThinkingPlan {
    pub(super) thinking: Thinking,
    pub(super) effort: Option<&'static str>,
    pub(super) max_tokens: u64,
    display: Option<&'static str>,
}

pub(super) fn plan(request: &ChatRequest, facts: &Facts, losses: &mut Losses) -> ThinkingPlan {
    let mut plan = ThinkingPlan {
        thinking: Thinking::Unsaid,
        effort: None,
        max_tokens: request.max_tokens.unwrap_or(facts.default_max_tokens),
        display: None,
    };
    let Some(reasoning) = &request.reasoning else {
        return plan;
    };
    let off = reasoning.effort == Some(Effort::None) || reasoning.budget_tokens == Some(0);
    let on = reasoning.adaptive || reasoning.effort.is_some() || reasoning.budget_tokens.is_some();
    if off {
        plan.disable(facts.generation, losses);
    } else if on {
        match facts.generation.thinking {
            ThinkingModes::Never => losses.note(Field::Reasoning),
            ThinkingModes::Budget => plan.by_budget(reasoning, request.max_tokens, facts, losses),
            ThinkingModes::Either if reasoning.budget_tokens.is_some() => {
                let effort = reasoning.effort;
                plan.effort = effort.map(|effort| word(effort, facts.generation, losses));
                plan.by_budget(reasoning, request.max_tokens, facts, losses);
            }
            ThinkingModes::Either | ThinkingModes::Adaptive => {
                plan.adaptively(reasoning, facts, losses);
            }
        }
    } else if reasoning.summary.is_some() && facts.generation.thinks_by_default {
        plan.thinking = Thinking::Adaptive;
    }
    if facts.generation.thinking > ThinkingModes::Budget {
        plan.display = reasoning.summary.map(display);
    }
    plan
}

impl ThinkingPlan {
    fn disable(&mut self, generation: Generation, losses: &mut Losses) {
        if generation.thinking == ThinkingModes::Never {
            // What cannot think need not be told not to.
        } else if generation.can_disable {
            self.thinking = Thinking::Disabled;
        } else {
            self.effort = Some(LEAST_EFFORT);
            losses.note(Field::Reasoning);
        }
    }

    fn adaptively(&mut self, reasoning: &Reasoning, facts: &Facts, losses: &mut Losses) {
        let by_budget = reasoning.budget_tokens.map(Effort::of_budget);
        // A budget is a bound, an effort is none.
        losses.note_if(by_budget.is_some(), Field::Reasoning);
        let effort = reasoning.effort.or(by_budget);
        self.effort = effort.map(|effort| word(effort, facts.generation, losses));
        if facts.forced_tool {
            losses.note_if(!facts.generation.thinks_by_default, Field::Reasoning);
        } else {
            self.thinking = Thinking::Adaptive;
        }
    }

    fn by_budget(
        &mut self,
        reasoning: &Reasoning,
        max_tokens: Option<u64>,
        facts: &Facts,
        losses: &mut Losses,
    ) {
        let budget = match reasoning.budget_tokens {
            Some(tokens) => tokens,
            None => reasoning.effort.unwrap_or(Effort::Medium).budget_tokens(),
        }
        .max(LEAST_BUDGET_TOKENS);
        let raised = reasoning.budget_tokens.is_some_and(|said| said < budget);
        losses.note_if(raised, Field::Reasoning);
        let Some(max_tokens) = max_tokens else {
            return self.unbound(reasoning, budget, facts, losses);
        };
        let half = max_tokens / 2;
        let budget = match reasoning.budget_tokens {
            Some(_) if budget < max_tokens => budget,
            Some(_) => {
                losses.note(Field::Reasoning);
                half
            }
            None => budget.min(half),
        };
        if max_tokens <= LEAST_BUDGET_TOKENS {
            losses.note(Field::Reasoning);
        } else {
            self.enable(budget.max(LEAST_BUDGET_TOKENS), facts, losses);
        }
    }

    /// Without a bound of the client's: the default is for the answer, the budget comes on top, as
    /// far as the model allows.
    fn unbound(&mut self, reasoning: &Reasoning, budget: u64, facts: &Facts, losses: &mut Losses) {
        let most = facts.generation.most_tokens.unwrap_or(u64::MAX);
        let room = most.saturating_sub(facts.default_max_tokens);
        let fitting = budget.min(room).max(LEAST_BUDGET_TOKENS);
        if self.enable(fitting, facts, losses) {
            let shrunk = reasoning.budget_tokens.is_some() && fitting < budget;
            losses.note_if(shrunk, Field::Reasoning);
            self.max_tokens = facts.default_max_tokens.saturating_add(fitting);
        }
    }

    /// Whether the model is told to think.
    fn enable(&mut self, budget_tokens: u64, facts: &Facts, losses: &mut Losses) -> bool {
        let gives_way = facts.forced_tool || facts.in_tool_loop;
        losses.note_if(gives_way, Field::Reasoning);
        if !gives_way {
            self.thinking = Thinking::Enabled { budget_tokens };
        }
        !gives_way
    }

    pub(super) fn write(&self, json: &mut Json<'_>) {
        let kind = match self.thinking {
            Thinking::Unsaid => return,
            Thinking::Disabled => "disabled",
            Thinking::Enabled { .. } => "enabled",
            Thinking::Adaptive => "adaptive",
        };
        json.key("thinking").object(|json| {
            json.key("type").string(kind);
            if let Thinking::Enabled { budget_tokens } = self.thinking {
                json.key("budget_tokens").number(budget_tokens);
            }
            if let Some(display) = self.display
                && self.thinking != Thinking::Disabled
            {
                json.key("display").string(display);
            }
        });
    }
}

fn word(effort: Effort, generation: Generation, losses: &mut Losses) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal | Effort::Low => LEAST_EFFORT,
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::XHigh if generation.xhigh => "xhigh",
        Effort::XHigh => {
            losses.note(Field::Reasoning);
            "high"
        }
        Effort::Max => "max",
    }
}

fn display(summary: bool) -> &'static str {
    if summary { "summarized" } else { "omitted" }
}
