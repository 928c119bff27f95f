//! `ark spend` and `ark ledger export`: what is in the ledger, for people and for other tools.

use std::fmt::Write as _;
use std::io::Write;

use ark_sidecar::ledger::export::{ExportError, Format};
use ark_sidecar::ledger::{Chosen, Database, Question, Row, Spend, Sums, choose};
use ark_sidecar::moment::{self, UnixMs};
use ark_sidecar::serve::shared;

use crate::cli::{self, ExportFormat, LedgerExport, WhichLedger};

/// Runs `ark spend`.
pub(crate) fn spend(args: &cli::Spend) -> Result<(), String> {
    let mut question = Question::at(now());
    let mut set = |option: &str, name: &str, value: &str| {
        let result = question.set(name, value);
        result.map_err(|problem| format!("{option} {value}: {problem}"))
    };
    set("--by", "group_by", &args.by)?;
    for filter in &args.filters {
        let (name, value) = filter.split_once('=').unwrap_or((filter, ""));
        set("--where", name.trim(), value.trim())?;
    }
    if let Some(from) = &args.which.from {
        set("--from", "from", from)?;
    }
    if let Some(to) = &args.which.to {
        set("--to", "to", to)?;
    }
    if let Some(bucket) = &args.bucket {
        set("--bucket", "bucket", bucket)?;
    }
    if let Some(limit) = args.limit {
        set("--limit", "limit", &limit.to_string())?;
    }
    let spend = open(&args.which)?.spend(&question)?;
    if args.json {
        let json = serde_json::to_string_pretty(&spend).map_err(|error| error.to_string())?;
        println!("{json}");
    } else {
        print!("{}", table(&spend));
    }
    Ok(())
}

/// Runs `ark ledger export`.
pub(crate) fn export(args: &LedgerExport) -> Result<(), String> {
    let time = |option: &str, text: &Option<String>, default: UnixMs| match text {
        None => Ok(default),
        Some(text) => moment::parse_any(text.as_bytes())
            .ok_or_else(|| format!("{option} {text}: is a time such as 2026-11-01")),
    };
    let question = Question::at(now());
    let from = time("--from", &args.which.from, question.from)?;
    let to = time("--to", &args.which.to, question.to)?;
    let mut store = open(&args.which)?;
    let written = match &args.out {
        None => {
            let mut out = std::io::BufWriter::new(std::io::stdout());
            write(&mut store, (from, to), args.format, &mut out)
        }
        Some(file) => {
            let created = std::fs::File::create(file);
            let created = created.map_err(|e| format!("cannot write {}: {e}", file.display()))?;
            let mut out = std::io::BufWriter::new(created);
            write(&mut store, (from, to), args.format, &mut out)
        }
    };
    let count = written.map_err(|error| error.to_string())?;
    let _ = writeln!(std::io::stderr(), "{count} lines");
    Ok(())
}

fn write(
    ledger: &mut Database,
    span: (UnixMs, UnixMs),
    format: ExportFormat,
    out: &mut (impl Write + Send),
) -> Result<u64, ExportError> {
    match format {
        ExportFormat::Csv => ledger.export(span, Format::Csv, out),
        ExportFormat::Jsonl => ledger.export(span, Format::Jsonl, out),
        #[cfg(feature = "parquet")]
        ExportFormat::Parquet => ledger.export_parquet(span, out),
    }
}

fn now() -> UnixMs {
    UnixMs::try_from(shared::unix_ms()).unwrap_or(UnixMs::MAX)
}

fn open(which: &WhichLedger) -> Result<Database, String> {
    let state = std::env::var("STATE_DIRECTORY").ok();
    let place = match choose(which.ledger.clone(), state.as_deref()) {
        Chosen::At(place) => place,
        Chosen::Off => return Err("the ledger is off".to_owned()),
        Chosen::NoPlace => return Err("say where the ledger is, with --ledger PATH".to_owned()),
    };
    Database::open_to_read(&place)
}

/// The answer as a table, numbers to the right.
fn table(spend: &Spend) -> String {
    let mut head: Vec<String> = Vec::new();
    if spend.rows.iter().any(|row| row.start.is_some()) {
        head.push("start".to_owned());
    }
    if let Some(first) = spend.rows.first() {
        head.extend(first.of.iter().map(|(name, _)| name.clone()));
    }
    let texts = head.len().max(1);
    if head.is_empty() {
        head.push(String::new());
    }
    head.extend(
        [
            "requests",
            "attempts",
            "input",
            "output",
            "USD",
            "of it estimated",
            "unpriced",
        ]
        .map(str::to_owned),
    );
    let mut rows = vec![head];
    rows.extend(spend.rows.iter().map(row));
    let mut total = vec![String::new(); texts];
    if let Some(first) = total.first_mut() {
        "total".clone_into(first);
    }
    total.extend(numbers(&spend.total));
    rows.push(total);
    let mut out = format!("{} to {}\n", spend.from, spend.to);
    write_columns(&rows, texts, &mut out);
    if spend.truncated {
        out.push_str("there are more rows; see --limit\n");
    }
    let total = &spend.total;
    if total.reserved_attempts > 0 {
        let (count, most) = (total.reserved_attempts, usd(total.reserved_micro_usd));
        let _ = writeln!(
            out,
            "{count} attempts run still: they may come to USD {most}"
        );
    }
    if total.lost_attempts > 0 {
        let (count, most) = (total.lost_attempts, usd(total.lost_micro_usd));
        let _ = writeln!(
            out,
            "the end of {count} attempts was never told: they have cost up to USD {most}, which is in no sum"
        );
    }
    if spend.total.unpriced_attempts > 0 {
        let _ = writeln!(
            out,
            "{} attempts have no known price: their cost is in no sum",
            spend.total.unpriced_attempts
        );
    }
    out
}

fn row(row: &Row) -> Vec<String> {
    let start = row.start.iter().cloned();
    let of = row.of.iter().map(|(_, value)| match value {
        Some(value) if !value.is_empty() => value.clone(),
        Some(_) | None => "-".to_owned(),
    });
    start.chain(of).chain(numbers(&row.sums)).collect()
}

fn numbers(sums: &Sums) -> Vec<String> {
    vec![
        sums.requests.to_string(),
        sums.attempts.to_string(),
        sums.input_tokens.to_string(),
        sums.output_tokens.to_string(),
        usd(sums.cost_micro_usd),
        usd(sums.estimated_micro_usd),
        sums.unpriced_attempts.to_string(),
    ]
}

pub(crate) fn usd(micro: i64) -> String {
    format!("{}.{:06}", micro / 1_000_000, (micro % 1_000_000).abs())
}

pub(crate) fn write_columns(rows: &[Vec<String>], texts: usize, out: &mut String) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (n, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if n == 0 { "" } else { "  " };
            let _ = match n < texts {
                true => write!(line, "{gap}{cell:<width$}"),
                false => write!(line, "{gap}{cell:>width$}"),
            };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}
