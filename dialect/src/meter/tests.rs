use super::*;
use crate::vendor::Vendor;

const WORD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
const BASE: &str = r#"{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#;

fn openai_like(name: &str) -> Wire {
    Wire::Openai(Vendor::parse(name).unwrap())
}

/// What the client gets of a stream that comes in pieces of this size.
fn passed(meter: &mut Meter, stream: &str, size: usize) -> String {
    let mut out = Vec::new();
    for piece in stream.as_bytes().chunks(size).chain([&b""[..]]) {
        match meter.push(piece, piece.is_empty()) {
            RelayOut::Unchanged => out.extend_from_slice(piece),
            RelayOut::Replace(bytes) => out.extend(bytes),
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_vendors_own_error_reaches_chat_clients_as_openais() {
    let error = r#"{"object":"error","message":"Service tier capacity exceeded for this model.","type":"invalid_request_error","param":null,"code":"3505"}"#;
    for (vendor, error, told) in [
        ("mistral", error, "capacity exceeded"),
        ("minimax", BASE, "rate limit"),
    ] {
        for size in [1, 9, 1000] {
            let stream = format!("{WORD}data: {error}\n\ndata: [DONE]\n\n");
            let mut meter = Meter::new(Client::Chat, openai_like(vendor), true);
            let out = passed(&mut meter, &stream, size);
            let event = out.strip_prefix(WORD).unwrap();
            let event = event
                .strip_prefix("data: {\"error\":{\"message\":")
                .unwrap();
            assert!(event.contains(told) && event.ends_with("}}\n\n"), "{event}");
            assert!(meter.saw_error());
        }
    }
    // Where nobody said that it is MiniMax, its form is nothing.
    let mut meter = Meter::new(Client::Chat, openai_like("openai"), true);
    let stream = format!("{WORD}data: {BASE}\n\n");
    assert_eq!(meter.push(stream.as_bytes(), false), RelayOut::Unchanged);
}

const EVENT: &str =
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"error\":1}\n\n";
const UNNAMED: &str = "data: {\"type\":\"ping\"}\n\n";
/// What an event may say, and whether that is an error that clients do not know.
const EVENTS: [(&str, bool); 6] = [
    (
        r#"{"error":{"message":"capacity exceeded","type":"server_error"}}"#,
        true,
    ),
    (
        r#"{"object":"error","message":"capacity exceeded","code":"3505"}"#,
        true,
    ),
    (BASE, true),
    (
        r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#,
        false,
    ),
    (r#"{"type":"message_stop"}"#, false),
    (r#"{"type":"response.completed","response":{}}"#, false),
];

#[test]
fn a_foreign_error_reaches_clients_of_named_events_as_one_of_their_own() {
    let starts = [
        (
            Client::Messages,
            "event: error\ndata: {\"type\":\"error\",\"error\":{",
        ),
        (
            Client::Responses,
            "event: error\ndata: {\"error\":{\"message\":",
        ),
    ];
    for (error, foreign) in EVENTS {
        for (client, start) in starts {
            for (size, name) in [(1, ""), (9, "event: error\n"), (1000, "")] {
                let stream =
                    format!("{EVENT}{UNNAMED}{name}data: {error}\n\nevent: x\ndata: 1\n\n");
                let mut meter = Meter::new(client, Wire::Anthropic, true);
                let out = passed(&mut meter, &stream, size);
                // A name alone makes it one.
                if !foreign && (name.is_empty() || error.contains("\"error\"")) {
                    assert_eq!(out, stream);
                    continue;
                }
                let event = out.strip_prefix(&format!("{EVENT}{UNNAMED}")).unwrap();
                assert!(event.starts_with(start), "{event}");
                assert_eq!(event.lines().count(), 3, "{event}");
                assert!(event.ends_with("}\n\n") && meter.saw_error(), "{event}");
            }
        }
    }
}

#[test]
fn usage_is_read_as_the_client_counts_it() {
    let body = br#"{"usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}"#;
    for (client, input_tokens) in [(Client::Messages, 7), (Client::Responses, 3)] {
        let mut inspector = answer_inspector(client);
        inspector.push(body);
        let usage = inspector.finish().usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (input_tokens, 5));
    }
}
