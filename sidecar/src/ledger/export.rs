//! The ledger for others: one row per line in the columns of FOCUS, the FinOps Open Cost and Usage
//! Specification (<https://focus.finops.org/focus-specification/>, 1.2), as CSV or JSONL. Columns of
//! ours begin with `x_`, as the specification wants.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::sql::{Answers, Cell, ReadError};
use crate::moment::{self, UnixMs};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// The columns, in their order.
pub const COLUMNS: [&str; 45] = [
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    "BillingCurrency",
    "BillingAccountId",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "ChargeDescription",
    "ChargeFrequency",
    "ServiceCategory",
    "ServiceName",
    "ProviderName",
    "PublisherName",
    "InvoiceIssuerName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "SkuId",
    "ConsumedQuantity",
    "ConsumedUnit",
    "SubAccountId",
    "Tags",
    "x_CostMicro",
    "x_Settlement",
    "x_InputTokens",
    "x_OutputTokens",
    "x_CachedTokens",
    "x_CacheCreationTokens",
    "x_ReasoningTokens",
    "x_InputAudioTokens",
    "x_OutputAudioTokens",
    "x_KeyId",
    "x_Model",
    "x_Endpoint",
    "x_Priority",
    "x_Purpose",
    "x_RequestId",
    "x_Attempt",
    "x_Verdict",
    "x_Price",
    "x_Snapshot",
];

/// What of a line is asked for, in this order.
const SELECTED: [&str; 26] = [
    "at_ms",
    "duration_us",
    "tenant",
    "key_id",
    "model",
    "endpoint",
    "provider",
    "upstream_model",
    "priority",
    "purpose",
    "verdict",
    "settlement",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_creation_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "price",
    "snapshot",
    "cost_micro",
    "currency",
    "tags",
    "request_id",
    "attempt",
];

/// Why an export ended early.
#[derive(Debug)]
pub enum ExportError {
    /// The ledger could not be read.
    Read(String),
    /// The rows could not be written.
    Write(io::Error),
}

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot read the ledger: {error}"),
            Self::Write(error) => write!(f, "cannot write the export: {error}"),
        }
    }
}

impl std::error::Error for ExportError {}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Late => Self::Read("it takes too long".to_owned()),
            ReadError::Database(error) => Self::Read(error),
            ReadError::Taker(error) => Self::Write(error),
        }
    }
}

/// Writes the lines from `from` to before `to`, oldest first; how many there were.
pub(super) fn write(
    database: &mut dyn Answers,
    (from, to): (UnixMs, UnixMs),
    format: Format,
    out: &mut impl Write,
) -> Result<u64, ExportError> {
    if format == Format::Csv {
        writeln!(out, "{}", COLUMNS.join(","))?;
    }
    let sql = format!(
        "SELECT {} FROM lines WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, id",
        SELECTED.join(", ")
    );
    let mut count = 0;
    let span = [Cell::Integer(from), Cell::Integer(to)];
    database.each_row(&sql, &span, &mut |cells| {
        let values = values(&Selected(cells));
        count += 1;
        match format {
            Format::Csv => write_csv(&values, out),
            Format::Jsonl => write_json(values, out),
        }
    })?;
    out.flush()?;
    Ok(count)
}

/// A row by the names of its columns.
struct Selected<'a>(&'a [Cell]);

impl Selected<'_> {
    fn get(&self, column: &str) -> &Cell {
        let place = SELECTED.iter().position(|name| *name == column);
        place
            .and_then(|place| self.0.get(place))
            .unwrap_or(&Cell::Null)
    }

    fn text(&self, column: &str) -> String {
        self.get(column).text().unwrap_or_default().to_owned()
    }

    fn integer(&self, column: &str) -> i64 {
        self.get(column).integer().unwrap_or(0)
    }

    fn json(&self, column: &str) -> Value {
        let text = self.get(column).text();
        let value = text.and_then(|text| serde_json::from_str(text).ok());
        value.unwrap_or(Value::Null)
    }
}

/// A row's values, in the order of [`COLUMNS`].
fn values(row: &Selected<'_>) -> [Value; COLUMNS.len()] {
    let text = |column: &str| Value::from(row.text(column));
    let number = |column: &str| Value::from(row.integer(column));
    let (at, duration_us) = (row.integer("at_ms"), row.integer("duration_us"));
    // The end is exclusive, so nothing takes no time.
    let end = at.saturating_add((duration_us / 1_000).max(1));
    let (month, next_month) = moment::month_of(at);
    let (provider, model) = (row.text("provider"), row.text("upstream_model"));
    let micro = row.get("cost_micro").integer();
    let cost = || micro.map_or(Value::Null, |micro| Value::from(decimal(micro)));
    let consumed = row
        .integer("input_tokens")
        .saturating_add(row.integer("output_tokens"));
    [
        cost(),
        cost(),
        cost(),
        cost(),
        text("currency"),
        provider.clone().into(),
        moment::format(month).into(),
        moment::format(next_month).into(),
        moment::format(at).into(),
        moment::format(end).into(),
        "Usage".into(),
        format!("{model} at {provider}").into(),
        "Usage-Based".into(),
        "AI and Machine Learning".into(),
        "LLM inference".into(),
        provider.clone().into(),
        provider.clone().into(),
        provider.clone().into(),
        format!("{provider}/{model}").into(),
        model.clone().into(),
        "Model".into(),
        model.into(),
        consumed.into(),
        "Tokens".into(),
        text("tenant"),
        row.json("tags"),
        micro.map_or(Value::Null, Value::from),
        text("settlement"),
        number("input_tokens"),
        number("output_tokens"),
        number("cached_tokens"),
        number("cache_creation_tokens"),
        number("reasoning_tokens"),
        number("input_audio_tokens"),
        number("output_audio_tokens"),
        text("key_id"),
        text("model"),
        text("endpoint"),
        text("priority"),
        text("purpose"),
        text("request_id"),
        number("attempt"),
        text("verdict"),
        row.json("price"),
        text("snapshot"),
    ]
}

/// Micro-units as a decimal, exactly: `1.25`.
fn decimal(micro: i64) -> String {
    let (whole, part) = (
        micro.unsigned_abs() / 1_000_000,
        micro.unsigned_abs() % 1_000_000,
    );
    let sign = if micro < 0 { "-" } else { "" };
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{part:06}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// Decimals are numbers in JSON too, with the digits that they have.
fn write_json(values: [Value; COLUMNS.len()], out: &mut impl Write) -> io::Result<()> {
    let mut object = Map::new();
    for (n, (name, value)) in COLUMNS.iter().zip(values).enumerate() {
        let value = match value {
            Value::String(decimal) if n < 4 => {
                serde_json::from_str(&decimal).unwrap_or(Value::Null)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
            Value::Array(_) | Value::Object(_) => value,
        };
        object.insert((*name).to_owned(), value);
    }
    writeln!(out, "{}", Value::Object(object))
}

fn write_csv(values: &[Value], out: &mut impl Write) -> io::Result<()> {
    for (n, value) in values.iter().enumerate() {
        if n > 0 {
            out.write_all(b",")?;
        }
        match value {
            Value::Null => {}
            Value::String(text) => write_cell(text, out)?,
            Value::Bool(_) | Value::Number(_) => write!(out, "{value}")?,
            Value::Array(_) | Value::Object(_) => write_cell(&value.to_string(), out)?,
        }
    }
    out.write_all(b"\n")
}

/// Quoted where RFC 4180 wants it. What a spreadsheet would take for a formula gets an apostrophe.
fn write_cell(text: &str, out: &mut impl Write) -> io::Result<()> {
    let formula = text.starts_with(['=', '+', '@', '\t', '\r'])
        || (text.starts_with('-') && text.parse::<f64>().is_err());
    let guard = if formula { "'" } else { "" };
    if text.contains([',', '"', '\n', '\r']) {
        write!(out, "\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        write!(out, "{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_its_digits() {
        for (micro, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_250_000, "1.25"),
            (-2_000_001, "-2.000001"),
            (i64::MAX, "9223372036854.775807"),
        ] {
            assert_eq!(decimal(micro), text);
        }
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, cell) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("-0.5", "-0.5"),
            ("-x", "'-x"),
        ] {
            let mut out = Vec::new();
            write_cell(text, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), cell);
        }
    }
}
