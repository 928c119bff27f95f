//! `ark keys`: makes keys, here or at a running sidecar.

use std::io::{IsTerminal as _, Read as _};

use ark_sidecar::serve::shared;
use ark_sidecar::{digest, keys};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cli::{AdminArgs, CreateKey, KeysCommand};
use crate::command_client::{block_on, connect, post};

/// Largest input of `ark keys hash`, bytes.
const STDIN_LIMIT_BYTES: u64 = 64 * 1024;

/// Runs one of them.
pub(crate) fn run(command: &KeysCommand) -> Result<(), String> {
    match command {
        KeysCommand::New => new_key(),
        KeysCommand::Hash => hash_key(),
        KeysCommand::Create(args) => create(args),
        KeysCommand::List { admin, json } => list(admin, *json),
        KeysCommand::Rotate { id, grace, admin } => rotate(id, *grace, admin),
        KeysCommand::Revoke { id, admin } => revoke(id, admin),
    }
}

fn new_key() -> Result<(), String> {
    let key = keys::fresh()?;
    show_once(&key);
    eprintln!("Its digest, for a key in ark.yaml:");
    println!("sha256: {}", digest::hex(&[key.as_bytes()]));
    Ok(())
}

fn show_once(key: &str) {
    eprintln!("The key is shown only now; give it to its user:");
    println!("{key}");
}

fn hash_key() -> Result<(), String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("Type or paste the key, then press Enter and Ctrl-D:");
    }
    let mut input = String::new();
    stdin
        .lock()
        .take(STDIN_LIMIT_BYTES)
        .read_to_string(&mut input)
        .map_err(|error| format!("cannot read standard input: {error}"))?;
    println!("sha256: {}", keys::digest_of(&input)?);
    Ok(())
}

fn create(args: &CreateKey) -> Result<(), String> {
    let mut entry = Map::new();
    entry.insert("id".to_owned(), json!(args.id));
    entry.insert("models".to_owned(), json!(args.models));
    if let Some(priority) = &args.priority {
        entry.insert("priority".to_owned(), json!(priority));
    }
    if !args.priorities.is_empty() {
        entry.insert("priorities".to_owned(), json!(args.priorities));
    }
    if args.may_pin {
        entry.insert("may_pin".to_owned(), json!(true));
    }
    if let Some(limit) = args.requests_per_minute {
        entry.insert("limits".to_owned(), json!({ "requests_per_minute": limit }));
    }
    // The key never leaves this process but to whom it is for.
    let key = keys::fresh()?;
    let mut body = json!({
        "tenant": args.tenant,
        "sha256": digest::hex(&[key.as_bytes()]),
        "key": entry,
    });
    if let (Some(expires), Value::Object(body)) = (args.expires_in, &mut body) {
        body.insert("expires_in_s".to_owned(), json!(expires));
    }
    post(&args.admin, "/v1/keys", &body)?;
    show_once(&key);
    Ok(())
}

fn rotate(id: &str, grace_s: u64, admin: &AdminArgs) -> Result<(), String> {
    let key = keys::fresh()?;
    let body = json!({ "sha256": digest::hex(&[key.as_bytes()]), "grace_s": grace_s });
    post(admin, &format!("/v1/keys/{}/rotate", in_path(id)?), &body)?;
    eprintln!("The key before it is good for {grace_s} s more.");
    show_once(&key);
    Ok(())
}

fn revoke(id: &str, admin: &AdminArgs) -> Result<(), String> {
    post(
        admin,
        &format!("/v1/keys/{}/revoke", in_path(id)?),
        &json!({}),
    )?;
    eprintln!("{id} is revoked.");
    Ok(())
}

/// An id is safe in a path, and so is anything that could be one.
fn in_path(id: &str) -> Result<&str, String> {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match !id.is_empty() && id.bytes().all(is_safe) {
        true => Ok(id),
        false => Err(format!(
            "{id:?} is not a key's id; `ark keys list` shows them"
        )),
    }
}

#[derive(Deserialize)]
struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    id: String,
    tenant: String,
    source: String,
    state: String,
    problem: Option<String>,
    expires_at_s: Option<u64>,
}

fn list(admin: &AdminArgs, as_json: bool) -> Result<(), String> {
    let admin = connect(admin)?;
    let body = block_on(admin.get("/v1/keys"))?;
    if as_json {
        print!("{}", String::from_utf8_lossy(&body));
        return Ok(());
    }
    let listed: Keys = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let widest = |of: fn(&Key) -> &str| listed.keys.iter().map(|key| of(key).len()).max();
    let id_width = widest(|key| &key.id).unwrap_or(0).max(2);
    let tenant_width = widest(|key| &key.tenant).unwrap_or(0).max(6);
    println!(
        "{:id_width$}  {:tenant_width$}  source  state",
        "id", "tenant"
    );
    for key in &listed.keys {
        let mut notes = String::new();
        if let Some(end) = key.expires_at_s.filter(|_| key.state == "active") {
            let left_s = end.saturating_sub(shared::unix_ms() / 1_000);
            notes.push_str(&format!(", {} days left", left_s / 86_400));
        }
        if let Some(problem) = &key.problem {
            notes.push_str(&format!(": {problem}"));
        }
        println!(
            "{:id_width$}  {:tenant_width$}  {:6}  {}{notes}",
            key.id, key.tenant, key.source, key.state
        );
    }
    Ok(())
}
