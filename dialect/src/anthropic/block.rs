//! Content blocks as they are written, in requests and in answers.
//!
//! Source: SDK type `ContentBlockParam` and what it is made of.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::json::Json;
use crate::chat::CacheMark;

/// How long the prompt up to a block is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Default,
    FiveMinutes,
    OneHour,
}

impl Mark {
    /// The mark, and whether its time is one that Anthropic knows.
    pub(super) fn of(cache: &CacheMark) -> (Self, bool) {
        match cache.ttl.as_deref() {
            None => (Self::Default, true),
            Some("5m") => (Self::FiveMinutes, true),
            Some("1h") => (Self::OneHour, true),
            Some(_) => (Self::Default, false),
        }
    }
}

/// Where the bytes of an image or a document are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Url(&'a str),
    Base64 { media_type: &'a str, data: &'a str },
    File(&'a str),
    Text(Cow<'a, str>),
}

/// A content block.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        mark: Option<Mark>,
    },
    Image {
        source: Place<'a>,
        mark: Option<Mark>,
    },
    Document {
        source: Place<'a>,
        title: Option<&'a str>,
        mark: Option<Mark>,
    },
    ToolUse {
        id: Cow<'a, str>,
        name: &'a str,
        /// A JSON object as text.
        input: Cow<'a, str>,
        mark: Option<Mark>,
    },
    ToolResult {
        id: Cow<'a, str>,
        content: Vec<Block<'a>>,
        is_error: bool,
        mark: Option<Mark>,
    },
    Thinking {
        text: &'a str,
        signature: Cow<'a, str>,
    },
    Redacted {
        data: Cow<'a, str>,
    },
    Foreign(&'a Value),
}

impl<'a> Block<'a> {
    /// Text without a cache mark.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text {
            text: text.into(),
            mark: None,
        }
    }

    /// Its own cache mark, where it can have one.
    pub(super) fn mark(&mut self) -> Option<&mut Option<Mark>> {
        match self {
            Self::Text { mark, .. }
            | Self::Image { mark, .. }
            | Self::Document { mark, .. }
            | Self::ToolUse { mark, .. }
            | Self::ToolResult { mark, .. } => Some(mark),
            Self::Thinking { .. } | Self::Redacted { .. } | Self::Foreign(_) => None,
        }
    }

    pub(super) fn is_thinking(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::Redacted { .. })
    }

    pub(super) fn write(&self, json: &mut Json<'_>) {
        match self {
            Self::Foreign(value) => json.value(value),
            Self::Text { text, mark } => typed(json, "text", *mark, |json| {
                json.key("text").string(text);
            }),
            Self::Image { source, mark } => typed(json, "image", *mark, |json| source.write(json)),
            Self::Document {
                source,
                title,
                mark,
            } => typed(json, "document", *mark, |json| {
                source.write(json);
                if let Some(title) = title {
                    json.key("title").string(title);
                }
            }),
            Self::ToolUse {
                id,
                name,
                input,
                mark,
            } => typed(json, "tool_use", *mark, |json| {
                json.key("id").string(id);
                json.key("name").string(name);
                json.key("input").raw(input);
            }),
            Self::ToolResult {
                id,
                content,
                is_error,
                mark,
            } => typed(json, "tool_result", *mark, |json| {
                json.key("tool_use_id").string(id);
                if !content.is_empty() {
                    json.key("content").array(|json| write_all(content, json));
                }
                if *is_error {
                    json.key("is_error").boolean(true);
                }
            }),
            Self::Thinking { text, signature } => typed(json, "thinking", None, |json| {
                json.key("thinking").string(text);
                json.key("signature").string(signature);
            }),
            Self::Redacted { data } => typed(json, "redacted_thinking", None, |json| {
                json.key("data").string(data);
            }),
        }
    }
}

impl Place<'_> {
    fn write(&self, json: &mut Json<'_>) {
        let kind = |json: &mut Json<'_>, kind| json.key("type").string(kind);
        json.key("source").object(|json| match self {
            Self::Url(url) => {
                kind(json, "url");
                json.key("url").string(url);
            }
            Self::Base64 { media_type, data } => {
                kind(json, "base64");
                json.key("media_type").string(media_type);
                json.key("data").string(data);
            }
            Self::File(id) => {
                kind(json, "file");
                json.key("file_id").string(id);
            }
            Self::Text(text) => {
                kind(json, "text");
                json.key("media_type").string("text/plain");
                json.key("data").string(text);
            }
        });
    }
}

fn typed(json: &mut Json<'_>, kind: &str, mark: Option<Mark>, members: impl FnOnce(&mut Json<'_>)) {
    json.object(|json| {
        json.key("type").string(kind);
        members(json);
        write_mark(mark, json);
    });
}

/// Writes a `cache_control` member.
pub(super) fn write_mark(mark: Option<Mark>, json: &mut Json<'_>) {
    let Some(mark) = mark else { return };
    json.key("cache_control").object(|json| {
        json.key("type").string("ephemeral");
        match mark {
            Mark::Default => {}
            Mark::FiveMinutes => json.key("ttl").string("5m"),
            Mark::OneHour => json.key("ttl").string("1h"),
        }
    });
}

/// Writes blocks as the items of an array.
pub(super) fn write_all(blocks: &[Block<'_>], json: &mut Json<'_>) {
    for block in blocks {
        block.write(json);
    }
}

/// Arguments of a call as the JSON object that Anthropic wants. Text that is no object, which a
/// model can write, goes in as the only member, `arguments`.
pub(super) fn input(arguments: &str) -> Cow<'_, str> {
    let text = arguments.trim_ascii();
    if text.is_empty() {
        return Cow::Borrowed("{}");
    }
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    if is_json && text.starts_with('{') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::new();
    Json::new(&mut out).object(|json| {
        let member = json.key("arguments");
        if is_json {
            member.raw(text);
        } else {
            member.string(text);
        }
    });
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|_| "{}".to_owned()))
}

/// Block types that a block of another client's dialect cannot have: those of server tools and of
/// search results, and the blocks that this crate does not act on.
pub(crate) fn is_own_kind(kind: &str) -> bool {
    kind.ends_with("_tool_result")
        || matches!(
            kind,
            "server_tool_use"
                | "mcp_tool_use"
                | "search_result"
                | "container_upload"
                | "tool_reference"
                | "compaction"
                | "document"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_an_object_whatever_they_are() {
        for (arguments, expected) in [
            ("", "{}"),
            ("  ", "{}"),
            (r#" {"a":1.50} "#, r#"{"a":1.50}"#),
            ("[1]", r#"{"arguments":[1]}"#),
            ("null", r#"{"arguments":null}"#),
            (r#"{"a":"#, r#"{"arguments":"{\"a\":"}"#),
        ] {
            assert_eq!(input(arguments), expected, "{arguments}");
        }
    }
}
