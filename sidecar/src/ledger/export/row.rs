//! A line as a row of FOCUS.

use super::super::sql::{COLUMNS, Cell};
use crate::moment::{self, UnixMs};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// FOCUS's decimal, in millionths.
    Money,
    /// FOCUS's decimal without a fraction.
    Quantity,
    /// A whole number.
    Integer,
    /// FOCUS's date and time.
    Time,
    /// Text.
    Text,
    /// A JSON object.
    Json,
}

/// The columns, in their order.
pub(super) const TABLE: [(&str, Kind); 47] = [
    ("BilledCost", Kind::Money),
    ("EffectiveCost", Kind::Money),
    ("ListCost", Kind::Money),
    ("ContractedCost", Kind::Money),
    ("BillingCurrency", Kind::Text),
    ("BillingAccountId", Kind::Text),
    ("BillingPeriodStart", Kind::Time),
    ("BillingPeriodEnd", Kind::Time),
    ("ChargePeriodStart", Kind::Time),
    ("ChargePeriodEnd", Kind::Time),
    ("ChargeCategory", Kind::Text),
    ("ChargeDescription", Kind::Text),
    ("ChargeFrequency", Kind::Text),
    ("ServiceCategory", Kind::Text),
    ("ServiceName", Kind::Text),
    ("ProviderName", Kind::Text),
    ("PublisherName", Kind::Text),
    ("InvoiceIssuerName", Kind::Text),
    ("ResourceId", Kind::Text),
    ("ResourceName", Kind::Text),
    ("ResourceType", Kind::Text),
    ("SkuId", Kind::Text),
    ("ConsumedQuantity", Kind::Quantity),
    ("ConsumedUnit", Kind::Text),
    ("SubAccountId", Kind::Text),
    ("Tags", Kind::Json),
    ("x_CostMicro", Kind::Integer),
    ("x_Settlement", Kind::Text),
    ("x_InputTokens", Kind::Integer),
    ("x_OutputTokens", Kind::Integer),
    ("x_CachedTokens", Kind::Integer),
    ("x_CacheCreationTokens", Kind::Integer),
    ("x_ReasoningTokens", Kind::Integer),
    ("x_InputAudioTokens", Kind::Integer),
    ("x_OutputAudioTokens", Kind::Integer),
    ("x_KeyId", Kind::Text),
    ("x_Model", Kind::Text),
    ("x_Endpoint", Kind::Text),
    ("x_Priority", Kind::Text),
    ("x_Purpose", Kind::Text),
    ("x_RequestId", Kind::Text),
    ("x_Attempt", Kind::Integer),
    ("x_Verdict", Kind::Text),
    ("x_Price", Kind::Json),
    ("x_Snapshot", Kind::Text),
    ("x_CeilingTokens", Kind::Integer),
    ("x_CeilingMicro", Kind::Integer),
];

/// The columns' names, in their order.
#[must_use]
pub fn columns() -> [&'static str; TABLE.len()] {
    TABLE.map(|(name, _)| name)
}

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Not known, or there is none.
    Null,
    /// Millionths.
    Micro(i64),
    Integer(i64),
    Time(UnixMs),
    Text(String),
    /// A JSON document.
    Json(String),
}

/// A line's cells by the names of their columns.
struct Line<'a>(&'a [Cell]);

impl Line<'_> {
    fn get(&self, column: &str) -> &Cell {
        let place = COLUMNS.iter().position(|(name, _)| *name == column);
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

    fn maybe(&self, column: &str) -> Value {
        self.get(column)
            .integer()
            .map_or(Value::Null, Value::Integer)
    }

    fn json(&self, column: &str) -> Value {
        let text = self.get(column).text();
        text.map_or(Value::Null, |text| Value::Json(text.to_owned()))
    }
}

/// Columns that FOCUS has; ours come after them.
const FOCUS_COLUMNS: usize = 26;

/// A row's values, in the order of [`TABLE`].
pub(super) fn values(cells: &[Cell]) -> Vec<Value> {
    let row = Line(cells);
    // What has not ended has used nothing that is known.
    let is_settled = row.get("ceiling_tokens") == &Cell::Null;
    let focus = of_focus(&row, is_settled);
    focus.into_iter().chain(of_ours(&row, is_settled)).collect()
}

fn of_focus(row: &Line<'_>, is_settled: bool) -> [Value; FOCUS_COLUMNS] {
    let text = |column: &str| Value::Text(row.text(column));
    let said = |text: &str| Value::Text(text.to_owned());
    let (at, duration_us) = (row.integer("at_ms"), row.integer("duration_us"));
    // The end is exclusive, so nothing takes no time.
    let end = at.saturating_add((duration_us / 1_000).max(1));
    let (month, next_month) = moment::month_of(at);
    let (provider, model) = (row.text("provider"), row.text("upstream_model"));
    let cost = || {
        let micro = row.get("cost_micro").integer();
        micro.map_or(Value::Null, Value::Micro)
    };
    let consumed = row
        .integer("input_tokens")
        .saturating_add(row.integer("output_tokens"));
    [
        cost(),
        cost(),
        cost(),
        cost(),
        text("currency"),
        said(&provider),
        Value::Time(month),
        Value::Time(next_month),
        Value::Time(at),
        Value::Time(end),
        said("Usage"),
        Value::Text(format!("{model} at {provider}")),
        said("Usage-Based"),
        said("AI and Machine Learning"),
        said("LLM inference"),
        said(&provider),
        said(&provider),
        said(&provider),
        Value::Text(format!("{provider}/{model}")),
        said(&model),
        said("Model"),
        said(&model),
        match is_settled {
            true => Value::Integer(consumed),
            false => Value::Null,
        },
        said("Tokens"),
        text("tenant"),
        row.json("tags"),
    ]
}

fn of_ours(row: &Line<'_>, is_settled: bool) -> [Value; TABLE.len() - FOCUS_COLUMNS] {
    let text = |column: &str| Value::Text(row.text(column));
    let number = |column: &str| match is_settled {
        true => Value::Integer(row.integer(column)),
        false => Value::Null,
    };
    [
        row.maybe("cost_micro"),
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
        Value::Integer(row.integer("attempt")),
        text("verdict"),
        row.json("price"),
        text("snapshot"),
        row.maybe("ceiling_tokens"),
        row.maybe("ceiling_micro"),
    ]
}
