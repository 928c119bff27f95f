//! Which of a provider's endpoints a request is for, and whether it may use it.

use hyper::{HeaderMap, Method, Uri};

use super::config::{Kind, ProviderConfig};
use super::refusal::Refusal;

/// An endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Models,
    Model,
}

/// A request's endpoint, and what its path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    pub(super) endpoint: Endpoint,
    /// Azure's deployment, or the model of `/v1/models/{model}`.
    pub(super) named: Option<&'a str>,
}

/// Finds the endpoint, and checks leaks and the credential.
pub(super) fn route<'a>(
    config: &ProviderConfig,
    method: &Method,
    uri: &'a Uri,
    headers: &HeaderMap,
) -> Result<Route<'a>, Refusal> {
    if let Some(name) = headers
        .keys()
        .find(|name| name.as_str().starts_with("x-ark-"))
    {
        return Err(Refusal::invalid(
            format!("The internal header {name} reached a provider."),
            None,
        )
        .coded("leaked_internal_header"));
    }
    let unknown = || Refusal::not_found(config.kind, method.as_str(), uri.path());
    let route = match config.kind {
        Kind::Openai => openai(uri.path()),
        Kind::AzureOpenai => azure(uri),
    }
    .ok_or_else(unknown)?;
    let expected = match route.endpoint {
        Endpoint::Models | Endpoint::Model => Method::GET,
        Endpoint::Chat | Endpoint::Completions | Endpoint::Embeddings => Method::POST,
    };
    if *method != expected {
        let message = format!("Not allowed to {method} on {}.", uri.path());
        return Err(Refusal::invalid(message, None)
            .coded("method_not_supported")
            .with_status(405));
    }
    check_credential(config, headers)?;
    Ok(route)
}

fn openai(path: &str) -> Option<Route<'_>> {
    let rest = path.strip_prefix("/v1/")?;
    if let Some(model) = rest.strip_prefix("models/") {
        return Some(Route {
            endpoint: Endpoint::Model,
            named: Some(model),
        });
    }
    let endpoint = match rest {
        "models" => Endpoint::Models,
        _ => posted(rest)?,
    };
    Some(Route {
        endpoint,
        named: None,
    })
}

/// Azure answers 404 for an unknown path and for a missing `api-version` alike.
fn azure(uri: &Uri) -> Option<Route<'_>> {
    let version = uri
        .query()?
        .split('&')
        .find_map(|pair| pair.strip_prefix("api-version="))?;
    let rest = uri.path().strip_prefix("/openai/deployments/")?;
    let (deployment, operation) = rest.split_once('/')?;
    (!version.is_empty() && !deployment.is_empty()).then_some(())?;
    Some(Route {
        endpoint: posted(operation)?,
        named: Some(deployment),
    })
}

fn posted(operation: &str) -> Option<Endpoint> {
    match operation {
        "chat/completions" => Some(Endpoint::Chat),
        "completions" => Some(Endpoint::Completions),
        "embeddings" => Some(Endpoint::Embeddings),
        _ => None,
    }
}

fn check_credential(config: &ProviderConfig, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(key) = config.key.as_deref() else {
        return Ok(());
    };
    let given = match config.kind {
        Kind::Openai => headers
            .get("authorization")
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer ")),
        Kind::AzureOpenai => headers.get("api-key").map(|value| value.as_bytes()),
    };
    if given == Some(key.as_bytes()) {
        Ok(())
    } else {
        Err(Refusal::unauthorised(config.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(kind: Kind, request: &str, headers: &[(&'static str, &'static str)]) -> u16 {
        let (method, target) = request.split_once(' ').unwrap();
        let config = ProviderConfig {
            key: Some("k".to_owned()),
            ..ProviderConfig::new("p", kind, 0)
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let (method, uri) = (method.parse().unwrap(), target.parse().unwrap());
        match route(&config, &method, &uri, &map) {
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
        let leak = [("authorization", "Bearer k"), ("x-ark-priority", "batch")];
        assert_eq!(status(Kind::Openai, "GET /v1/models", &leak), 400);
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
    }
}
