//! What writers say in the client's stead, where a provider demands that something be said.

use std::borrow::Cow;

/// What the user says where the conversation begins with the model, or not at all, and the provider
/// wants the user first. Nothing that the client said is lost by it.
pub(crate) const OPENING: &str = "(start)";

/// What the user says after a turn of the model that the model cannot go on with.
pub(crate) const CONTINUE: &str = "Continue.";

/// How JSON is asked for where only a schema can demand it.
pub(crate) const JSON_INSTRUCTION: &str = "Answer with a single JSON object and nothing else.";

/// A document that is text, its title before it.
pub(crate) fn titled<'a>(title: Option<&str>, text: &'a str) -> Cow<'a, str> {
    match title.filter(|title| !title.is_empty()) {
        Some(title) => Cow::Owned(format!("{title}\n\n{text}")),
        None => Cow::Borrowed(text),
    }
}
