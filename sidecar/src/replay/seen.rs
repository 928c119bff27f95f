//! What our own records say: of each attempt how it went, of each request what it asked for.
//!
//! Read from records as the filter makes them (JSONL), from the ledger's exports (JSONL or CSV) and from
//! the ledger itself. They are told apart by content.

mod ledger_rows;
mod lines;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ark_gateway_core::money::Price;
use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::{AttemptRecord, Outcome, Record, Verdict};

use super::Us;
use super::trace::Arrival;
use crate::probing::is_probe;
use ledger_rows::Rows;

/// Largest file that is read, bytes.
const FILE_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// One attempt as it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// When it began, since 1970.
    pub at: Us,
    /// Its provider.
    pub provider: Arc<str>,
    /// The provider's name for the model.
    pub model: Arc<str>,
    /// How it ended.
    pub verdict: Verdict,
    /// From its start to its first byte, where that is known.
    pub ttft: Option<Us>,
    /// From its start to its end.
    pub took: Us,
    /// Prompt tokens, of the request where it has none itself.
    pub input_tokens: u32,
    /// Completion tokens, of the request where it has none itself.
    pub output_tokens: u32,
    /// Whether its tokens came one by one.
    pub stream: bool,
    /// What it was charged by.
    pub price: Option<Price>,
    /// The provider said when to come back.
    pub says_when: bool,
    /// The provider's own word on its requests and tokens per minute.
    pub limits: [Option<u64>; 2],
}

/// One request as it was asked; without tokens when nothing answered it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// When it came, since 1970.
    pub at: Us,
    /// Prompt and completion tokens.
    pub tokens: Option<(u32, u32)>,
    /// The client's bound on completion tokens.
    pub max_tokens: Option<u32>,
    /// Its priority.
    pub priority: Priority,
    /// Its model, as clients call it.
    pub model: Arc<str>,
    /// Whether its answer came token by token.
    pub stream: bool,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Attempts, by their start.
    pub attempts: Vec<Attempt>,
    /// Requests of clients, by their start.
    pub requests: Vec<Asked>,
    names: BTreeSet<Arc<str>>,
}

impl Seen {
    /// Reads all these files together.
    ///
    /// # Errors
    /// In words: which file, which line, what is wrong.
    pub fn read(files: &[std::path::PathBuf]) -> Result<Self, String> {
        let mut seen = Self::default();
        for file in files {
            if !seen.take_file(file)? {
                return Err(format!(
                    "{}: is neither Ark's records (JSONL), nor its ledger (SQLite), nor an export of \
                     that (`ark ledger export`, CSV or JSONL)",
                    file.display()
                ));
            }
        }
        seen.sort();
        Ok(seen)
    }

    /// The same of one file; `None` when it is none of ours.
    ///
    /// # Errors
    /// It is ours and cannot be read.
    pub fn of(file: &Path) -> Result<Option<Self>, String> {
        let mut seen = Self::default();
        let is_ours = seen.take_file(file)?;
        seen.sort();
        Ok(is_ours.then_some(seen))
    }

    fn take_file(&mut self, file: &Path) -> Result<bool, String> {
        let shown = file.display();
        let unreadable = |error: std::io::Error| format!("cannot read {shown}: {error}");
        let size = std::fs::metadata(file).map_err(unreadable)?.len();
        if size > FILE_LIMIT_BYTES {
            let limit = FILE_LIMIT_BYTES / 1024 / 1024;
            return Err(format!("{shown} is larger than {limit} MiB"));
        }
        if lines::is_database(file).map_err(unreadable)? {
            let mut rows = Rows::default();
            lines::of_database(file, &mut |line| rows.take_json(line, self))
                .map_err(|problem| format!("{shown}: {problem}"))?;
            rows.finish(self);
            return Ok(true);
        }
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        lines::of_text(&text, self).map_err(|problem| format!("{shown}: {problem}"))
    }

    fn sort(&mut self) {
        self.attempts.sort_by_key(|attempt| attempt.at);
        self.requests.sort_by_key(|request| request.at);
    }

    /// Takes in one record.
    pub fn take(&mut self, record: &Record) {
        let tokens = (
            capped(record.usage.input_tokens),
            capped(record.usage.output_tokens),
        );
        if !is_probe(record) && !record.is_shadow() && !record.model.is_empty() {
            let asked = record.basis.as_ref().and_then(|b| b.max_output_tokens);
            let model = self.name(&record.model);
            self.requests.push(Asked {
                at: record.at_ms.saturating_mul(1_000),
                // What was cut short says nothing of how long it would have been.
                tokens: (record.outcome == Outcome::Ok).then_some(tokens),
                max_tokens: asked.map(capped),
                priority: record.priority,
                model,
                stream: record.stream,
            });
        }
        for attempt in &record.attempts {
            let attempt = self.attempt(record, attempt, tokens);
            self.attempts.push(attempt);
        }
    }

    fn attempt(
        &mut self,
        record: &Record,
        attempt: &AttemptRecord,
        (input, output): (u32, u32),
    ) -> Attempt {
        let charge = attempt.charge.as_ref();
        let own = charge.map(|charge| charge.usage);
        let said = attempt.rate_limits.unwrap_or_default();
        // Only what is whole again within a minute or so is a limit per minute.
        let per_minute = |said: Option<ark_gateway_core::record::Allowance>| {
            let is_minutes = |ms: u64| ms <= 61_000;
            said.filter(|a| a.reset_ms.is_none_or(is_minutes))?.limit
        };
        Attempt {
            at: record.at_ms.saturating_mul(1_000) + attempt.start_us,
            provider: self.name(&attempt.provider),
            model: self.name(&attempt.model),
            verdict: attempt.verdict,
            ttft: attempt.ttft_us,
            took: attempt.duration_us,
            input_tokens: own.map_or(input, |usage| capped(usage.input_tokens)),
            output_tokens: own.map_or(output, |usage| capped(usage.output_tokens)),
            stream: record.stream,
            price: charge.and_then(|charge| charge.price),
            says_when: attempt.retry_after_ms.is_some(),
            limits: [per_minute(said.requests), per_minute(said.tokens)],
        }
    }

    /// One string for a name, however often it comes.
    fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        self.names.insert(Arc::clone(&new));
        new
    }

    /// The requests as a trace, and how many of them nothing answered: those are as long as the median of
    /// the others.
    #[must_use]
    pub fn arrivals(&self) -> (Vec<Arrival>, u64) {
        let mut known: Vec<(u32, u32)> = self.requests.iter().filter_map(|r| r.tokens).collect();
        known.sort_unstable_by_key(|(input, output)| u64::from(*input) + u64::from(*output));
        let usual = known.get(known.len() / 2).copied().unwrap_or_default();
        let first = self.requests.first().map_or(0, |request| request.at);
        let mut unanswered = 0;
        let arrivals = self.requests.iter().map(|request| {
            unanswered += u64::from(request.tokens.is_none());
            let (input_tokens, output_tokens) = request.tokens.unwrap_or(usual);
            Arrival {
                at: request.at - first,
                input_tokens,
                output_tokens,
                max_tokens: request.max_tokens,
                priority: Some(request.priority),
                model: Some(request.model.to_string()),
                stream: request.stream,
            }
        });
        let arrivals = arrivals.collect();
        (arrivals, unanswered)
    }
}

fn capped(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
