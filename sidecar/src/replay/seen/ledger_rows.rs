//! Rows of the ledger's export: attempts, of which requests are put together again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ark_gateway_core::money::Price;
use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::Verdict;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Asked, Attempt, Seen, Us};
use crate::analyze::csv::Cells;
use crate::moment;

/// The columns that matter, of [`crate::ledger::export::columns`].
const NAMES: [&str; 15] = [
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ProviderName",
    "SkuId",
    "x_InputTokens",
    "x_OutputTokens",
    "x_Model",
    "x_Endpoint",
    "x_Priority",
    "x_Purpose",
    "x_RequestId",
    "x_Attempt",
    "x_Verdict",
    "x_Price",
    "x_Settlement",
];

/// One row.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(rename = "ChargePeriodStart", borrow)]
    from: Cow<'a, str>,
    #[serde(rename = "ChargePeriodEnd", borrow)]
    to: Cow<'a, str>,
    #[serde(rename = "ProviderName", borrow)]
    provider: Cow<'a, str>,
    #[serde(rename = "SkuId", borrow)]
    upstream_model: Cow<'a, str>,
    #[serde(rename = "x_InputTokens")]
    input_tokens: Option<u32>,
    #[serde(rename = "x_OutputTokens")]
    output_tokens: Option<u32>,
    #[serde(rename = "x_Model", borrow)]
    model: Cow<'a, str>,
    #[serde(rename = "x_Endpoint", borrow)]
    endpoint: Cow<'a, str>,
    #[serde(rename = "x_Priority")]
    priority: Priority,
    #[serde(rename = "x_Purpose", borrow)]
    purpose: Cow<'a, str>,
    #[serde(rename = "x_RequestId", borrow)]
    request: Cow<'a, str>,
    #[serde(rename = "x_Attempt")]
    attempt: u32,
    #[serde(rename = "x_Verdict", borrow)]
    verdict: Cow<'a, str>,
    #[serde(rename = "x_Price", default)]
    price: Option<Price>,
    #[serde(rename = "x_Settlement", borrow)]
    settlement: Cow<'a, str>,
}

/// Where the columns of a CSV are, in the order of [`NAMES`].
pub(super) struct Columns(Vec<usize>);

impl Columns {
    /// Of a header; `None` when it is not that of our export.
    pub(super) fn of(head: &str) -> Option<Self> {
        let mut cells = Cells::default();
        cells.split(head.as_bytes())?;
        let find = |name: &&str| cells.iter().position(|cell| cell == name.as_bytes());
        NAMES.iter().map(find).collect::<Option<_>>().map(Self)
    }
}

/// Puts requests together again.
#[derive(Default)]
pub(super) struct Rows {
    /// By their ids, their places in [`Seen::requests`].
    requests: BTreeMap<Box<str>, usize>,
    /// Attempts that were charged nothing, by their places, and their requests'.
    silent: Vec<(usize, usize)>,
    /// Of the line that is read.
    cells: Cells,
}

impl Rows {
    pub(super) fn take_json(&mut self, line: &str, seen: &mut Seen) -> Result<(), String> {
        let row: Row<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        self.take(&row, seen)
    }

    pub(super) fn take_csv(
        &mut self,
        line: &str,
        columns: &Columns,
        seen: &mut Seen,
    ) -> Result<(), String> {
        let mut cells = std::mem::take(&mut self.cells);
        let is_whole = cells.split(line.as_bytes());
        is_whole.ok_or("has a quote that is not closed")?;
        let found: Vec<&[u8]> = cells.iter().collect();
        let mut wanted = columns.0.iter().map(|at| found.get(*at).copied());
        let mut next = || -> Result<Cow<'_, str>, String> {
            let cell = wanted.next().flatten().ok_or("has too few columns")?;
            let text = std::str::from_utf8(cell).map_err(|error| error.to_string())?;
            // A cell that a spreadsheet would take for a formula is written with an apostrophe.
            let guarded = text
                .strip_prefix('\'')
                .filter(|rest| rest.starts_with(['=', '+', '@', '-', '\t', '\r']));
            Ok(guarded.unwrap_or(text).into())
        };
        let row = Row {
            from: next()?,
            to: next()?,
            provider: next()?,
            upstream_model: next()?,
            input_tokens: maybe_number(&next()?)?,
            output_tokens: maybe_number(&next()?)?,
            model: next()?,
            endpoint: next()?,
            priority: word(&next()?)?,
            purpose: next()?,
            request: next()?,
            attempt: number(&next()?)?,
            verdict: next()?,
            price: match &*next()? {
                "" => None,
                json => Some(serde_json::from_str(json).map_err(|error| error.to_string())?),
            },
            settlement: next()?,
        };
        let taken = self.take(&row, seen);
        self.cells = cells;
        taken
    }

    fn take(&mut self, row: &Row<'_>, seen: &mut Seen) -> Result<(), String> {
        if matches!(&*row.settlement, "reserved" | "lost") {
            // How it ended is not known.
            return Ok(());
        }
        let (from, to) = (micros(&row.from)?, micros(&row.to)?);
        let tokens = (
            row.input_tokens.unwrap_or(0),
            row.output_tokens.unwrap_or(0),
        );
        let verdict: Verdict = word(&row.verdict)?;
        let is_ok = verdict == Verdict::Ok;
        // The ledger does not say whether an answer came token by token.
        let stream = row.endpoint != "embeddings";
        let mut request = None;
        if row.purpose == "client" {
            let known = self.requests.get(&*row.request).copied();
            let at = known.filter(|_| row.attempt > 0).unwrap_or_else(|| {
                let model = seen.name(&row.model);
                seen.requests.push(Asked {
                    at: from,
                    tokens: None,
                    max_tokens: None,
                    priority: row.priority,
                    model,
                    stream,
                });
                let at = seen.requests.len() - 1;
                self.requests.insert((*row.request).into(), at);
                at
            });
            if let Some(asked) = seen.requests.get_mut(at).filter(|_| is_ok) {
                asked.tokens = Some(tokens);
            }
            request = Some(at);
        }
        if let (Some(request), (0, 0)) = (request, tokens) {
            self.silent.push((seen.attempts.len(), request));
        }
        let (provider, model) = (seen.name(&row.provider), seen.name(&row.upstream_model));
        seen.attempts.push(Attempt {
            at: from,
            provider,
            model,
            verdict,
            ttft: None,
            took: to.saturating_sub(from),
            input_tokens: tokens.0,
            output_tokens: tokens.1,
            stream,
            price: row.price,
            says_when: false,
            limits: [None, None],
        });
        Ok(())
    }

    /// What was asked in vain was as long as what was answered in the end.
    pub(super) fn finish(self, seen: &mut Seen) {
        for (attempt, request) in self.silent {
            let tokens = seen.requests.get(request).and_then(|asked| asked.tokens);
            if let (Some(attempt), Some(tokens)) = (seen.attempts.get_mut(attempt), tokens) {
                (attempt.input_tokens, attempt.output_tokens) = tokens;
            }
        }
    }
}

fn micros(text: &str) -> Result<Us, String> {
    let at = moment::parse(text.as_bytes()).and_then(|ms| Us::try_from(ms).ok());
    at.map(|ms| ms.saturating_mul(1_000))
        .ok_or_else(|| format!("{text:?} is no time such as 2026-11-23T12:38:03.500Z"))
}

fn number(text: &str) -> Result<u32, String> {
    text.parse()
        .map_err(|error| format!("{text:?} is no number of tokens: {error}"))
}

fn maybe_number(text: &str) -> Result<Option<u32>, String> {
    match text {
        "" => Ok(None),
        text => number(text).map(Some),
    }
}

fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::from(text)).map_err(|error| error.to_string())
}
