//! Whose proof of reasoning an `encrypted_content` is.

use crate::account::unmarked;
use crate::chat::{Maker, Signature};

const SHOWN: &str = "ark1.";
const REDACTED: &str = "ark1r.";

/// What an `encrypted_content` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) signature: Signature,
    /// The reasoning itself is in it (`redacted_thinking`), so no text belongs to it.
    pub(super) redacted: bool,
}

impl Proof {
    pub(super) fn shown(signature: Signature) -> Self {
        Self {
            signature,
            redacted: false,
        }
    }

    pub(super) fn redacted(signature: Signature) -> Self {
        Self {
            signature,
            redacted: true,
        }
    }

    /// OpenAI's own goes as it is, any other with whose it is; and OpenAI's where the item's own id
    /// would be lost.
    pub(super) fn encode(&self) -> String {
        let Signature { maker, data } = &self.signature;
        match (self.redacted, maker) {
            (false, Maker::Openai) if own(data).0.is_none() => data.clone(),
            (false, _) => format!("{SHOWN}{}.{data}", word(*maker)),
            (true, _) => format!("{REDACTED}{}.{data}", word(*maker)),
        }
    }

    pub(super) fn decode(text: &str) -> Self {
        let of = |prefix| {
            let (maker, data) = text.strip_prefix(prefix)?.split_once('.')?;
            Some(Signature {
                maker: parse(maker)?,
                data: data.to_owned(),
            })
        };
        match (of(SHOWN), of(REDACTED)) {
            (Some(signature), _) => Self::shown(signature),
            (None, Some(signature)) => Self::redacted(signature),
            (None, None) => Self::shown(Signature {
                maker: Maker::Openai,
                data: text.to_owned(),
            }),
        }
    }
}

/// The start of the ids of reasoning items.
const ITEM: &str = "rs_";

/// OpenAI's proof with the id of the item that it came in: the two are taken back together.
pub(super) fn named(id: &str, encrypted: &str) -> String {
    if is_openais(id) {
        format!("{id}:{encrypted}")
    } else {
        encrypted.to_owned()
    }
}

/// The item's id, if it is known, and the proof: undoes [`named`]. The account's mark may stand before it.
pub(super) fn own(data: &str) -> (Option<&str>, &str) {
    match unmarked(data).split_once(':') {
        Some((id, encrypted)) if is_openais(id) => (Some(id), encrypted),
        Some(_) | None => (None, data),
    }
}

/// Whether OpenAI gave an item this id; those that are made here have a place at their end.
fn is_openais(id: &str) -> bool {
    let rest = id.strip_prefix(ITEM).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn word(maker: Maker) -> &'static str {
    match maker {
        Maker::Anthropic => "anthropic",
        Maker::Google => "google",
        Maker::Openai => "openai",
        Maker::Bedrock => "bedrock",
    }
}

fn parse(word: &str) -> Option<Maker> {
    Some(match word {
        "anthropic" => Maker::Anthropic,
        "google" => Maker::Google,
        "openai" => Maker::Openai,
        "bedrock" => Maker::Bedrock,
        _ => return None,
    })
}
