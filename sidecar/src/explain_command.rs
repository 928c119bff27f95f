//! `ark explain`: reads the files, explains one request.

use std::path::Path;

use ark_gateway_core::basis::Basis;
use ark_gateway_core::capability::Needs;
use ark_gateway_core::decide::{Caller, Facts, Part};
use ark_gateway_core::explain::explain_whole;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::rules::unit_of;
use ark_gateway_core::snapshot::{ModelId, ModelSpec, Snapshot};
use ark_sidecar::rights::{AskedHead, rights_of};
use ark_sidecar::serve::shared;
use ark_sidecar::{config, explaining};

use crate::cli::{Explain, Need};

/// Largest file of scores that is read, bytes.
const SCORES_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Runs the command.
pub(crate) fn run(args: &Explain) -> Result<(), String> {
    let config = config::load(&args.config).map_err(|error| error.to_string())?;
    let all = config.providers.iter().map(|p| p.name.clone()).collect();
    let snapshot = config::compile(&config, &all, shared::today());
    let scores = match &args.scores {
        None => None,
        Some(file) => {
            let (scores, is_other) = explaining::read_scores(&read(file)?, &snapshot)
                .map_err(|problem| format!("{}: {problem}", file.display()))?;
            if is_other {
                eprintln!("warning: the scores were made for another snapshot; matched by name");
            }
            Some(scores)
        }
    };
    let model = model(&snapshot, &args.model)?;
    let policy = Policy::new(snapshot).map_err(|error| error.to_string())?;
    let pin = match &args.pin {
        None => None,
        Some(name) => Some(
            policy
                .provider_named(name)
                .ok_or_else(|| format!("there is no provider {name:?}"))?,
        ),
    };
    let caller = Caller {
        key: match &args.key {
            None => None,
            Some(id) => Some(key(&policy, id)?),
        },
        unit: args.unit.as_deref().map(unit_of),
    };
    let head = AskedHead::new(args.endpoint.clone(), args.source, args.require.clone());
    let basis = Basis {
        priority: args.priority.into(),
        caller,
        ..Basis::default()
    };
    let rights = rights_of(&policy, &basis, (model, &head))?;
    let facts = Facts {
        model,
        priority: args.priority.into(),
        pin,
        needs: needs(args),
        refused: &[],
        caller,
        part: Part::All,
        requires: rights.requires,
        warm: None,
    };
    let explained = explain_whole(&policy, scores.as_ref(), &facts, args.draw)
        .ok_or("the snapshot does not have the model")?
        .with_access(rights.access);
    if args.json {
        let json = serde_json::to_string_pretty(&explained).map_err(|error| error.to_string())?;
        println!("{json}");
    } else {
        print!("{}", explaining::render(&explained));
    }
    Ok(())
}

fn key(policy: &Policy, id: &str) -> Result<u32, String> {
    let found = policy.key_named(id).map(|(index, _)| index);
    found.ok_or_else(|| format!("there is no key {id:?}"))
}

fn read(file: &Path) -> Result<String, String> {
    let unreadable = |error| format!("cannot read {}: {error}", file.display());
    if std::fs::metadata(file).map_err(unreadable)?.len() > SCORES_LIMIT_BYTES {
        return Err(format!("{} is too large", file.display()));
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

fn model(snapshot: &Snapshot, name: &str) -> Result<ModelId, String> {
    let is_named = |m: &ModelSpec| m.name == name || m.rules.aliases.iter().any(|a| a == name);
    let at = snapshot.models.iter().position(is_named);
    let id = at.and_then(|at| u16::try_from(at).ok()).map(ModelId);
    id.ok_or_else(|| {
        let names: Vec<&str> = snapshot.models.iter().map(|m| m.name.as_str()).collect();
        format!("there is no model {name:?}; there are {}", names.join(", "))
    })
}

fn needs(args: &Explain) -> Needs {
    let has = |need| args.needs.contains(&need);
    Needs {
        tools: has(Need::Tools),
        json_schema: has(Need::JsonSchema),
        images: has(Need::Images),
        files: has(Need::Files),
        audio: has(Need::Audio),
        embeddings: has(Need::Embeddings),
        input_tokens: args.input_tokens,
        max_output_tokens: args.max_tokens,
    }
}
