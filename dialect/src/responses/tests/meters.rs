use super::*;

/// usage (input, output, cached, written), events, end, error
type Seen = (Option<[u64; 4]>, u64, bool, bool);

fn meter(stream: &str, chunk: usize) -> Seen {
    let mut meter = StreamMeter::new();
    for piece in stream.as_bytes().chunks(chunk) {
        meter.push(piece);
    }
    let usage = meter.usage().map(|u| {
        [
            u.input_tokens,
            u.output_tokens,
            u.cached_tokens,
            u.cache_creation_tokens,
        ]
    });
    (usage, meter.events(), meter.saw_end(), meter.saw_error())
}

fn check(stream: &str, expected: Seen) {
    for chunk in [usize::MAX, 1, 2, 3, 7, 100] {
        assert_eq!(meter(stream, chunk), expected, "{stream} by {chunk}");
    }
    let crlf = stream.replace('\n', "\r\n");
    assert_eq!(meter(&crlf, 5), expected, "{stream}");
}

const USAGE: &str = r#""usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":14}"#;

fn end(kind: &str, status: &str) -> String {
    format!(
        "event: response.{kind}\ndata: {{\"type\":\"response.{kind}\",\"response\":{{\"status\":\"{status}\",\"tools\":[{{\"usage\":{{\"input_tokens\":99}}}}],{USAGE},\"metadata\":{{}}}},\"sequence_number\":9}}\n\n"
    )
}

#[test]
fn the_last_event_says_what_was_used() {
    let delta = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"\\\"usage\\\"\"}\n\n";
    let used = Some([9, 5, 4, 2]);
    let created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null,\"error\":null}}\n\n";
    for (stream, expected) in [
        (
            format!("{created}{delta}{delta}{}", end("completed", "completed")),
            (used, 2, true, false),
        ),
        (
            format!("{delta}{}", end("incomplete", "incomplete")),
            (used, 1, true, false),
        ),
        (
            format!("{delta}{}", end("failed", "failed")),
            (used, 1, true, true),
        ),
        (format!("{created}{delta}"), (None, 1, false, false)),
        (String::new(), (None, 0, false, false)),
        // No blank line at the end, comments, no event names, data before the name.
        (
            end("completed", "completed").trim_end().to_owned(),
            (used, 0, true, false),
        ),
        (
            format!(
                ": ping\n\n{}{}",
                delta.replacen("event: response.output_text.delta\n", "", 1),
                end("completed", "c").replacen("event: response.completed\n", "", 1)
            ),
            (used, 1, true, false),
        ),
        (
            format!(
                "data: {{\"type\":\"response.completed\",\ndata:\"response\":{{{USAGE}}}}}\n\n"
            ),
            (used, 0, true, false),
        ),
        // Errors.
        (
            "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"m\"}\n\n"
                .to_owned(),
            (None, 0, false, true),
        ),
        (
            "data: {\"error\":{\"message\":\"m\"}}\n\n".to_owned(),
            (None, 0, false, true),
        ),
        ("data: [DONE]\n\n".to_owned(), (None, 0, false, false)),
        // Usage elsewhere does not count, nor does that of an event that is not whole.
        (
            format!("event: response.in_progress\ndata: {{\"response\":{{{USAGE}}}}}\n\n"),
            (None, 0, false, false),
        ),
        (
            format!("event: response.completed\ndata: {{{USAGE}}}\n\n"),
            (None, 0, true, false),
        ),
    ] {
        check(&stream, expected);
    }
}

#[test]
fn the_size_of_an_answer_does_not_matter() {
    let text = "\\\"usage\\\":{\\\"input_tokens\\\":1}".repeat(100_000);
    let stream = format!(
        "event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{{\"output\":[\"{text}\"],{USAGE}}}}}\n\n"
    );
    assert_eq!(meter(&stream, 1000), (Some([9, 5, 4, 2]), 0, true, false));
}
