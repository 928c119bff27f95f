//! The headers that real vendors add to their answers, which a gateway must not pass on.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::config::{Kind, ProviderConfig};

/// The headers of every answer of this provider; none when it is configured without.
pub(super) fn vendor_headers(config: &ProviderConfig) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !config.vendor_headers {
        return headers;
    }
    let name = &config.name;
    let openai = [
        ("openai-organization", format!("org-{name}")),
        ("openai-project", format!("proj_{name}")),
        ("openai-version", "2020-10-01".to_owned()),
        ("openai-processing-ms", "42".to_owned()),
        ("server", "cloudflare".to_owned()),
        ("alt-svc", "h3=\":443\"; ma=86400".to_owned()),
        (
            "set-cookie",
            format!("__cf_bm=demo-{name}; path=/; HttpOnly; Secure"),
        ),
    ];
    let azure = [
        ("apim-request-id", format!("apim-{name}")),
        ("x-ms-region", "East US 2".to_owned()),
        ("x-ms-deployment-name", name.clone()),
        ("azureml-model-session", format!("session-{name}")),
        ("strict-transport-security", "max-age=31536000".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        (
            "set-cookie",
            format!("ARRAffinity=demo-{name}; path=/; HttpOnly"),
        ),
    ];
    let limits = [
        ("x-ratelimit-limit-requests", "10000".to_owned()),
        ("x-ratelimit-remaining-requests", "9999".to_owned()),
        ("x-ratelimit-limit-tokens", "2000000".to_owned()),
        ("x-ratelimit-remaining-tokens", "1999000".to_owned()),
    ];
    let own = match config.kind {
        Kind::Openai => openai,
        Kind::AzureOpenai => azure,
    };
    for (key, value) in own.into_iter().chain(limits) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(key), value);
        }
    }
    headers
}
