//! Request traces: who asked for how much, when.

use std::path::Path;

use ark_gateway_core::priority::Priority;
use serde::Deserialize;

use super::Us;
use super::seen::Seen;

/// Largest trace that is read, bytes.
const FILE_LIMIT_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// One request of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When, since the first request of the trace.
    pub at: Us,
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Completion tokens of its answer.
    pub output_tokens: u32,
    /// The client's bound on completion tokens, where the trace has it.
    pub max_tokens: Option<u32>,
    /// Its priority, where the trace has it.
    pub priority: Option<Priority>,
    /// The name of its model, where the trace has it.
    pub model: Option<String>,
    /// Whether the answer was streamed.
    pub stream: bool,
}

/// A line of a JSONL trace. Other fields are ignored, so that Ark's own records can be replayed.
#[derive(Debug, Deserialize)]
struct Line {
    /// Milliseconds since any moment.
    at_ms: f64,
    #[serde(default)]
    input_tokens: Option<u32>,
    #[serde(default)]
    output_tokens: Option<u32>,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    priority: Option<Priority>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    usage: Option<LineUsage>,
}

#[derive(Debug, Default, Deserialize)]
struct LineUsage {
    #[serde(default)]
    input_tokens: u32,
    #[serde(default)]
    output_tokens: u32,
}

/// Reads a trace: Azure's CSV (`TIMESTAMP,ContextTokens,GeneratedTokens`), JSONL, or what is our own
/// (records, the ledger, its exports, see [`super::seen`]), told apart by content; with what there is to
/// say of it.
///
/// # Errors
/// In words: which line, and what is wrong with it.
pub fn read_any(path: &Path) -> Result<(Vec<Arrival>, Option<String>), String> {
    let Some(seen) = Seen::of(path)? else {
        return Ok((read(path)?, None));
    };
    let (arrivals, unanswered) = seen.arrivals();
    if arrivals.is_empty() {
        return Err(format!("{}: has no client's requests", path.display()));
    }
    let word = (unanswered > 0).then(|| {
        format!(
            "{unanswered} of {} requests were not answered, so their sizes are not known: the median of \
             the others is taken",
            arrivals.len()
        )
    });
    Ok((arrivals, word))
}

/// Reads a trace: Azure's CSV (`TIMESTAMP,ContextTokens,GeneratedTokens`) or JSONL, told apart by
/// content.
///
/// # Errors
/// In words: which line, and what is wrong with it.
pub fn read(path: &Path) -> Result<Vec<Arrival>, String> {
    let unreadable = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_LIMIT_BYTES {
        let limit = FILE_LIMIT_BYTES / 1024 / 1024;
        return Err(format!("{} is larger than {limit} MiB", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text).map_err(|problem| format!("{}: {problem}", path.display()))
}

/// Parses a trace; see [`read`].
///
/// # Errors
/// In words: which line, and what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Arrival>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = text
        .lines()
        .map(str::trim)
        .enumerate()
        .filter(|(_, line)| !line.is_empty());
    let Some((_, head)) = lines.clone().next() else {
        return Err("is empty".to_owned());
    };
    let mut arrivals = Vec::new();
    let is_json = head.starts_with('{');
    let columns = if is_json { None } else { Some(columns(head)?) };
    if columns.is_some() {
        lines.next();
    }
    for (n, line) in lines {
        let arrival = match &columns {
            None => from_json(line),
            Some(columns) => from_csv(line, columns),
        };
        arrivals.push(arrival.map_err(|problem| format!("line {}: {problem}", n + 1))?);
    }
    arrivals.sort_by_key(|arrival| arrival.at);
    let Some(first) = arrivals.first().map(|arrival| arrival.at) else {
        return Err("has a header and no requests".to_owned());
    };
    for arrival in &mut arrivals {
        arrival.at -= first;
    }
    Ok(arrivals)
}

/// Where the columns of the CSV are: time, prompt tokens, completion tokens.
fn columns(head: &str) -> Result<[usize; 3], String> {
    let names: Vec<&str> = head.split(',').map(str::trim).collect();
    let find = |name: &str| {
        names
            .iter()
            .position(|n| n.eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                format!(
                    "is neither JSONL nor Azure's CSV: the first line has no column {name} \
                     (expected TIMESTAMP,ContextTokens,GeneratedTokens)"
                )
            })
    };
    Ok([
        find("TIMESTAMP")?,
        find("ContextTokens")?,
        find("GeneratedTokens")?,
    ])
}

fn from_csv(line: &str, [time, input, output]: &[usize; 3]) -> Result<Arrival, String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let cell = |at: usize| cells.get(at).copied().ok_or("has too few columns");
    let tokens = |at: usize| {
        let text = cell(at)?;
        text.parse::<u32>()
            .map_err(|error| format!("{text:?} is no number of tokens: {error}"))
    };
    let stamp = cell(*time)?;
    Ok(Arrival {
        at: timestamp(stamp)
            .ok_or_else(|| format!("{stamp:?} is no time such as 2023-11-16 18:17:03.9799600"))?,
        input_tokens: tokens(*input)?,
        output_tokens: tokens(*output)?,
        max_tokens: None,
        priority: None,
        model: None,
        stream: true,
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be in range"
)]
fn from_json(line: &str) -> Result<Arrival, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if !(0.0..1e15).contains(&line.at_ms) {
        return Err("at_ms must be a number of milliseconds, at least 0".to_owned());
    }
    let usage = line.usage.unwrap_or_default();
    Ok(Arrival {
        at: (line.at_ms * 1000.0) as Us,
        input_tokens: line.input_tokens.unwrap_or(usage.input_tokens),
        output_tokens: line.output_tokens.unwrap_or(usage.output_tokens),
        max_tokens: line.max_tokens,
        priority: line.priority,
        model: line.model,
        stream: line.stream.unwrap_or(true),
    })
}

/// Microseconds since 1970 of `YYYY-MM-DD HH:MM:SS[.fraction]`, with a `T` or a blank between.
fn timestamp(text: &str) -> Option<Us> {
    let text = text.trim_end_matches('Z').trim_end_matches("+00:00");
    let (date, time) = text.split_once([' ', 'T'])?;
    let numbers = |text: &str, by: char| -> Option<[u64; 3]> {
        let mut parts = text.split(by).map(|part| part.parse::<u64>().ok());
        let all = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(all)
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    if !in_range || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let micros: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, years counted from March.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let before_1970 = 719_468;
    let leap = year / 4 - year / 100 + year / 400;
    year * 365 + leap + (153 * month + 2) / 5 + day - 1 - before_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn azures_csv_and_jsonl_are_told_apart_by_content() {
        let csv = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n\
                   2023-11-16 18:17:03.9799600,4808,10\n\
                   2023-11-16 18:17:04.0319600,3180,8\n";
        let arrivals = parse(csv).unwrap();
        assert_eq!(arrivals.len(), 2);
        assert_eq!((arrivals[1].at, arrivals[1].input_tokens), (52_000, 3_180));
        let jsonl = r#"{"at_ms": 1500, "input_tokens": 7, "output_tokens": 9, "priority": "batch"}
            {"at_ms": 1000, "usage": {"input_tokens": 1, "output_tokens": 2}, "stream": false, "id": "x"}"#;
        let arrivals = parse(jsonl).unwrap();
        assert_eq!(arrivals[0].output_tokens, 2);
        assert!(!arrivals[0].stream);
        assert_eq!(
            (arrivals[1].at, arrivals[1].priority),
            (500_000, Some(Priority::Batch))
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, part) in [
            ("", "is empty"),
            ("a,b\n1,2", "no column TIMESTAMP"),
            ("TIMESTAMP,ContextTokens,GeneratedTokens", "no requests"),
            (
                "TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,1,2",
                "line 2: \"yesterday\"",
            ),
            (
                "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,x,2",
                "line 2: \"x\"",
            ),
            (
                "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1",
                "too few columns",
            ),
            ("{\"at_ms\": 1}\n{}", "line 2: missing field `at_ms`"),
            ("{\"at_ms\": -1}", "at least 0"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn days_are_counted_across_leap_years() {
        assert_eq!(timestamp("1970-01-01 00:00:00"), Some(0));
        assert_eq!(timestamp("2000-03-01T00:00:00Z"), Some(951_868_800_000_000));
        assert_eq!(
            timestamp("2024-02-29 12:00:00.5"),
            Some(1_709_208_000_500_000)
        );
        assert_eq!(timestamp("2024-13-01 00:00:00"), None);
    }
}
