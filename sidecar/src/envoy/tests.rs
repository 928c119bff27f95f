//! What must hold of the generated configuration, and that a real Envoy takes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::config::{CredentialConfig, Date, HedgeConfig, ShadowConfig, compile, parse};
use ark_gateway_core::priority::Priority;

const DEMO: &str = include_str!("../../../ark.yaml");
const BOOTSTRAP: &str = include_str!("../../../envoy/bootstrap.yaml");

fn place() -> Place {
    Place {
        filter: "/opt/ark/ark_filter.wasm".to_owned(),
        listen: "127.0.0.1:8080".to_owned(),
        socket: "/run/ark/ark.sock".to_owned(),
        sync_interval_ms: 250,
    }
}

fn demo() -> Config {
    parse(DEMO).unwrap()
}

fn snapshot(config: &Config) -> Snapshot {
    let usable: BTreeSet<String> = config.providers.iter().map(|p| p.name.clone()).collect();
    compile(config, &usable, Date::parse("2026-01-01").unwrap())
}

fn plugin_configuration(filter: &Value) -> Value {
    let text = filter["typed_config"]["config"]["configuration"]["value"].as_str();
    serde_json::from_str(text.unwrap()).unwrap()
}

/// A listener that changes drains its connections, streams included.
#[test]
fn the_listener_stays_whatever_is_served() {
    let before = listeners(&demo(), &place(), Mode::Dynamic);
    let mut config = demo();
    config.providers.truncate(1);
    config.providers[0].timeouts.stream_idle_ms = 3_600_000;
    config.models.clear();
    config.tenants.clear();
    assert_eq!(listeners(&config, &place(), Mode::Dynamic), before);
    config.gateway.body_limit_bytes += 1;
    assert_ne!(listeners(&config, &place(), Mode::Dynamic), before);
}

/// A cluster that changes closes its connections: it must not change for its neighbours' sake.
#[test]
fn a_cluster_depends_on_its_own_provider() {
    let before = clusters(&demo(), &place(), Mode::Dynamic);
    let mut config = demo();
    config.providers.swap(0, 3);
    config.providers.truncate(2);
    config.models.clear();
    config.tenants.clear();
    let after = clusters(&config, &place(), Mode::Dynamic);
    assert_eq!(after, [before[3].clone(), before[1].clone()]);
}

#[test]
fn resources_carry_their_type_and_files_do_not() {
    let config = demo();
    for resource in [
        &clusters(&config, &place(), Mode::Dynamic)[0],
        &listeners(&config, &place(), Mode::Dynamic)[0],
        &routes(&config, &place())[0],
    ] {
        assert!(
            resource["@type"]
                .as_str()
                .unwrap()
                .starts_with("type.googleapis.com/envoy.")
        );
    }
    let file = static_config(&config, &place(), &snapshot(&config));
    assert_eq!(
        file["static_resources"]["clusters"][0]["@type"],
        Value::Null
    );
    assert_eq!(
        file["static_resources"]["listeners"][0]["@type"],
        Value::Null
    );
}

#[test]
fn every_attempt_can_reach_every_provider() {
    let routes = routes(&demo(), &place());
    let action = &routes[0]["virtual_hosts"][0]["routes"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()["route"];
    let plugin = &routes[0]["cluster_specifier_plugins"][0]["extension"];
    assert_eq!(plugin["name"], action["cluster_specifier_plugin"]);
    let matcher = &plugin["typed_config"]["cluster_matcher"];
    let first = &matcher["on_no_match"]["matcher"]["matcher_tree"];
    assert_eq!(first["input"]["typed_config"]["key"], "wasm.ark.order");
    let later = &matcher["matcher_tree"]["exact_match_map"]["map"];
    for (place, name) in ["official", "azure", "optimized", "domestic"]
        .iter()
        .enumerate()
    {
        let action = &first["prefix_match_map"]["map"][format!("{name}|")]["action"];
        assert_eq!(action["typed_config"]["cluster"], *name);
        for attempt in ["1", "2"] {
            let rule = &later[attempt]["matcher"]["matcher_list"]["matchers"][place];
            let wanted = &rule["predicate"]["single_predicate"]["value_match"]["contains"];
            assert_eq!(*wanted, format!("|{attempt}:{name}|"));
            let action = &rule["on_match"]["action"];
            assert_eq!(action["typed_config"]["cluster"], *name);
        }
    }
    // No stream may be cut by the listener's clock before its provider's.
    assert_eq!(action["retry_policy"]["per_try_idle_timeout"], "60.000s");
    assert_eq!(action["idle_timeout"], "190.000s");
}

#[test]
fn credentials_are_named_in_files_and_held_by_secrets_only() {
    let config = demo();
    let canary = "canary-7f3a";
    let resolved = [("azure".to_owned(), Secret::new(canary.to_owned()))].into();
    let secrets = secrets(&config, &resolved);
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0]["name"], "provider/azure");
    assert_eq!(
        secrets[0]["generic_secret"]["secret"]["inline_string"],
        canary
    );
    let file = static_config(&config, &place(), &snapshot(&config));
    let sources = &file["static_resources"]["secrets"];
    assert_eq!(sources.as_array().unwrap().len(), 4);
    assert_eq!(
        sources[1]["generic_secret"]["secret"],
        json!({"environment_variable": "AZURE_API_KEY"})
    );
    let mut without = demo();
    without.providers[0].credential = None;
    let cluster = clusters(&without, &place(), Mode::Dynamic)[0].to_string();
    assert!(!cluster.contains("credential_injector"));
}

/// One provider of each kind and each way to authenticate.
const KINDS: &str = r#"
version: 1
providers:
  - {name: openai, kind: openai, tier: official, credential: {env: K}}
  - {name: azure, kind: azure-openai, api_version: "2024-10-21", endpoint: "https://x.openai.azure.com", tier: azure, credential: {env: K}}
  - {name: entra, kind: azure-openai, api_version: v1, endpoint: "https://x.openai.azure.com", auth: bearer, tier: azure, credential: {command: [/bin/az]}}
  - {name: deepseek, kind: openai-compatible, vendor: deepseek, tier: domestic, credential: {env: K}}
  - {name: anthropic, kind: anthropic, tier: official, credential: {env: K}}
  - {name: gemini, kind: gemini, tier: official, credential: {file: /run/k}}
  - {name: vertex, kind: vertex, endpoint: "https://v.example/v1/projects/p/locations/l/publishers/google", tier: official, credential: {command: [/bin/gcloud]}}
  - {name: bedrock-key, kind: bedrock, aws: {region: us-east-1}, tier: official, credential: {env: K}}
  - {name: bedrock, kind: bedrock, aws: {region: us-east-1}, tier: official}
  - {name: bedrock-file, kind: bedrock, aws: {region: eu-west-1, credentials: {file: /run/aws/credentials, profile: ark}}, tier: official}
  - {name: open, kind: openai, endpoint: "http://127.0.0.1:1/v1", tier: self-hosted}
models:
  - name: m
    targets:
      - {provider: openai}
tenants: []
"#;

fn filters(cluster: &Value) -> &Vec<Value> {
    let options = &cluster["typed_extension_protocol_options"];
    let options = &options["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
    options["http_filters"].as_array().unwrap()
}

#[test]
fn each_provider_is_told_who_asks_in_its_own_way() {
    let config = parse(KINDS).unwrap();
    let clusters = clusters(&config, &place(), Mode::Dynamic);
    for (cluster, (name, expected)) in clusters.iter().zip([
        ("openai", "authorization: Bearer "),
        ("azure", "api-key: "),
        ("entra", "authorization: Bearer "),
        ("deepseek", "authorization: Bearer "),
        ("anthropic", "x-api-key: "),
        ("gemini", "x-goog-api-key: "),
        ("vertex", "authorization: Bearer "),
        ("bedrock-key", "authorization: Bearer "),
        ("bedrock", "signed for us-east-1"),
        ("bedrock-file", "signed for eu-west-1"),
        ("open", "nothing"),
    ]) {
        assert_eq!(cluster["name"], name);
        let told: Vec<String> = filters(cluster).iter().filter_map(told).collect();
        let expected: Vec<&str> = Some(expected)
            .filter(|told| *told != "nothing")
            .into_iter()
            .collect();
        assert_eq!(told, expected, "{name}");
    }
}

/// What a filter tells a provider of who asks.
fn told(filter: &Value) -> Option<String> {
    let config = &filter["typed_config"];
    match filter["name"].as_str().unwrap() {
        "envoy.filters.http.credential_injector" => {
            let generic = &config["credential"]["typed_config"];
            let text = |field: &str| generic[field].as_str().unwrap().to_owned();
            Some(format!(
                "{}: {}",
                text("header"),
                text("header_value_prefix")
            ))
        }
        "envoy.filters.http.aws_request_signing" => {
            assert_eq!(config["service_name"], "bedrock");
            assert_eq!(config["use_unsigned_payload"], Value::Null);
            Some(format!("signed for {}", config["region"].as_str().unwrap()))
        }
        _ => None,
    }
}

/// The order is what keeps secrets out of Wasm, makes the signature one of what is sent, and lets
/// Ark's filter see what the vendor says before it is taken away.
#[test]
fn filters_stand_in_their_order() {
    let config = parse(KINDS).unwrap();
    for cluster in clusters(&config, &place(), Mode::Dynamic) {
        let names: Vec<_> = filters(&cluster)
            .iter()
            .map(|f| f["name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names[..2],
            [
                "envoy.filters.http.header_mutation",
                "envoy.filters.http.wasm"
            ]
        );
        assert_eq!(names[names.len() - 1], "envoy.filters.http.upstream_codec");
        assert!(names.len() <= 4, "{names:?}");
    }
}

#[test]
fn aws_credentials_are_read_by_envoy_alone() {
    let config = parse(KINDS).unwrap();
    let clusters = clusters(&config, &place(), Mode::Dynamic);
    let signer = |n: usize| &filters(&clusters[n])[2]["typed_config"]["credential_provider"];
    assert_eq!(*signer(8), Value::Null, "wherever AWS's own tools look");
    let source =
        json!({"filename": "/run/aws/credentials", "watched_directory": {"path": "/run/aws"}});
    let provider = &signer(9)["credentials_file_provider"];
    assert_eq!(provider["credentials_data_source"], source);
    assert_eq!(provider["profile"], "ark");
    assert_eq!(signer(9)["custom_credential_provider_chain"], true);
    let secrets = secret::references(&config).into_iter();
    let named: Vec<_> = secrets
        .map(|s| s["name"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "openai",
        "azure",
        "deepseek",
        "anthropic",
        "gemini",
        "bedrock-key",
    ];
    assert_eq!(named, expected.map(|name| format!("provider/{name}")));
}

/// Whether the first filter of every cluster takes a header away, of requests or of answers.
fn is_removed(side: &str, header: &str) -> bool {
    let filter = headers::kept_apart();
    let mutations = filter["typed_config"]["mutations"][side].as_array();
    mutations.unwrap().iter().any(|mutation| {
        let prefix = mutation["remove_on_match"]["key_matcher"]["prefix"].as_str();
        mutation["remove"] == header || prefix.is_some_and(|prefix| header.starts_with(prefix))
    })
}

#[test]
fn no_attempt_inherits_a_credential_and_none_says_who_the_client_is() {
    for (header, removed) in [
        ("authorization", true),
        ("api-key", true),
        ("x-api-key", true),
        ("x-goog-api-key", true),
        ("x-goog-user-project", true),
        ("x-amz-security-token", true),
        ("x-amz-date", true),
        ("x-amz-content-sha256", true),
        ("x-envoy-internal", true),
        ("x-forwarded-client-cert", true),
        ("x-forwarded-for", true),
        ("x-forwarded-host", true),
        ("x-forwarded-port", true),
        ("x-forwarded-proto", true),
        ("x-envoy-attempt-count", false),
        ("anthropic-beta", false),
        ("anthropic-version", false),
        ("content-type", false),
        ("traceparent", false),
    ] {
        assert_eq!(is_removed("request_mutations", header), removed, "{header}");
    }
}

#[test]
fn no_client_reads_what_a_vendor_says_of_the_operators_account() {
    let routes = routes(&demo(), &place());
    let routes = routes[0]["virtual_hosts"][0]["routes"].as_array().unwrap();
    for (header, removed) in [
        ("anthropic-organization-id", true),
        ("anthropic-ratelimit-input-tokens-remaining", true),
        ("msh-org-id", true),
        ("openai-organization", true),
        ("openai-processing-ms", true),
        ("openai-version", true),
        ("x-openai-proxy-wasm", true),
        ("x-frame-options", true),
        ("x-content-type-options", true),
        ("access-control-allow-origin", true),
        ("access-control-expose-headers", true),
        ("request-id", true),
        ("server-timing", true),
        ("set-cookie", true),
        ("via", true),
        ("x-amzn-bedrock-invocation-latency", true),
        ("x-amzn-requestid", true),
        ("x-goog-quota", true),
        ("x-ms-region", true),
        ("x-ratelimit-limit-project-tokens", true),
        ("x-ratelimit-limit-requests", true),
        ("x-ratelimit-remaining-tokens", true),
        ("content-type", false),
        ("retry-after", false),
        ("retry-after-ms", false),
        ("x-request-id", false),
    ] {
        for route in routes {
            let by_name = route["response_headers_to_remove"].as_array().unwrap();
            let by_name = by_name.iter().any(|name| name == header);
            let by_family = is_removed("response_mutations", header);
            assert_eq!(by_name || by_family, removed, "{header}");
        }
    }
}

#[test]
fn anthropics_clients_have_a_route_of_their_own() {
    let routes = routes(&demo(), &place());
    let routes = routes[0]["virtual_hosts"][0]["routes"].as_array().unwrap();
    // Those before are for what the filter marks.
    let routes = &routes[routes.len() - 2..];
    let matching = |n: usize| (&routes[n]["name"], &routes[n]["match"]);
    let prefix = json!({"path_separated_prefix": "/v1/messages"});
    assert_eq!(matching(0), (&json!("messages"), &prefix));
    assert_eq!(matching(1), (&json!("others"), &json!({"prefix": "/"})));
    assert_eq!(routes[0]["route"], routes[1]["route"]);
    let sets = |n: usize| {
        routes[n]["response_headers_to_add"]
            .to_string()
            .contains("request-id")
    };
    assert!(sets(0) && !sets(1));
}

/// Each of Envoy's own answers by its code: the `type` in either dialect.
#[test]
fn envoys_own_answers_are_told_in_the_callers_dialect() {
    let config = local_reply::config(&demo());
    let mappers = config["mappers"].as_array().unwrap();
    let (first, mappers) = mappers.split_first().unwrap();
    // The filter's answers, which name no details, are left as they are at the first question.
    let asked = &first["filter"]["extension_filter"]["typed_config"]["expression"];
    assert_eq!(asked, "response.code_details == ''");
    assert_eq!(first.as_object().unwrap().len(), 1);
    let told: Vec<(String, Value)> = mappers
        .iter()
        .map(|mapper| {
            let filter = &mapper["filter"]["extension_filter"]["typed_config"];
            let expression = filter["expression"].as_str().unwrap().to_owned();
            let body = &mapper["body_format_override"]["text_format_source"]["inline_string"];
            let body = body.as_str().unwrap().replace("%%", "%");
            (expression, serde_json::from_str(&body).unwrap())
        })
        .collect();
    let (anthropics, others) = told.split_at(told.len() / 2);
    let mut types = Vec::new();
    for ((when, theirs), (otherwise, ours)) in anthropics.iter().zip(others) {
        assert!(when.contains("xds.route_name == 'messages'"), "{when}");
        assert!(!otherwise.contains("route_name"), "{otherwise}");
        assert_eq!(theirs["type"], "error");
        assert_eq!(theirs["error"]["message"], ours["error"]["message"]);
        assert_eq!(theirs["error"]["code"], ours["error"]["code"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        types.push((text(&ours["error"]["code"]), text(&theirs["error"]["type"])));
    }
    let expected = [
        ("body_too_large", "request_too_large"),
        ("request_timeout", "invalid_request_error"),
        ("headers_too_large", "invalid_request_error"),
        ("provider_timeout", "timeout_error"),
        ("overloaded", "overloaded_error"),
        ("provider_overloaded", "overloaded_error"),
        ("provider_error", "api_error"),
        ("endpoint_not_found", "not_found_error"),
        ("invalid_request", "invalid_request_error"),
        ("invalid_request", "invalid_request_error"),
        ("internal", "api_error"),
    ];
    assert_eq!(
        types,
        expected.map(|(code, kind)| (code.to_owned(), kind.to_owned()))
    );
}

#[test]
fn without_a_socket_there_is_no_sidecar() {
    let config = demo();
    let snapshot = snapshot(&config);
    for (socket, named) in [("/run/ark/ark.sock", true), ("", false)] {
        let place = Place {
            socket: socket.to_owned(),
            ..place()
        };
        let file = static_config(&config, &place, &snapshot);
        let clusters = file["static_resources"]["clusters"].as_array().unwrap();
        assert_eq!(clusters.iter().any(|c| c["name"] == SIDECAR_CLUSTER), named);
        let gateway = plugin_configuration(&wasm::gateway(&place, Mode::Static(&snapshot)));
        assert_eq!(gateway["sidecar_cluster"] == SIDECAR_CLUSTER, named);
        let given = gateway["snapshot"].as_str().unwrap();
        let given = ark_link::snapshot_from_text(given).unwrap();
        assert_eq!(given.whole().unwrap(), snapshot);
    }
}

/// The bootstrap is written by hand, for people; what it shares with the code must be the same.
#[test]
fn the_bootstrap_says_what_the_code_says() {
    let bootstrap: Value = serde_saphyr::from_str(BOOTSTRAP).unwrap();
    let sidecar = &bootstrap["static_resources"]["clusters"][0];
    // Through text, as `300` and `300.0` are one number there.
    let same = |a: &Value, b: &Value| {
        assert_eq!(
            serde_json::to_string(a).unwrap(),
            serde_json::to_string(b).unwrap()
        );
    };
    same(sidecar, &cluster::sidecar("/run/ark/ark.sock"));
    same(&bootstrap["stats_config"], &stats_config());
    same(&bootstrap["overload_manager"], &overload_manager());
    same(
        &bootstrap["dynamic_resources"]["cds_config"],
        &from_sidecar(200, 2_000),
    );
    same(
        &bootstrap["dynamic_resources"]["lds_config"],
        &from_sidecar(200, 2_000),
    );
    assert_eq!(
        BOOTSTRAP.matches("port_value: 9901").count(),
        2,
        "one in the comment"
    );
    assert_eq!(
        BOOTSTRAP.matches("/run/ark/ark.sock").count(),
        2,
        "one in the comment"
    );
}

#[test]
fn endpoints_become_the_right_kind_of_cluster() {
    let with = |endpoint: &str| {
        let text = DEMO.replacen("http://127.0.0.1:9101/v1", endpoint, 1);
        clusters(&parse(&text).unwrap(), &place(), Mode::Dynamic)[0].clone()
    };
    for (endpoint, kind, sni) in [
        ("http://10.0.0.7:8000/v1", "STATIC", None),
        ("http://vllm:8000/v1", "STRICT_DNS", None),
        (
            "https://api.openai.com/v1",
            "LOGICAL_DNS",
            Some("api.openai.com"),
        ),
        ("https://10.0.0.7/v1", "STATIC", None),
    ] {
        let cluster = with(endpoint);
        assert_eq!(cluster["type"], kind, "{endpoint}");
        let context = &cluster["transport_socket"]["typed_config"];
        assert_eq!(context["sni"].as_str(), sni);
        let validated = &context["common_tls_context"]["validation_context"];
        assert_eq!(endpoint.starts_with("https"), validated.is_object());
    }
}

#[test]
fn addresses_and_durations_have_envoys_form() {
    for (listen, host, port) in [("0.0.0.0:80", "0.0.0.0", 80), ("[::1]:8080", "::1", 8080)] {
        let expected = json!({"socket_address": {"address": host, "port_value": port}});
        assert_eq!(address(listen), expected);
    }
    assert_eq!(milliseconds(5), "0.005s");
    assert_eq!(milliseconds(600_000), "600.000s");
}

/// The Envoy of `$ENVOY`, of `cargo xtask up`, or of the path.
fn find_envoy() -> Option<PathBuf> {
    let named = std::env::var_os("ENVOY").map(PathBuf::from);
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/ark/envoy");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("envoy"));
    named
        .into_iter()
        .chain(wheel(&installed))
        .chain(on_path)
        .find(|candidate| candidate.is_file())
}

/// Every file named `envoy` within a few folders: the wheel keeps it deep in its environment.
fn wheel(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![root.to_owned()];
    let mut folders = vec![(root.parent().map(Path::to_owned).unwrap_or_default(), 8)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth > 0 {
                folders.push((path, depth - 1));
            } else if path.ends_with("_bin/envoy") {
                found.push(path);
            }
        }
    }
    found
}

/// The smallest module that Envoy takes for a filter, and it loads one even to validate: a memory,
/// an empty function by whose name the ABI is known, and a `malloc` that always gives 1024.
const EMPTY_WASM: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x09\x02\x60\0\0\x60\x01\x7f\x01\x7f\
    \x03\x03\x02\0\x01\
    \x05\x03\x01\0\x01\
    \x07\x2d\x03\x06memory\x02\0\x17proxy_abi_version_0_2_1\0\0\x06malloc\0\x01\
    \x0a\x0a\x02\x02\0\x0b\x05\0\x41\x80\x08\x0b";

#[test]
#[allow(clippy::print_stderr, reason = "a test that could not run must say so")]
fn a_real_envoy_takes_it() {
    let Some(envoy) = find_envoy() else {
        eprintln!("SKIPPED: no Envoy: set $ENVOY or run `cargo xtask up` once");
        return;
    };
    let folder = std::env::temp_dir().join(format!("ark-envoy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let filter = folder.join("empty.wasm");
    std::fs::write(&filter, EMPTY_WASM).unwrap();
    let place = Place {
        filter: filter.display().to_string(),
        ..place()
    };
    let https = DEMO.replacen("http://127.0.0.1:9101/v1", "https://api.openai.com/v1", 1);
    let mut files = vec![("bootstrap.yaml", BOOTSTRAP.to_owned())];
    let key = folder.join("key");
    std::fs::write(&key, "k").unwrap();
    let kinds = KINDS.replace("/run/k", &key.display().to_string());
    for (name, text) in [
        ("demo.json", DEMO),
        ("https.json", https.as_str()),
        ("kinds.json", kinds.as_str()),
    ] {
        let mut config = parse(text).unwrap();
        for provider in &mut config.providers {
            // Which a file cannot hold: see `ark render`.
            if let Some(CredentialConfig::Command(_)) = provider.credential {
                provider.credential = Some(CredentialConfig::Env("K".to_owned()));
            }
        }
        let file = static_config(&config, &place, &snapshot(&config));
        files.push((name, file.to_string()));
    }
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        let output = Command::new(&envoy)
            .args(["--mode", "validate", "-l", "error", "-c"])
            .arg(&path)
            .args(["--use-dynamic-base-id"])
            .envs(
                ["OFFICIAL", "AZURE", "OPTIMIZED", "DOMESTIC"]
                    .map(|p| (format!("{p}_API_KEY"), "k")),
            )
            .env("K", "k")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// `ark.yaml` of the demo, whose first model has copies and hedges.
fn with_extras() -> Config {
    let mut config = demo();
    let target = config.models[0].targets[0].clone();
    config.models[0].shadow = Some(ShadowConfig {
        target,
        share_millionths: 100_000,
        priorities: Priority::ALL.into(),
        body_limit_bytes: 1 << 20,
    });
    config.models[0].hedge = Some(HedgeConfig {
        after_ms: Some(500),
        at_least_ms: 200,
        budget_millionths: 50_000,
        priorities: Priority::ALL.into(),
    });
    config
}

/// A cluster named by header would be read after the first attempt has begun, which would see it.
#[test]
fn a_mirror_is_chosen_by_route_and_its_mark_goes_no_further() {
    let config = with_extras();
    let provider = config.models[0].targets[0].provider.clone();
    let routes = routes(&config, &place());
    let routes = routes[0]["virtual_hosts"][0]["routes"].as_array().unwrap();
    let is_mirroring = |r: &&Value| !r["route"]["request_mirror_policies"].is_null();
    let mirroring: Vec<_> = routes.iter().filter(is_mirroring).collect();
    assert_eq!(mirroring.len(), 2, "either kind of clients, one provider");
    for route in mirroring {
        let header = &route["match"]["headers"][0];
        assert_eq!(header["name"], "x-ark-shadow");
        assert_eq!(header["string_match"]["exact"], provider);
        let policy = &route["route"]["request_mirror_policies"][0];
        assert_eq!(policy["cluster"], provider);
        assert!(policy["cluster_header"].is_null());
    }
    for route in routes {
        let removed = route["request_headers_to_remove"].as_array().unwrap();
        assert!(
            removed.contains(&json!("x-ark-shadow")),
            "{}",
            route["name"]
        );
    }
    let mut gone = config;
    gone.providers.retain(|p| p.name != provider);
    let routes = super::routes(&gone, &place()).remove(0).to_string();
    assert!(
        !routes.contains("request_mirror_policies"),
        "no cluster, no route"
    );
}

/// Envoy hedges within one cluster only, with one map of headers for all attempts.
#[test]
fn a_hedged_request_meets_no_provider_but_behind_the_inner_listener() {
    let routes = routes(&demo(), &place());
    let routes = routes[0]["virtual_hosts"][0]["routes"].as_array().unwrap();
    let is_hedging = |r: &&Value| !r["route"]["hedge_policy"].is_null();
    for route in routes.iter().filter(is_hedging) {
        assert_eq!(route["route"]["cluster"], "ark-hedge");
        let policy = &route["route"]["retry_policy"];
        assert!(policy["refresh_cluster_on_retry"].is_null());
        assert!(policy["per_try_idle_timeout"].is_null());
        assert_eq!(route["match"]["headers"][0]["name"], "x-ark-hedge");
    }
    assert_eq!(routes.iter().filter(is_hedging).count(), 2);
    let inner = routes.iter().find(|r| r["name"] == "ark-hedge").unwrap();
    assert!(inner["route"]["retry_policy"].is_null(), "one attempt");
    let removed = inner["request_headers_to_remove"].as_array().unwrap();
    for header in [
        "x-ark-hedge",
        "x-ark-order",
        "x-ark-first-byte-ms",
        "x-ark-total-ms",
    ] {
        assert!(removed.contains(&json!(header)), "{header}");
    }
}

/// A file's Envoy gets an inner listener only where it has a use for one; the other always has it, so
/// that no snapshot asks for it too early.
#[test]
fn the_inner_listener_is_there_before_it_is_needed() {
    let dynamic = |config: &Config| listeners(config, &place(), Mode::Dynamic);
    assert_eq!(dynamic(&demo())[1], dynamic(&with_extras())[1]);
    for (config, there) in [(demo(), false), (with_extras(), true)] {
        let file = static_config(&config, &place(), &snapshot(&config));
        let resources = &file["static_resources"];
        assert_eq!(resources["listeners"].as_array().unwrap().len() == 2, there);
        assert_eq!(!file["bootstrap_extensions"].is_null(), there);
        let clusters = resources["clusters"].as_array().unwrap();
        assert_eq!(clusters.contains(&hedge::cluster()), there);
    }
    let bootstrap: Value = serde_saphyr::from_str(BOOTSTRAP).unwrap();
    assert_eq!(
        bootstrap["bootstrap_extensions"],
        hedge::bootstrap_extensions()
    );
}
