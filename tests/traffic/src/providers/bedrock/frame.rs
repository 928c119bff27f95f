//! Frames of the binary event stream: `application/vnd.amazon.eventstream`.
//!
//! <https://smithy.io/2.0/aws/amazon-eventstream.html>: total length, length of the headers and their
//! checksum; headers; payload; checksum of all before.

use serde_json::Value;

/// The type of a header whose value is a string.
const STRING: u8 = 7;
/// Two lengths and their checksum.
const PRELUDE_BYTES: usize = 12;
/// The last checksum.
const TRAILER_BYTES: usize = 4;

/// The frame of an event.
pub(super) fn event(kind: &str, payload: &Value) -> Vec<u8> {
    frame(
        &[
            (":event-type", kind),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ],
        payload.to_string().as_bytes(),
    )
}

/// The frame of an exception.
pub(super) fn exception(kind: &str, payload: &Value) -> Vec<u8> {
    frame(
        &[
            (":exception-type", kind),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ],
        payload.to_string().as_bytes(),
    )
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    for (name, value) in headers {
        packed.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        packed.extend_from_slice(name.as_bytes());
        packed.push(STRING);
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        packed.extend_from_slice(&length.to_be_bytes());
        packed.extend_from_slice(value.as_bytes());
    }
    let total = PRELUDE_BYTES + packed.len() + payload.len() + TRAILER_BYTES;
    let mut frame = Vec::with_capacity(total);
    for length in [total, packed.len()] {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        frame.extend_from_slice(&length.to_be_bytes());
    }
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&packed);
    frame.extend_from_slice(payload);
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8]) -> u32 {
        u32::from_be_bytes(bytes.try_into().unwrap())
    }

    #[test]
    fn lengths_and_checksums_are_right() {
        let payload = serde_json::json!({"role": "assistant"});
        let frame = event("messageStart", &payload);
        assert_eq!(word(&frame[..4]) as usize, frame.len());
        let headers = word(&frame[4..8]) as usize;
        assert_eq!(word(&frame[8..12]), crc32fast::hash(&frame[..8]));
        let end = frame.len() - 4;
        assert_eq!(&frame[12 + headers..end], payload.to_string().as_bytes());
        assert_eq!(word(&frame[end..]), crc32fast::hash(&frame[..end]));
        assert_eq!(&frame[12..24], b"\x0b:event-type");
    }

    /// The vectors of the specification's empty message: only the prelude and the checksums.
    #[test]
    fn the_empty_message_is_the_specifications() {
        let expected = [
            0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff,
        ];
        assert_eq!(frame(&[], b""), expected);
    }
}
