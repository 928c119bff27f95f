use super::*;

type Events = Vec<(String, String)>;

fn read(stream: &[u8], chunk: usize, limit: usize) -> (Events, Result<(), Overflow>) {
    let mut reader = SseReader::new(limit);
    let mut events = Vec::new();
    let mut sink = |event: Event<'_>| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        events.push((text(event.name), text(event.data)));
    };
    let mut result = Ok(());
    for piece in stream.chunks(chunk) {
        result = reader.push(piece, &mut sink);
    }
    (events, result)
}

fn check(stream: &str, expected: &[(&str, &str)]) {
    for chunk in [usize::MAX, 1, 2, 3, 5] {
        let (events, result) = read(stream.as_bytes(), chunk, 1024);
        let events: Vec<_> = events
            .iter()
            .map(|(n, d)| (n.as_str(), d.as_str()))
            .collect();
        assert_eq!(events, expected, "{stream:?} by {chunk}");
        assert_eq!(result, Ok(()));
    }
}

#[test]
fn events_are_read_as_the_standard_says() {
    check("data: a\n\n", &[("", "a")]);
    check(
        "data: a\r\rdata: b\r\n\r\ndata: c\n\n",
        &[("", "a"), ("", "b"), ("", "c")],
    );
    check("data:a\ndata: b\ndata\n\n", &[("", "a\nb\n")]);
    check(
        "event: error\ndata: x\n\ndata: y\n\n",
        &[("error", "x"), ("", "y")],
    );
    check("data: x\nevent: a\nevent: b\n\n", &[("b", "x")]);
    check(": hi\n\n:\n\ndata: é€😀\n\n", &[("", "é€😀")]);
    check("\u{feff}data: a\n\n\u{feff}data: b\n\n", &[("", "a")]);
    check("event: x\n\nid: 1\nretry: 5\nfoo: bar\n\n", &[]);
    check(
        "data:  two\n\ndata\n\ndata:\ndata:\n\n",
        &[("", " two"), ("", ""), ("", "\n")],
    );
    check("data: unended\n", &[]);
    check("", &[]);
}

#[test]
fn an_event_in_one_chunk_is_borrowed_from_it() {
    let chunk = b"event: e\ndata: hello\n\n";
    let mut places = Vec::new();
    SseReader::new(64)
        .push(chunk, &mut |event| {
            places.push((event.name.as_ptr(), event.data.as_ptr()));
        })
        .unwrap();
    assert_eq!(places, [(chunk[7..].as_ptr(), chunk[15..].as_ptr())]);
}

#[test]
fn too_much_is_said_to_be_too_much() {
    for stream in [
        "data: ok\n\ndata: 0123456789\n\n",
        "data: ok\n\ndata: 0123\ndata: 0123\n\n",
        "data: ok\n\n: comment without end",
        "data: ok\n\nevent: 0123\ndata: 0123\n\n",
    ] {
        for chunk in [usize::MAX, 1, 4] {
            let (events, result) = read(stream.as_bytes(), chunk, 12);
            assert_eq!(events, [(String::new(), "ok".to_owned())], "{stream:?}");
            assert_eq!(result, Err(Overflow));
        }
    }
    // Keep-alives add up to nothing.
    assert_eq!(read(": ping\n".repeat(100).as_bytes(), 3, 12).1, Ok(()));
}
