//! One request on a connection of its own: no pool, and no state to go stale.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::tls;

/// Sends `request` to `address`, `host:port`, and hands the answer's head to `take`, which reads of its
/// body what it needs. The connection ends with it; `host` is the address unless the request says another.
/// The caller sets a deadline.
///
/// # Errors
/// In words: nobody listens, the connection broke, or what `take` says.
pub async fn ask<T, F>(
    address: &str,
    request: Request<Full<Bytes>>,
    take: impl FnOnce(Response<Incoming>) -> F,
) -> Result<T, String>
where
    F: Future<Output = Result<T, String>>,
{
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| error.to_string())?;
    ask_over(stream, address, request, take).await
}

/// The same over a connection that is there already.
///
/// # Errors
/// In words: the connection broke, or what `take` says.
pub async fn ask_over<S, T, F>(
    stream: S,
    address: &str,
    mut request: Request<Full<Bytes>>,
    take: impl FnOnce(Response<Incoming>) -> F,
) -> Result<T, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Result<T, String>>,
{
    // A server that takes no certificate of ours says so in answer to the request.
    let words = |error: hyper::Error| tls::words(&error);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(words)?;
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if !headers.contains_key(HOST) {
        let host = HeaderValue::from_str(address).map_err(|error| error.to_string())?;
        headers.insert(HOST, host);
    }
    let answer = async { take(sender.send_request(request).await.map_err(words)?).await };
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    tokio::select! {
        result = answer.as_mut() => result,
        // The connection is done once all of the answer has been read from it.
        _ = connection.as_mut() => answer.await,
    }
}
