//! Listeners and connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::admin;
use super::handle::handle;
use super::request::read_body;
use super::state::{Provider, Switch};
use super::wire::{Fate, Wire};

/// Rest after a failed accept, which mostly means that file descriptors ran out.
const ACCEPT_REST: Duration = Duration::from_millis(10);

/// Serves `provider` until its task is aborted.
pub(super) async fn serve(
    provider: Arc<Provider>,
    listener: TcpListener,
    address: SocketAddr,
    mut switches: mpsc::Receiver<Switch>,
) {
    let mut listener = Some(listener);
    loop {
        tokio::select! {
            stream = accept(listener.as_ref()) => {
                tokio::spawn(connection(Arc::clone(&provider), stream));
            }
            order = switches.recv() => {
                let Some(order) = order else { return };
                let result = obey(&mut listener, address, order.down).await;
                if order.down {
                    provider.closing.send_modify(|generation| *generation += 1);
                }
                // Whoever asked may have gone; the order stands.
                let _unheard = order.done.send(result);
            }
        }
    }
}

async fn obey(
    listener: &mut Option<TcpListener>,
    address: SocketAddr,
    down: bool,
) -> Result<(), String> {
    if down {
        *listener = None;
    } else if listener.is_none() {
        let reopened = TcpListener::bind(address).await;
        *listener = Some(reopened.map_err(|error| format!("cannot listen on {address}: {error}"))?);
    }
    Ok(())
}

/// The next connection; never returns without a listener.
async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(_exhausted) => tokio::time::sleep(ACCEPT_REST).await,
        }
    }
}

async fn connection(provider: Arc<Provider>, stream: TcpStream) {
    let mut closing = provider.closing.subscribe();
    let _connected = provider.connect();
    let fate = Arc::new(Fate::default());
    // Without it chunks would wait for acknowledgements; a failure only costs time.
    let _slower = stream.set_nodelay(true);
    let wire = Wire::new(stream, Arc::clone(&fate));
    let service = {
        let fate = Arc::clone(&fate);
        service_fn(move |request| {
            let (provider, fate) = (Arc::clone(&provider), Arc::clone(&fate));
            async move {
                let answer = handle(provider, Arc::clone(&fate), request).await;
                if answer.is_err() {
                    fate.doom();
                }
                answer
            }
        })
    };
    let served = http1::Builder::new().serve_connection(wire, service);
    let mut served = std::pin::pin!(served);
    tokio::select! {
        // Errors are the peer's going away, or resets as scripted.
        _ended = served.as_mut() => {}
        _closed = closing.changed() => {
            if fate.is_controlling() {
                served.as_mut().graceful_shutdown();
                let _ended = served.await;
            } else {
                fate.doom();
            }
        }
    }
}

/// Serves the control port until its task is aborted.
pub(super) async fn serve_control(providers: Arc<[Arc<Provider>]>, listener: TcpListener) {
    loop {
        let stream = accept(Some(&listener)).await;
        let providers = Arc::clone(&providers);
        let service = service_fn(move |request: Request<Incoming>| {
            let providers = Arc::clone(&providers);
            async move {
                let (parts, incoming) = request.into_parts();
                let body = read_body(incoming).await.unwrap_or_default();
                let reply = admin::fleet_reply(&providers, &parts, &body).await;
                Ok::<_, Infallible>(reply.map(Full::<Bytes>::new))
            }
        });
        tokio::spawn(async move {
            let wire = Wire::new(stream, Arc::default());
            // An error is the peer's going away.
            let _ended = http1::Builder::new().serve_connection(wire, service).await;
        });
    }
}

/// Opens `host:port`; the error names `who` wanted it.
pub(super) async fn listen(
    host: &str,
    port: u16,
    who: &str,
) -> Result<(TcpListener, SocketAddr), String> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            return format!(
                "port {port} ({who}) is in use by another process: stop it, or choose another port"
            );
        }
        format!("cannot listen on {host}:{port} ({who}): {error}")
    };
    let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
