//! The clients: each request when it is due, whatever has become of the others.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ark_sidecar::replay::load::Request as Due;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::stage::{Seen, Stage};

/// The header that carries a request's number to the provider that plays its luck.
pub(crate) const INDEX: &str = "x-replay-request";

/// Bytes of JSON that Ark takes for one prompt token.
const BYTES_PER_TOKEN: usize = 4;
/// Longest that any request is waited for.
const GIVE_UP: Duration = Duration::from_secs(60);

type Sender = SendRequest<Full<Bytes>>;

/// All clients.
pub(crate) struct Client {
    gateway: SocketAddr,
    model: String,
    key: String,
    idle: Arc<Mutex<Vec<Sender>>>,
}

impl Client {
    pub(crate) fn new(gateway: SocketAddr, model: &str, key: &str) -> Self {
        Self {
            gateway,
            model: model.to_owned(),
            key: key.to_owned(),
            idle: Arc::default(),
        }
    }

    /// Waits until the gateway is ready.
    pub(crate) async fn await_ready(&self, patience: Duration) -> Result<(), String> {
        let until = Instant::now() + patience;
        loop {
            let request = Request::get("/readyz").header("host", "gateway");
            if let Ok(request) = request.body(Full::default())
                && let Some((answer, _)) = self.send(request).await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("{} is not ready", self.gateway));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Sends the whole load and waits for all answers.
    pub(crate) async fn drive(self, stage: &Arc<Stage>) {
        let mut running = JoinSet::new();
        let client = Arc::new(self);
        for due in stage.requests().to_vec() {
            sleep_until(stage.instant(due.at)).await;
            while running.try_join_next().is_some() {}
            let (client, stage) = (Arc::clone(&client), Arc::clone(stage));
            running.spawn(async move {
                let seen = timeout(GIVE_UP, client.exchange(&due, &stage)).await;
                stage.saw(seen.unwrap_or_else(|_late| nothing(&due, &stage)));
            });
        }
        while running.join_next().await.is_some() {}
    }

    async fn exchange(&self, due: &Due, stage: &Stage) -> Seen {
        let request = self.request(due);
        let answered = match request {
            Ok(request) => self.send(request).await,
            Err(_unbuildable) => None,
        };
        let Some((answer, sender)) = answered else {
            return nothing(due, stage);
        };
        let id = answer.headers().get("x-request-id");
        let id = id
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let is_success = answer.status().is_success();
        let (first_byte, whole) = read(answer, due.stream, stage).await;
        if whole {
            self.keep(sender);
        }
        Seen {
            index: due.index,
            id,
            first_byte,
            end: stage.now(),
            ok: is_success && whole,
        }
    }

    fn request(&self, due: &Due) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let body = |content: &str| {
            json!({
                "model": self.model, "stream": due.stream,
                "messages": [{"role": "user", "content": content}],
            })
            .to_string()
        };
        let wanted = usize::try_from(due.input_tokens).unwrap_or(0) * BYTES_PER_TOKEN;
        // Each prompt is another one: what begins alike is one conversation, with a warm prompt cache.
        let mut content = format!("request {}: ", due.index);
        let padding = wanted.saturating_sub(body(&content).len());
        content.extend(std::iter::repeat_n('a', padding));
        Request::builder()
            .method(Method::POST)
            .uri("/v1/chat/completions")
            .header("host", "gateway")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.key))
            .header("x-ark-priority", due.priority.as_str())
            .header(INDEX, due.index)
            .body(Full::new(Bytes::from(body(&content))))
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(sender);
    }

    fn idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Option<(Response<Incoming>, Sender)> {
        while let Some(mut sender) = self.idle() {
            if sender.ready().await.is_ok() {
                let answer = sender.send_request(request).await.ok()?;
                return Some((answer, sender));
            }
        }
        let stream = TcpStream::connect(self.gateway).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "its errors reach the request that it carries"
        )]
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.ok()?;
        Some((answer, sender))
    }
}

fn nothing(due: &Due, stage: &Stage) -> Seen {
    Seen {
        index: due.index,
        id: String::new(),
        first_byte: None,
        end: stage.now(),
        ok: false,
    }
}

/// The moment of the first byte of the body, and whether it came to its proper end.
async fn read(answer: Response<Incoming>, streamed: bool, stage: &Stage) -> (Option<u64>, bool) {
    let mut body = answer.into_body();
    let mut first = None;
    let mut tail = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return (first, false);
        };
        if let Some(data) = frame.data_ref() {
            first.get_or_insert_with(|| stage.now());
            tail.extend_from_slice(data);
            let keep = tail.len().saturating_sub(64);
            tail.drain(..keep);
        }
    }
    let is_done = !streamed || tail.windows(6).any(|window| window == b"[DONE]");
    (first, is_done)
}
