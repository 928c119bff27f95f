//! The headers that OpenAI and Azure add to their answers, which a gateway must not pass on.

use crate::providers::dialect::Headers;

/// OpenAI's, for the provider `name`.
pub(super) fn openai(name: &str) -> Headers {
    let own = vec![
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
    with_limits(own)
}

/// Azure's.
pub(super) fn azure(name: &str) -> Headers {
    let own = vec![
        ("apim-request-id", format!("apim-{name}")),
        ("x-ms-region", "East US 2".to_owned()),
        ("x-ms-deployment-name", name.to_owned()),
        ("azureml-model-session", format!("session-{name}")),
        ("strict-transport-security", "max-age=31536000".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        (
            "set-cookie",
            format!("ARRAffinity=demo-{name}; path=/; HttpOnly"),
        ),
    ];
    with_limits(own)
}

fn with_limits(mut own: Headers) -> Headers {
    own.extend([
        ("x-ratelimit-limit-requests", "10000".to_owned()),
        ("x-ratelimit-remaining-requests", "9999".to_owned()),
        ("x-ratelimit-limit-tokens", "2000000".to_owned()),
        ("x-ratelimit-remaining-tokens", "1999000".to_owned()),
    ]);
    own
}
