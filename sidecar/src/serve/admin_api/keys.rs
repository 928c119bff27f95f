//! The admin API's keys: made, rotated, revoked. A key itself is never sent here, only its digest.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::Deserialize;

use super::super::access::{Refused, Who, refused};
use super::super::audit;
use super::super::shared::{Shared, unix_ms};
use super::{body, said};
use crate::config::Config;
use crate::http::{self, Reply};
use crate::key_book::{KeyBook, KeyError, NewKey, UnixS};

/// How long an old key goes on when a rotation does not say, seconds: a day.
const USUAL_GRACE_S: u64 = 86_400;

/// What a rotation says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    sha256: String,
    #[serde(default = "usual_grace_s")]
    grace_s: u64,
}

fn usual_grace_s() -> u64 {
    USUAL_GRACE_S
}

fn now_s() -> UnixS {
    unix_ms() / 1_000
}

pub(super) fn list(shared: &Shared) -> Reply {
    let control = shared.control();
    let listed = control.key_book().list(control.written(), now_s());
    http::readable_json(StatusCode::OK, &serde_json::json!({ "keys": listed }))
}

pub(super) async fn create(shared: &Shared, who: &Who, request: Request<Incoming>) -> Reply {
    let new: NewKey = match body::read(request).await {
        Ok(new) => new,
        Err(refused) => return said(&refused),
    };
    let tenant = new.tenant.clone();
    let edit = |book: &mut KeyBook, config: &Config| book.create(new, config, now_s());
    match edited(shared, edit) {
        Ok(id) => {
            tracing::info!(target: "ark::audit", actor = who.id, action = "key.create", key = id, tenant, "changed");
            audit::changed(
                shared,
                who,
                "key.create",
                serde_json::json!({ "key": id, "tenant": tenant }),
            );
            http::readable_json(StatusCode::CREATED, &serde_json::json!({ "id": id }))
        }
        Err(refused) => said(&refused),
    }
}

pub(super) async fn rotate(
    shared: &Shared,
    (who, id): (&Who, &str),
    request: Request<Incoming>,
) -> Reply {
    let rotation: Rotation = match body::read(request).await {
        Ok(rotation) => rotation,
        Err(refused) => return said(&refused),
    };
    let grace_s = rotation.grace_s;
    let edit = |book: &mut KeyBook, config: &Config| {
        book.rotate(id, (&rotation.sha256, grace_s), config, now_s())
    };
    match edited(shared, edit) {
        Ok(()) => {
            tracing::info!(target: "ark::audit", actor = who.id, action = "key.rotate", key = id, grace_s, "changed");
            audit::changed(
                shared,
                who,
                "key.rotate",
                serde_json::json!({ "key": id, "grace_s": grace_s }),
            );
            http::readable_json(
                StatusCode::OK,
                &serde_json::json!({ "id": id, "grace_s": grace_s }),
            )
        }
        Err(refused) => said(&refused),
    }
}

pub(super) fn revoke(shared: &Shared, (who, id): (&Who, &str)) -> Reply {
    match edited(shared, |book, config| book.revoke(id, config, now_s())) {
        Ok(()) => {
            tracing::info!(target: "ark::audit", actor = who.id, action = "key.revoke", key = id, "changed");
            audit::changed(shared, who, "key.revoke", serde_json::json!({ "key": id }));
            http::readable_json(StatusCode::OK, &serde_json::json!({ "id": id }))
        }
        Err(refused) => said(&refused),
    }
}

/// Changes the book: on disk first, then in force.
fn edited<T>(
    shared: &Shared,
    edit: impl FnOnce(&mut KeyBook, &Config) -> Result<T, KeyError>,
) -> Result<T, Refused> {
    let Some(file) = shared.key_file() else {
        return Err(refused(
            StatusCode::CONFLICT,
            "nothing to keep keys in: start `ark serve` with --keys FILE, or write them into ark.yaml",
        ));
    };
    let mut control = shared.control();
    let mut book = control.key_book().clone();
    let result = edit(&mut book, control.written())
        .map_err(|error| refused(status_of(&error), error.to_string()))?;
    if let Err(reason) = file.save(&book) {
        tracing::error!(reason, "keys could not be saved, nothing was changed");
        return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, reason));
    }
    control.replace_keys(book, shared.now());
    Ok(result)
}

fn status_of(error: &KeyError) -> StatusCode {
    match error {
        KeyError::NotFound => StatusCode::NOT_FOUND,
        KeyError::InFile | KeyError::Exists | KeyError::SameKey | KeyError::Revoked => {
            StatusCode::CONFLICT
        }
        KeyError::Full => StatusCode::INSUFFICIENT_STORAGE,
        KeyError::Grace | KeyError::Tenant(_) | KeyError::Entry(_) => StatusCode::BAD_REQUEST,
    }
}
