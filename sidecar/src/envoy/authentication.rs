//! How a provider is told that a request is ours: a secret in a header, or AWS's signature.

use ark_gateway_core::snapshot::ProviderKind;
use serde_json::{Value, json};

use super::{Mode, from_sidecar, secret};
use crate::config::{AuthConfig, AwsConfig, AwsCredentialsConfig, ProviderConfig};

/// A cluster does not warm, and so its provider does not enter the snapshot, before its secret is
/// there; but an Envoy whose sidecar has gone must not wait for ever.
const SECRET_WAIT_MS: u64 = 15_000;

/// How often a credential is asked for anew.
const SECRET_REFRESH_MS: u64 = 200;

/// The upstream filter that authenticates each attempt; `None` for a server that wants nothing.
pub(super) fn filter(provider: &ProviderConfig, mode: Mode<'_>) -> Option<Value> {
    match (&provider.credential, &provider.aws) {
        (Some(_), _) => Some(injector(provider, mode)),
        (None, Some(aws)) => Some(signer(aws)),
        (None, None) => None,
    }
}

/// The header that carries the credential, and what stands before it.
fn header(provider: &ProviderConfig) -> (&'static str, &'static str) {
    const BEARER: (&str, &str) = ("authorization", "Bearer ");
    match (provider.kind, provider.auth) {
        (_, AuthConfig::Bearer)
        | (
            ProviderKind::Openai
            | ProviderKind::OpenaiCompatible
            | ProviderKind::Vertex
            // A Bedrock API key: <https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html>
            | ProviderKind::Bedrock,
            AuthConfig::Key,
        ) => BEARER,
        (ProviderKind::AzureOpenai, AuthConfig::Key) => ("api-key", ""),
        (ProviderKind::Anthropic, AuthConfig::Key) => ("x-api-key", ""),
        (ProviderKind::Gemini, AuthConfig::Key) => ("x-goog-api-key", ""),
    }
}

fn injector(provider: &ProviderConfig, mode: Mode<'_>) -> Value {
    let mut reference = json!({"name": secret::name(provider)});
    if let (Mode::Dynamic, Some(fields)) = (mode, reference.as_object_mut()) {
        fields.insert(
            "sds_config".to_owned(),
            from_sidecar(SECRET_REFRESH_MS, SECRET_WAIT_MS),
        );
    }
    let (header, prefix) = header(provider);
    json!({
        "name": "envoy.filters.http.credential_injector",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": true,
            // Without its secret the injector would answer by itself, which is not retried; the
            // provider's own 401 is, and is loud.
            "allow_request_without_credential": true,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
                    "credential": reference,
                    "header": header,
                    "header_value_prefix": prefix,
                },
            },
        },
    })
}

/// Signature version 4 over the request as the filter before it left it, body included. Without
/// credentials Envoy sends the request unsigned; AWS refuses it, which goes to the next target.
fn signer(aws: &AwsConfig) -> Value {
    let mut config = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
        "service_name": "bedrock",
        "region": aws.region,
        // With `host` and AWS's own: what a proxy on the way may change is not signed.
        "match_included_headers": [{"exact": "content-type"}],
    });
    if let (Some(fields), AwsCredentialsConfig::File { path, profile }) =
        (config.as_object_mut(), &aws.credentials)
    {
        let folder = path.parent().unwrap_or(path);
        let provider = json!({
            "custom_credential_provider_chain": true,
            "credentials_file_provider": {
                "credentials_data_source": {
                    "filename": path.to_string_lossy(),
                    // Read again when something is moved there, as Kubernetes and careful scripts do.
                    "watched_directory": {"path": folder.to_string_lossy()},
                },
                "profile": profile,
            },
        });
        fields.insert("credential_provider".to_owned(), provider);
    }
    json!({"name": "envoy.filters.http.aws_request_signing", "typed_config": config})
}
