//! What was written so far, and what of it is open.

use serde_json::Value;

use super::wire::{ItemEvent, Part, PartEvent, Piece, Place, Whole, WholeText};
use crate::responses::item::{Content, Item, ItemStatus, TextPart};

/// What is being written within the last item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    Reasoning,
    /// The message's last part.
    Text,
    Refusal,
    /// The arguments of this call of the answer.
    Call(u32),
}

/// The names of the events of a kind of text.
pub(super) struct Names {
    pub(super) delta: &'static str,
    pub(super) done: &'static str,
    /// When the part begins and ends; arguments are no part.
    pub(super) part: Option<(&'static str, &'static str)>,
}

const CONTENT_PART: (&str, &str) = ("response.content_part.added", "response.content_part.done");
const SUMMARY_PART: (&str, &str) = (
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
);

impl Open {
    pub(super) fn names(self, summary: bool) -> Names {
        let (delta, done, part) = match (self, summary) {
            (Self::Text, _) => (
                "response.output_text.delta",
                "response.output_text.done",
                Some(CONTENT_PART),
            ),
            (Self::Refusal, _) => (
                "response.refusal.delta",
                "response.refusal.done",
                Some(CONTENT_PART),
            ),
            (Self::Reasoning, true) => (
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
                Some(SUMMARY_PART),
            ),
            (Self::Reasoning, false) => (
                "response.reasoning_text.delta",
                "response.reasoning_text.done",
                Some(CONTENT_PART),
            ),
            (Self::Call(_), _) => (
                "response.function_call_arguments.delta",
                "response.function_call_arguments.done",
                None,
            ),
        };
        Names { delta, done, part }
    }
}

/// Stands for an item where there is none, which does not happen.
static NOTHING: Item = Item::Message(Vec::new());

/// The items, of which the last one may be open.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) items: Vec<Item>,
    /// Reasoning is shown as a summary.
    pub(super) summary: bool,
    /// What is open in the last item.
    pub(super) open: Option<Open>,
    /// The last item's status, as the client was told.
    pub(super) last: ItemStatus,
    /// The last item's id, while it is open.
    item_id: Option<String>,
}

impl Output {
    pub(super) fn new(summary: bool) -> Self {
        Self {
            summary,
            ..Self::default()
        }
    }

    /// Whether a message is under way.
    pub(super) fn in_message(&self) -> bool {
        self.item_id.is_some() && matches!(self.items.last(), Some(Item::Message(_)))
    }

    /// Begins an item of the answer `of`.
    pub(super) fn begin(&mut self, item: Item, of: &str) -> ItemEvent<'_> {
        let output_index = self.items.len();
        let id = item.id(of, output_index);
        self.item_id = Some(id.clone());
        self.items.push(item);
        self.last = ItemStatus::InProgress;
        self.item_event(id, self.last)
    }

    /// Ends the item under way, if there is one.
    pub(super) fn end(&mut self, status: ItemStatus) -> Option<ItemEvent<'_>> {
        let id = self.item_id.take()?;
        self.last = status;
        Some(self.item_event(id, status))
    }

    fn item_event(&self, id: String, status: ItemStatus) -> ItemEvent<'_> {
        let item = self.items.last().unwrap_or(&NOTHING);
        ItemEvent {
            output_index: self.items.len().saturating_sub(1),
            item: item.written(id, status, self.summary),
        }
    }

    /// The message's part under way.
    pub(super) fn content(&mut self) -> Option<&mut Content> {
        match self.items.last_mut() {
            Some(Item::Message(content)) => content.last_mut(),
            Some(Item::Reasoning { .. } | Item::Call { .. }) | None => None,
        }
    }

    /// The text under way.
    pub(super) fn text(&mut self) -> Option<&mut String> {
        match self.items.last_mut()? {
            Item::Message(content) => content.last_mut().map(|part| &mut part.text),
            Item::Reasoning { text, .. } => Some(text),
            Item::Call { arguments, .. } => Some(arguments),
        }
    }

    fn place(&self) -> Place<'_> {
        let in_summary = self.summary && self.open == Some(Open::Reasoning);
        let index = match self.items.last() {
            Some(Item::Message(content)) => Some(content.len().saturating_sub(1)),
            Some(Item::Reasoning { .. }) => Some(0),
            Some(Item::Call { .. }) | None => None,
        };
        Place {
            item_id: self.item_id.as_deref().unwrap_or_default(),
            output_index: self.items.len().saturating_sub(1),
            content_index: index.filter(|_| !in_summary),
            summary_index: index.filter(|_| in_summary),
        }
    }

    pub(super) fn piece<'a>(&'a self, delta: &'a str, odds: &'a [Value]) -> Piece<'a> {
        Piece {
            place: self.place(),
            delta,
            logprobs: (self.open == Some(Open::Text)).then_some(odds),
        }
    }

    /// The part under way, as far as it is written.
    pub(super) fn part(&self) -> Option<PartEvent<'_>> {
        let part = match self.items.last()? {
            Item::Message(content) => Part::Message(content.last()?.written()),
            Item::Reasoning { text, .. } => Part::Reasoning(TextPart {
                kind: if self.summary {
                    "summary_text"
                } else {
                    "reasoning_text"
                },
                text,
            }),
            Item::Call { .. } => return None,
        };
        let place = self.place();
        Some(PartEvent { place, part })
    }

    /// The text under way, as far as it is written.
    pub(super) fn whole(&self) -> Option<Whole<'_>> {
        let text = match self.items.last()? {
            Item::Message(content) => match content.last()? {
                part if part.refusal => WholeText::Refusal {
                    refusal: &part.text,
                },
                part => WholeText::Text {
                    text: &part.text,
                    logprobs: &part.logprobs,
                },
            },
            Item::Reasoning { text, .. } => WholeText::Reasoning { text },
            Item::Call {
                name, arguments, ..
            } => WholeText::Arguments { name, arguments },
        };
        let place = self.place();
        Some(Whole { place, text })
    }
}
