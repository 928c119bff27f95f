//! `ark prices`: reads the files, prints.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use ark_gateway_core::money::PriceBasis;
use ark_sidecar::config;
use ark_sidecar::prices::diff::{Change, diff, in_words};
use ark_sidecar::prices::import::{Imported, import};
use ark_sidecar::prices::{Catalogue, FILE_LIMIT_BYTES};
use ark_sidecar::serve::shared;

use crate::cli::{PricesCommand, PricesImport};

/// Names of models that are printed of a list, unless all are asked for.
const SHOWN: usize = 5;

/// Runs the command.
pub(crate) fn run(command: &PricesCommand) -> Result<(), String> {
    match command {
        PricesCommand::Import(args) => run_import(args),
        PricesCommand::Show { model, catalogue } => show(model, catalogue),
        PricesCommand::List { config } => list(config),
        PricesCommand::Diff { old, new } => {
            print_diff(&catalogue(old)?, &catalogue(new)?);
            Ok(())
        }
    }
}

fn run_import(args: &PricesImport) -> Result<(), String> {
    let file = &args.file;
    let name = file.file_name();
    let name = name.map(|name| name.to_string_lossy().into_owned());
    let imported = import(&read(file)?, &name.unwrap_or_default(), &args.providers)
        .map_err(|problem| format!("{} {problem}", file.display()))?;
    tell(&imported, if args.verbose { usize::MAX } else { SHOWN });
    let text = imported
        .catalogue
        .render()
        .map_err(|error| error.to_string())?;
    let out = &args.out;
    std::fs::write(out, text)
        .map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    println!(
        "{}: {} prices, version {}",
        out.display(),
        imported.catalogue.prices.len(),
        imported.catalogue.version
    );
    Ok(())
}

/// What was left out and what is doubtful, to standard error.
fn tell(imported: &Imported, most: usize) {
    let names = |names: &[String]| {
        let shown: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
        match names.len().saturating_sub(shown.len()) {
            0 => shown.join(", "),
            more => format!("{} and {more} more", shown.join(", ")),
        }
    };
    for (why, models) in &imported.refused {
        let (count, why) = (models.len(), why.as_str());
        eprintln!("left out, {count}: {why}: {}", names(models));
    }
    for (doubt, models) in &imported.doubts {
        let (count, doubt) = (models.len(), doubt.as_str());
        eprintln!("doubtful, {count}: {doubt}: {}", names(models));
    }
    for mapping in &imported.unused {
        let (provider, prefix) = (&mapping.provider, &mapping.prefix);
        eprintln!("warning: --provider {provider}={prefix}: no priced model begins so");
    }
}

fn show(model: &str, file: &Path) -> Result<(), String> {
    let catalogue = catalogue(file)?;
    let mut found = String::new();
    for (name, price) in &catalogue.prices {
        if name.contains(model) {
            let _ = writeln!(found, "{name}: {}", in_words(price));
        }
    }
    if found.is_empty() {
        return Err(format!("{} has no price of {model:?}", file.display()));
    }
    print(&found);
    Ok(())
}

fn list(file: &Path) -> Result<(), String> {
    let config = config::load(file).map_err(|error| error.to_string())?;
    let all = config.providers.iter().map(|p| p.name.clone()).collect();
    let snapshot = config::compile(&config, &all, shared::today());
    let mut out = String::new();
    if let Some(version) = &snapshot.price_catalogue {
        let _ = writeln!(out, "catalogue {version}");
    }
    for target in &snapshot.targets {
        let provider = snapshot.providers.get(usize::from(target.provider.0));
        let provider = provider.map_or("", |p| p.name.as_str());
        let source = target.price_source.as_ref();
        let entry = source.and_then(|source| source.catalogue.as_deref());
        if let (Some(price), PriceBasis::Listed) = (&target.price, target.price_basis) {
            let (model, from) = (&target.model, entry.unwrap_or("ark.yaml"));
            let _ = writeln!(out, "{provider} {model}: {} ({from})", in_words(price));
        }
    }
    for problem in config::unknown_prices(&config, shared::today()) {
        let _ = writeln!(out, "unknown: {}", problem.message);
    }
    print(&out);
    Ok(())
}

fn print_diff(old: &Catalogue, new: &Catalogue) {
    let mut out = String::new();
    for change in diff(old, new) {
        let _ = match change {
            Change::Added(name, price) => writeln!(out, "+ {name}: {}", in_words(price)),
            Change::Removed(name, price) => writeln!(out, "- {name}: {}", in_words(price)),
            Change::Changed(name, before, after) => {
                writeln!(
                    out,
                    "* {name}: {}\n  now {}",
                    in_words(before),
                    in_words(after)
                )
            }
        };
    }
    print(&out);
}

/// A reader that has seen enough, as `head` has, is no failure.
fn print(text: &str) {
    let _gone = std::io::stdout().write_all(text.as_bytes());
}

fn catalogue(file: &Path) -> Result<Catalogue, String> {
    Catalogue::parse(&read(file)?).map_err(|problem| format!("{} {problem}", file.display()))
}

fn read(file: &Path) -> Result<String, String> {
    let unreadable = |error| format!("cannot read {}: {error}", file.display());
    if std::fs::metadata(file).map_err(unreadable)?.len() > FILE_LIMIT_BYTES {
        return Err(format!("{} is too large", file.display()));
    }
    std::fs::read_to_string(file).map_err(unreadable)
}
