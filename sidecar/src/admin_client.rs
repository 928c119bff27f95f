//! One request to the admin API of a running sidecar.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;

use crate::http::{client, read_capped};

/// It is on this machine, or near.
const DEADLINE: Duration = Duration::from_secs(10);
/// All keys, or all records of a report, fit.
const LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// Where the admin API is, and who asks.
pub struct Admin {
    /// `host:port`.
    pub address: String,
    /// The caller's token; none for a port that wants none.
    pub token: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum CallError {
    /// The address is no `http://HOST:PORT`.
    Address(String),
    /// Nobody answers there.
    Unreachable(String, String),
    /// It says no, and why.
    Refused(u16, String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(given) => {
                write!(f, "{given:?} is not an address: write http://HOST:PORT")
            }
            Self::Unreachable(address, reason) => write!(
                f,
                "no answer from {address}: {reason}; does `ark serve` run there? --admin names another"
            ),
            Self::Refused(401, reason) => {
                write!(
                    f,
                    "{reason}; put the token into ARK_ADMIN_TOKEN or --token-file"
                )
            }
            Self::Refused(_, reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for CallError {}

impl Admin {
    /// Reads `http://HOST:PORT` or `HOST:PORT`.
    ///
    /// # Errors
    /// It is something else.
    pub fn at(url: &str, token: Option<String>) -> Result<Self, CallError> {
        let address = url.strip_prefix("http://").unwrap_or(url);
        let address = address.strip_suffix('/').unwrap_or(address);
        let is_address = address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
        });
        match is_address {
            true => Ok(Self {
                address: address.to_owned(),
                token,
            }),
            false => Err(CallError::Address(url.to_owned())),
        }
    }

    /// Reads.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub async fn get(&self, path: &str) -> Result<Bytes, CallError> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Changes something; `body` is JSON.
    ///
    /// # Errors
    /// Nobody answers, or the answer is no.
    pub async fn post(&self, path: &str, body: Bytes) -> Result<Bytes, CallError> {
        self.call(Method::POST, path, body).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, CallError> {
        let unreachable = |reason: String| CallError::Unreachable(self.address.clone(), reason);
        let exchange = self.exchange(method, path, body);
        let (status, body) = match timeout(DEADLINE, exchange).await {
            Ok(result) => result.map_err(unreachable)?,
            Err(_elapsed) => return Err(unreachable(format!("nothing within {DEADLINE:?}"))),
        };
        if status.is_success() {
            return Ok(body);
        }
        let reason = String::from_utf8_lossy(&body).trim().to_owned();
        let reason = match reason.is_empty() {
            true => status.to_string(),
            false => reason,
        };
        Err(CallError::Refused(status.as_u16(), reason))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), String> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        client::ask(&self.address, request, async |response| {
            let status = response.status();
            let body = read_capped(response.into_body(), LIMIT_BYTES, DEADLINE).await;
            Ok((status, body.map_err(|error| error.to_string())?))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in [
            "http://127.0.0.1:8081",
            "http://ark:8081/",
            "localhost:1",
            "[::1]:8081",
        ] {
            assert!(Admin::at(good, None).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1",
            "https://ark:8081",
            "http://ark:8081/v1",
            "ark:port",
            ":80",
        ] {
            assert!(Admin::at(bad, None).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_with_what_to_do() {
        // The port of a listener that is gone again.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let admin = Admin::at(&format!("127.0.0.1:{port}"), None).unwrap();
        let error = admin.get("/v1/keys").await.unwrap_err().to_string();
        assert!(error.contains("does `ark serve` run there?"), "{error}");
    }
}
