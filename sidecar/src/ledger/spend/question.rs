//! What can be asked of the ledger, read from a URL's query or a command line.

use crate::moment::{self, UnixMs};

/// Rows of an answer when the question does not say.
const DEFAULT_LIMIT: usize = 1_000;
/// Most rows of an answer.
const MOST_ROWS: usize = 10_000;
/// Most dimensions of one question.
const MOST_DIMENSIONS: usize = 8;
/// Longest value that is compared, bytes.
const VALUE_LIMIT_BYTES: usize = 256;
/// The time that is asked for when the question does not say.
const DEFAULT_SPAN_MS: i64 = 30 * 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// The columns by which lines can be chosen and grouped: what they are called, and their name in SQL.
const COLUMNS: [(&str, &str); 11] = [
    ("tenant", "tenant"),
    ("key", "key_id"),
    ("model", "model"),
    ("provider", "provider"),
    ("upstream_model", "upstream_model"),
    ("priority", "priority"),
    ("purpose", "purpose"),
    ("endpoint", "endpoint"),
    ("settlement", "settlement"),
    ("verdict", "verdict"),
    ("snapshot", "snapshot"),
];

/// By what lines are chosen or grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// A column: its name here, and in SQL.
    Column(&'static str, &'static str),
    /// A tag.
    Tag(String),
}

impl Dimension {
    /// What it is called: `tenant`, `tag.x-team`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Column(name, _) => (*name).to_owned(),
            Self::Tag(name) => format!("tag.{name}"),
        }
    }

    fn parse(name: &str) -> Result<Self, String> {
        if let Some(tag) = name.strip_prefix("tag.") {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            return match !tag.is_empty() && tag.len() <= 40 && tag.bytes().all(fits) {
                true => Ok(Self::Tag(tag.to_ascii_lowercase())),
                false => Err("a tag is named as its header is: tag.x-team".to_owned()),
            };
        }
        let found = COLUMNS.iter().find(|(known, _)| *known == name);
        let (name, column) = found.ok_or_else(|| {
            let known: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
            format!("there are {} and tag.NAME", known.join(", "))
        })?;
        Ok(Self::Column(name, column))
    }
}

/// The length of the pieces of time into which an answer is cut, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Hours.
    Hour,
    /// Days.
    Day,
}

impl Bucket {
    /// Its length.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS,
            Self::Day => 24 * HOUR_MS,
        }
    }
}

/// A choice of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// What must be so.
    pub dimension: Dimension,
    /// And how.
    pub is: String,
}

/// A question to the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// From this moment.
    pub from: UnixMs,
    /// To before this one.
    pub to: UnixMs,
    /// All must hold.
    pub filters: Vec<Filter>,
    /// One row for each.
    pub group_by: Vec<Dimension>,
    /// One row for each piece of time.
    pub bucket: Option<Bucket>,
    /// Most rows.
    pub limit: usize,
}

/// A parameter that cannot be, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadQuestion {
    /// Which.
    pub param: String,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for BadQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.param, self.problem)
    }
}

impl Question {
    /// Everything of the 30 days before `now`.
    #[must_use]
    pub fn at(now: UnixMs) -> Self {
        Self {
            from: now.saturating_sub(DEFAULT_SPAN_MS),
            to: now.saturating_add(1),
            filters: Vec::new(),
            group_by: Vec::new(),
            bucket: None,
            limit: DEFAULT_LIMIT,
        }
    }

    /// Reads a URL's query, such as `tenant=web&group_by=model,provider&bucket=day&from=2026-11-01`.
    ///
    /// # Errors
    /// The first parameter that is not understood.
    pub fn from_query(query: &str, now: UnixMs) -> Result<Self, BadQuestion> {
        let mut question = Self::at(now);
        for (name, value) in parameters(query) {
            question.set(&name, &value).map_err(|problem| BadQuestion {
                param: name.chars().take(64).collect(),
                problem,
            })?;
        }
        if question.from >= question.to {
            return Err(BadQuestion {
                param: "from".to_owned(),
                problem: "must be before `to`".to_owned(),
            });
        }
        Ok(question)
    }

    /// Sets one parameter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        if value.is_empty() || value.len() > VALUE_LIMIT_BYTES {
            return Err(format!("needs a value of 1 to {VALUE_LIMIT_BYTES} bytes"));
        }
        match name {
            "from" => self.from = moment_of(value)?,
            "to" => self.to = moment_of(value)?,
            "bucket" => {
                self.bucket = Some(match value {
                    "hour" => Bucket::Hour,
                    "day" => Bucket::Day,
                    _ => return Err("is hour or day".to_owned()),
                });
            }
            "limit" => {
                let limit = value.parse().ok();
                let limit = limit.filter(|limit| (1..=MOST_ROWS).contains(limit));
                self.limit = limit.ok_or(format!("is a number from 1 to {MOST_ROWS}"))?;
            }
            "group_by" => {
                let names = value.split(',').map(str::trim);
                self.group_by = names.map(Dimension::parse).collect::<Result<_, _>>()?;
            }
            _ => self.filters.push(Filter {
                dimension: Dimension::parse(name).map_err(|known| {
                    format!("is not known; {known}, from, to, group_by, bucket and limit")
                })?,
                is: value.to_owned(),
            }),
        }
        if self.filters.len().max(self.group_by.len()) > MOST_DIMENSIONS {
            return Err(format!("is one more than {MOST_DIMENSIONS}"));
        }
        Ok(())
    }
}

fn moment_of(text: &str) -> Result<UnixMs, String> {
    moment::parse_any(text.as_bytes())
        .ok_or_else(|| "is a time such as 2026-11-01 or 2026-11-01T12:00:00Z".to_owned())
}

/// The parameters of a URL's query, as they were meant.
pub fn parameters(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// A part of a query as it was meant: `%41` and `+`.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, escaped) {
            (b'%', Some(meant)) => {
                out.push(meant);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_a_question() {
        let query = "tenant=a%2Fb&tag.X-Team=search+eu&group_by=model,tag.x-team&bucket=day&limit=5\
                     &from=2026-11-01&to=2026-11-02T00:00:00Z";
        let question = Question::from_query(query, 0).unwrap();
        let names = |all: &[Dimension]| all.iter().map(Dimension::name).collect::<Vec<_>>();
        assert_eq!(names(&question.group_by), ["model", "tag.x-team"]);
        let filters: Vec<(String, &str)> = question
            .filters
            .iter()
            .map(|filter| (filter.dimension.name(), filter.is.as_str()))
            .collect();
        assert_eq!(
            filters,
            [
                ("tenant".to_owned(), "a/b"),
                ("tag.x-team".to_owned(), "search eu")
            ]
        );
        assert_eq!(question.to - question.from, 86_400_000);
        assert_eq!((question.bucket, question.limit), (Some(Bucket::Day), 5));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (query, param, part) in [
            ("tenat=a", "tenat", "is not known; there are tenant"),
            ("tenant=", "tenant", "needs a value"),
            ("from=yesterday", "from", "is a time such as"),
            ("from=2026-11-02&to=2026-11-01", "from", "before `to`"),
            ("bucket=week", "bucket", "hour or day"),
            ("limit=0", "limit", "1 to 10000"),
            ("group_by=model,colour", "group_by", "there are tenant"),
            ("tag.a%22b=x", "tag.a\"b", "a tag is named"),
        ] {
            let bad = Question::from_query(query, 1 << 41).unwrap_err();
            assert_eq!(bad.param, param, "{query}");
            assert!(bad.problem.contains(part), "{query}: {bad}");
        }
    }
}
