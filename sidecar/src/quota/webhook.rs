//! One post to the webhook that the operator named, and to nobody else.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use tokio::net::{TcpStream, lookup_host};

use crate::config::{Host, LimitAlertsConfig, Scheme};
use crate::http::client;
use crate::tls::Client;

/// A webhook.
pub(super) struct Webhook(LimitAlertsConfig);

impl Webhook {
    pub(super) fn new(config: LimitAlertsConfig) -> Self {
        Self(config)
    }

    /// Posts once; what it answers other than success, a redirection too, is a failure.
    pub(super) async fn post(&mut self, body: Bytes) -> Result<(), String> {
        let endpoint = &self.0.webhook;
        let path = match endpoint.base_path.as_str() {
            "" => "/",
            path => path,
        };
        let authority = endpoint.authority();
        let request = Request::post(path)
            .header(HOST, &authority)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let take = async |response: hyper::Response<hyper::body::Incoming>| match response
            .status()
            .is_success()
        {
            true => Ok(()),
            false => Err(format!("it answers {}", response.status())),
        };
        let stream = self.connect().await?;
        match endpoint.scheme {
            Scheme::Http => client::ask_over(stream, &authority, request, take).await,
            Scheme::Https => {
                let tls = Client::of(&self.0.tls)?;
                let stream = tls.connect(stream, &host_of(&endpoint.host)).await?;
                client::ask_over(stream, &authority, request, take).await
            }
        }
    }

    async fn connect(&self) -> Result<TcpStream, String> {
        let endpoint = &self.0.webhook;
        let words = |error: std::io::Error| error.to_string();
        let addresses: Vec<SocketAddr> = match &endpoint.host {
            // What was written is what was meant; `ark check` warns of it.
            Host::Ip(ip) => vec![SocketAddr::new(*ip, endpoint.port)],
            Host::Name(name) => {
                let found = lookup_host((name.as_str(), endpoint.port)).await;
                let found = found.map_err(words)?;
                found.filter(|found| !is_metadata(found.ip())).collect()
            }
        };
        if addresses.is_empty() {
            return Err(
                "its name leads to no address but of this machine's own link, where \
                        clouds keep credentials"
                    .to_owned(),
            );
        }
        TcpStream::connect(addresses.as_slice())
            .await
            .map_err(words)
    }
}

fn host_of(host: &Host) -> String {
    match host {
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name.clone(),
    }
}

/// Whether an address is of the link (RFC 3927, RFC 4291), or where a cloud serves an instance its
/// credentials: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>.
pub(crate) fn is_metadata(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => ip.is_link_local(),
            None => {
                ip.is_unicast_link_local() || ip.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
            }
        },
    }
}

#[cfg(test)]
mod tests;
