//! The core's work for one request, repeated, for counting instructions:
//! `valgrind --tool=callgrind target/release/examples/hot_path 10000`.
//!
//! `cargo xtask bench` runs it with two counts and reports the difference per request.

use std::hint::black_box;
use std::rc::Rc;

use ark_gateway_core::admit::{RequestHead, admit, route};
use ark_gateway_core::capability::Needs;
use ark_gateway_core::decide::{Facts, decide};
use ark_gateway_core::exchange::{End, Exchange, Knowledge};
use ark_gateway_core::limit::take;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::record::{Endpoint, Usage};
use ark_gateway_core::score::{Scores, TargetScore};
use ark_gateway_core::snapshot::{RequestLimit, Snapshot};

/// Four providers, one model on all of them, one key: `ark-demo`.
const SNAPSHOT: &str = include_str!("hot_path.json");

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let requests: u64 = std::env::args().nth(1).map_or(Ok(1_000), |n| n.parse())?;
    let snapshot: Snapshot = serde_json::from_str(SNAPSHOT)?;
    let scores = Scores {
        snapshot: snapshot.version.clone(),
        sequence: 1,
        targets: (0u8..4)
            .map(|i| TargetScore {
                ttft_ms: Some(100.0 + 50.0 * f32::from(i)),
                tpot_ms: Some(5.0),
                failure_rate: Some(0.001),
                utilisation: Some(0.1),
                ..TargetScore::default()
            })
            .collect(),
        ..Scores::default()
    };
    let policy = Rc::new(Policy::new(snapshot).map_err(|e| e.to_string())?);
    for i in 0..requests {
        black_box(serve(&policy, &scores, i));
    }
    Ok(())
}

fn serve(policy: &Rc<Policy>, scores: &Scores, i: u64) -> Option<()> {
    let now = 1_000_000_000_000 + i * 1_000_000;
    let head = RequestHead {
        method: "POST",
        path: "/v1/chat/completions",
        authorization: Some("Bearer ark-demo"),
        ..RequestHead::default()
    };
    black_box(route(head.method, head.path).ok()?);
    let id = "0123456789abcdef".to_owned();
    let mut exchange = Exchange::new(Rc::clone(policy), id, Endpoint::ChatCompletions, now);
    let admission = admit(policy, &head, 0).ok()?;
    let limit = RequestLimit {
        requests_per_minute: 60_000,
        burst: 1_000,
    };
    black_box(take(Some(now), limit, now));
    exchange.admitted(admission);
    exchange.check_access(now, || None).ok()?;
    let facts = Facts {
        model: exchange.inspected("gpt-4o-mini", true).ok()?,
        priority: admission.priority,
        pin: None,
        needs: Needs {
            input_tokens: 250,
            max_output_tokens: Some(100),
            ..Needs::default()
        },
        refused: &[],
        caller: ark_gateway_core::decide::Caller::default(),
        part: ark_gateway_core::decide::Part::All,
        requires: admission.requires,
        warm: None,
    };
    let decision = decide(
        policy,
        Some(scores),
        &facts,
        i.wrapping_mul(0x9E37_79B9_7F4A_7C15),
    )
    .ok()?;
    exchange.decided(decision, Knowledge::default(), facts.needs.input_tokens);
    let first = decision.targets().next().and_then(|t| policy.target(t))?;
    let provider = &policy.provider(first.provider)?.name;
    exchange.attempt_began(provider, now)?;
    exchange.attempt_held(200);
    exchange.attempt_released(now + 2);
    black_box(exchange.relay());
    exchange.usage_reported(Usage::default());
    exchange.attempt_complete();
    black_box(exchange.settle(End::Complete, now + 3)?);
    Some(())
}
