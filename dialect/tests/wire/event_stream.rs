//! Properties of AWS's event stream, on generated frames and damaged ones.

pub(crate) mod frames;
pub(crate) mod properties;

use frames::{crc32, encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn header() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |size: usize| vec(any::<u8>(), size..=size);
    let value = prop_oneof![
        (0_u8..2).prop_map(|kind| vec![kind]),
        fixed(1).prop_map(|bytes| [vec![2], bytes].concat()),
        fixed(2).prop_map(|bytes| [vec![3], bytes].concat()),
        fixed(4).prop_map(|bytes| [vec![4], bytes].concat()),
        fixed(8).prop_map(|bytes| [vec![5], bytes].concat()),
        vec(any::<u8>(), 0..9).prop_map(|bytes| [vec![6, 0, bytes.len() as u8], bytes].concat()),
        "[a-zé]{0,9}".prop_map(|text| [vec![7, 0, text.len() as u8], text.into_bytes()].concat()),
        fixed(8).prop_map(|bytes| [vec![8], bytes].concat()),
        fixed(16).prop_map(|bytes| [vec![9], bytes].concat()),
    ];
    ("[:a-z-]{1,9}", value)
        .prop_map(|(name, value)| [vec![name.len() as u8], name.into_bytes(), value].concat())
}

type Content = (Vec<u8>, Vec<u8>);

fn contents() -> impl Strategy<Value = Vec<Content>> {
    let headers = vec(header(), 0..4).prop_map(|headers| headers.concat());
    vec((headers, vec(any::<u8>(), 0..40)), 0..6)
}

fn stream(contents: &[Content]) -> Vec<u8> {
    let frames = contents.iter();
    frames
        .flat_map(|(headers, payload)| encode(headers, payload))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_encoded_is_read(contents in contents(), seed: u64) {
        let stream = stream(&contents);
        let read = properties::event_stream(&stream, seed);
        let payloads: Vec<_> = contents.into_iter().map(|(_, payload)| payload).collect();
        prop_assert_eq!(read, payloads);
    }

    #[test]
    fn any_bytes(stream in vec(any::<u8>(), 0..200), seed: u64) {
        properties::event_stream(&stream, seed);
    }

    /// CRC-32 finds every change within 32 neighbouring bits.
    #[test]
    fn no_damaged_frame_is_shown(
        contents in contents().prop_filter("not empty", |c| !c.is_empty()),
        at: Index,
        change in 1_u8..,
        seed: u64,
    ) {
        let mut stream = stream(&contents);
        let at = at.index(stream.len());
        stream[at] ^= change;
        let read = properties::event_stream(&stream, seed);
        let mut whole = 0;
        let mut end = 0;
        for (headers, payload) in &contents {
            end += 16 + headers.len() + payload.len();
            whole += usize::from(end <= at);
        }
        let payloads: Vec<_> = contents.into_iter().map(|(_, payload)| payload).collect();
        prop_assert_eq!(&read[..], &payloads[..whole]);
    }
}

/// What a generator would not find: frames whose checksums are right and whose content is not.
#[test]
fn sound_checksums_around_nonsense() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    for headers in [
        &[1, b'a'][..],
        &[0, 0],
        &[1, b'a', 99],
        &[255],
        &[1, b'a', 7, 255, 255],
    ] {
        let stream = encode(headers, b"x");
        assert!(properties::event_stream(&stream, 5).is_empty());
    }
}
