//! One request to the admin API of a running sidecar.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::ClientTlsConfig;
use crate::http::{client, read_capped};
use crate::tls::Client;

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
    /// How it proves its name, where it is `https`.
    tls: Option<Client>,
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub enum CallError {
    /// The address is no `http://HOST:PORT`, and no `https://`.
    Address(String),
    /// Files for TLS that are of no use, and why.
    Tls(String),
    /// Nobody answers there.
    Unreachable(String, String),
    /// It says no, and why.
    Refused(u16, String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(given) => {
                write!(
                    f,
                    "{given:?} is not an address: write http://HOST:PORT or https://HOST:PORT"
                )
            }
            Self::Tls(reason) => f.write_str(reason),
            Self::Unreachable(address, reason) if reason.contains("certificate") => {
                write!(f, "no connection to {address}: {reason}{HINT}")
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

/// What to do about certificates.
const HINT: &str = "; --ca names the authority of the sidecar's, --cert and --key your own";

impl Admin {
    /// Reads `http://HOST:PORT` or `HOST:PORT`, or `https://HOST:PORT`, which proves itself as `tls` says.
    ///
    /// # Errors
    /// It is something else, or the files of `tls` are of no use.
    pub fn at(url: &str, token: Option<String>, tls: &ClientTlsConfig) -> Result<Self, CallError> {
        let secure = url.strip_prefix("https://");
        let address = secure
            .or_else(|| url.strip_prefix("http://"))
            .unwrap_or(url);
        let address = address.strip_suffix('/').unwrap_or(address);
        let is_address = address.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok()
        });
        if !is_address {
            return Err(CallError::Address(url.to_owned()));
        }
        let tls = match secure {
            Some(_) => Some(Client::of(tls).map_err(CallError::Tls)?),
            None if *tls != ClientTlsConfig::default() => {
                let why = "certificates are for https://, and the address is http://";
                return Err(CallError::Tls(why.to_owned()));
            }
            None => None,
        };
        Ok(Self {
            address: address.to_owned(),
            token,
            tls,
        })
    }

    /// Whether what is sent there, the token too, may be read on the way.
    #[must_use]
    pub fn is_in_clear(&self) -> bool {
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        let ip = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        let is_here = host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback());
        self.tls.is_none() && !is_here
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
        let take = async |response: Response<Incoming>| {
            let status = response.status();
            let body = read_capped(response.into_body(), LIMIT_BYTES, DEADLINE).await;
            Ok((status, body.map_err(|error| error.to_string())?))
        };
        let Some(tls) = &self.tls else {
            return client::ask(&self.address, request, take).await;
        };
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let host = self.address.rsplit_once(':').map_or("", |(host, _)| host);
        let stream = tls.connect(stream, host).await?;
        client::ask_over(stream, &self.address, request, take).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> ClientTlsConfig {
        ClientTlsConfig::default()
    }

    #[test]
    fn a_token_is_in_clear_where_others_may_be_between() {
        for (url, is_in_clear) in [
            ("http://127.0.0.1:8081", false),
            ("[::1]:8081", false),
            ("localhost:8081", false),
            ("http://ark:8081", true),
            ("10.0.0.1:8081", true),
        ] {
            let admin = Admin::at(url, None, &none()).unwrap();
            assert_eq!(admin.is_in_clear(), is_in_clear, "{url}");
        }
        let named = ClientTlsConfig {
            ca_file: Some("/none.pem".into()),
            ..none()
        };
        for url in ["http://ark:8081", "https://ark:8081"] {
            let error = Admin::at(url, None, &named).err();
            assert!(matches!(error, Some(CallError::Tls(_))), "{url}: {error:?}");
        }
    }

    #[test]
    fn addresses() {
        for good in [
            "http://127.0.0.1:8081",
            "http://ark:8081/",
            "localhost:1",
            "[::1]:8081",
        ] {
            assert!(Admin::at(good, None, &none()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1",
            "https://ark",
            "http://ark:8081/v1",
            "ark:port",
            ":80",
        ] {
            assert!(Admin::at(bad, None, &none()).is_err(), "{bad}");
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
        let admin = Admin::at(&format!("127.0.0.1:{port}"), None, &none()).unwrap();
        let error = admin.get("/v1/keys").await.unwrap_err().to_string();
        assert!(error.contains("does `ark serve` run there?"), "{error}");
    }
}
