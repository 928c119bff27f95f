//! AWS Signature Version 4: the signature that a request must have.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use hyper::HeaderMap;
use sha2::{Digest, Sha256};

/// The only algorithm.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// `Authorization` of a signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    pub(super) access_key_id: &'a str,
    /// `YYYYMMDD`.
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// Names, as they stand.
    pub(super) signed_headers: &'a str,
    pub(super) signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header's value.
    pub(super) fn read(value: &'a str) -> Option<Self> {
        let rest = value.strip_prefix(ALGORITHM)?.trim_start();
        let part = |name: &str| {
            rest.split(',')
                .map(str::trim)
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        let mut scope = part("Credential")?.split('/');
        let read = Self {
            access_key_id: scope.next()?,
            date: scope.next()?,
            region: scope.next()?,
            service: scope.next()?,
            signed_headers: part("SignedHeaders")?,
            signature: part("Signature")?,
        };
        (scope.next() == Some("aws4_request") && scope.next().is_none()).then_some(read)
    }

    /// Whether the header named is signed.
    pub(super) fn signs(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }

    /// The signature that this request must have by `secret`. `time` is `x-amz-date`.
    pub(super) fn expected(&self, secret: &str, time: &str, request: &str) -> String {
        let Self {
            date,
            region,
            service,
            ..
        } = self;
        let digest = hex(&Sha256::digest(request));
        let text = format!("{ALGORITHM}\n{time}\n{date}/{region}/{service}/aws4_request\n{digest}");
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [*date, *region, *service, "aws4_request"] {
            key = mac(&key, part.as_bytes());
        }
        hex(&mac(&key, text.as_bytes()))
    }
}

/// The canonical form of a request, of which the signature is made.
pub(super) fn canonical(
    (method, path, query): (&str, &str, &str),
    headers: &HeaderMap,
    signed_headers: &str,
    payload_hash: &str,
) -> String {
    let mut text = format!("{method}\n{}\n{}\n", encoded(path), sorted(query));
    for name in signed_headers.split(';') {
        let values: Vec<String> = headers
            .get_all(name)
            .iter()
            .map(|value| collapsed(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{name}:{}", values.join(","));
    }
    // Writing to a string cannot fail.
    let _written = write!(text, "\n{signed_headers}\n{payload_hash}");
    text
}

/// The path as it is on the wire, encoded once more, as for every service but S3.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len() + 8);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn sorted(query: &str) -> String {
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            if pair.contains('=') {
                pair.to_owned()
            } else {
                format!("{pair}=")
            }
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

fn collapsed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<&str>>().join(" ")
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(text);
            mac.finalize().into_bytes().to_vec()
        }
        // HMAC takes keys of every length.
        Err(_) => Vec::new(),
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
    }
    text
}

/// Seconds since the Unix epoch of a time like `20150830T123600Z`.
pub(super) fn seconds_of(time: &str) -> Option<i64> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<i64>().ok();
    if time.len() != 16 || time.get(8..9) != Some("T") || !time.ends_with('Z') {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    // Days since 1970 in the Gregorian calendar; the year begins in March.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    Some(((days * 24 + number(9, 11)?) * 60 + number(11, 13)?) * 60 + number(13, 15)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `get-vanilla-query-order-key-case` of AWS's test suite for Signature Version 4.
    #[test]
    fn the_suites_vector_has_its_signature() {
        let mut headers = HeaderMap::new();
        headers.insert("host", "example.amazonaws.com".parse().unwrap());
        headers.insert("x-amz-date", "20150830T123600Z".parse().unwrap());
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        let read = Authorization::read(authorization).unwrap();
        assert!(read.signs("host") && !read.signs("accept"));
        let request = canonical(
            ("GET", "/", "Param2=value2&Param1=value1"),
            &headers,
            read.signed_headers,
            &hex(&Sha256::digest(b"")),
        );
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        assert_eq!(
            read.expected(secret, "20150830T123600Z", &request),
            read.signature
        );
    }

    #[test]
    fn a_path_on_the_wire_is_encoded_again() {
        assert_eq!(
            encoded("/model/a.b-v1%3A0/converse"),
            "/model/a.b-v1%253A0/converse"
        );
        assert_eq!(encoded("/model/a:0/converse"), "/model/a%3A0/converse");
    }

    #[test]
    fn times_are_read() {
        assert_eq!(seconds_of("19700101T000000Z"), Some(0));
        assert_eq!(seconds_of("20150830T123600Z"), Some(1_440_938_160));
        assert_eq!(seconds_of("20240229T235959Z"), Some(1_709_251_199));
        assert_eq!(seconds_of("2015-08-30"), None);
    }

    #[test]
    fn what_is_no_authorization_is_none() {
        for value in ["Bearer x", "AWS4-HMAC-SHA256 Credential=a/b", ""] {
            assert_eq!(Authorization::read(value), None, "{value}");
        }
    }
}
