//! What depends on a provider's kind, as a table: what is written, and every line that the operator
//! reads.

use ark_gateway_core::capability::Capabilities;
use ark_gateway_core::snapshot::{FailOverOn, OnLoss, Order, ProviderKind};

use super::super::vendor;
use super::*;

/// One provider, whose block is the table's, and one model.
pub(super) fn file(provider: &str, target: &str) -> String {
    let provider = provider.replace('\n', "\n    ");
    format!(
        "version: 1\nproviders:\n  - name: p\n    tier: official\n    {provider}\nmodels:\n  - name: m\n    \
         targets:\n      - {{provider: p{target}}}\ntenants:\n  - name: t\n    keys:\n      - {{id: k, \
         sha256: {}, models: [m]}}\n",
        digest_of("some-key")
    )
}

fn provider(block: &str) -> ProviderConfig {
    let config = parse(&file(block, "")).unwrap_or_else(|problems| panic!("{block}: {problems}"));
    config.providers.into_iter().next().unwrap()
}

/// All lines of the report, without the provider's own path.
fn refused(block: &str, expected: &[&str]) {
    let report = match parse(&file(block, "")) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    };
    let lines: Vec<_> = report
        .lines()
        .map(|l| l.strip_prefix("providers[0]").unwrap_or(l))
        .map(|l| l.strip_prefix('.').unwrap_or(l))
        .collect();
    assert_eq!(lines, expected, "{block}");
}

#[test]
fn every_kind_knows_where_it_is_when_its_vendor_does() {
    for (block, authority, base_path) in [
        ("kind: openai", "api.openai.com", "/v1"),
        ("kind: anthropic", "api.anthropic.com", "/v1"),
        (
            "kind: gemini",
            "generativelanguage.googleapis.com",
            "/v1beta",
        ),
        (
            "kind: bedrock\naws: {region: eu-west-3}",
            "bedrock-runtime.eu-west-3.amazonaws.com",
            "",
        ),
        (
            "kind: openai-compatible\nvendor: qwen",
            "dashscope.aliyuncs.com",
            "/compatible-mode/v1",
        ),
        (
            "kind: openai-compatible\nvendor: vllm\nendpoint: http://10.0.0.7:8000/v1",
            "10.0.0.7:8000",
            "/v1",
        ),
        (
            "kind: azure-openai\napi_version: v1\nendpoint: https://x.openai.azure.com",
            "x.openai.azure.com",
            "",
        ),
        (
            "kind: vertex\nendpoint: https://v.example/v1/projects/p/locations/l/publishers/google",
            "v.example",
            "/v1/projects/p/locations/l/publishers/google",
        ),
    ] {
        let endpoint = provider(block).endpoint;
        assert_eq!(endpoint.authority(), authority, "{block}");
        assert_eq!(endpoint.base_path, base_path, "{block}");
    }
    for name in vendor::names() {
        let url = vendor::base_url(name);
        assert!(url.is_none_or(|url| Endpoint::parse(url).is_ok()), "{name}");
        let at = "endpoint: http://127.0.0.1:1/v1";
        let block = format!("kind: openai-compatible\nvendor: {name}\n{at}");
        assert_eq!(provider(&block).vendor.as_deref(), Some(name));
    }
}

#[test]
fn an_endpoint_that_cannot_be_right_is_refused() {
    refused(
        "kind: azure-openai\napi_version: v1",
        &["endpoint: is missing; such as https://NAME.openai.azure.com"],
    );
    refused(
        "kind: openai-compatible\nvendor: ollama",
        &["endpoint: is missing; such as http://10.0.0.7:8000/v1"],
    );
    refused(
        "kind: vertex\nendpoint: https://us-central1-aiplatform.googleapis.com/v1",
        &[
            "endpoint: must end in /v1/projects/PROJECT/locations/LOCATION/publishers/google; such as https://us-central1-aiplatform.googleapis.com/v1/projects/PROJECT/locations/us-central1/publishers/google",
        ],
    );
    // As Anthropic's own SDK has it.
    refused(
        "kind: anthropic\nendpoint: https://api.anthropic.com",
        &["endpoint: lacks the API's base path; write it with /v1, or remove endpoint"],
    );
    refused(
        "kind: anthropic\nendpoint: https://api.anthropic.com/v1/messages",
        &["endpoint: names one API path; write the base only, Ark adds /messages"],
    );
    refused(
        "kind: gemini\nendpoint: generativelanguage.googleapis.com",
        &[
            "endpoint: must start with http:// or https://; such as https://generativelanguage.googleapis.com/v1beta, which is the default",
        ],
    );
    refused(
        "kind: azure-openai\napi_version: v1\nendpoint: https://x.openai.azure.com/openai/v1",
        &[
            "endpoint: names Azure's /openai path; write the resource's address only, Ark adds /openai/…",
        ],
    );
}

#[test]
fn what_belongs_to_another_kind_is_refused() {
    refused(
        "kind: openai\nvendor: qwen\napi_version: v1\nauth: bearer\naws: {region: us-east-1}",
        &[
            "vendor: is only for providers of kind openai-compatible; remove it, or change kind",
            "aws: is only for providers of kind bedrock; remove it, or change kind",
            "api_version: is only for providers of kind azure-openai and anthropic; remove it, or change kind",
            "auth: is only for providers of kind azure-openai; remove it, or change kind",
        ],
    );
    refused(
        "kind: openai-compatible",
        &[
            "vendor: is missing; one of deepseek, qwen, glm, kimi, doubao, minimax, mistral, groq, cohere, vllm, ollama, llama-cpp; for a server without quirks write kind: openai",
        ],
    );
    refused(
        "kind: openai-compatible\nvendor: deepsek",
        &["vendor: \"deepsek\" is not known; did you mean deepseek?"],
    );
    // Of a kind that is not known nothing more is said than that, and what is wrong for any.
    refused(
        "kind: antropic\nvendor: qwen\nauth: loud",
        &[
            "kind: \"antropic\" is not known; did you mean anthropic?",
            "auth: \"loud\" is not known; known: key, bearer",
        ],
    );
}

#[test]
fn versions() {
    let azure = "kind: azure-openai\nendpoint: https://x.openai.azure.com\napi_version: ";
    for version in ["v1", "2024-10-21", "2025-04-01-preview"] {
        let block = format!("{azure}\"{version}\"");
        assert_eq!(provider(&block).api_version.as_deref(), Some(version));
    }
    refused(
        &format!("{azure}preview"),
        &[
            "api_version: must be a version such as \"2024-10-21\" or \"2025-04-01-preview\"; or v1, for the paths /openai/v1 that have no version",
        ],
    );
    let version = |block: &str| provider(block).api_version.unwrap();
    assert_eq!(version("kind: anthropic"), "2023-06-01");
    assert_eq!(
        version("kind: anthropic\napi_version: \"2024-02-29\""),
        "2024-02-29"
    );
    refused(
        "kind: anthropic\napi_version: v1",
        &["api_version: must be a version such as \"2023-06-01\"; remove it for 2023-06-01"],
    );
}

#[test]
fn aws() {
    let block =
        "kind: bedrock\naws: {region: us-gov-west-1, credentials: {file: /run/aws, profile: ark}}";
    let aws = provider(block).aws.unwrap();
    assert_eq!(aws.region, "us-gov-west-1");
    let AwsCredentialsConfig::File { path, profile } = aws.credentials else {
        panic!("{aws:?}")
    };
    assert_eq!((path.to_str(), profile.as_str()), (Some("/run/aws"), "ark"));
    let chain = provider("kind: bedrock\naws: {region: us-east-1}").aws;
    assert_eq!(chain.unwrap().credentials, AwsCredentialsConfig::Chain);

    refused(
        "kind: bedrock",
        &["aws: is missing; bedrock needs one, such as aws: {region: us-east-1}"],
    );
    refused(
        "kind: bedrock\naws: {region: Virginia, credentials: {profile: \"a b\"}}",
        &[
            "aws.region: \"Virginia\" is not an AWS region; such as us-east-1",
            "aws.credentials.file: is missing",
            "aws.credentials.profile: must be the name of a profile: up to 64 of A-Z a-z 0-9 . _ @ + -",
        ],
    );
    refused(
        "kind: bedrock\naws: {region: us-east-1, credentials: {file: /a}}\ncredential: {env: A_KEY}",
        &[
            "credential: is given beside aws.credentials, one of them works; credential is for a Bedrock API key, aws.credentials for signed requests",
        ],
    );
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let pasted = file(
        &format!(
            "kind: bedrock\naws: {{region: us-east-1, credentials: {{secret_access_key: {secret}}}}}"
        ),
        "",
    );
    let report = parse(&pasted).unwrap_err().to_string();
    assert!(!report.contains(secret), "{report}");
}

#[test]
fn credentials_that_a_program_prints() {
    let block = "kind: vertex\nendpoint: https://v.example/v1/projects/p/locations/l/publishers/google\ncredential: ";
    let command = |text: &str| provider(&format!("{block}{text}")).credential.unwrap();
    let argv = vec!["/bin/gcloud".to_owned(), "auth".to_owned()];
    for (text, refresh_s) in [
        ("{command: [/bin/gcloud, auth]}", 300),
        ("{command: [/bin/gcloud, auth], refresh_s: 60}", 60),
    ] {
        let argv = argv.clone();
        let expected = CommandConfig { argv, refresh_s };
        assert_eq!(command(text), CredentialConfig::Command(expected));
    }
    let refused = |text: &str, expected: &[&str]| refused(&format!("{block}{text}"), expected);
    refused(
        "{command: gcloud auth}",
        &[
            "credential.command: must be a list, is text; write a list, [/usr/bin/gcloud, auth, print-access-token]: there is no shell",
        ],
    );
    refused(
        "{command: [gcloud, 7], refresh_s: 0}",
        &[
            "credential.command[0]: must be a program's absolute path; such as /usr/bin/gcloud; no PATH is searched",
            "credential.command[1]: must be text, is a number; put it in quotes if it is text",
            "credential.refresh_s: must be a whole number from 1 to 86400, is 0",
        ],
    );
    refused(
        "{command: []}",
        &[
            "credential.command: names no program; write a list, [/usr/bin/gcloud, auth, print-access-token]: there is no shell",
        ],
    );
    refused(
        "{file: /run/token, refresh_s: 60}",
        &["credential.refresh_s: is only for a command: files are read again by themselves"],
    );
    refused(
        "{env: TOKEN, command: [/bin/gcloud]}",
        &["credential: has a command and something else, one of them works"],
    );
    let bearer =
        "kind: azure-openai\napi_version: v1\nendpoint: https://x.openai.azure.com\nauth: bearer";
    super::kinds::refused(
        bearer,
        &["auth: says how a credential travels, but there is none"],
    );
    let with = provider(&format!("{bearer}\ncredential: {{env: TOKEN}}"));
    assert_eq!(with.auth, AuthConfig::Bearer);
}

#[test]
fn a_token_that_nothing_refreshes_is_doubtful() {
    let at = "endpoint: https://v.example/v1/projects/p/locations/l/publishers/google";
    // Nothing that this test is about costs anything that is known.
    let is_of_price = |line: &String| line.contains("has no known price");
    let doubts = |credential: &str| {
        let block = format!("kind: vertex\n{at}\ncredential: {credential}");
        let config = parse(&file(&block, "")).unwrap();
        let warnings = warnings(&config, day("2026-01-01"));
        let mut lines: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        lines.retain(|line| !is_of_price(line));
        lines
    };
    assert_eq!(
        doubts("{env: TOKEN}"),
        [
            "providers[0].credential: is read once, but a token lives an hour or so; use {file: PATH} or {command: [PROGRAM, ARGUMENT]}"
        ]
    );
    assert_eq!(doubts("{file: /run/token}"), [""; 0]);
}

fn target(block: &str, target: &str) -> TargetConfig {
    let config = parse(&file(block, target)).unwrap_or_else(|problems| panic!("{problems}"));
    config.models[0].targets[0].clone()
}

#[test]
fn what_a_target_can_do_is_its_kinds_until_the_operator_says_otherwise() {
    let all = Capabilities::ALL;
    let chat = Capabilities {
        audio: false,
        embeddings: false,
        ..all
    };
    let vertex =
        "kind: vertex\nendpoint: https://v.example/v1/projects/p/locations/l/publishers/google";
    for (block, expected) in [
        ("kind: openai", all),
        ("kind: gemini", all),
        ("kind: anthropic", chat),
        ("kind: bedrock\naws: {region: us-east-1}", chat),
        (
            vertex,
            Capabilities {
                embeddings: false,
                ..all
            },
        ),
        (
            "kind: openai-compatible\nvendor: deepseek",
            Capabilities {
                json_schema: false,
                images: false,
                files: false,
                ..chat
            },
        ),
        ("kind: openai-compatible\nvendor: mistral", all),
    ] {
        assert_eq!(target(block, "").capabilities, expected, "{block}");
    }
    let said = target(
        vertex,
        ", capabilities: {embeddings: true, tools: false, context_tokens: 9000, max_output_tokens: 1000}",
    );
    let expected = Capabilities {
        tools: false,
        context_tokens: Some(9_000),
        max_output_tokens: Some(1_000),
        ..all
    };
    assert_eq!(said.capabilities, expected);
    assert_eq!(said.default_max_tokens, 1_000, "never more than it accepts");
    assert_eq!(target("kind: anthropic", "").default_max_tokens, 4_096);
    let more = target("kind: anthropic", ", default_max_tokens: 8192");
    assert_eq!(more.default_max_tokens, 8_192);
}

#[test]
fn a_capability_that_cannot_be_is_refused() {
    let refused = |text: &str, expected: &[&str]| {
        let problems = parse(&file("kind: anthropic", text)).unwrap_err();
        let lines: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected);
    };
    refused(
        ", capabilities: {embeddings: true, audio: yes, visoin: true}",
        &[
            "models[0].targets[0].capabilities.audio: must be true or false, is text",
            "models[0].targets[0].capabilities.embeddings: is true, but no target of kind anthropic can; remove it",
            "models[0].targets[0].capabilities.visoin: is not a known field; known: tools, json_schema, images, files, audio, embeddings, context_tokens, max_output_tokens",
        ],
    );
    refused(
        ", capabilities: {context_tokens: 10, max_output_tokens: 11}",
        &[
            "models[0].targets[0].capabilities: max_output_tokens (11) is more than context_tokens (10)",
        ],
    );
    refused(
        ", capabilities: {max_output_tokens: 10}, default_max_tokens: 11",
        &[
            "models[0].targets[0].default_max_tokens: is 11, more than capabilities.max_output_tokens (10)",
        ],
    );
}

#[test]
fn the_order_of_targets() {
    let with = |order: &str| {
        let text =
            file("kind: openai", "").replace("  - name: m\n", &format!("  - name: m\n{order}"));
        parse(&text).map(|config| config.models[0].order)
    };
    assert_eq!(with(""), Ok(Order::Scored));
    assert_eq!(with("    order: listed\n"), Ok(Order::Listed));
    assert_eq!(
        with("    order: random\n").unwrap_err().to_string(),
        "models[0].order: \"random\" is not known; known: scored, listed"
    );
}

#[test]
fn losses_and_refusals() {
    let with = |policy: &str| {
        let text =
            file("kind: openai", "").replace("  - name: m\n", &format!("  - name: m\n{policy}"));
        parse(&text).map(|config| config.models[0].clone())
    };
    let default = with("").unwrap();
    assert_eq!(default.on_loss, OnLoss::Warn);
    assert_eq!(default.fail_over_on, FailOverOn::default());
    let both =
        with("    on_loss: reject\n    fail_over_on: [content_policy, context_length]\n").unwrap();
    assert_eq!(both.on_loss, OnLoss::Reject);
    assert!(both.fail_over_on.content_policy && both.fail_over_on.context_length);
    let one = with("    on_loss: allow\n    fail_over_on: [context_length]\n").unwrap();
    assert_eq!(one.on_loss, OnLoss::Allow);
    assert!(!one.fail_over_on.content_policy && one.fail_over_on.context_length);
    let report = with("    on_loss: ignore\n    fail_over_on: [context_length, context_length]\n");
    assert_eq!(
        report.unwrap_err().to_string(),
        "models[0].on_loss: \"ignore\" is not known; known: reject, warn, allow\n\
         models[0].fail_over_on: names a refusal twice"
    );
}

#[test]
fn the_snapshot_says_what_the_filter_needs_to_know() {
    let text = file(
        "kind: openai-compatible\nvendor: groq",
        ", capabilities: {max_output_tokens: 100}",
    )
    .replace(
        "  - name: m\n",
        "  - name: m\n    on_loss: reject\n    fail_over_on: [content_policy]\n",
    );
    let config = parse(&text).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    let provider = &snapshot.providers[0];
    assert_eq!(provider.kind, ProviderKind::OpenaiCompatible);
    assert_eq!(provider.vendor.as_deref(), Some("groq"));
    assert_eq!(provider.base_path, "/openai/v1");
    let target = &snapshot.targets[0];
    assert_eq!(target.default_max_tokens, 100);
    assert!(!target.capabilities.embeddings && target.capabilities.images);
    let model = &snapshot.models[0];
    assert_eq!(model.on_loss, OnLoss::Reject);
    assert!(model.fail_over_on.content_policy);
    let anthropic = parse(&file("kind: anthropic", "")).unwrap();
    let anthropic = compile(&anthropic, &all(&anthropic), day("2026-01-01"));
    let version = anthropic.providers[0].api_version.as_deref();
    assert_eq!(version, Some("2023-06-01"));
}
