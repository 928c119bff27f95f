//! HTTP/1.1 service with bounds on everything: connections, header and body time, body size.

pub mod client;

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// An answer.
pub type Reply = Response<Full<Bytes>>;

/// How much of everything a service takes.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Longest wait for a request's headers, so also the longest idleness of a connection.
    pub header_wait: Duration,
    /// Longest life of a connection; then the client is asked to open another.
    pub connection_age: Duration,
}

/// How long a connection that was asked to end may finish its last exchange.
const LAST_EXCHANGE: Duration = Duration::from_secs(5);
/// Pause after a failed accept (no file descriptors left), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// No header of Envoy or of a browser comes near it, bytes.
const HEADER_BUFFER_BYTES: usize = 64 * 1024;

/// Where connections come from.
pub trait Door: Send + 'static {
    /// Somebody who has come.
    type Knock: Send + 'static;
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// What is known of a connection; each of its requests has it among its extensions.
    type Via: Clone + Send + Sync + 'static;
    /// Waits for the next one to come.
    fn next(&self) -> impl Future<Output = io::Result<Self::Knock>> + Send;
    /// Lets one in, beside all others and within the time that its first headers have.
    fn open(
        knock: Self::Knock,
    ) -> impl Future<Output = io::Result<(Self::Stream, Self::Via)>> + Send;
}

impl Door for UnixListener {
    type Knock = tokio::net::UnixStream;
    type Stream = tokio::net::UnixStream;
    type Via = ();
    async fn next(&self) -> io::Result<Self::Knock> {
        self.accept().await.map(|(stream, _)| stream)
    }
    async fn open(knock: Self::Knock) -> io::Result<(Self::Stream, ())> {
        Ok((knock, ()))
    }
}

impl Door for TcpListener {
    type Knock = tokio::net::TcpStream;
    type Stream = tokio::net::TcpStream;
    type Via = ();
    async fn next(&self) -> io::Result<Self::Knock> {
        self.accept().await.map(|(stream, _)| stream)
    }
    async fn open(knock: Self::Knock) -> io::Result<(Self::Stream, ())> {
        Ok((knock, ()))
    }
}

/// Serves `handle` on every connection that comes through `door`, for ever.
///
/// # Errors
/// Never by itself: a failed accept is logged and tried again.
pub async fn serve<D, H, F>(door: D, limits: Limits, handle: H) -> io::Result<Infallible>
where
    D: Door,
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= limits.connections {
            connections.join_next().await;
            continue;
        }
        match door.next().await {
            Ok(knock) => {
                connections.spawn(serve_knock::<D, H, F>(knock, limits, handle.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_knock<D, H, F>(knock: D::Knock, limits: Limits, handle: H)
where
    D: Door,
    H: Fn(Request<Incoming>) -> F + Send + Sync,
    F: Future<Output = Reply> + Send + 'static,
{
    match timeout(limits.header_wait, D::open(knock)).await {
        Ok(Ok((stream, via))) => serve_connection((stream, via), limits, handle).await,
        Ok(Err(error)) => tracing::debug!(%error, "a connection was not let in"),
        Err(_elapsed) => tracing::debug!("a connection did not greet in time"),
    }
}

async fn serve_connection<S, V, H, F>((stream, via): (S, V), limits: Limits, handle: H)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: Clone + Send + Sync + 'static,
    H: Fn(Request<Incoming>) -> F + Send + Sync,
    F: Future<Output = Reply> + Send + 'static,
{
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(via.clone());
        let reply = handle(request);
        async move { Ok::<_, Infallible>(reply.await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_wait)
        .max_buf_size(HEADER_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = match timeout(limits.connection_age, connection.as_mut()).await {
        Ok(result) => result,
        Err(_elapsed) => {
            connection.as_mut().graceful_shutdown();
            match timeout(LAST_EXCHANGE, connection).await {
                Ok(result) => result,
                Err(_elapsed) => return,
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Why a body could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Larger than the limit, bytes.
    TooLarge(usize),
    /// It did not come in time.
    Late(Duration),
    /// The peer went away.
    Broken(String),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(limit_bytes) => write!(f, "the body is larger than {limit_bytes} bytes"),
            Self::Late(deadline) => write!(f, "the body did not come within {deadline:?}"),
            Self::Broken(error) => write!(f, "the body broke off: {error}"),
        }
    }
}

/// Reads a body of at most `limit_bytes` within `deadline`.
///
/// # Errors
/// It is larger, later, or breaks off.
pub async fn read_capped<B>(
    body: B,
    limit_bytes: usize,
    deadline: Duration,
) -> Result<Bytes, ReadError>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place: limited in size and in time"
    )]
    let read = Limited::new(body, limit_bytes).collect();
    match timeout(deadline, read).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(ReadError::TooLarge(limit_bytes))
        }
        Ok(Err(error)) => Err(ReadError::Broken(error.to_string())),
        Err(_elapsed) => Err(ReadError::Late(deadline)),
    }
}

/// An answer with a body that nobody may keep.
#[must_use]
pub fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

/// An answer without a body.
#[must_use]
pub fn bare(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

/// One line of text.
#[must_use]
pub fn text(status: StatusCode, line: &str) -> Reply {
    reply(
        status,
        "text/plain; charset=utf-8",
        format!("{line}\n").into(),
    )
}

/// Compact JSON, for machines.
#[must_use]
pub fn json<T: Serialize>(value: &T) -> Reply {
    written(StatusCode::OK, serde_json::to_vec(value))
}

/// Indented JSON, for people.
#[must_use]
pub fn readable_json<T: Serialize>(status: StatusCode, value: &T) -> Reply {
    let mut body = serde_json::to_vec_pretty(value);
    if let Ok(body) = &mut body {
        body.push(b'\n');
    }
    written(status, body)
}

fn written(status: StatusCode, body: serde_json::Result<Vec<u8>>) -> Reply {
    match body {
        Ok(body) => reply(status, "application/json", body.into()),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

#[cfg(test)]
mod tests;
