//! Which headers cross between clients and providers, and which do not.
//!
//! What has a name is removed by the route, once per request. What is known only by how it begins, and
//! what one attempt could leave to the next, is removed by a filter in each provider's cluster, which
//! runs per attempt: header changes of one attempt are visible to the next. What the second removes the
//! first does not: each name costs every request some 250 instructions, there or not (docs/benchmarks.md).

use serde_json::{Value, json};

/// Removed from requests before any provider sees them: who the client is and what it authenticated
/// with, what was meant for Ark, and Envoy's own. `accept-encoding` goes too, as an answer that is
/// compressed can neither be gated nor metered.
pub(super) const REQUEST_HEADERS_TO_REMOVE: [&str; 19] = [
    "accept-encoding",
    "api-key",
    "authorization",
    "cookie",
    "forwarded",
    "openai-organization",
    "openai-project",
    "proxy-authorization",
    "x-api-key",
    "x-ark-cache",
    "x-ark-explain",
    "x-ark-priority",
    "x-ark-provider",
    "x-ark-shadow",
    "x-ark-verified",
    "x-goog-api-key",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-real-ip",
];

/// Removed from answers: cookies of a provider's edge, its words to browsers, offers to go around the
/// gateway, and what tells a client about the operator's account; and what only Ark may say. (`request-id` is Ark's where
/// the client speaks Anthropic's dialect, see `route.rs`.)
pub(super) const RESPONSE_HEADERS_TO_REMOVE: &[&str] = &[
    "alt-svc",
    "apim-request-id",
    "azureml-model-session",
    "content-security-policy",
    "eagleid",
    "nel",
    "permissions-policy",
    "referrer-policy",
    "report-to",
    "reporting-endpoints",
    "request-id",
    "server-timing",
    "set-cookie",
    "strict-transport-security",
    "trace-id",
    "via",
    "x-ark-fallback",
    "x-ark-reject",
    "x-ark-rule",
    "x-client-request-id",
    "x-content-type-options",
    "x-cloud-trace-context",
    "x-download-options",
    "x-ds-trace-id",
    "x-envoy-upstream-service-time",
    "x-frame-options",
    "x-log-id",
    "x-permitted-cross-domain-policies",
    "x-powered-by",
    "x-request-time",
    "x-robots-tag",
    "x-runtime",
    "x-xss-protection",
];

/// Credentials by name, with which an earlier attempt or the client may have authenticated.
const CREDENTIALS: [&str; 3] = ["authorization", "api-key", "x-api-key"];

/// AWS's signature and session token, Google's key and billing project, by how they begin.
const CREDENTIAL_FAMILIES: [&str; 2] = ["x-amz", "x-goog-"];

/// What Envoy says of the client, and of itself where it mirrors a request or passes it to the inner listener.
const INTERNAL: &str = "x-envoy-internal";

/// The same by how it begins: addresses, host, port, scheme, certificate.
const FORWARDED: [&str; 1] = ["x-forwarded-"];

/// What vendors say of our account, our limits there and their insides, by how it begins: Anthropic,
/// Amazon, Azure, Google, Cloudflare, DashScope, MiniMax, Mistral, Moonshot, OpenAI, Volcengine, Groq.
/// And what they say to browsers: whose pages may read an answer is not theirs to allow.
const VENDOR_FAMILIES: [&str; 19] = [
    "access-control-",
    "alb_",
    "anthropic-",
    "cf-",
    "cross-origin-",
    "minimax-",
    "mistral-",
    "msh-",
    "openai-",
    "x-amz",
    "x-dashscope-",
    "x-envoy-",
    "x-goog-",
    "x-groq-",
    "x-kong-",
    "x-ms-",
    "x-openai-",
    "x-ratelimit",
    "x-tt-",
];

/// The first filter of every provider's cluster: no attempt inherits a credential, no client gets a
/// vendor's families of headers. Ark's filter comes after it in requests and before it in answers, so
/// it sees what the vendor says.
pub(super) fn kept_apart() -> Value {
    let exact = CREDENTIALS.iter().map(|name| json!({"remove": name}));
    let request: Vec<Value> = exact
        .chain(families(&CREDENTIAL_FAMILIES))
        .chain([json!({"remove": INTERNAL})])
        .chain(families(&FORWARDED))
        .collect();
    let response: Vec<Value> = families(&VENDOR_FAMILIES).collect();
    json!({
        "name": "envoy.filters.http.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": {"request_mutations": request, "response_mutations": response},
        },
    })
}

fn families(prefixes: &[&str]) -> impl Iterator<Item = Value> {
    prefixes
        .iter()
        .map(|prefix| json!({"remove_on_match": {"key_matcher": {"prefix": prefix}}}))
}
