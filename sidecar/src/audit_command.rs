//! `ark audit`: whether the audit log is what was written, and what is in it.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;

use ark_sidecar::audit::{self, Entry};
use ark_sidecar::config::AuditPlace;
use ark_sidecar::moment;
use clap::{Args, Subcommand};
use serde_json::Value;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check that no line was changed, removed, moved or put in: exit code 1, file and line if one was
    ///
    /// Prints the head: whoever keeps it elsewhere finds with --head what was cut off at the end.
    Verify(Verify),
    /// Print lines, as they are or for people
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The log's directory; by default audit in $STATE_DIRECTORY or /var/lib/ark
    dir: Option<PathBuf>,
    /// A head that was kept elsewhere, 64 hex digits; it must be in the log
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The log's directory; by default audit in $STATE_DIRECTORY or /var/lib/ark
    dir: Option<PathBuf>,
    /// Only where this is so, as `tenant=web` or `what=admin`; several must all be
    #[arg(long = "where", value_name = "NAME=VALUE")]
    filters: Vec<String>,
    /// From this moment: 2026-11-01, or 2026-11-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// To before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Print lines as they are
    #[arg(long)]
    json: bool,
}

/// Runs one of them.
pub(crate) fn run(command: &AuditCommand) -> Result<(), String> {
    match command {
        AuditCommand::Verify(args) => verify(args),
        AuditCommand::Show(args) => show(args),
    }
}

fn place(dir: Option<&PathBuf>) -> Result<PathBuf, String> {
    let state = std::env::var("STATE_DIRECTORY").ok();
    let default = || AuditPlace::State.dir(state.as_deref());
    dir.cloned()
        .or_else(default)
        .ok_or_else(|| "say where the audit log is".to_owned())
}

fn verify(args: &Verify) -> Result<(), String> {
    let dir = place(args.dir.as_ref())?;
    let is_watched = std::io::stderr().is_terminal();
    let mut progress = |lines: u64| {
        if is_watched {
            eprint!("\r{lines} lines");
        }
    };
    let verdict = audit::verify(&dir, args.head.as_deref(), &mut progress);
    if is_watched {
        eprint!("\r");
    }
    let verdict = verdict.map_err(|wrong| format!("NOT what was written: {wrong}"))?;
    println!(
        "{}: OK, {} lines in {} files, {} to {}",
        dir.display(),
        verdict.lines,
        verdict.files,
        verdict.first,
        verdict.head.sequence
    );
    if verdict.torn > 0 {
        println!(
            "{} lines were torn by a crash, and are marked",
            verdict.torn
        );
    }
    if verdict.lost > 0 {
        println!("{} lines were lost, as the log says itself", verdict.lost);
    }
    println!("head {}", verdict.head.hash);
    Ok(())
}

fn show(args: &Show) -> Result<(), String> {
    let dir = place(args.dir.as_ref())?;
    let time = |option: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => match moment::parse_any(text.as_bytes()) {
            Some(at) => Ok(Some(u64::try_from(at).unwrap_or(0))),
            None => Err(format!("{option} {text}: is a time such as 2026-11-01")),
        },
    };
    let (from, to) = (time("--from", &args.from)?, time("--to", &args.to)?);
    let mut filters = Vec::new();
    for filter in &args.filters {
        let pair = filter.split_once('=');
        filters.push(pair.ok_or_else(|| format!("--where {filter}: is NAME=VALUE"))?);
    }
    let files = audit::list(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (_, path) in files {
        let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(|error| format!("{}: {error}", path.display()))?;
            let Some(entry) = audit::read(&line) else {
                eprintln!(
                    "{}: a line that is not whole; see `ark audit verify`",
                    path.display()
                );
                continue;
            };
            let is_late = from.is_some_and(|from| entry.at_ms < from);
            if is_late || to.is_some_and(|to| entry.at_ms >= to) || !has(&entry, &filters) {
                continue;
            }
            let written = match args.json {
                true => out.write_all(&line).and_then(|()| out.write_all(b"\n")),
                false => writeln!(out, "{}", for_people(&entry)),
            };
            match written {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                result => result.map_err(|error| error.to_string())?,
            }
        }
    }
    out.flush().map_err(|error| error.to_string())
}

fn has(entry: &Entry<'_>, filters: &[(&str, &str)]) -> bool {
    if filters.is_empty() {
        return true;
    }
    let event: Value = serde_json::from_str(entry.event).unwrap_or_default();
    filters.iter().all(|(name, wanted)| match event.get(name) {
        None | Some(Value::Null) => wanted.is_empty(),
        Some(value) => plain(value).as_str() == *wanted,
    })
}

/// A value as people write it: texts without quotes.
fn plain(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}

fn for_people(entry: &Entry<'_>) -> String {
    let at = i64::try_from(entry.at_ms).unwrap_or(i64::MAX);
    let mut line = format!("{} {}", entry.link.sequence, moment::format(at));
    if let Ok(Value::Object(event)) = serde_json::from_str(entry.event) {
        for (name, value) in event {
            let text = plain(&value);
            match name.as_str() {
                "what" => line.push_str(&format!(" {text}")),
                _ => line.push_str(&format!(" {name}={text}")),
            }
        }
    }
    // Names come from clients and files: none of them begins a line, or speaks to the terminal.
    line.replace(char::is_control, "\u{fffd}")
}
