//! A value of the file that knows where it stands, and reports what is wrong with it.
//!
//! A reading function returns `None` exactly when it (or something below it) has reported a
//! problem. So reading goes on past every error, and a whole file's problems come out at once.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::problem::{Problem, Problems};
use super::words::{looks_secret, nearest, quoted};

/// Where problems are collected.
#[derive(Default)]
pub(super) struct Sink(RefCell<Vec<Problem>>);

impl Sink {
    /// Adds a problem. The first one at a path stands: later ones are its consequences.
    pub(super) fn push(&self, path: &str, message: String, hint: Option<String>) {
        let mut problems = self.0.borrow_mut();
        if problems.iter().all(|known| known.path != path) {
            problems.push(Problem {
                path: path.to_owned(),
                message,
                hint,
            });
        }
    }

    pub(super) fn into_problems(self) -> Problems {
        Problems(self.0.into_inner())
    }
}

/// A value and where it stands.
pub(super) struct Node<'a> {
    value: &'a Value,
    path: String,
    sink: &'a Sink,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value, sink: &'a Sink) -> Self {
        let path = String::new();
        Self { value, path, sink }
    }

    pub(super) fn path(&self) -> &str {
        if self.path.is_empty() {
            "(file)"
        } else {
            &self.path
        }
    }

    /// Reports a problem; `None`, so that a reader can end with it.
    pub(super) fn problem<T>(&self, message: impl Into<String>) -> Option<T> {
        self.sink.push(self.path(), message.into(), None);
        None
    }

    /// Reports a problem with what to do about it.
    pub(super) fn problem_with_hint<T>(
        &self,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Option<T> {
        self.sink
            .push(self.path(), message.into(), Some(hint.into()));
        None
    }

    fn child(&self, value: &'a Value, name: &str) -> Node<'a> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Node {
            value,
            path: format!("{}{dot}{name}", self.path),
            sink: self.sink,
        }
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        let (found, hint) = match self.value {
            Value::Null => ("nothing", "give it a value, or remove the line"),
            Value::Bool(_) => ("true or false", "put it in quotes if it is text"),
            Value::Number(_) => ("a number", "put it in quotes if it is text"),
            Value::String(_) => ("text", ""),
            Value::Array(_) => ("a list", ""),
            Value::Object(_) => ("a mapping", ""),
        };
        let message = format!("must be {expected}, is {found}");
        let useful = expected.starts_with("text") || self.value.is_null();
        if hint.is_empty() || !useful {
            self.problem(message)
        } else {
            self.problem_with_hint(message, hint)
        }
    }

    /// What stands here without these fields: for a block of which another reader reads the rest.
    pub(super) fn without(&self, names: &[&str]) -> Value {
        let mut value = self.value.clone();
        if let Value::Object(map) = &mut value {
            map.retain(|name, _| !names.contains(&name.as_str()));
        }
        value
    }

    /// The same place, holding this.
    pub(super) fn holding<'b>(&'b self, value: &'b Value) -> Node<'b> {
        Node {
            value,
            path: self.path.clone(),
            sink: self.sink,
        }
    }

    /// A share of all, as text in per cent (`5%`) or as a number up to 1: in millionths, at least one.
    pub(super) fn share(&self) -> Option<u32> {
        let wrong =
            || self.problem_with_hint("must be a share above 0 and up to all", "write it as 5%");
        let Some(text) = self.peek_text() else {
            let share = self.number("a share above 0 and up to 1, as 5% or 0.05", |share| {
                share > 0.0 && share <= 1.0
            })?;
            return millionths(share).or_else(wrong);
        };
        let per_cent = text
            .strip_suffix('%')
            .and_then(|n| n.trim().parse::<f32>().ok());
        match per_cent {
            Some(n) if n > 0.0 && n <= 100.0 => millionths(n / 100.0).or_else(wrong),
            Some(_) | None => wrong(),
        }
    }

    /// A mapping.
    pub(super) fn fields(&self) -> Option<Fields<'a, '_>> {
        let Value::Object(map) = self.value else {
            return self.wrong_type("a mapping");
        };
        Some(Fields {
            node: self,
            map,
            known: Vec::new(),
        })
    }

    /// A list of at most `most` items.
    pub(super) fn items(&self, most: usize) -> Option<Vec<Node<'a>>> {
        let Value::Array(values) = self.value else {
            return self.wrong_type("a list");
        };
        if values.len() > most {
            return self.problem(format!("has {} items, at most {most} work", values.len()));
        }
        let items = values.iter().enumerate();
        Some(
            items
                .map(|(i, value)| Node {
                    value,
                    path: format!("{}[{i}]", self.path),
                    sink: self.sink,
                })
                .collect(),
        )
    }

    /// A list, each of its items read by `read`.
    pub(super) fn each<T>(
        &self,
        most: usize,
        mut read: impl FnMut(&Node<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        // Collect first: an early end would hide the problems of later items.
        let read: Vec<_> = self.items(most)?.iter().map(&mut read).collect();
        read.into_iter().collect()
    }

    /// The entries of a mapping whose names are the operator's own, at most `most`.
    pub(super) fn entries(&self, most: usize) -> Option<Vec<(&'a str, Node<'a>)>> {
        let Value::Object(map) = self.value else {
            return self.wrong_type("a mapping");
        };
        if map.len() > most {
            return self.problem(format!("has {} entries, at most {most} work", map.len()));
        }
        let is_bad = |name: &&String| !is_shown(name);
        if map.keys().any(|name| is_bad(&name)) {
            return self.problem("has a field of a name that is no name");
        }
        Some(
            map.iter()
                .map(|(name, value)| (name.as_str(), self.child(value, name)))
                .collect(),
        )
    }

    /// Text.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.value.as_str().or_else(|| self.wrong_type("text"))
    }

    /// The text, if it is text; reports nothing.
    pub(super) fn peek_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        let value = self.value.as_bool();
        value.or_else(|| self.wrong_type("true or false"))
    }

    /// `true` or `false`, if it is one of them; reports nothing.
    pub(super) fn peek_boolean(&self) -> Option<bool> {
        self.value.as_bool()
    }

    /// A whole number within a range.
    pub(super) fn integer<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let Value::Number(number) = self.value else {
            return self.wrong_type(&expected);
        };
        let value = number.as_u64().filter(|value| range.contains(value));
        match value.and_then(|value| T::try_from(value).ok()) {
            Some(value) => Some(value),
            None => self.problem(format!("must be {expected}, is {number}")),
        }
    }

    /// A number for which `accept` holds; `expected` says which those are.
    pub(super) fn number(&self, expected: &str, accept: impl Fn(f32) -> bool) -> Option<f32> {
        let Value::Number(number) = self.value else {
            return self.wrong_type(expected);
        };
        #[allow(
            clippy::cast_possible_truncation,
            reason = "weights and targets need no more precision than f32 has"
        )]
        let value = number.as_f64().map(|value| value as f32);
        match value.filter(|value| value.is_finite() && accept(*value)) {
            Some(value) => Some(value),
            None => self.problem(format!("must be {expected}, is {number}")),
        }
    }

    /// A plain decimal number of at most six decimals, in millionths: exact, never through a float's
    /// arithmetic.
    pub(super) fn millionths(&self, most: u64) -> Option<u64> {
        let expected = format!("a number from 0 to {most} with at most 6 decimals");
        let Value::Number(number) = self.value else {
            return self.wrong_type(&expected);
        };
        let value = super::words::millionths(&number.to_string());
        match value.filter(|value| *value <= most.saturating_mul(1_000_000)) {
            Some(value) => Some(value),
            None => self.problem(format!("must be {expected}, is {number}")),
        }
    }

    /// One of a closed set of words.
    pub(super) fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let hint = match nearest(text, &names) {
            Some(name) => format!("did you mean {name}?"),
            None => format!("known: {}", names.join(", ")),
        };
        self.problem_with_hint(format!("{} is not known", quoted(text)), hint)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is at most 1"
)]
fn millionths(share: f32) -> Option<u32> {
    let millionths = (f64::from(share) * 1e6).round() as u32;
    (millionths > 0).then_some(millionths)
}

/// The fields of a mapping, read by name; what is left unread is unknown.
pub(super) struct Fields<'a, 'n> {
    node: &'n Node<'a>,
    map: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a, '_> {
    /// The field's node, if it is there.
    pub(super) fn find(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        self.map.get(name).map(|value| self.node.child(value, name))
    }

    /// A field that must be there.
    pub(super) fn must<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.find(name) {
            Some(node) => read(&node),
            None => self.child_problem(name, "is missing", None),
        }
    }

    /// Reports that a field is missing, with what to do about it.
    pub(super) fn missing<T>(&mut self, name: &'static str, hint: impl Into<String>) -> Option<T> {
        self.child_problem(name, "is missing", Some(hint.into()))
    }

    /// A field that may be absent.
    pub(super) fn maybe<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.find(name) {
            Some(node) => read(&node).map(Some),
            None => Some(None),
        }
    }

    /// A field that has a default.
    pub(super) fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&Node<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.find(name) {
            Some(node) => read(&node),
            None => Some(default),
        }
    }

    fn child_problem<T>(&self, name: &str, message: &str, hint: Option<String>) -> Option<T> {
        let child = self.node.child(&Value::Null, name);
        child.sink.push(child.path(), message.to_owned(), hint);
        None
    }

    /// Reports every field that nothing has read. `secret_hint` says where secrets belong.
    pub(super) fn finish(self, secret_hint: &str) -> Option<()> {
        let unknown = self
            .map
            .keys()
            .filter(|name| !self.known.contains(&name.as_str()));
        let mut clean = Some(());
        for name in unknown {
            clean = None;
            if !is_shown(name) {
                // The name itself might be a secret that lost its field.
                self.node
                    .problem_with_hint::<()>("has a field of a name that is no name", secret_hint);
                continue;
            }
            let hint = match nearest(name, &self.known) {
                Some(near) => format!("did you mean {near}?"),
                None if SECRET_FIELDS.contains(&name.as_str()) && !secret_hint.is_empty() => {
                    secret_hint.to_owned()
                }
                None => format!("known: {}", self.known.join(", ")),
            };
            self.node
                .child(&Value::Null, name)
                .problem_with_hint::<()>("is not a known field", hint);
        }
        clean
    }
}

/// Fields that operators try when they want to write a secret down.
const SECRET_FIELDS: [&str; 9] = [
    "api_key",
    "apikey",
    "bearer",
    "key",
    "password",
    "secret",
    "token",
    "value",
    "credentials",
];

fn is_shown(name: &str) -> bool {
    name.len() <= 64
        && !looks_secret(name)
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
