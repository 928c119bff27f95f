//! What is within messages: roles, members that are refused there, ids of tool calls, turns that are
//! missing.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;
use serde_json::{Map, Value};

use super::call_ids::ShortIds;
use super::remove::skip_space;
use super::table::{CallIds, Quirks};
use super::value::{parse, quoted};
use crate::bytes::tail;
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, ScanError, Wanted};
use crate::loss::Field;
use crate::openai_chat::ReasoningBack;
use crate::rewrite::Splice;

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        unique: true,
    }
}

const COUNT: usize = 15;
/// The members of a message that are looked at.
pub(super) static WANTED: [Wanted; COUNT] = [
    wanted("role", 16),
    wanted("content", 0),
    wanted("tool_calls", 0),
    wanted("tool_call_id", 0),
    wanted("annotations", 0),
    wanted("audio", 0),
    wanted("cache_control", 0),
    wanted("extra_content", 0),
    wanted("function_call", 0),
    wanted("name", 0),
    wanted("prompt_cache_breakpoint", 0),
    wanted("reasoning", 0),
    wanted("reasoning_content", 0),
    wanted("reasoning_details", 0),
    wanted("refusal", 0),
];

/// What stands between a tool's result and the user's words where somebody must.
const BRIDGE: &str = r#"{"role":"assistant","content":"OK."},"#;

/// What to change in messages, and what that loses.
#[derive(Default)]
pub(super) struct InMessages {
    pub(super) splices: Vec<Splice>,
    /// Members to take out, from key to value.
    pub(super) removed: Vec<Range<usize>>,
    pub(super) losses: Vec<Field>,
}

/// Looks into the messages at `span`, if a word in them asks for it.
pub(super) fn find(
    body: &[u8],
    span: &Range<usize>,
    quirks: &'static Quirks,
) -> Result<InMessages, ScanError> {
    let messages = body.get(span.clone()).unwrap_or_default();
    let mut reader = Reader {
        body,
        quirks,
        ids: ShortIds::default(),
        after_tool: false,
        found: InMessages::default(),
    };
    if !reader.may_change(messages) {
        return Ok(reader.found);
    }
    let mut at = skip_space(body, span.start.saturating_add(1));
    while body.get(at) == Some(&b'{') {
        let mut message = ObjectScanner::new(&WANTED, Keys::Decoded);
        message.push(tail(body, at));
        reader.message(&Message {
            at,
            scanned: &message,
        });
        at = match message.finish() {
            // The message ends where something comes that cannot follow it: a comma, or the end of
            // the array.
            Err(ScanError::Unexpected { offset }) => at.saturating_add(offset),
            Err(duplicate @ ScanError::Duplicate { .. }) => return Err(duplicate),
            // No messages, which the vendor will say.
            Ok(_)
            | Err(
                ScanError::Empty
                | ScanError::NotAnObject
                | ScanError::Truncated
                | ScanError::TooDeep,
            ) => break,
        };
        if body.get(at) != Some(&b',') {
            break;
        }
        at = skip_space(body, at.saturating_add(1));
    }
    Ok(reader.found)
}

/// A message, and where it stands.
struct Message<'s> {
    at: usize,
    scanned: &'s ObjectScanner<COUNT>,
}

impl Message<'_> {
    fn member(&self, name: &str) -> Option<&Member> {
        let index = WANTED.iter().position(|wanted| wanted.name == name)?;
        self.scanned.member(index).filter(|member| member.closed)
    }

    fn place(&self, member: &Member) -> Range<usize> {
        self.at + member.span.start..self.at + member.span.end
    }

    fn role(&self) -> &[u8] {
        let role = self.member("role").and_then(Member::whole);
        role.unwrap_or_default()
    }
}

struct Reader<'b> {
    body: &'b [u8],
    quirks: &'static Quirks,
    ids: ShortIds,
    /// The last message was a tool's.
    after_tool: bool,
    found: InMessages,
}

impl Reader<'_> {
    fn may_change(&self, messages: &[u8]) -> bool {
        let has = |name: &str| memmem::find(messages, format!("\"{name}\"").as_bytes()).is_some();
        let quirks = self.quirks;
        let calls = quirks.call_ids == CallIds::Nine
            || quirks.reasoning_back == ReasoningBack::Demanded
            || !quirks.user_after_tool;
        (!quirks.developer_role && has("developer"))
            || (calls && (has("tool_calls") || has("tool_call_id")))
            || quirks.unsupported_in_messages.iter().any(|name| has(name))
            || quirks.unsupported_in_calls.iter().any(|name| has(name))
            || quirks.unsupported_in_parts.iter().any(|name| has(name))
    }

    fn message(&mut self, message: &Message<'_>) {
        let role = message.role();
        let is_tool = role == b"\"tool\"";
        if role == b"\"developer\"" && !self.quirks.developer_role {
            self.replace(message, "role", "\"system\"");
        }
        if self.after_tool && role == b"\"user\"" && !self.quirks.user_after_tool {
            self.insert(message.at, BRIDGE);
        }
        self.after_tool = is_tool;
        let refusal = self.refusal(message);
        for name in self.quirks.unsupported_in_messages {
            if !(is_tool && *name == "name" || refusal && *name == "refusal") {
                self.refuse(message, name);
            }
        }
        self.parts(message);
        self.calls(message);
        self.result_id(message);
        self.demanded(message);
    }

    fn replace(&mut self, message: &Message<'_>, name: &str, text: impl Into<Cow<'static, str>>) {
        if let Some(member) = message.member(name) {
            let (at, text) = (message.place(member), text.into());
            self.found.splices.push(Splice { at, text });
        }
    }

    fn insert(&mut self, at: usize, text: &'static str) {
        let (at, text) = (at..at, text.into());
        self.found.splices.push(Splice { at, text });
    }

    fn remove(&mut self, message: &Message<'_>, member: &Member) {
        let place = message.at + member.key_start..message.at + member.span.end;
        self.found.removed.push(place);
    }

    fn refuse(&mut self, message: &Message<'_>, name: &str) {
        if let Some(member) = message.member(name) {
            // More than quotes or brackets.
            let says = member.kind != Kind::Null && member.span.len() > 2;
            self.found.losses.extend(says.then(|| field(name)));
            self.remove(message, member);
        }
    }

    /// A refusal that is all there is becomes what the model said: whether it did.
    fn refusal(&mut self, message: &Message<'_>) -> bool {
        let taken = !self.quirks.unsupported_in_messages.contains(&"refusal");
        let said = |member: &&Member| member.kind == Kind::String && member.span.len() > 2;
        let Some(refusal) = message.member("refusal").filter(said).filter(|_| !taken) else {
            return false;
        };
        match message.member("content") {
            Some(content) if content.kind != Kind::Null && content.span.len() > 2 => return false,
            Some(content) => self.remove(message, content),
            None => {}
        }
        let at = message.at + refusal.key_start..message.place(refusal).start;
        let text = "\"content\":".into();
        self.found.splices.push(Splice { at, text });
        true
    }

    fn value(&self, message: &Message<'_>, name: &str) -> Option<Value> {
        let member = message.member(name).filter(|m| m.kind == Kind::Array)?;
        parse(self.body.get(message.place(member))?)
    }

    fn parts(&mut self, message: &Message<'_>) {
        let refused = self.quirks.unsupported_in_parts;
        if !self.holds(message, "content", refused) {
            return;
        }
        let Some(Value::Array(mut parts)) = self.value(message, "content") else {
            return;
        };
        let mut changed = false;
        for part in parts.iter_mut().filter_map(Value::as_object_mut) {
            changed |= self.strip(part, refused);
        }
        if changed {
            self.replace(message, "content", Value::Array(parts).to_string());
        }
    }

    fn calls(&mut self, message: &Message<'_>) {
        let refused = self.quirks.unsupported_in_calls;
        let short = self.quirks.call_ids == CallIds::Nine;
        if !short && !self.holds(message, "tool_calls", refused) {
            return;
        }
        let Some(Value::Array(mut calls)) = self.value(message, "tool_calls") else {
            return;
        };
        let mut changed = false;
        for call in calls.iter_mut().filter_map(Value::as_object_mut) {
            changed |= self.strip(call, refused);
            if short
                && let Some(Value::String(id)) = call.get_mut("id")
                && let Some(other) = self.ids.short(id)
            {
                *id = other;
                changed = true;
            }
        }
        if changed {
            self.replace(message, "tool_calls", Value::Array(calls).to_string());
        }
    }

    fn result_id(&mut self, message: &Message<'_>) {
        if self.quirks.call_ids != CallIds::Nine {
            return;
        }
        let member = message.member("tool_call_id");
        let id = member.and_then(|member| parse(self.body.get(message.place(member))?));
        if let Some(Value::String(id)) = id
            && let Some(other) = self.ids.short(&id)
        {
            self.replace(message, "tool_call_id", quoted(&other));
        }
    }

    /// What was thought before a call, where it must be said.
    fn demanded(&mut self, message: &Message<'_>) {
        const NAME: &str = "reasoning_content";
        let calls = message.member("tool_calls");
        let calls = calls.is_some_and(|calls| calls.kind == Kind::Array && calls.span.len() > 2);
        if !calls || self.quirks.reasoning_back != ReasoningBack::Demanded {
            return;
        }
        match message.member(NAME) {
            None => self.insert(message.at.saturating_add(1), r#""reasoning_content":"","#),
            Some(member) if member.kind == Kind::Null => self.replace(message, NAME, "\"\""),
            Some(_) => {}
        }
    }

    /// Whether one of the words may be in the member's value.
    fn holds(&self, message: &Message<'_>, name: &str, words: &[&str]) -> bool {
        let member = message.member(name).map(|member| message.place(member));
        let value = member.and_then(|place| self.body.get(place));
        let value = value.unwrap_or_default();
        let has = |word: &&str| memmem::find(value, format!("\"{word}\"").as_bytes()).is_some();
        words.iter().any(has)
    }

    /// Takes members out of an object.
    fn strip(&mut self, object: &mut Map<String, Value>, refused: &[&str]) -> bool {
        let mut changed = false;
        for name in refused {
            if let Some(value) = object.shift_remove(*name) {
                self.found
                    .losses
                    .extend((!value.is_null()).then(|| field(name)));
                changed = true;
            }
        }
        changed
    }
}

/// What is lost with a member of a message.
fn field(name: &str) -> Field {
    match name {
        "reasoning" | "reasoning_content" | "reasoning_details" | "extra_content" => {
            Field::ReasoningHistory
        }
        "cache_control" | "prompt_cache_breakpoint" => Field::CacheControl,
        "name" => Field::Name,
        "audio" => Field::Audio,
        _ => Field::Messages,
    }
}
