//! `ark replay`: reads the files, runs the replay, writes the report.

use std::io::{IsTerminal, Write as _};
use std::path::Path;

use ark_gateway_core::snapshot::{ModelId, Snapshot};
use ark_sidecar::config;
use ark_sidecar::replay::fit::{Moments, fit};
use ark_sidecar::replay::load::{Load, Shape};
use ark_sidecar::replay::report::Report;
use ark_sidecar::replay::run::{Candidate, Setting, replay, seconds};
use ark_sidecar::replay::seen::Seen;
use ark_sidecar::replay::world::{self, Nature, WorldConfig};
use ark_sidecar::replay::{html, table, trace};
use ark_sidecar::serve::shared;

use crate::cli::Replay;

/// Largest provider model that is read, bytes.
const WORLD_LIMIT_BYTES: u64 = 8 * 1024 * 1024;

/// Runs the command.
pub(crate) fn run(args: &Replay) -> Result<(), String> {
    if !(args.rate.is_finite() && args.rate > 0.0) {
        return Err("--rate must be above 0".to_owned());
    }
    let fitted = match args.fit.as_slice() {
        [] => None,
        files => Some(fitted(args, files)?),
    };
    if fitted.is_some() && args.trace.is_none() {
        return Ok(());
    }
    let policies = args
        .policies
        .iter()
        .map(|file| policy(file))
        .collect::<Result<Vec<Candidate>, String>>()?;
    let Some(first) = policies.first().map(|policy| &policy.snapshot) else {
        return Err("give at least one --policy".to_owned());
    };
    let world = match (&args.providers, fitted) {
        (Some(file), _) => world_of(file)?,
        (None, fitted) => fitted.unwrap_or_default(),
    };
    warn_of_strangers(&world, &policies);
    if args.print_providers {
        return print_providers(first, world);
    }
    let model = model(args, first)?;
    let load = load(args, first, model)?;
    let setting = Setting {
        load: &load,
        world: &world,
        workers: usize::from(args.workers),
        seed: args.seed,
        first,
        model,
        no_forecast: args.no_forecast,
    };
    let is_terminal = std::io::stderr().is_terminal();
    let runs = replay(&setting, &policies, !args.no_baselines, &mut |done, all| {
        if is_terminal {
            show_progress(done, all);
        }
    })?;
    let trace = args.trace.as_ref();
    let trace = trace.map_or_else(String::new, |trace| trace.display().to_string());
    let span_s = seconds(load.span());
    let report = Report::new(trace, args.seed, setting.workers, span_s, &runs);
    let in_colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    print!("{}", table::render(&report, in_colour));
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&report).map_err(|error| error.to_string())?;
        write(file, &json)?;
    }
    if let Some(file) = &args.html {
        write(file, &html::render(&report)?)?;
    }
    Ok(())
}

fn policy(file: &Path) -> Result<Candidate, String> {
    let config = config::load(file).map_err(|error| error.to_string())?;
    let all = config.providers.iter().map(|p| p.name.clone()).collect();
    Ok(Candidate {
        name: file.file_stem().map_or_else(
            || file.display().to_string(),
            |stem| stem.to_string_lossy().into_owned(),
        ),
        snapshot: config::compile(&config, &all, shared::today()),
    })
}

fn world_of(file: &Path) -> Result<WorldConfig, String> {
    let unreadable = |error| format!("cannot read {}: {error}", file.display());
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > WORLD_LIMIT_BYTES {
        return Err(format!("{} is too large", file.display()));
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    world::parse(&text).map_err(|problem| format!("{}: {problem}", file.display()))
}

/// How providers behaved, by these files; says what it came from.
fn fitted(args: &Replay, files: &[std::path::PathBuf]) -> Result<WorldConfig, String> {
    let seen = Seen::read(files)?;
    if seen.attempts.is_empty() {
        return Err("--fit: there is no attempt in what was given".to_owned());
    }
    let moments = match args.fit_moments {
        true => Moments::AsTheyWere,
        false => Moments::Process,
    };
    let fit = fit(&seen, moments);
    for view in &fit.views {
        eprintln!("{view}");
    }
    if let Some(file) = &args.model_out {
        let text = serde_json::to_string_pretty(&fit.world).map_err(|error| error.to_string())?;
        write(file, &(text + "\n"))?;
    } else if args.trace.is_none() {
        let text = serde_json::to_string_pretty(&fit.world).map_err(|error| error.to_string())?;
        println!("{text}");
    }
    Ok(fit.world)
}

fn warn_of_strangers(world: &WorldConfig, policies: &[Candidate]) {
    for name in world.providers.keys() {
        let is_known = policies
            .iter()
            .any(|policy| policy.snapshot.providers.iter().any(|p| p.name == *name));
        if !is_known {
            eprintln!("warning: no policy has a provider {name:?}");
        }
    }
}

fn print_providers(snapshot: &Snapshot, mut world: WorldConfig) -> Result<(), String> {
    for provider in &snapshot.providers {
        let given = world.providers.entry(provider.name.clone());
        given.or_insert_with(|| Nature::of(provider.tier));
    }
    // JSON is YAML, and the report's other format.
    let text = serde_json::to_string_pretty(&world).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}

fn model(args: &Replay, snapshot: &Snapshot) -> Result<ModelId, String> {
    let at = match &args.model {
        Some(name) => snapshot.models.iter().position(|m| m.name == *name),
        None => {
            let most = snapshot.models.iter().map(|m| m.targets.len()).max();
            let is_it = |n: usize| most == Some(n) && n > 0;
            snapshot.models.iter().position(|m| is_it(m.targets.len()))
        }
    };
    let names: Vec<&str> = snapshot.models.iter().map(|m| m.name.as_str()).collect();
    at.and_then(|at| u16::try_from(at).ok())
        .map(ModelId)
        .ok_or_else(|| match &args.model {
            Some(name) => format!(
                "the first policy has no model {name:?}; it has {}",
                names.join(", ")
            ),
            None => "the first policy has no model with a target".to_owned(),
        })
}

fn load(args: &Replay, snapshot: &Snapshot, model: ModelId) -> Result<Load, String> {
    let shape = Shape {
        repeat: args.repeat,
        rate: args.rate,
        mix: args.mix,
        seed: args.seed,
    };
    let file = args.trace.as_ref().ok_or("give a trace")?;
    let (arrivals, word) = trace::read_any(file)?;
    if let Some(word) = word {
        eprintln!("note: {word}");
    }
    Ok(Load::new(arrivals, snapshot, model, shape))
}

fn show_progress(done: u64, all: u64) {
    let percent = done * 100 / all.max(1);
    eprint!("\r{percent:3} % of {all} requests played");
    if done >= all {
        eprint!("\r{:60}\r", "");
    }
    let _ = std::io::stderr().flush();
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text)
        .map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    eprintln!("wrote {}", file.display());
    Ok(())
}
