//! What was spent: sums over the ledger's lines.

mod question;

use std::fmt::Write as _;

use rusqlite::params_from_iter;
use rusqlite::types::{Value, ValueRef};
use serde::Serialize;

use super::store::Store;
use crate::moment;

pub use question::{BadQuestion, Bucket, Dimension, Filter, Question};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 100_000;
/// Longest time of one answer, seconds.
const DEADLINE_S: u64 = 10;

/// Sums of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Requests, counted with their last attempt.
    pub requests: i64,
    /// Attempts: lines.
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

const SUMS: &str = "COALESCE(SUM(is_last), 0), COUNT(*), COALESCE(SUM(input_tokens), 0),
    COALESCE(SUM(output_tokens), 0), COALESCE(SUM(cached_tokens), 0),
    COALESCE(SUM(cache_creation_tokens), 0), COALESCE(SUM(reasoning_tokens), 0),
    COALESCE(SUM(cost_micro), 0),
    COALESCE(SUM(CASE WHEN settlement IN ('partial', 'estimated') THEN cost_micro END), 0),
    COALESCE(SUM(cost_micro IS NULL), 0)";

impl Store {
    /// Answers a question. It blocks, at most 10 s.
    ///
    /// # Errors
    /// In words: it takes too long, or the database cannot be read.
    pub fn spend(&mut self, question: &Question) -> Result<Spend, String> {
        let began = std::time::Instant::now();
        let late = move || began.elapsed().as_secs() >= DEADLINE_S;
        let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => {
                format!("the answer takes longer than {DEADLINE_S} s; ask for less time")
            }
            _ => error.to_string(),
        };
        self.connection
            .progress_handler(STEPS, Some(late))
            .map_err(failed)?;
        let condition = Condition::of(question);
        let mut rows = self.rows(question, &condition).map_err(failed)?;
        let total = format!("SELECT {SUMS} FROM lines WHERE {}", condition.sql);
        let total = self
            .connection
            .query_row(&total, params_from_iter(&condition.values), |row| {
                sums(row, 0)
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

    fn rows(&self, question: &Question, condition: &Condition) -> rusqlite::Result<Vec<Row>> {
        let mut columns: Vec<String> = Vec::new();
        let mut values = condition.values.clone();
        if let Some(bucket) = question.bucket {
            columns.push(format!("at_ms / {} AS start", bucket.length_ms()));
        }
        for (n, dimension) in question.group_by.iter().enumerate() {
            let column = column(dimension, &mut values);
            columns.push(format!("{column} AS g{n}"));
        }
        if columns.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<String> = (1..=columns.len()).map(|n| n.to_string()).collect();
        let by_time = if question.bucket.is_some() { "1, " } else { "" };
        let cost = columns.len() + 8;
        let sql = format!(
            "SELECT {}, {SUMS} FROM lines WHERE {} GROUP BY {} ORDER BY {by_time}{cost} DESC, {} LIMIT {}",
            columns.join(", "),
            condition.sql,
            places.join(", "),
            places.join(", "),
            question.limit.saturating_add(1)
        );
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map(params_from_iter(&values), |row| {
            let timed = usize::from(question.bucket.is_some());
            let start = question.bucket.map(|bucket| {
                let n: i64 = row.get(0)?;
                Ok::<_, rusqlite::Error>(moment::format(n * bucket.length_ms()))
            });
            let of = question.group_by.iter().enumerate().map(|(n, dimension)| {
                let value = row.get_ref(timed + n)?;
                Ok::<_, rusqlite::Error>((dimension.name(), text(value)))
            });
            Ok(Row {
                start: start.transpose()?,
                of: of.collect::<Result<_, _>>()?,
                sums: sums(row, columns.len())?,
            })
        })?;
        rows.collect()
    }
}

/// `WHERE`, with its values.
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    fn of(question: &Question) -> Self {
        let mut values = vec![Value::Integer(question.from), Value::Integer(question.to)];
        let mut sql = "at_ms >= ?1 AND at_ms < ?2".to_owned();
        for Filter { dimension, is } in &question.filters {
            let column = column(dimension, &mut values);
            values.push(Value::Text(is.clone()));
            let _ = write!(sql, " AND {column} = ?{}", values.len());
        }
        Self { sql, values }
    }
}

/// The SQL of a dimension. What a client says is a value, never a part of it.
fn column(dimension: &Dimension, values: &mut Vec<Value>) -> String {
    match dimension {
        Dimension::Column(_, column) => (*column).to_owned(),
        Dimension::Tag(name) => {
            values.push(Value::Text(format!("$.\"{name}\"")));
            format!("json_extract(tags, ?{})", values.len())
        }
    }
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

fn sums(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Sums> {
    Ok(Sums {
        requests: row.get(at)?,
        attempts: row.get(at + 1)?,
        input_tokens: row.get(at + 2)?,
        output_tokens: row.get(at + 3)?,
        cached_tokens: row.get(at + 4)?,
        cache_creation_tokens: row.get(at + 5)?,
        reasoning_tokens: row.get(at + 6)?,
        cost_micro_usd: row.get(at + 7)?,
        estimated_micro_usd: row.get(at + 8)?,
        unpriced_attempts: row.get(at + 9)?,
    })
}
