//! Between Envoy and the sidecar: passes everything on, and keeps what the filter reports and is told.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ark_gateway_core::basis::redecide;
use ark_gateway_core::keys::Paged;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::record::Record;
use ark_gateway_core::score::Scores;
use ark_gateway_core::snapshot::{Snapshot, TargetId};
use ark_sidecar::http::{self, Limits, Reply, read_capped};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{UnixListener, UnixStream};

const BODY_LIMIT_BYTES: usize = 32 * 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits {
    connections: 2_048,
    header_wait: Duration::from_secs(60),
    connection_age: Duration::from_secs(600),
};
const SYNC: &str = "/filter/v1/sync";

/// What was heard.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    pub(crate) records: Vec<Record>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) scores: Vec<Scores>,
}

impl Heard {
    /// Makes every decision again from its record: how many came out the same, of how many.
    pub(crate) fn reproduced(&self) -> Result<(usize, usize), String> {
        let mut same = 0;
        let policies = self.snapshots.iter().map(|s| Policy::new(s.clone()));
        let policies: Vec<Policy> = policies.collect::<Result<_, _>>().map_err(said)?;
        let decided = || self.records.iter().filter(|record| record.basis.is_some());
        for record in decided() {
            let policy = policies
                .iter()
                .find(|p| p.snapshot().version == record.snapshot);
            let policy = policy.ok_or("a record of a snapshot that nobody was told")?;
            let scores = self.scores.iter().find(|s| s.sequence == record.scores);
            let again = redecide(policy, scores, record).map_err(said)?;
            let order: Vec<TargetId> = again.targets().collect();
            let is_same = record
                .basis
                .as_ref()
                .is_some_and(|basis| basis.order == order);
            same += usize::from(is_same && again.rule == record.rule);
        }
        Ok((same, decided().count()))
    }

    /// Writes it as lines of JSON: `{"snapshot": …}`, `{"scores": …}`, then records as they are.
    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
        let mut out = std::io::BufWriter::new(std::fs::File::create(file).map_err(failed)?);
        for snapshot in &self.snapshots {
            writeln!(out, "{}", json!({"snapshot": snapshot})).map_err(failed)?;
        }
        for scores in &self.scores {
            writeln!(out, "{}", json!({"scores": scores})).map_err(failed)?;
        }
        for record in &self.records {
            writeln!(out, "{}", json!(record)).map_err(failed)?;
        }
        out.flush().map_err(failed)
    }
}

/// What was heard so far.
#[derive(Clone, Default)]
pub(crate) struct Ears(Arc<Mutex<Heard>>);

impl Ears {
    fn open(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records of requests so far.
    pub(crate) fn count(&self) -> usize {
        self.open().records.len()
    }

    pub(crate) fn take(&self) -> Heard {
        std::mem::take(&mut self.open())
    }

    fn request(&self, body: &[u8]) {
        if let Ok(request) = ark_link::read_sync_request(body) {
            let calls = request.records.into_iter().filter(|r| !r.model.is_empty());
            self.open().records.extend(calls);
        }
    }

    fn response(&self, body: &[u8]) {
        let Ok(response) = ark_link::read_sync_response(body) else {
            return;
        };
        let mut heard = self.open();
        let pages = response.pages.into_iter().map(|(_, page)| page);
        let pages = pages.collect();
        let paged = response.snapshot.map(|snapshot| Paged { snapshot, pages });
        if let Some(Ok(snapshot)) = paged.map(|paged| paged.whole())
            && heard
                .snapshots
                .iter()
                .all(|s| s.version != snapshot.version)
        {
            heard.snapshots.push(snapshot);
        }
        if let Some(scores) = response.scores
            && heard
                .scores
                .iter()
                .all(|s| (s.sequence, &s.snapshot) != (scores.sequence, &scores.snapshot))
        {
            heard.scores.push(scores);
        }
    }
}

/// The socket that Envoy asks.
pub(crate) struct Tee {
    door: UnixListener,
    sidecar: PathBuf,
    ears: Ears,
}

impl Tee {
    pub(crate) fn bind(path: &Path, sidecar: &Path) -> Result<Self, String> {
        // Left behind by a run that was killed.
        let _gone = std::fs::remove_file(path);
        let door = UnixListener::bind(path)
            .map_err(|error| format!("cannot bind {}: {error}", path.display()))?;
        Ok(Self {
            door,
            sidecar: sidecar.to_owned(),
            ears: Ears::default(),
        })
    }

    pub(crate) fn heard(&self) -> Ears {
        self.ears.clone()
    }

    /// Serves for ever.
    pub(crate) async fn serve(self) {
        let (sidecar, ears) = (self.sidecar, self.ears);
        let handle = move |request| pass(sidecar.clone(), ears.clone(), request);
        let _never = http::serve(self.door, LIMITS, handle).await;
    }
}

async fn pass(sidecar: PathBuf, ears: Ears, request: Request<Incoming>) -> Reply {
    match passed(&sidecar, &ears, request).await {
        Ok(reply) => reply,
        Err(error) => http::text(StatusCode::BAD_GATEWAY, &error),
    }
}

async fn passed(sidecar: &Path, ears: &Ears, request: Request<Incoming>) -> Result<Reply, String> {
    let (head, body) = request.into_parts();
    let body = whole(body).await?;
    let is_sync = head.uri.path() == SYNC;
    if is_sync {
        ears.request(&body);
    }
    let stream = UnixStream::connect(sidecar).await.map_err(said)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(said)?;
    let asking = sender.send_request(Request::from_parts(head, Full::new(body)));
    // The connection moves only while it is polled, and ends with this exchange.
    let exchange = async {
        let answer = asking.await.map_err(said)?;
        let (head, body) = answer.into_parts();
        Ok::<_, String>((head, whole(body).await?))
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    let (head, body) = tokio::select! {
        done = &mut exchange => done?,
        ended = &mut connection => {
            ended.map_err(said)?;
            exchange.await?
        }
    };
    if is_sync {
        ears.response(&body);
    }
    let mut reply = Reply::new(Full::new(body));
    *reply.status_mut() = head.status;
    for (name, value) in &head.headers {
        if !matches!(
            name.as_str(),
            "content-length" | "transfer-encoding" | "connection"
        ) {
            reply.headers_mut().append(name, value.clone());
        }
    }
    Ok(reply)
}

async fn whole(body: Incoming) -> Result<Bytes, String> {
    read_capped(body, BODY_LIMIT_BYTES, DEADLINE)
        .await
        .map_err(said)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
