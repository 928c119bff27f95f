use super::*;

#[derive(Debug, PartialEq)]
struct Seen {
    out: String,
    usage: Option<Usage>,
    events: u64,
    done: bool,
    error: bool,
}

fn relay(stream: &str, strip: bool, chunk: usize) -> Seen {
    let mut relay = StreamRelay::new(strip);
    let mut out = Vec::new();
    let mut pieces: Vec<&[u8]> = stream.as_bytes().chunks(chunk).collect();
    pieces.push(b"");
    let last = pieces.len() - 1;
    for (at, piece) in pieces.into_iter().enumerate() {
        match relay.push(piece, at == last) {
            RelayOut::Unchanged => out.extend_from_slice(piece),
            RelayOut::Replace(other) => out.extend(other),
        }
    }
    Seen {
        out: String::from_utf8(out).unwrap(),
        usage: relay.usage(),
        events: relay.events(),
        done: relay.saw_done(),
        error: relay.saw_error(),
    }
}

fn check(stream: &str, stripped: &str) -> Seen {
    let seen = relay(stream, true, usize::MAX);
    assert_eq!(seen.out, stripped);
    for chunk in 1..40 {
        assert_eq!(relay(stream, true, chunk), seen, "by {chunk}: {stream}");
    }
    for chunk in [1, 7, usize::MAX] {
        let unstripped = relay(stream, false, chunk);
        assert_eq!(unstripped.out, stream);
        assert_eq!(
            (unstripped.usage, unstripped.events),
            (seen.usage, seen.events)
        );
    }
    seen
}

const WORD: &str = r#"data: {"id":"c","choices":[{"delta":{"content":"Hi"}}],"usage":null}"#;
const USAGE: &str =
    r#"data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
const DONE: &str = "data: [DONE]";

#[test]
fn the_usage_chunk_is_taken_out_whole() {
    for end in ["\n", "\r\n", "\r"] {
        let filter = r#"data: {"choices":[],"prompt_filter_results":[]}"#;
        let text = |lines: &[&str]| {
            lines
                .iter()
                .map(|l| format!("{l}{end}{end}"))
                .collect::<String>()
        };
        let seen = check(
            &text(&[filter, ": ping", WORD, WORD, USAGE, DONE]),
            &text(&[filter, ": ping", WORD, WORD, DONE]),
        );
        assert_eq!(
            seen.usage.map(|u| (u.input_tokens, u.output_tokens)),
            Some((3, 2))
        );
        assert_eq!((seen.events, seen.done, seen.error), (3, true, false));
    }
}

#[test]
fn forms_of_the_usage_chunk() {
    for gone in [
        "data:{\"usage\":{\"prompt_tokens\":3}, \"choices\" : [ ] }\n\n",
        "event: x\nid: 1\ndata: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":3}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n",
    ] {
        let seen = check(&format!("{WORD}\n\n{gone}"), &format!("{WORD}\n\n"));
        assert_eq!(seen.usage.map(|u| u.input_tokens), Some(3), "{gone}");
    }
    let bom = format!("\u{feff}{USAGE}\n\n{DONE}\n\n");
    check(&bom, &format!("{DONE}\n\n"));
    let comment = format!(": a\n{USAGE}\n\n");
    check(&comment, ": a\n");
}

#[test]
fn what_only_resembles_it_stays() {
    let large = format!(
        "data: {{\"choices\":[],\"x\":\"{}\",\"usage\":{{\"prompt_tokens\":1}}}}\n\n",
        "x".repeat(HOLD_LIMIT_BYTES)
    );
    for kept in [
        "data: {\"choices\":[],\"usage\":null}\n\n",
        "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"choices\":[],\"choices\":[],\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1},\"error\":{}}\n\n",
        "data: {\"usage\":{\"prompt_tokens\":1}}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1}\n\n",
        "data: {\"x\":\"\\\"choices\\\":[],\\\"usage\\\":{}\"}\n\n",
        ": {\"choices\":[],\"usage\":{}}\n\n",
        "event: done\n\n",
        "data: {\"choices\":[                       ],\"usage\":{}}\n\n",
        "\n\r\n\r\rdata\n\ndat",
        &large,
    ] {
        check(kept, kept);
    }
}

#[test]
fn the_last_usage_counts() {
    let seen = check(
        "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\n\
         data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
        "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1}}\n\n\
         data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":2}}\n\n",
    );
    assert_eq!(
        seen.usage.map(|u| (u.input_tokens, u.output_tokens)),
        Some((5, 2))
    );
    assert_eq!(seen.events, 2);
}

#[test]
fn an_error_in_a_begun_stream_is_seen() {
    for error in [
        "data: {\"error\":{\"message\":\"x\"}}\n\n",
        "data: {\"error\":\"x\",\"choices\":[{}]}\n\n",
    ] {
        let stream = format!("{WORD}\n\n{error}");
        let seen = check(&stream, &stream);
        assert_eq!(
            (seen.error, seen.events, seen.done),
            (true, 1, false),
            "{error}"
        );
    }
    let fine =
        "data: {\"error\":null,\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\":1\"}}]}\n\n";
    assert!(!check(fine, fine).error);
}

/// What passes, and the event that was taken out; MiniMax's form is looked for.
fn taken(stream: &str, strip: bool, chunk: usize) -> (String, Option<String>, bool) {
    let mut relay = StreamRelay::new(strip).watching_base_resp();
    let (mut out, mut event) = (Vec::new(), None);
    let mut pieces: Vec<&[u8]> = stream.as_bytes().chunks(chunk).collect();
    pieces.push(b"");
    let last = pieces.len() - 1;
    for (at, piece) in pieces.into_iter().enumerate() {
        match relay.push(piece, at == last) {
            RelayOut::Unchanged => out.extend_from_slice(piece),
            RelayOut::Replace(other) => out.extend(other),
        }
        if let Some(taken) = relay.take_foreign_error() {
            assert!(event.replace(taken).is_none(), "taken twice");
        }
    }
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(out), event.map(text), relay.saw_error())
}

#[test]
fn an_error_in_a_vendors_own_form_is_taken_out_with_all_that_follows() {
    for end in ["\n", "\r\n", "\r"] {
        for lines in [
            // Mistral, older vLLM.
            &[r#"data: {"object":"error","message":"x","type":"y","code":"3505"}"#][..],
            &[r#"data: {"type":"error","message":"x"}"#],
            // MiniMax.
            &[r#"data: {"base_resp":{"status_code":1002,"status_msg":"x"}}"#],
            &[r#"data: {"id":"c","choices":null,"error":null,"base_resp":{"status_code":-1}}"#],
            &["event: error", "data: Internal error"],
            &["data: {}", "event: error"],
        ] {
            let event: String = lines.iter().map(|line| format!("{line}{end}")).collect();
            let before = format!("{WORD}{end}{end}: ping{end}");
            let stream = format!("{before}{event}{end}{DONE}{end}{end}{WORD}{end}{end}");
            for strip in [true, false] {
                for chunk in (1..50).chain([usize::MAX]) {
                    let (out, taken, error) = taken(&stream, strip, chunk);
                    assert_eq!(
                        (out.trim_end(), error),
                        (before.trim_end(), true),
                        "{event}"
                    );
                    let taken = taken.unwrap();
                    assert_eq!(taken.trim(), event.trim(), "by {chunk}");
                }
            }
        }
    }
}

#[test]
fn what_clients_can_read_is_no_error_of_a_vendor() {
    let large = format!(
        "data: {{\"object\":\"error\",\"x\":\"{}\"}}\n\n",
        "x".repeat(HOLD_LIMIT_BYTES)
    );
    for kept in [
        "data: {\"object\":\"error\",\"error\":{\"message\":\"x\"}}\n\n",
        "data: {\"choices\":[{}],\"object\":\"error\"}\n\n",
        "data: {\"choices\":[],\"base_resp\":{\"status_code\":0,\"status_msg\":\"\"}}\n\n",
        "data: {\"choices\":[],\"base_resp\":null}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"object\\\":\\\"error\\\"\"}}]}\n\n",
        "data: {\"object\":\"errors\"}\n\n",
        "event: error\n\n",
        &large,
    ] {
        let stream = format!("{WORD}\n\n{kept}{DONE}\n\n");
        for strip in [true, false] {
            for chunk in [1, 7, 30, usize::MAX] {
                let (out, event, _) = taken(&stream, strip, chunk);
                assert_eq!((out.as_str(), event), (stream.as_str(), None), "by {chunk}");
            }
        }
    }
}

#[test]
fn only_what_may_be_the_usage_chunk_waits() {
    let mut relay = StreamRelay::new(true);
    let mut push = |chunk: &[u8]| relay.push(chunk, false);
    assert_eq!(push(b": pi"), RelayOut::Unchanged);
    assert_eq!(push(b"ng\n"), RelayOut::Unchanged);
    assert_eq!(push(b"\nda"), RelayOut::Replace(b"\n".to_vec()));
    assert_eq!(push(b"ta: {\"choices\":"), RelayOut::Replace(Vec::new()));
    assert_eq!(
        push(b"[{\"delta\""),
        RelayOut::Replace(b"data: {\"choices\":[{\"delta\"".to_vec())
    );
    assert_eq!(push(b":{}}]}\n\n"), RelayOut::Unchanged);
    assert_eq!(
        push(b"data: {\"choices\":[{}]}\n\n: x\n\n"),
        RelayOut::Unchanged
    );
    assert_eq!(
        push(b"data: {\"choices\":[{}]}\r\n\r\n"),
        RelayOut::Unchanged
    );
}
