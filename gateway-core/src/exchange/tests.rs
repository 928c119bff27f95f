use super::*;
use crate::admit::Admission;
use crate::capability::Needs;
use crate::compliance::Requirement;
use crate::decide::{Facts, decide};
use crate::money::MicroUsd;
use crate::priority::Priority;
use crate::record::{Outcome, UsageSource};
use crate::snapshot::ProviderId;
use crate::testing::demo;
use proptest::prelude::*;

const MS: Nanos = 1_000_000;

/// An exchange for model `big`, decided in static order (providers a, b, c).
fn decided(stream: bool) -> Exchange {
    exchange_of(demo(), stream)
}

fn exchange_of(snapshot: crate::snapshot::Snapshot, stream: bool) -> Exchange {
    let policy = Rc::new(Policy::new(snapshot).unwrap());
    let mut exchange = Exchange::new(policy, "id-1".into(), Endpoint::ChatCompletions, 0);
    exchange.admitted(Admission {
        key: 0,
        priority: Priority::Standard,
        pin: None,
        limit: None,
        requires: Requirement::default(),
        asks: false,
    });
    let model = exchange.inspected("big", stream).unwrap();
    let facts = Facts {
        model,
        priority: Priority::Standard,
        pin: None,
        needs: Needs {
            input_tokens: 10,
            ..Needs::default()
        },
        refused: &[],
        caller: crate::decide::Caller::default(),
        part: crate::decide::Part::All,
        requires: Requirement::default(),
    };
    let decision = decide(exchange.policy(), None, &facts, 0).unwrap();
    exchange.decided(decision, Knowledge::default(), 10);
    exchange
}

fn verdicts(record: &Record) -> Vec<(&str, Verdict)> {
    record
        .attempts
        .iter()
        .map(|a| (a.provider.as_str(), a.verdict))
        .collect()
}

fn in_flight(exchange: &Exchange) -> u32 {
    (0..4)
        .map(|p| exchange.policy().in_flight(ProviderId(p)))
        .sum()
}

#[test]
fn a_plain_answer() {
    let mut exchange = decided(false);
    assert_eq!(exchange.attempt_began("a", MS), Some((TargetId(0), true)));
    assert_eq!(in_flight(&exchange), 1);
    assert_eq!(exchange.waiting(3 * MS), Some((TargetId(0), 2 * MS)));
    exchange.attempt_answered(200, 5 * MS);
    assert_eq!(exchange.answer(200, 5 * MS), Answer::Relay);
    exchange.usage_reported(Usage {
        input_tokens: 100,
        output_tokens: 50,
        ..Usage::default()
    });
    exchange.attempt_complete();
    let record = exchange.settle(End::Complete, 10 * MS).unwrap();
    assert_eq!(verdicts(&record), [("a", Verdict::Ok)]);
    assert_eq!(record.outcome, Outcome::Ok);
    assert_eq!(record.attempts[0].ttft_us, Some(4_000));
    assert_eq!(record.attempts[0].duration_us, 9_000);
    assert_eq!(record.cost, Some(MicroUsd(25 + 50)));
    assert_eq!(in_flight(&exchange), 0);
    assert!(exchange.settle(End::Complete, 11 * MS).is_none(), "once");
}

#[test]
fn every_way_to_the_next_target() {
    let mut exchange = decided(true);
    exchange.attempt_began("a", 0);
    exchange.attempt_answered(401, MS);
    assert_eq!(
        exchange.attempt_began("b", 2 * MS),
        Some((TargetId(1), false))
    );
    exchange.attempt_held(200);
    exchange.attempt_failed(Verdict::FirstEvent, 4 * MS);
    exchange.attempt_began("c", 5 * MS);
    exchange.attempt_held(200);
    exchange.attempt_released(7 * MS);
    assert_eq!(exchange.answer(200, 7 * MS), Answer::Relay);
    exchange.output_estimated(3);
    exchange.attempt_complete();
    let record = exchange.settle(End::Complete, 10 * MS).unwrap();
    assert_eq!(
        verdicts(&record),
        [
            ("a", Verdict::Auth),
            ("b", Verdict::FirstEvent),
            ("c", Verdict::Ok)
        ]
    );
    assert_eq!(
        record.attempts[1].ttft_us, None,
        "an error is no first token"
    );
    assert_eq!(record.usage_source, UsageSource::Estimated);
    assert_eq!(record.usage.output_tokens, 3);
}

#[test]
fn silence_is_a_timeout_or_unreachable_by_its_length() {
    for (waited, verdict) in [
        (10 * MS, Verdict::Unreachable),
        (1_000 * MS, Verdict::Timeout),
    ] {
        let mut exchange = decided(false);
        exchange.attempt_began("a", 0);
        exchange.attempt_began("b", waited);
        let record = exchange.settle(End::ClientGone, waited + MS).unwrap();
        assert_eq!(record.attempts[0].verdict, verdict);
        assert_eq!(record.attempts[1].verdict, Verdict::Abandoned);
        assert_eq!(record.outcome, Outcome::ClientGone);
    }
}

#[test]
fn a_target_that_the_router_skipped_is_not_counted() {
    let mut exchange = decided(false);
    assert_eq!(exchange.attempt_began("c", 0), Some((TargetId(2), true)));
    assert_eq!(exchange.attempt_began("d", MS), None, "never decided");
}

#[test]
fn the_last_failure_says_what_the_client_reads() {
    for (status, code) in [
        (500, RejectCode::ProviderError),
        (429, RejectCode::ProviderOverloaded),
        (529, RejectCode::ProviderOverloaded),
        (403, RejectCode::ProviderAuth),
    ] {
        let mut exchange = decided(false);
        exchange.attempt_began("a", 0);
        exchange.attempt_answered(status, MS);
        let Answer::Fail(reject) = exchange.answer(status, 2 * MS) else {
            panic!("{status} is a failure");
        };
        assert_eq!(reject.code, code);
        let record = exchange.settle(End::Complete, 3 * MS).unwrap();
        assert_eq!(
            (record.outcome, record.status),
            (Outcome::Failed, code.status())
        );
    }
    let mut exchange = decided(false);
    let Answer::Fail(reject) = exchange.answer(503, MS) else {
        panic!("no attempt at all is a failure");
    };
    assert_eq!(reject.code, RejectCode::NoTarget);
}

#[test]
fn the_clients_own_error_is_not_the_providers_fault() {
    let mut exchange = decided(false);
    exchange.attempt_began("a", 0);
    exchange.attempt_answered(400, MS);
    assert_eq!(exchange.answer(400, MS), Answer::ClientError);
    let record = exchange.settle(End::Complete, 2 * MS).unwrap();
    assert_eq!(record.outcome, Outcome::ClientError);
    assert!(!record.attempts[0].verdict.is_provider_fault());
}

#[test]
fn a_broken_stream_is_cut() {
    let mut exchange = decided(true);
    exchange.attempt_began("a", 0);
    exchange.attempt_held(200);
    exchange.attempt_released(MS);
    exchange.answer(200, MS);
    let record = exchange.settle(End::Broken, 2 * MS).unwrap();
    assert_eq!(record.outcome, Outcome::Cut);
    assert_eq!(record.attempts[0].verdict, Verdict::Cut);
}

proptest! {
    /// Whatever comes in whatever order: one record, nothing in flight afterwards.
    #[test]
    fn any_events_end_exactly_once(
        events in prop::collection::vec((0u8..9, 0u16..700, 0usize..5), 0..40), end in 0u8..3,
    ) {
        let mut exchange = decided(true);
        let mut now = 0;
        let mut records = 0;
        for (event, status, provider) in events {
            now += u64::from(status) * MS;
            let name = ["a", "b", "c", "d", "zz"][provider];
            match event {
                0 => drop(exchange.attempt_began(name, now)),
                1 if provider > 2 => exchange.attempt_held(status),
                1 => exchange.attempt_answered(status, now),
                2 => exchange.attempt_released(now),
                3 => exchange.attempt_failed(Verdict::FirstEvent, now),
                4 => exchange.attempt_cut(now),
                5 => exchange.attempt_complete(),
                6 => drop(exchange.answer(status, now)),
                7 => exchange.output_estimated(u64::from(status)),
                _ => exchange.usage_reported(Usage::default()),
            }
        }
        for _ in 0..2 {
            let end = [End::Complete, End::ClientGone, End::Broken][usize::from(end)];
            if let Some(record) = exchange.settle(end, now) {
                records += 1;
                prop_assert!(record.attempts.len() <= 3);
            }
        }
        prop_assert_eq!(records, 1);
        prop_assert_eq!(in_flight(&exchange), 0);
    }
}

#[test]
fn a_failed_answer_says_when_the_provider_wants_to_be_asked_again() {
    let mut exchange = decided(false);
    exchange.attempt_began("a", 0);
    assert!(exchange.has_next());
    exchange.attempt_answered(429, MS);
    exchange.attempt_began("b", MS);
    exchange.attempt_began("c", MS);
    assert!(!exchange.has_next());
    exchange.come_back_after(1_500);
    exchange.attempt_answered(429, 2 * MS);
    let Answer::Fail(reject) = exchange.answer(429, 2 * MS) else {
        panic!("a 429 of the last target is a failure");
    };
    assert_eq!(
        (reject.code, reject.retry_after_s),
        (RejectCode::ProviderOverloaded, Some(2))
    );
}

#[test]
fn what_a_translation_lost_is_in_the_record_of_its_attempt() {
    let mut exchange = decided(false);
    exchange.attempt_began("a", 0);
    exchange.attempt_lost(vec!["seed".into()]);
    exchange.attempt_failed(Verdict::Auth, MS);
    exchange.attempt_began("b", MS);
    assert!(exchange.lost().is_empty());
    exchange.attempt_lost(vec!["logprobs".into()]);
    assert_eq!(exchange.lost(), ["logprobs"]);
    let record = exchange.settle(End::ClientGone, MS).unwrap();
    assert_eq!(record.attempts[0].lost, ["seed"]);
    assert_eq!(record.attempts[0].verdict, Verdict::Auth);
    assert_eq!(record.attempts[1].lost, ["logprobs"]);
}

#[test]
fn the_record_says_what_it_cost_by_kind_of_token_and_when_that_is_a_ceiling() {
    use crate::money::{MicroUsdPerMillion, Parts, Price, PriceBasis};
    let settled = |price: Option<Price>, price_basis| {
        let mut snapshot = demo();
        snapshot.targets[0].price = price;
        snapshot.targets[0].price_basis = price_basis;
        let mut exchange = exchange_of(snapshot, false);
        exchange.attempt_began("a", 1).unwrap();
        exchange.attempt_answered(200, 2);
        exchange.usage_reported(Usage {
            input_tokens: 1_000,
            output_tokens: 10,
            cached_tokens: 800,
            cache_creation_tokens: 100,
            ..Usage::default()
        });
        exchange.attempt_complete();
        assert_eq!(exchange.answer(200, 3), Answer::Relay);
        let record = exchange.settle(End::Complete, 4).unwrap();
        (record.cost, record.cost_is_ceiling)
    };
    let usd = MicroUsdPerMillion;
    let price = Price {
        parts: Parts {
            cached_input: Some(usd(300_000)),
            cache_write: Some(usd(3_750_000)),
            ..Parts::default()
        },
        ..Price::flat(usd(3_000_000), usd(15_000_000))
    };
    let listed = (Some(MicroUsd(300 + 240 + 375 + 150)), false);
    assert_eq!(settled(Some(price), PriceBasis::Listed), listed);
    assert_eq!(settled(Some(price), PriceBasis::Ceiling), (listed.0, true));
    assert_eq!(settled(None, PriceBasis::Listed), (None, false));
}
