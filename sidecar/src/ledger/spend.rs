//! What was spent: sums over the ledger's lines.

mod question;

use std::fmt::Write as _;

use serde::Serialize;

use super::sql::{Answers, Cell, ReadError};
use crate::moment;

pub use question::{BadQuestion, Bucket, Dimension, Filter, Question, parameters};

/// Longest time of one answer, seconds.
const DEADLINE_S: u64 = 10;

/// Sums of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Requests, counted with their last attempt.
    pub requests: i64,
    /// Attempts that have ended.
    pub attempts: i64,
    /// Prompt tokens, cached ones included.
    pub input_tokens: i64,
    /// Completion tokens, reasoning included.
    pub output_tokens: i64,
    /// Prompt tokens read from providers' caches.
    pub cached_tokens: i64,
    /// Prompt tokens written to providers' caches.
    pub cache_creation_tokens: i64,
    /// Completion tokens of hidden reasoning.
    pub reasoning_tokens: i64,
    /// Cost where it is known, micro-USD.
    pub cost_micro_usd: i64,
    /// Of that, what no provider has reported in full.
    pub estimated_micro_usd: i64,
    /// Attempts whose cost is not known: they are in no sum of money.
    pub unpriced_attempts: i64,
    /// Attempts that run, of which is known since they have run for a while. They are in no sum above.
    pub reserved_attempts: i64,
    /// What those may come to, where their price is known, micro-USD.
    pub reserved_micro_usd: i64,
    /// Attempts whose end was never told, as a worker, an Envoy or a machine was lost. They are in no sum
    /// above.
    pub lost_attempts: i64,
    /// What those may have come to, where their price is known, micro-USD.
    pub lost_micro_usd: i64,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The beginning of its time, RFC 3339, when the question asked for buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// What it is of, in the question's order; `None` for lines without that tag.
    pub of: Vec<(String, Option<String>)>,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spend {
    /// From here, RFC 3339.
    pub from: String,
    /// To before here.
    pub to: String,
    /// The currency of every amount.
    pub currency: &'static str,
    /// The groups: by time, then dearest first.
    pub rows: Vec<Row>,
    /// All lines together, those of rows that are not shown too.
    pub total: Sums,
    /// There are more rows than were asked for.
    pub truncated: bool,
}

const SUMS: &str = "CAST(COALESCE(SUM(is_last), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN settlement NOT IN ('reserved', 'lost') THEN 1 END), 0) AS BIGINT),
    CAST(COALESCE(SUM(input_tokens), 0) AS BIGINT),
    CAST(COALESCE(SUM(output_tokens), 0) AS BIGINT),
    CAST(COALESCE(SUM(cached_tokens), 0) AS BIGINT),
    CAST(COALESCE(SUM(cache_creation_tokens), 0) AS BIGINT),
    CAST(COALESCE(SUM(reasoning_tokens), 0) AS BIGINT),
    CAST(COALESCE(SUM(cost_micro), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN settlement IN ('partial', 'estimated') THEN cost_micro END), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN cost_micro IS NULL AND ceiling_micro IS NULL THEN 1 END), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN settlement = 'reserved' THEN 1 END), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN settlement = 'reserved' THEN ceiling_micro END), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN settlement = 'lost' THEN 1 END), 0) AS BIGINT),
    CAST(COALESCE(SUM(CASE WHEN settlement = 'lost' THEN ceiling_micro END), 0) AS BIGINT)";

/// Answers a question. It blocks, at most 10 s.
pub(super) fn answer(database: &mut dyn Answers, question: &Question) -> Result<Spend, String> {
    database.give_up_after(DEADLINE_S)?;
    let failed = |error: ReadError| match error {
        ReadError::Late => {
            format!("the answer takes longer than {DEADLINE_S} s; ask for less time")
        }
        ReadError::Database(error) => error,
        ReadError::Taker(error) => error.to_string(),
    };
    let condition = Condition::of(database, question);
    let mut rows = rows(database, question, &condition).map_err(failed)?;
    let sql = format!("SELECT {SUMS} FROM lines WHERE {}", condition.sql);
    let mut total = Sums::default();
    database
        .each_row(&sql, &condition.values, &mut |row| {
            total = sums(row);
            Ok(())
        })
        .map_err(failed)?;
    let truncated = rows.len() > question.limit;
    rows.truncate(question.limit);
    Ok(Spend {
        from: moment::format(question.from),
        to: moment::format(question.to),
        currency: "USD",
        rows,
        total,
        truncated,
    })
}

fn rows(
    database: &mut dyn Answers,
    question: &Question,
    condition: &Condition,
) -> Result<Vec<Row>, ReadError> {
    let mut columns: Vec<String> = Vec::new();
    let mut values = condition.values.clone();
    if let Some(bucket) = question.bucket {
        columns.push(format!("at_ms / {} AS start", bucket.length_ms()));
    }
    for (n, dimension) in question.group_by.iter().enumerate() {
        let column = column(database, dimension, &mut values);
        columns.push(format!("{column} AS g{n}"));
    }
    if columns.is_empty() {
        return Ok(Vec::new());
    }
    let places: Vec<String> = (1..=columns.len()).map(|n| n.to_string()).collect();
    // Where there is no such tag comes last, in both databases.
    let order: Vec<String> = places.iter().map(|n| format!("{n} NULLS LAST")).collect();
    let by_time = if question.bucket.is_some() { "1, " } else { "" };
    let cost = columns.len() + 8;
    let sql = format!(
        "SELECT {}, {SUMS} FROM lines WHERE {} GROUP BY {} ORDER BY {by_time}{cost} DESC, {} LIMIT {}",
        columns.join(", "),
        condition.sql,
        places.join(", "),
        order.join(", "),
        question.limit.saturating_add(1)
    );
    let mut rows = Vec::new();
    database.each_row(&sql, &values, &mut |cells| {
        rows.push(row(question, cells));
        Ok(())
    })?;
    Ok(rows)
}

fn row(question: &Question, cells: &[Cell]) -> Row {
    let mut cells = cells.iter();
    let start = question.bucket.and_then(|bucket| {
        let n = cells.next().and_then(Cell::integer)?;
        Some(moment::format(n.saturating_mul(bucket.length_ms())))
    });
    let of = question.group_by.iter().map(|dimension| {
        let value = cells.next().and_then(Cell::text);
        (dimension.name(), value.map(str::to_owned))
    });
    let of = of.collect();
    Row {
        start,
        of,
        sums: sums(cells.as_slice()),
    }
}

/// `WHERE`, with its values.
struct Condition {
    sql: String,
    values: Vec<Cell>,
}

impl Condition {
    fn of(database: &dyn Answers, question: &Question) -> Self {
        let mut values = vec![Cell::Integer(question.from), Cell::Integer(question.to)];
        let mut sql = "at_ms >= ?1 AND at_ms < ?2".to_owned();
        for Filter { dimension, is } in &question.filters {
            let column = column(database, dimension, &mut values);
            values.push(Cell::Text(is.clone()));
            let _ = write!(sql, " AND {column} = ?{}", values.len());
        }
        Self { sql, values }
    }
}

/// The SQL of a dimension. What a client says is a value, never a part of it.
fn column(database: &dyn Answers, dimension: &Dimension, values: &mut Vec<Cell>) -> String {
    match dimension {
        Dimension::Column(_, column) => (*column).to_owned(),
        Dimension::Tag(name) => {
            values.push(database.tag(name));
            database.tag_column(values.len())
        }
    }
}

fn sums(cells: &[Cell]) -> Sums {
    let at = |place: usize| cells.get(place).and_then(Cell::integer).unwrap_or(0);
    Sums {
        requests: at(0),
        attempts: at(1),
        input_tokens: at(2),
        output_tokens: at(3),
        cached_tokens: at(4),
        cache_creation_tokens: at(5),
        reasoning_tokens: at(6),
        cost_micro_usd: at(7),
        estimated_micro_usd: at(8),
        unpriced_attempts: at(9),
        reserved_attempts: at(10),
        reserved_micro_usd: at(11),
        lost_attempts: at(12),
        lost_micro_usd: at(13),
    }
}
