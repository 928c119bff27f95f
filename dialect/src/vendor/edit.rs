//! One vendor's quirks, applied to one body.

use std::borrow::Cow;
use std::ops::Range;

use super::member::{Found, field, is_default, number};
use super::table::{MaxTokens, Quirks, UsageReport};
use super::{VendorEdits, messages, remove, schema, value};
use crate::json_scan::{Kind, ScanError};
use crate::loss::{Field, Losses};
use crate::rewrite::Splice;

/// The edits under way.
pub(super) struct Edit<'a> {
    pub(super) found: Found<'a>,
    pub(super) quirks: &'static Quirks,
    pub(super) losses: Losses,
    pub(super) splices: Vec<Splice>,
    /// Members to take out, from key to value.
    removed: Vec<Range<usize>>,
}

pub(super) fn edits(body: &[u8], quirks: &'static Quirks) -> Result<VendorEdits, ScanError> {
    let mut edit = Edit {
        found: Found::scan(body)?,
        quirks,
        losses: Losses::default(),
        splices: Vec::new(),
        removed: Vec::new(),
    };
    edit.unsupported();
    edit.tokens();
    edit.renamed();
    edit.bounds();
    value::edit(&mut edit);
    schema::edit(&mut edit);
    edit.messages()?;
    edit.removals();
    Ok(VendorEdits {
        splices: edit.splices,
        losses: edit.losses.into_vec(),
    })
}

impl Edit<'_> {
    /// Takes a member out.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(member) = self.found.get(name) {
            self.removed.push(member.key_start..member.span.end);
        }
    }

    /// Takes a member out, which loses what it said.
    pub(super) fn lose(&mut self, name: &str) {
        let said = self.found.said(name);
        let lost = said.is_some_and(|value| !is_default(name, value));
        self.losses.note_if(lost, field(name));
        self.remove(name);
    }

    /// Puts another value in the place of a member's.
    pub(super) fn replace_value(&mut self, name: &str, text: impl Into<Cow<'static, str>>) {
        if let Some(member) = self.found.get(name) {
            let (at, text) = (member.span.clone(), text.into());
            self.splices.push(Splice { at, text });
        }
    }

    /// Puts other members in the place of one.
    pub(super) fn replace_member(&mut self, name: &str, text: impl Into<Cow<'static, str>>) {
        if let Some(member) = self.found.get(name) {
            let (at, text) = (member.key_start..member.span.end, text.into());
            self.splices.push(Splice { at, text });
        }
    }

    fn rename(&mut self, name: &str, own: &str) {
        let Some(member) = self.found.get(name) else {
            return;
        };
        // No key that is looked for has a quote in it.
        let inside = member.key_start.saturating_add(1);
        let key = self.found.body.get(inside..member.span.start);
        let length = key.and_then(|key| memchr::memchr(b'"', key));
        let at = inside..inside.saturating_add(length.unwrap_or_default());
        let text = own.to_owned().into();
        self.splices.push(Splice { at, text });
    }

    fn unsupported(&mut self) {
        let quirks = self.quirks;
        for name in quirks.unsupported {
            self.lose(name);
        }
        if quirks.usage == UsageReport::Always {
            self.remove("stream_options");
        }
    }

    /// The newer of the two bounds wins where only one can be said.
    fn tokens(&mut self) {
        const NEW: &str = "max_completion_tokens";
        const OLD: &str = "max_tokens";
        let new = self.found.said(NEW).is_some();
        match self.quirks.max_tokens {
            MaxTokens::Both => {}
            MaxTokens::Either if new => self.remove(OLD),
            MaxTokens::Old if new => {
                self.remove(OLD);
                self.rename(NEW, OLD);
            }
            MaxTokens::Either | MaxTokens::Old => self.remove(NEW),
        }
    }

    /// What the client says in the vendor's own words counts.
    fn renamed(&mut self) {
        let quirks = self.quirks;
        for (name, own) in quirks.renamed {
            if self.found.get(own).is_some() {
                self.remove(name);
            } else {
                self.rename(name, own);
            }
        }
    }

    fn bounds(&mut self) {
        let said = |name| self.found.said(name).and_then(number);
        let (least, most) = self.quirks.temperature;
        let temperature = said("temperature");
        if let Some(wish) = temperature.filter(|wish| !(least..=most).contains(wish)) {
            let bound = if wish < least { least } else { most };
            self.replace_value("temperature", format!("{bound:?}"));
            self.losses.note(Field::Temperature);
        }
        let n = self.found.said("n").and_then(number);
        match self.quirks.max_n {
            Some(most) if n.is_some_and(|n| n > most as f64) => {
                self.replace_value("n", most.to_string());
                self.losses.note(Field::N);
            }
            Some(_) | None => {}
        }
    }

    fn messages(&mut self) -> Result<(), ScanError> {
        let Some(member) = self.found.get("messages") else {
            return Ok(());
        };
        if member.kind != Kind::Array {
            return Ok(());
        }
        let found = messages::find(self.found.body, &member.span, self.quirks)?;
        self.splices.extend(found.splices);
        self.removed.extend(found.removed);
        found
            .losses
            .into_iter()
            .for_each(|field| self.losses.note(field));
        Ok(())
    }

    /// Takes out what is to go, and puts in what is missing.
    fn removals(&mut self) {
        let Found { body, open, .. } = self.found;
        let ranges = remove::members(body, std::mem::take(&mut self.removed));
        let mut first = remove::skip_space(body, open);
        for range in &ranges {
            if range.contains(&first) {
                first = remove::skip_space(body, range.end);
            }
        }
        let empty = body.get(first) == Some(&b'}');
        let missing = self.quirks.added.iter();
        let missing = missing.filter(|(name, _)| self.found.get(name).is_none());
        let mut added: Vec<String> = missing
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        if !added.is_empty() {
            if !empty {
                added.push(String::new());
            }
            let (at, text) = (open..open, added.join(",").into());
            self.splices.push(Splice { at, text });
        }
        self.splices.extend(ranges.into_iter().map(|at| Splice {
            at,
            text: Cow::Borrowed(""),
        }));
    }
}
