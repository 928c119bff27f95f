//! The whole service in process: a real Unix socket, a real admin port, a fake Envoy.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::*;
use crate::http::read_capped;
use crate::testing::{TempDir, config_yaml};

const PATIENCE: Duration = Duration::from_secs(20);

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> (u16, String)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = read_capped(response.into_body(), 1 << 24, PATIENCE)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn post(socket: &Path, path: &str, body: impl Into<Bytes>) -> (u16, String) {
    let stream = UnixStream::connect(socket).await.unwrap();
    let request = Request::post(path)
        .header("host", "ark")
        .body(Full::new(body.into()))
        .unwrap();
    exchange(stream, request).await
}

async fn get(admin: SocketAddr, path: &str) -> (u16, String) {
    let stream = TcpStream::connect(admin).await.unwrap();
    exchange(
        stream,
        Request::get(path)
            .header("host", "127.0.0.1")
            .body(Full::default())
            .unwrap(),
    )
    .await
}

struct Running {
    dir: TempDir,
    options: Options,
    task: JoinSet<Result<(), String>>,
}

impl Running {
    async fn start() -> Self {
        let dir = TempDir::new();
        let config = dir.path().join("ark.yaml");
        fs::write(&config, config_yaml(&["a"])).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options {
            config,
            socket: dir.path().join("run/ark.sock"),
            admin: free.local_addr().unwrap(),
            admin_allow_remote: false,
            keys: None,
            commands: None,
            envoy_admin: "127.0.0.1:1".to_owned(),
            filter: "/filter.wasm".to_owned(),
            listen: None,
            ledger: Some(LedgerStore::File(dir.path().join("ledger.db"))),
        };
        drop(free);
        Self::serving(dir, options).await
    }

    async fn serving(dir: TempDir, options: Options) -> Self {
        let mut task = JoinSet::new();
        task.spawn(run(options.clone()));
        let running = Self { dir, options, task };
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&running.options.socket).await.is_err() {
            assert!(Instant::now() < deadline, "does not start");
            sleep(Duration::from_millis(5)).await;
        }
        running
    }

    async fn until(&self, path: &str, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, body) = get(self.options.admin, path).await;
            if body.contains(wanted) {
                return body;
            }
            assert!(
                Instant::now() < deadline,
                "{path} never shows {wanted}:\n{body}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Envoy in short: asks for clusters and routes, and takes what it is given.
async fn envoy_takes_all(socket: &Path) {
    for kind in ["clusters", "routes"] {
        let path = format!("/v3/discovery:{kind}");
        let ask = |version: &str| format!(r#"{{"version_info":"{version}","node":{{"id":"e"}}}}"#);
        let (status, body) = post(socket, &path, ask("")).await;
        assert_eq!(status, 200, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let version = body["version_info"].as_str().unwrap();
        assert_eq!(
            post(socket, &path, ask(version)).await,
            (304, String::new())
        );
    }
}

const SYNC: &str = r#"{"worker":"w1","snapshot":null,"scores":0,"records":[],"waiting":[]}"#;

#[tokio::test]
async fn a_worker_gets_its_snapshot_and_the_operator_sees_it() {
    let running = Running::start().await;
    let socket = &running.options.socket;
    assert_eq!(
        get(running.options.admin, "/healthz").await,
        (200, "ok\n".to_owned())
    );
    assert_eq!(get(running.options.admin, "/readyz").await.0, 503);
    assert_eq!(
        post(socket, "/filter/v1/sync", SYNC).await,
        (200, "{}".to_owned())
    );
    envoy_takes_all(socket).await;
    // The admin interface of this Envoy is dead: it is taken at its word after 5 s.
    running.until("/v1/config", "\"active\"").await;
    let (status, body) = post(socket, "/filter/v1/sync", SYNC).await;
    assert_eq!(status, 200);
    let response: ark_gateway_core::sync::SyncResponse = serde_json::from_str(&body).unwrap();
    let version = response.snapshot.unwrap().version;
    // That the worker was heard may be news for the scores; then there is none.
    let deadline = Instant::now() + PATIENCE;
    let mut sequence = response.scores.unwrap().sequence;
    loop {
        let again = SYNC.replace("null", &format!("\"{}\"", version.0));
        let again = again.replace("\"scores\":0", &format!("\"scores\":{sequence}"));
        let (status, body) = post(socket, "/filter/v1/sync", again).await;
        assert_eq!(status, 200);
        let news: ark_gateway_core::sync::SyncResponse = serde_json::from_str(&body).unwrap();
        assert!(news.snapshot.is_none());
        match news.scores {
            None => break,
            Some(scores) => sequence = scores.sequence,
        }
        assert!(Instant::now() < deadline, "{body}");
    }
    running
        .until(
            "/metrics",
            &format!(
                "ark_worker_snapshot_info{{worker=\"w1\",version=\"{}\"}} 1",
                version.0
            ),
        )
        .await;
    running.until("/readyz", "\"ready\": true").await;
    assert!(
        get(running.options.admin, "/v1/scores")
            .await
            .1
            .contains(&version.0)
    );
}

async fn command(admin: SocketAddr, path: &str, body: &str) -> (u16, String) {
    let stream = TcpStream::connect(admin).await.unwrap();
    let request = Request::post(path)
        .header("host", "127.0.0.1")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    exchange(stream, request).await
}

#[tokio::test]
async fn a_drain_by_command_is_on_disk_when_it_is_answered_and_outlives_the_process() {
    let mut running = Running::start().await;
    running.task.shutdown().await;
    let mut options = running.options.clone();
    options.keys = Some(running.dir.path().join("keys.json"));
    let mut running = Running::serving(running.dir, options).await;
    let admin = running.options.admin;
    let drain = r#"{"provider": "a", "drain": true}"#;
    let (status, body) = command(admin, "/v1/drains", drain).await;
    assert_eq!(status, 200, "{body}");
    let file = running.dir.path().join("commands.json");
    assert!(fs::read_to_string(&file).unwrap().contains("\"a\""));
    running.task.shutdown().await;
    let mut running = Running::serving(running.dir, running.options.clone()).await;
    let (_, shown) = get(admin, "/v1/commands").await;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert!(
        shown["kept"] == true && shown["drains"]["a"].is_number(),
        "{shown}"
    );
    running.until("/v1/providers", "\"drained\": true").await;
    // What is no file of commands is no reason to undo them.
    running.task.shutdown().await;
    fs::write(&file, "{}").unwrap();
    let refused = run(running.options.clone()).await.unwrap_err();
    assert!(refused.contains("commands.json"), "{refused}");
}

#[tokio::test]
async fn nonsense_on_the_socket_is_refused_and_counted() {
    let running = Running::start().await;
    let socket = &running.options.socket;
    assert_eq!(post(socket, "/filter/v1/sync", "{").await.0, 400);
    assert_eq!(post(socket, "/v3/discovery:everything", "{}").await.0, 404);
    assert_eq!(post(socket, "/v3/discovery:clusters", "3").await.0, 400);
    let long = Bytes::from(vec![b' '; 5 << 20]);
    assert_eq!(post(socket, "/v3/discovery:clusters", long).await.0, 413);
    running
        .until("/metrics", "ark_socket_bad_requests_total 3")
        .await;
    assert_eq!(get(running.options.admin, "/secrets").await.0, 404);
}

#[tokio::test]
async fn a_bad_edit_is_shown_and_a_good_one_is_taken() {
    let running = Running::start().await;
    let bad = config_yaml(&["a"]).replace("provider: a", "provider: opnai");
    fs::write(&running.options.config, bad).unwrap();
    running.until("/v1/config", "opnai").await;
    running
        .until(
            "/metrics",
            "ark_config_reloads_total{result=\"rejected\"} 1",
        )
        .await;
    fs::write(&running.options.config, config_yaml(&["a", "b"])).unwrap();
    running.until("/v1/config", "\"provider\": \"b\"").await;
    assert!(
        !get(running.options.admin, "/v1/config")
            .await
            .1
            .contains("opnai")
    );
    running
        .until("/metrics", "ark_config_reloads_total{result=\"applied\"} 1")
        .await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let mut running = Running::start().await;
    let error = run(Options {
        admin: "127.0.0.1:0".parse().unwrap(),
        ..running.options.clone()
    })
    .await
    .unwrap_err();
    assert!(error.contains("another process answers"), "{error}");
    let error = run(running.options.clone()).await.unwrap_err();
    assert!(error.contains("choose another with --admin"), "{error}");
    let open = Options {
        admin: "0.0.0.0:0".parse().unwrap(),
        ..running.options.clone()
    };
    assert!(
        run(open)
            .await
            .unwrap_err()
            .contains("--admin-allow-remote")
    );
    fs::write(running.dir.path().join("bad.yaml"), "version: 2\n").unwrap();
    let bad = Options {
        config: running.dir.path().join("bad.yaml"),
        ..running.options.clone()
    };
    assert!(run(bad).await.unwrap_err().contains("version"));
    assert!(
        running.task.try_join_next().is_none(),
        "the first one is not disturbed"
    );
}

/// The secret that Envoy is given, as soon as it is this one.
async fn until_secret(socket: &Path, wanted: &str) {
    let ask = r#"{"resource_names":["provider/b"],"node":{"id":"e"}}"#;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (_, body) = post(socket, "/v3/discovery:secrets", ask).await;
        if body.contains(&format!("\"inline_string\":\"{wanted}\"")) {
            return;
        }
        assert!(Instant::now() < deadline, "Envoy is never given {wanted}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_a_command_prints_goes_to_envoy_again_and_again() {
    let running = Running::start().await;
    let socket = &running.options.socket;
    let token = running.dir.path().join("token");
    let moved = running.dir.path().join("moved");
    fs::write(&token, "first").unwrap();
    let command = format!(
        "9102/v1\n    credential: {{command: [/bin/cat, {}], refresh_s: 1}}",
        token.display()
    );
    let config = config_yaml(&["a", "b"]).replace("9102/v1", &command);
    fs::write(&running.options.config, config).unwrap();
    until_secret(socket, "first").await;
    fs::rename(&token, &moved).unwrap();
    let counted = "ark_credential_errors_total{provider=\"b\",reason=\"command\"}";
    running.until("/metrics", counted).await;
    until_secret(socket, "first").await;
    running.until("/v1/config", "/bin/cat failed").await;
    fs::write(&moved, "second").unwrap();
    fs::rename(&moved, &token).unwrap();
    until_secret(socket, "second").await;
    let (_, view) = get(running.options.admin, "/v1/config").await;
    assert!(!view.contains("second") && !view.contains("/bin/cat failed"));
}

#[tokio::test]
async fn the_admin_port_explains_to_whoever_asks_properly() {
    let running = Running::start().await;
    let admin = running.options.admin;
    let ask = async |method: &str, body: &str| {
        let stream = TcpStream::connect(admin).await.unwrap();
        let request = Request::builder()
            .method(method)
            .uri("/v1/explain")
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        exchange(stream, request).await
    };
    assert_eq!(ask("DELETE", "").await.0, 405);
    assert_eq!(ask("POST", "[").await.0, 400);
    assert_eq!(ask("POST", &"x".repeat(300_000)).await.0, 413);
    // No Envoy has confirmed a provider, so the model has no targets yet.
    let (status, body) = ask("POST", r#"{"model": "m"}"#).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"refused\": \"none\""), "{body}");
}
