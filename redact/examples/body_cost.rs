//! The search of one request's body, repeated, for counting instructions per KiB of content:
//! `valgrind --tool=callgrind target/release/examples/body_cost prose 64 10`, with `prose`, `chinese`,
//! `code` or `numbers`, the KiB of the body and how often it is searched. The difference of two counts is
//! the search alone.

use std::hint::black_box;

use ark_redact::Kinds;
use ark_redact::body::search;

const PROSE: &str = "The quarterly report is due on Friday, and the team in Lyon has asked twice \
    whether the figures for March are final. Please write a short answer that says they are.\\n\\n";
const CHINESE: &str = "季度报告将于周五提交，里昂的团队已经两次询问三月份的数据是否为最终数据。请写一个简短的答复。\\n";
const CODE: &str = "{\\\"rows\\\": [{\\\"id\\\": 17, \\\"name\\\": \\\"north\\\", \\\"sum\\\": 1203.50}, \
    {\\\"id\\\": 18, \\\"name\\\": \\\"south\\\", \\\"sum\\\": -7.25}]}\\n";
const NUMBERS: &str =
    "2026-03-01 12:00:17.123 192.168.17.4 200 4711 0.0132 f00ba4 7c9e6679 17.5%\\n";

fn main() {
    let mut args = std::env::args().skip(1);
    let text = match args.next().as_deref() {
        Some("chinese") => CHINESE,
        Some("code") => CODE,
        Some("numbers") => NUMBERS,
        Some(_) | None => PROSE,
    };
    let number = |arg: Option<String>| arg.and_then(|n| n.parse::<usize>().ok());
    let kib = number(args.next()).unwrap_or(64);
    let rounds = number(args.next()).unwrap_or(1);
    let content = text.repeat(kib * 1024 / text.len() + 1);
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{content}"}}]}}"#);
    for _ in 0..rounds {
        let hits = search(black_box(body.as_bytes()), Kinds::ALL);
        assert!(black_box(hits).is_ok_and(|hits| hits.is_empty()));
    }
}
