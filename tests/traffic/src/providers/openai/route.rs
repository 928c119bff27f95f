//! Which of an OpenAI-like provider's endpoints a request is for, and whether it may use it.

use hyper::{HeaderMap, Method, Uri};

use super::errors;
use crate::providers::config::ProviderConfig;
use crate::providers::dialect::{Asked, bearer, header};
use crate::providers::refusal::Refusal;
use crate::providers::vendors::Vendor;

/// Whose API it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::providers) enum Flavour {
    OpenAi,
    Azure,
    Vendor(&'static Vendor),
}

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Chat,
    Completions,
    Embeddings,
    Responses,
    Models,
    Model,
}

/// A request's endpoint, and what its path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::providers) struct Served<'a> {
    pub(super) flavour: Flavour,
    pub(super) place: Place,
    /// Azure's deployment, or the model of `/v1/models/{model}`.
    pub(super) named: Option<&'a str>,
}

impl<'a> Served<'a> {
    /// Finds the endpoint, and checks the credential.
    pub(in crate::providers) fn find(
        flavour: Flavour,
        asked: &Asked<'a, '_>,
    ) -> Result<Self, Refusal> {
        let path = asked.uri.path();
        let unknown = || not_found(flavour, asked.method.as_str(), path);
        let (place, named) = match flavour {
            Flavour::OpenAi => beneath("/v1/", path),
            Flavour::Vendor(vendor) => beneath(vendor.base, path).filter(|(place, _)| {
                // None of the vendors' responses are what OpenAI's are.
                *place != Place::Responses
            }),
            Flavour::Azure => azure(asked.uri),
        }
        .ok_or_else(unknown)?;
        let expected = match place {
            Place::Models | Place::Model => Method::GET,
            Place::Chat | Place::Completions | Place::Embeddings | Place::Responses => Method::POST,
        };
        if *asked.method != expected {
            let message = format!("Not allowed to {} on {path}.", asked.method);
            return Err(Refusal::invalid(message, None)
                .coded("method_not_supported")
                .with_status(405));
        }
        check_credential(flavour, asked.config, asked.headers, named.is_none())?;
        Ok(Self {
            flavour,
            place,
            named,
        })
    }
}

fn beneath<'a>(base: &str, path: &'a str) -> Option<(Place, Option<&'a str>)> {
    let rest = path.strip_prefix(base)?;
    if let Some(model) = rest.strip_prefix("models/") {
        return Some((Place::Model, Some(model)));
    }
    let place = match rest {
        "models" => Place::Models,
        _ => posted(rest)?,
    };
    Some((place, None))
}

/// Azure answers 404 for an unknown path and for a missing `api-version` alike; the newer paths, which
/// take the model from the body, need none.
fn azure(uri: &Uri) -> Option<(Place, Option<&str>)> {
    if let Some(found) = beneath("/openai/v1/", uri.path()) {
        return Some(found);
    }
    let version = uri
        .query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix("api-version="))?;
    let rest = uri.path().strip_prefix("/openai/deployments/")?;
    let (deployment, operation) = rest.split_once('/')?;
    (!version.is_empty() && !deployment.is_empty()).then_some(())?;
    let place = posted(operation).filter(|place| *place != Place::Responses)?;
    Some((place, Some(deployment)))
}

fn posted(operation: &str) -> Option<Place> {
    match operation {
        "chat/completions" => Some(Place::Chat),
        "completions" => Some(Place::Completions),
        "embeddings" => Some(Place::Embeddings),
        "responses" => Some(Place::Responses),
        _ => None,
    }
}

/// `newer`: an Azure path below `/openai/v1`, where the key may also come as a bearer token.
fn check_credential(
    flavour: Flavour,
    config: &ProviderConfig,
    headers: &HeaderMap,
    newer: bool,
) -> Result<(), Refusal> {
    let Some(key) = config.key.as_deref() else {
        return Ok(());
    };
    let token = bearer(headers);
    let good = match flavour {
        Flavour::OpenAi | Flavour::Vendor(_) => token == Some(key),
        Flavour::Azure => {
            header(headers, "api-key") == Some(key)
                || token.is_some()
                    && (token == config.token.as_deref() || newer && token == Some(key))
        }
    };
    if good {
        return Ok(());
    }
    Err(match flavour {
        Flavour::OpenAi => errors::unauthorised(),
        Flavour::Azure => errors::azure_unauthorised(),
        Flavour::Vendor(vendor) => vendor.unauthorised(),
    })
}

fn not_found(flavour: Flavour, method: &str, path: &str) -> Refusal {
    match flavour {
        Flavour::OpenAi | Flavour::Vendor(_) => {
            Refusal::invalid(format!("Invalid URL ({method} {path})"), None).with_status(404)
        }
        Flavour::Azure => Refusal::invalid("Resource not found", None)
            .coded("404")
            .with_status(404),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::config::Kind;

    fn status(kind: Kind, request: &str, headers: &[(&'static str, &'static str)]) -> u16 {
        let (method, target) = request.split_once(' ').unwrap();
        let config = ProviderConfig {
            key: Some("k".to_owned()),
            token: Some("entra".to_owned()),
            ..ProviderConfig::new("p", kind, 0)
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let (method, uri): (Method, Uri) = (method.parse().unwrap(), target.parse().unwrap());
        let azure = kind == Kind::AzureOpenai;
        let flavour = if azure {
            Flavour::Azure
        } else {
            Flavour::OpenAi
        };
        let asked = Asked {
            config: &config,
            method: &method,
            uri: &uri,
            headers: &map,
            body: b"",
        };
        match Served::find(flavour, &asked) {
            Ok(_) => 200,
            Err(refusal) => refusal.status,
        }
    }

    #[test]
    fn openai_paths_and_keys() {
        let key = [("authorization", "Bearer k")];
        for (request, expected) in [
            ("POST /v1/chat/completions", 200),
            ("POST /v1/completions", 200),
            ("POST /v1/embeddings", 200),
            ("POST /v1/responses", 200),
            ("GET /v1/models", 200),
            ("GET /v1/models/gpt", 200),
            ("GET /v1/chat/completions", 405),
            ("POST /chat/completions", 404),
            (
                "POST /openai/deployments/d/chat/completions?api-version=1",
                404,
            ),
        ] {
            assert_eq!(status(Kind::Openai, request, &key), expected, "{request}");
        }
        for wrong in [
            ("authorization", "Bearer x"),
            ("authorization", "k"),
            ("api-key", "k"),
        ] {
            assert_eq!(status(Kind::Openai, "GET /v1/models", &[wrong]), 401);
        }
    }

    #[test]
    fn azure_paths_and_keys() {
        let key = [("api-key", "k")];
        let chat = "POST /openai/deployments/d/chat/completions";
        for (request, expected) in [
            (format!("{chat}?api-version=2024-10-21"), 200),
            (format!("{chat}?x=1&api-version=2024-10-21"), 200),
            (format!("{chat}?api-version="), 404),
            (chat.to_owned(), 404),
            ("POST /openai/v1/chat/completions".to_owned(), 200),
            ("POST /openai/v1/responses".to_owned(), 200),
            (
                "POST /openai/deployments/d/responses?api-version=1".to_owned(),
                404,
            ),
            ("POST /v1/chat/completions?api-version=1".to_owned(), 404),
        ] {
            assert_eq!(
                status(Kind::AzureOpenai, &request, &key),
                expected,
                "{request}"
            );
        }
        let bearer = [("authorization", "Bearer k")];
        let request = format!("{chat}?api-version=1");
        assert_eq!(status(Kind::AzureOpenai, &request, &bearer), 401);
        let newer = "POST /openai/v1/chat/completions";
        assert_eq!(status(Kind::AzureOpenai, newer, &bearer), 200);
        let entra = [("authorization", "Bearer entra")];
        assert_eq!(status(Kind::AzureOpenai, &request, &entra), 200);
    }
}
