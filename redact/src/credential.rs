//! Secrets that something around them shows.

use std::ops::Range;

use crate::scan::{Text, is_word};
use crate::{Found, Kind};

/// Shortest token after `Bearer`.
const LEAST_BEARER: usize = 8;
/// A token without a digit is one from this length on; shorter ones are words.
const LEAST_WITHOUT_DIGIT: usize = 32;
/// How much of a part is looked at before it is believed.
const LOOK: usize = 256;

/// A compact JWS or JWE (RFC 7515, 7.1): base64url of `{"`, and two or more parts behind it.
pub(crate) fn jwt(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let is_base64url = |byte: u8| is_word(byte) || byte == b'-';
    if !text.rest(at).starts_with(b"eyJ") || is_base64url(text.before(at)) {
        return None;
    }
    let header = text.run(at, is_base64url);
    if header - at < 10 || text.at(header) != b'.' {
        return None;
    }
    let payload = text.run(header + 1, is_base64url);
    if payload == header + 1 && text.at(payload) != b'.' {
        return None;
    }
    // A signature may be missing, or have been cut off with the rest of the line.
    Some(at..text.run(payload, |byte| is_base64url(byte) || byte == b'.'))
}

/// From `-----BEGIN … PRIVATE KEY-----` to its end; to the text's or the next quotation mark, where it was cut off.
pub(crate) fn private_key(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const KEY: &[u8] = b"PRIVATE KEY";
    const END: &[u8] = b"-----END ";
    let rest = text.rest(at);
    if !rest.starts_with(BEGIN) {
        return None;
    }
    let label = text.run_within(at + BEGIN.len(), 64, |b| {
        b.is_ascii_uppercase() || b == b' '
    });
    let label = text.slice(at + BEGIN.len()..label);
    if !label.windows(KEY.len()).any(|part| part == KEY) {
        return None;
    }
    let body = at + BEGIN.len() + label.len();
    let end = text
        .rest(body)
        .windows(END.len())
        .position(|part| part == END);
    let last = match end {
        Some(end) => {
            let label = text.run(body + end + END.len(), |b| {
                b.is_ascii_uppercase() || b == b' '
            });
            text.run_within(label, 5, |b| b == b'-')
        }
        // A quotation mark ends what was cut off within it.
        None => text.run(body, |b| b != b'"'),
    };
    Some(at..last)
}

/// What an authorization header says after its scheme (RFC 7617, RFC 6750).
pub(crate) fn of_scheme(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let rest = text.rest(at);
    let is = |scheme: &[u8]| {
        rest.get(..scheme.len())
            .is_some_and(|r| r.eq_ignore_ascii_case(scheme))
    };
    let (start, is_basic) = match () {
        () if is(b"bearer ") => (at + 7, false),
        () if is(b"basic ") => (at + 6, true),
        () => return None,
    };
    let is_token = |b: u8| is_word(b) || matches!(b, b'-' | b'.' | b'~' | b'+' | b'/' | b'=');
    let looked = text.run_within(start, LOOK, is_token);
    let token = text.slice(start..looked);
    let is_secret = match is_basic {
        true => is_user_and_password(token),
        false => {
            token.len() >= LEAST_WITHOUT_DIGIT
                || (token.len() >= LEAST_BEARER && token.iter().any(u8::is_ascii_digit))
        }
    };
    is_secret.then(|| at..text.run(looked, is_token))
}

/// Whether it is base64 with a colon in it.
fn is_user_and_password(token: &[u8]) -> bool {
    let (mut bits, mut held, mut has_colon) = (0_u32, 0, false);
    let body = token.iter().take_while(|byte| **byte != b'=');
    for byte in body {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            has_colon |= bits >> held & 0xff == u32::from(b':');
        }
    }
    has_colon && token.len() >= 8
}

/// The password of `scheme://user:password@host` (RFC 3986, 3.2.1), looked for at the first colon.
pub(crate) fn in_url(text: Text<'_>, at: usize) -> Option<Found> {
    if text.at(at + 1) != b'/' || text.at(at + 2) != b'/' {
        return None;
    }
    let is_user = |b: u8| {
        b.is_ascii_graphic() && !matches!(b, b'/' | b'@' | b'"' | b'\'' | b'[' | b'<' | b'>')
    };
    let user = text.run_within(at + 3, LOOK, |b| is_user(b) && b != b':');
    if text.at(user) != b':' {
        return None;
    }
    let end = text.run_within(user + 1, LOOK, is_user);
    (text.at(end) == b'@' && end > user + 1).then_some(Found {
        range: user + 1..end,
        kind: Kind::Credential,
    })
}
