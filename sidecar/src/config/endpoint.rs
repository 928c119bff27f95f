//! Where a provider is: the one kind of URL that `ark.yaml` takes.

use std::net::IpAddr;

/// A parsed `endpoint`: `scheme://host[:port][/base/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Its host.
    pub host: Host,
    /// Its port, the scheme's own when the URL names none.
    pub port: u16,
    /// The path before the API's own, without a trailing slash: `/v1`, or empty.
    pub base_path: String,
}

/// The scheme of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

/// The host of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A DNS name, lower case.
    Name(String),
}

impl Endpoint {
    /// Reads a URL.
    ///
    /// # Errors
    /// What is wrong with it, without repeating any of it: a URL can hold a secret.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = if let Some(rest) = text.strip_prefix("https://") {
            (Scheme::Https, rest)
        } else if let Some(rest) = text.strip_prefix("http://") {
            (Scheme::Http, rest)
        } else {
            return Err("must start with http:// or https://");
        };
        if rest.contains(['?', '#']) {
            return Err("must have no query and no fragment");
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("must hold no user name and no password");
        }
        let (host, port) = split_port(authority)?;
        let port = match port {
            None => scheme.default_port(),
            Some(port) => parse_port(port)?,
        };
        Ok(Self {
            scheme,
            host: parse_host(host)?,
            port,
            base_path: parse_base_path(path)?,
        })
    }

    /// The value of the `Host` header: the port only when it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Host::Ip(IpAddr::V6(address)) => format!("[{address}]"),
            Host::Ip(IpAddr::V4(address)) => address.to_string(),
            Host::Name(name) => name.clone(),
        };
        if self.port == self.scheme.default_port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }

    /// Whether what is sent there stays on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Ip(address) => address.is_loopback(),
            Host::Name(name) => name == "localhost",
        }
    }
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), &'static str> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("has a '[' without its ']'")?;
        return match (rest, rest.strip_prefix(':')) {
            ("", _) => Ok((host, None)),
            (_, Some(port)) => Ok((host, Some(port))),
            (_, None) => Err("has something other than a port after its host"),
        };
    }
    match authority.split_once(':') {
        None => Ok((authority, None)),
        Some((host, port)) => Ok((host, Some(port))),
    }
}

fn parse_port(text: &str) -> Result<u16, &'static str> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if plain && port > 0 => Ok(port),
        Ok(_) | Err(_) => Err("must have a port from 1 to 65535"),
    }
}

fn parse_host(text: &str) -> Result<Host, &'static str> {
    if let Ok(address) = text.parse() {
        return Ok(Host::Ip(address));
    }
    if text.is_empty() {
        return Err("must have a host");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // A name whose last label is a number would be an address: RFC 3696, section 2.
    let numeric_end = text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if text.len() > 253 || !text.split('.').all(label) || numeric_end {
        return Err("must have a DNS name or an IP address as its host");
    }
    Ok(Host::Name(text.to_ascii_lowercase()))
}

fn parse_base_path(text: &str) -> Result<String, &'static str> {
    let path = text.trim_end_matches('/');
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte));
    let clean = path
        .split('/')
        .skip(1)
        .all(|part| !part.is_empty() && part != "." && part != "..");
    if !plain || !clean || path.len() > 256 {
        return Err("must have a plain path, without '//', '.' and '..'");
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_providers_are_read() {
        for (text, authority, port, base_path) in [
            ("http://127.0.0.1:9101/v1", "127.0.0.1:9101", 9101, "/v1"),
            ("https://api.openai.com/v1/", "api.openai.com", 443, "/v1"),
            ("https://API.OpenAI.com:443", "api.openai.com", 443, ""),
            ("http://[::1]:8000/a/b", "[::1]:8000", 8000, "/a/b"),
            ("http://vllm_1", "vllm_1", 80, ""),
        ] {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.authority(), authority);
            assert_eq!(
                (endpoint.port, endpoint.base_path.as_str()),
                (port, base_path)
            );
        }
    }

    #[test]
    fn other_urls_are_refused() {
        for text in [
            "",
            "api.openai.com",
            "ftp://x",
            "http://",
            "http:///v1",
            "http://a:0",
            "http://a:65536",
            "http://a:+1",
            "http://a:",
            "http://u:p@a",
            "http://a?x=1",
            "http://a/v1#x",
            "http://1.2.3",
            "http://-a",
            "http://a..b",
            "http://[::1",
            "http://[::1]x",
            "http://a/../b",
            "http://a//b",
            "http://a/b c",
            "http://a b",
            "http://ä",
        ] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
