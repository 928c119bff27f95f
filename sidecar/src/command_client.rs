//! Commands to a running sidecar.

use std::fs;
use std::future::Future;

use ark_sidecar::admin_client::{Admin, CallError};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::cli::{AdminArgs, CanaryAction, Drain, OnCanary};

/// Drains a provider, or undoes that.
pub(crate) fn drain(args: &Drain) -> Result<(), String> {
    let command = json!({"provider": args.provider, "drain": !args.undo});
    let answer = post(&args.admin, "/v1/drains", &command)?;
    let view: Value = serde_json::from_slice(&answer).map_err(|error| error.to_string())?;
    let is_drained = view.get("drained").and_then(Value::as_bool) == Some(true);
    match (is_drained, args.undo) {
        (true, false) => println!("{} gets no new requests", args.provider),
        (false, _) => println!("{} gets requests", args.provider),
        (true, true) => {
            println!("{} is still drained, by ark.yaml", args.provider);
        }
    }
    if let Some(running) = view.get("in_flight").and_then(Value::as_u64) {
        println!("{running} requests run there; /v1/providers shows how many are left");
    }
    Ok(())
}

/// Moves a canary.
pub(crate) fn canary(args: &OnCanary) -> Result<(), String> {
    let action = match args.action {
        CanaryAction::Promote => "promote",
        CanaryAction::Rollback => "rollback",
        CanaryAction::Hold => "hold",
        CanaryAction::Resume => "resume",
        CanaryAction::Restart => "restart",
    };
    let command = json!({"model": args.model, "action": action});
    let answer = post(&args.admin, "/v1/canaries", &command)?;
    print!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// One change.
pub(crate) fn post(admin: &AdminArgs, path: &str, body: &Value) -> Result<Bytes, String> {
    let admin = connect(admin)?;
    block_on(admin.post(path, body.to_string().into()))
}

/// The running sidecar that is meant, with the caller's token.
pub(crate) fn connect(args: &AdminArgs) -> Result<Admin, String> {
    let token = match &args.token_file {
        Some(file) => {
            let text = fs::read_to_string(file)
                .map_err(|error| format!("--token-file {}: {error}", file.display()))?;
            Some(text.trim().to_owned())
        }
        None => std::env::var("ARK_ADMIN_TOKEN").ok(),
    };
    let has_token = token.is_some();
    let admin = Admin::at(&args.url, token, &args.tls.config()).map_err(|e| e.to_string())?;
    if has_token && admin.is_in_clear() {
        eprintln!("warning: the token travels in clear text; give the port TLS and write https://");
    }
    Ok(admin)
}

/// Waits for one answer.
pub(crate) fn block_on<T>(answer: impl Future<Output = Result<T, CallError>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    runtime.block_on(answer).map_err(|error| error.to_string())
}
