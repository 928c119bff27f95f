//! `ark analyze`: reads the files, writes the report.

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};

use ark_sidecar::analyze::price::Prices;
use ark_sidecar::analyze::{Mapping, Report, Tally, html, read, render};
use ark_sidecar::config;
use ark_sidecar::serve::shared;

use crate::cli::Analyze;

/// Runs the command.
pub(crate) fn run(args: &Analyze) -> Result<(), String> {
    let maps: Vec<Mapping> = args
        .maps
        .iter()
        .map(|text| Mapping::parse(text).map_err(|problem| format!("--map {text}: {problem}")))
        .collect::<Result<_, _>>()?;
    let own = args.prices.as_deref().map(prices).transpose()?;
    let what_if: Vec<Prices> = args
        .what_if
        .iter()
        .map(|file| prices(file))
        .collect::<Result<_, _>>()?;
    let threads = match args.threads {
        Some(threads) => usize::from(threads),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let is_terminal = std::io::stderr().is_terminal();
    let began = std::time::Instant::now();
    let (mut tally, mut files) = (Tally::default(), Vec::new());
    for path in &args.logs {
        let mut progress = |done: u64, all: u64| {
            if is_terminal {
                show_progress(path, done, all);
            }
        };
        let (found, file) = read(path, &maps, threads, &mut progress)?;
        tally.merge(&found);
        files.push(file);
    }
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let elapsed = began.elapsed();
    let report = Report::new(files, tally, own.as_ref(), &what_if);
    let in_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print!("{}", render(&report, in_colour));
    if let Some(file) = &args.html {
        write(file, &html::page(&report)?)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "a speed")]
    let speed = bytes as f64 / 1e6 / elapsed.as_secs_f64().max(1e-9);
    eprintln!(
        "read {} MB in {:.2} s: {speed:.0} MB/s on {threads} threads",
        bytes / 1_000_000,
        elapsed.as_secs_f64()
    );
    Ok(())
}

fn prices(file: &Path) -> Result<Prices, String> {
    let config = config::load(file).map_err(|error| error.to_string())?;
    let all = config.providers.iter().map(|p| p.name.clone()).collect();
    Ok(Prices {
        name: file.display().to_string(),
        snapshot: config::compile(&config, &all, shared::today()),
    })
}

fn show_progress(path: &Path, done: u64, all: u64) {
    let percent = (done * 100 / all.max(1)).min(100);
    let filled = usize::try_from(percent / 4).unwrap_or(0);
    let bar = format!("{}{}", "#".repeat(filled), ".".repeat(25 - filled.min(25)));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    eprint!("\r[{bar}] {percent:3} % {name:.40}");
    if done >= all {
        eprint!("\r{:78}\r", "");
    }
    let _ = std::io::stderr().flush();
}

fn write(file: &PathBuf, text: &str) -> Result<(), String> {
    std::fs::write(file, text)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    eprintln!("wrote {}", file.display());
    Ok(())
}
