use super::*;

/// A header as the specification writes it, by the number of its type.
pub(crate) fn raw_header(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(name.len()).unwrap()];
    bytes.extend(name.as_bytes());
    bytes.push(kind);
    if matches!(kind, 6 | 7) {
        bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    }
    bytes.extend(value);
    bytes
}

/// A frame with the right checksums.
pub(crate) fn raw_frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let size = |bytes: usize| u32::try_from(bytes).unwrap().to_be_bytes();
    let mut bytes = size(16 + headers.len() + payload.len()).to_vec();
    bytes.extend(size(headers.len()));
    bytes.extend(crc32(&bytes).to_be_bytes());
    bytes.extend(headers);
    bytes.extend(payload);
    bytes.extend(crc32(&bytes).to_be_bytes());
    bytes
}

/// CRC-32 bit by bit, to check against another's.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

type Read = (Vec<(Vec<String>, Vec<u8>)>, Result<(), FrameError>);

/// Headers and payload of every frame, and how it ended.
fn read(chunks: &[&[u8]], limit_bytes: usize) -> Read {
    let mut reader = EventStreamReader::new(limit_bytes);
    let mut frames = Vec::new();
    let mut result = Ok(());
    for chunk in chunks {
        result = reader.push(chunk, &mut |frame| {
            let headers = frame.headers.iter();
            let headers = headers.map(|(name, value)| format!("{name}={value:?}"));
            frames.push((headers.collect(), frame.payload.to_vec()));
        });
    }
    assert_eq!(result.is_err(), reader.failed.is_some());
    (frames, result)
}

/// `aws/aws-sdk-js-v3`, `packages/eventstream-marshaller/src/TestVectors.fixture.ts` at
/// 238be60b5561ad76aab41bbaf9ea840b29b577ae: made by another encoder.
#[test]
fn vectors_of_the_javascript_sdk() {
    let json = b"{'foo':'bar'}";
    for (name, hex, headers, payload) in [
        (
            "empty_message",
            "000000100000000005c248eb7d98c8ff",
            vec![],
            &b""[..],
        ),
        (
            "int32_header",
            "0000002b0000000e348bec7b086576656e742d6964040000a00c7b27666f6f273a27626172277dd3890285",
            vec!["event-id=Integer(40972)".to_owned()],
            json,
        ),
        (
            "payload_no_headers",
            "0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936",
            vec![],
            json,
        ),
        (
            "payload_one_str_header",
            "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1",
            vec!["content-type=String(\"application/json\")".to_owned()],
            json,
        ),
    ] {
        let expected = (vec![(headers, payload.to_vec())], Ok(()));
        assert_eq!(read(&[&bytes(hex)], 1024), expected, "{name}");
    }
    for (name, hex, error) in [
        (
            "corrupted_headers",
            "0000003d0000002007fd83960c636f6e74656e742b747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1",
            FrameError::Checksum,
        ),
        (
            "corrupted_header_len",
            "0000003d0000012007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e7b27666f6f273a27626172277d8d9c08b1",
            FrameError::Checksum,
        ),
        (
            "corrupted_length",
            "0100001d00000000fd528c5a7b27666f6f273a27626172277dc3653936",
            FrameError::Checksum,
        ),
        (
            "corrupted_payload",
            "0000001d00000000fd528c5a7b27666f6f273a27626172278dc3653936",
            FrameError::Checksum,
        ),
    ] {
        assert_eq!(read(&[&bytes(hex)], 1024), (vec![], Err(error)), "{name}");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

#[test]
fn every_type_of_header() {
    let headers = [
        raw_header("yes", 0, b""),
        raw_header("no", 1, b""),
        raw_header("byte", 2, &[0xff]),
        raw_header("short", 3, &(-2_i16).to_be_bytes()),
        raw_header("integer", 4, &(-3_i32).to_be_bytes()),
        raw_header("long", 5, &(-4_i64).to_be_bytes()),
        raw_header("bytes", 6, &[1, 2]),
        raw_header("é", 7, "ü".as_bytes()),
        raw_header("time", 8, &1_700_000_000_123_i64.to_be_bytes()),
        raw_header("uuid", 9, &[7; 16]),
        raw_header("yes", 7, b"again"),
    ];
    let frame = raw_frame(&headers.concat(), b"p");
    let mut reader = EventStreamReader::new(frame.len());
    let mut seen = 0;
    let result = reader.push(&frame, &mut |frame| {
        seen += 1;
        let get = |name| frame.headers.get(name).unwrap();
        assert_eq!(get("yes"), HeaderValue::Bool(true));
        assert_eq!(get("no"), HeaderValue::Bool(false));
        assert_eq!(get("byte"), HeaderValue::Byte(-1));
        assert_eq!(get("short"), HeaderValue::Short(-2));
        assert_eq!(get("integer"), HeaderValue::Integer(-3));
        assert_eq!(get("long"), HeaderValue::Long(-4));
        assert_eq!(get("bytes"), HeaderValue::Bytes(&[1, 2]));
        assert_eq!(get("é"), HeaderValue::String("ü"));
        assert_eq!(get("time"), HeaderValue::Timestamp(1_700_000_000_123));
        assert_eq!(get("uuid"), HeaderValue::Uuid([7; 16]));
        assert_eq!(frame.headers.get("none"), None);
        assert_eq!(frame.headers.text("yes"), None);
        assert_eq!(frame.headers.iter().count(), 11);
    });
    assert_eq!((result, seen), (Ok(()), 1));
}

#[test]
fn what_is_no_frame_is_an_error_for_ever() {
    let prelude = |whole: u32, headers: u32| {
        let mut bytes = [whole.to_be_bytes(), headers.to_be_bytes()].concat();
        bytes.extend(crc32(&bytes).to_be_bytes());
        bytes
    };
    let headers = |bytes: &[u8]| raw_frame(bytes, b"");
    for (name, stream, error) in [
        ("shorter than a prelude", prelude(15, 0), FrameError::Length),
        ("headers beyond it", prelude(20, 5), FrameError::Length),
        (
            "lengths overflow",
            prelude(u32::MAX, u32::MAX),
            FrameError::Length,
        ),
        ("beyond the bound", prelude(257, 0), FrameError::TooLarge),
        (
            "unknown type",
            headers(&raw_header("x", 10, b"")),
            FrameError::Headers,
        ),
        (
            "no name",
            headers(&raw_header("", 0, b"")),
            FrameError::Headers,
        ),
        ("name cut", headers(&[5, b'x']), FrameError::Headers),
        ("no type", headers(&[1, b'x']), FrameError::Headers),
        (
            "number cut",
            headers(&[1, b'x', 4, 0, 0, 0]),
            FrameError::Headers,
        ),
        (
            "text cut",
            headers(&[1, b'x', 7, 0, 2, b'a']),
            FrameError::Headers,
        ),
        (
            "no text",
            headers(&raw_header("x", 7, &[0xff])),
            FrameError::Headers,
        ),
    ] {
        let good = raw_frame(b"", b"good");
        let whole = [good.clone(), stream, good].concat();
        let (frames, result) = read(&[&whole, &raw_frame(b"", b"")], 256);
        assert_eq!((frames.len(), result), (1, Err(error)), "{name}");
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(read(&bytes, 256).1, Err(error), "{name}, byte by byte");
    }
}

#[test]
fn the_buffer_is_bounded_by_what_came() {
    let large = raw_frame(b"", &vec![b'x'; 200_000]);
    let mut reader = EventStreamReader::new(1 << 20);
    reader
        .push(&large[..20], &mut |_| panic!("not whole"))
        .unwrap();
    assert!(reader.pending.capacity() < 100 && !reader.is_between_frames());
    let mut frames = 0;
    reader.push(&large[20..], &mut |_| frames += 1).unwrap();
    assert_eq!(frames, 1);
    assert!(reader.pending.capacity() <= KEPT_BYTES && reader.is_between_frames());
}
