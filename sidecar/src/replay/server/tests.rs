use ark_gateway_core::snapshot::Tier;

use super::*;
use crate::replay::world::{BrownOutWindow, OutageWindow};

const HOUR: Us = 3_600_000_000;

fn quiet() -> Nature {
    let mut nature = Nature::of(Tier::Official);
    nature.outages.availability = 1.0;
    nature.brown_outs.share = 0.0;
    nature.tokens_per_minute = None;
    nature
}

fn ask(index: u64) -> Ask {
    Ask {
        index,
        attempt: 0,
        input_tokens: 1_000,
        output_tokens: 11,
        stream: true,
        first_byte_us: 10_000_000,
    }
}

#[test]
fn availability_and_mean_length_of_outages_are_what_was_asked_for() {
    let mut nature = quiet();
    nature.outages.availability = 0.99;
    nature.outages.mean_s = 20.0;
    let server = Server::new("a", nature, 5, 2_000 * HOUR);
    let down: Us = server
        .outages
        .bursts
        .iter()
        .map(|(from, to, _)| to - from)
        .sum();
    let share = seconds(down) / seconds(2_000 * HOUR);
    assert!((share - 0.01).abs() < 0.001, "{share}");
    let mean = seconds(down) / server.outages.bursts.len() as f64;
    assert!((mean - 20.0).abs() < 1.5, "{mean}");
    assert!(Server::new("a", quiet(), 5, HOUR).outages.bursts.is_empty());
}

#[test]
fn an_outage_fails_in_its_own_way_and_may_cut_what_runs() {
    let mut nature = quiet();
    let window = |kind| {
        vec![OutageWindow {
            from_s: 10.0,
            to_s: 20.0,
            kind,
        }]
    };
    for (kind, verdict, took) in [
        (Down::Error, Verdict::ServerError, QUICK_US),
        (Down::Refuse, Verdict::Unreachable, REFUSED_US),
        (Down::Hang, Verdict::Timeout, 10_000_000),
    ] {
        nature.outages.windows = window(kind);
        let server = Server::new("a", nature.clone(), 1, HOUR);
        let fate = server.foresee(&ask(1), 10_000_000);
        assert_eq!((fate.verdict, fate.end - 10_000_000), (verdict, took));
        assert_eq!(server.foresee(&ask(1), 20_000_000).verdict, Verdict::Ok);
        assert_eq!(server.foresee(&ask(1), 9_999_999).verdict, Verdict::Ok);
    }
    nature.outages.cuts_streams = true;
    let server = Server::new("a", nature, 1, HOUR);
    assert_eq!(
        server.foresee(&ask(1), 9_999_999).verdict,
        Verdict::Unreachable
    );
    let long = Ask {
        output_tokens: 1_001,
        ..ask(1)
    };
    let cut = server.foresee(&long, 4_000_000);
    assert_eq!((cut.verdict, cut.end), (Verdict::Cut, 10_000_000));
    assert!((1..1_001).contains(&cut.charged_output.unwrap()));
}

#[test]
fn limits_refuse_and_say_when_to_come_back() {
    let mut nature = quiet();
    nature.tokens_per_minute = Some(3_000);
    let mut server = Server::new("a", nature, 1, HOUR);
    for n in 0..2 {
        let fate = server.foresee(&ask(n), 0);
        assert_eq!(fate.verdict, Verdict::Ok);
        server.begin(&ask(n), &fate, 0);
    }
    let fate = server.foresee(&ask(2), 0);
    assert_eq!(fate.verdict, Verdict::RateLimited);
    let after = fate.retry_after_ms.unwrap();
    // 33 tokens are missing, 50 come back each second.
    assert_eq!(after, 660);
    assert_eq!(server.foresee(&ask(2), after * 1000).verdict, Verdict::Ok);
    assert_eq!(server.in_flight(), 2);
}

#[test]
fn slowness_and_crowds_multiply_and_a_leak_grows() {
    let mut nature = quiet();
    nature.capacity = 1;
    nature.brown_outs.windows = vec![BrownOutWindow {
        from_s: 100.0,
        to_s: 200.0,
        factor: 11.0,
        gradual: true,
    }];
    let mut server = Server::new("a", nature, 1, HOUR);
    let took = |server: &Server, now: Us| server.foresee(&ask(1), now).end - now;
    let usual = took(&server, 0);
    let near = |got: Us, times: f64| {
        let ratio = seconds(got) / seconds(usual);
        assert!((ratio - times).abs() < 0.01, "{ratio}, not {times}");
    };
    near(took(&server, 150_000_000), 6.0);
    near(took(&server, 200_000_000), 1.0);
    let fate = server.foresee(&ask(2), 0);
    server.begin(&ask(2), &fate, 0);
    near(took(&server, 0), 2.0);
    server.end();
    near(took(&server, 0), 1.0);
}

#[test]
fn the_luck_of_a_request_is_its_own() {
    let server = Server::new("a", quiet(), 1, HOUR);
    let other = Server::new("b", quiet(), 1, HOUR);
    assert_eq!(server.foresee(&ask(1), 0), server.foresee(&ask(1), 0));
    assert_ne!(server.foresee(&ask(1), 0), server.foresee(&ask(2), 0));
    assert_ne!(server.foresee(&ask(1), 0), other.foresee(&ask(1), 0));
    let mut ends: Vec<Us> = (0..2_001)
        .map(|n| server.foresee(&ask(n), 0).first_byte.unwrap())
        .collect();
    ends.sort_unstable();
    // 250 ms and 10 ms for a thousand tokens.
    assert!((252_000..268_000).contains(&ends[1_000]), "{}", ends[1_000]);
}
