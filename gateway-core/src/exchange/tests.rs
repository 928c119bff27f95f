use super::*;
use crate::admit::Admission;
use crate::capability::Needs;
use crate::compliance::Requirement;
use crate::decide::{Facts, decide};
use crate::money::MicroUsd;
use crate::priority::Priority;
use crate::record::{
    Allowance, Charge, Outcome, RateLimits, Settlement, Shadow, Usage, UsageSource,
};
use crate::snapshot::{ProviderId, TargetId};
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
        explain: crate::admit::Explain::No,
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
        warm: None,
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
    assert_eq!(exchange.waiting(3 * MS).next(), Some((TargetId(0), 2 * MS)));
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

fn charges(record: &Record) -> Vec<Option<(Settlement, u64, u64)>> {
    let brief = |charge: &Charge| {
        let Charge {
            usage, settlement, ..
        } = charge;
        (*settlement, usage.input_tokens, usage.output_tokens)
    };
    let attempts = record.attempts.iter();
    attempts.map(|a| a.charge.as_ref().map(brief)).collect()
}

#[test]
fn every_attempt_is_charged_with_its_own() {
    let mut exchange = decided(true);
    exchange.attempt_began("a", 0);
    // No first byte in time: the provider has the prompt.
    exchange.attempt_began("b", 1_000 * MS);
    exchange.attempt_answered(503, 1_001 * MS);
    exchange.attempt_began("c", 1_002 * MS);
    exchange.attempt_held(200);
    exchange.attempt_released(1_003 * MS);
    exchange.output_estimated(7);
    exchange.attempt_cut(1_004 * MS);
    let record = exchange.settle(End::Complete, 1_005 * MS).unwrap();
    assert_eq!(
        charges(&record),
        [
            Some((Settlement::Estimated, 10, 0)),
            None,
            Some((Settlement::Estimated, 10, 7))
        ]
    );
    let costs: Vec<_> = record
        .attempts
        .iter()
        .filter_map(|a| a.charge.as_ref())
        .map(|charge| (charge.price.is_some(), charge.cost))
        .collect();
    assert!(costs.iter().all(|(priced, cost)| *priced == cost.is_some()));
}

#[test]
fn a_report_of_a_part_is_completed_by_what_came() {
    let report = Usage {
        input_tokens: 100,
        output_tokens: 1,
        ..Usage::default()
    };
    for (whole, pieces, end, expected) in [
        (false, 30, End::ClientGone, (Settlement::Partial, 100, 30)),
        (false, 0, End::ClientGone, (Settlement::Partial, 100, 1)),
        // The provider's word stands, whatever the number of events.
        (true, 30, End::Complete, (Settlement::Reported, 100, 1)),
        (true, 30, End::Broken, (Settlement::Reported, 100, 1)),
    ] {
        let mut exchange = decided(true);
        exchange.attempt_began("a", 0);
        exchange.attempt_held(200);
        exchange.attempt_released(MS);
        assert!(exchange.relay());
        exchange.output_estimated(pieces);
        exchange.usage_reported_so_far(report, whole);
        let record = exchange.settle(end, 2 * MS).unwrap();
        assert_eq!(charges(&record), [Some(expected)]);
    }
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
fn what_a_provider_says_of_its_limits_is_in_the_record_of_its_attempt() {
    let said = RateLimits {
        requests: Some(Allowance {
            remaining: 0,
            limit: Some(60),
            reset_ms: None,
        }),
        tokens: None,
    };
    let mut exchange = decided(false);
    exchange.attempt_began("a", 0);
    exchange.limits_told(said);
    exchange.attempt_answered(429, MS);
    exchange.attempt_began("b", MS);
    let record = exchange.settle(End::ClientGone, MS).unwrap();
    assert_eq!(record.attempts[0].rate_limits, Some(said));
    assert_eq!(record.attempts[1].rate_limits, None);
    let json = serde_json::to_string(&record).unwrap();
    assert!(
        json.contains(r#""rate_limits":{"requests":{"remaining":0,"limit":60}}"#),
        "{json}"
    );
    assert_eq!(
        json.matches("rate_limits").count(),
        1,
        "absent where nothing was said"
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

fn hedged() -> Exchange {
    let mut exchange = decided(true);
    assert!(exchange.policy().hedge_budget().pay(2));
    exchange.hedged(crate::hedge::Hedge {
        after_ms: 300,
        credits: 2,
    });
    exchange
}

/// Credits that are left of the full fifty.
fn credits(exchange: &Exchange) -> u32 {
    let budget = exchange.policy().hedge_budget();
    let left = (0..=50).rev().find(|n| budget.pay(*n)).unwrap();
    budget.give_back(left);
    left
}

#[test]
fn the_first_of_two_at_once_wins_and_the_other_is_only_slow() {
    for (winner, loser) in [(1, 0), (0, 1)] {
        let mut exchange = hedged();
        exchange.attempt_began("a", 0);
        exchange.attempt_began("b", 300 * MS);
        assert_eq!(exchange.waiting(400 * MS).count(), 2);
        assert_eq!(in_flight(&exchange), 2);
        exchange.speak_of(winner);
        exchange.attempt_held(200);
        exchange.attempt_released(700 * MS);
        exchange.answered_by(Some(winner), 701 * MS);
        assert!(exchange.relay());
        assert_eq!(in_flight(&exchange), 1);
        assert_eq!(credits(&exchange), 49, "one of two was used");
        // The loser's stream is ended after that.
        exchange.speak_of(loser);
        exchange.attempt_gone(702 * MS);
        exchange.speak_of(winner);
        exchange.usage_reported(Usage {
            input_tokens: 100,
            output_tokens: 50,
            ..Usage::default()
        });
        exchange.attempt_complete();
        let record = exchange.settle(End::Complete, 900 * MS).unwrap();
        let names = ["a", "b"];
        assert_eq!(
            verdicts(&record),
            [
                (names[loser], Verdict::Hedged),
                (names[winner], Verdict::Ok)
            ],
            "who answered is last"
        );
        assert_eq!(record.outcome, Outcome::Ok);
        assert_eq!(record.hedge_after_ms, 300);
        let wasted = record.attempts[0].charge.as_ref().unwrap();
        assert_eq!(wasted.settlement, Settlement::Estimated);
        assert_eq!(
            (wasted.usage.input_tokens, wasted.usage.output_tokens),
            (10, 0)
        );
        assert!(wasted.cost.is_some_and(|cost| cost > MicroUsd(0)));
        let hedges: Vec<_> = record.attempts.iter().map(|a| a.hedge).collect();
        assert_eq!(hedges, [loser == 1, winner == 1]);
        assert!(!Verdict::Hedged.is_provider_fault());
        assert_eq!(in_flight(&exchange), 0);
    }
}

#[test]
fn a_hedge_that_fails_leaves_the_other_running() {
    let mut exchange = hedged();
    exchange.attempt_began("a", 0);
    exchange.attempt_began("b", 300 * MS);
    exchange.attempt_answered(503, 310 * MS);
    exchange.attempt_gone(311 * MS);
    // The third is a hedge, too: the first still waits.
    exchange.attempt_began("c", 320 * MS);
    exchange.speak_of(0);
    exchange.attempt_held(200);
    exchange.attempt_released(400 * MS);
    exchange.answered_by(Some(0), 400 * MS);
    assert!(exchange.relay());
    exchange.attempt_complete();
    let record = exchange.settle(End::Complete, 500 * MS).unwrap();
    assert_eq!(
        verdicts(&record),
        [
            ("b", Verdict::Overloaded),
            ("c", Verdict::Hedged),
            ("a", Verdict::Ok)
        ]
    );
    assert_eq!(credits(&exchange), 48);
}

#[test]
fn what_broke_before_the_next_began_is_a_retry_and_no_hedge() {
    let mut exchange = hedged();
    exchange.attempt_began("a", 0);
    exchange.attempt_gone(5 * MS);
    exchange.attempt_began("b", 10 * MS);
    exchange.attempt_held(200);
    exchange.attempt_released(20 * MS);
    exchange.answered_by(Some(1), 20 * MS);
    exchange.relay();
    exchange.attempt_complete();
    let record = exchange.settle(End::Complete, 30 * MS).unwrap();
    assert_eq!(
        verdicts(&record),
        [("a", Verdict::Unreachable), ("b", Verdict::Ok)]
    );
    assert!(!record.attempts[1].hedge);
    assert_eq!(credits(&exchange), 50);
}

#[test]
fn a_race_that_nobody_wins_ends_all_of_its_attempts() {
    for (end, verdict) in [
        (End::ClientGone, Verdict::Abandoned),
        (End::Complete, Verdict::Timeout),
    ] {
        let mut exchange = hedged();
        exchange.attempt_began("a", 0);
        exchange.attempt_began("b", 300 * MS);
        if end == End::Complete {
            exchange.answered_by(None, 1_000 * MS);
            let Answer::Fail(reject) = exchange.answer(504, 1_000 * MS) else {
                panic!("nobody answered");
            };
            assert_eq!(reject.code, RejectCode::ProviderTimeout);
        }
        let record = exchange.settle(end, 1_001 * MS).unwrap();
        assert_eq!(verdicts(&record), [("a", verdict), ("b", verdict)]);
        assert_eq!(in_flight(&exchange), 0);
        assert_eq!(credits(&exchange), 49);
    }
}

#[test]
fn a_copy_is_an_exchange_of_its_own() {
    let mut original = decided(false);
    let mut copy = original.copy_to(TargetId(3), MS);
    assert!(copy.is_copy() && !original.is_copy());
    assert!(copy.settle_copy(MS).is_none(), "never sent");
    original.attempt_began("a", MS);
    assert_eq!(
        copy.attempt_began("a", MS),
        None,
        "it goes to its target only"
    );
    assert_eq!(copy.attempt_began("d", 2 * MS), Some((TargetId(3), true)));
    assert!(!copy.has_next());
    copy.attempt_held(200);
    copy.attempt_released(9 * MS);
    copy.usage_reported(Usage {
        input_tokens: 100,
        output_tokens: 50,
        ..Usage::default()
    });
    copy.attempt_complete();
    original.attempt_answered(200, 3 * MS);
    original.answer(200, 3 * MS);
    original.attempt_complete();
    let theirs = original.settle(End::Complete, 4 * MS).unwrap();
    let ours = copy.settle_copy(12 * MS).unwrap();
    assert!(copy.settle_copy(13 * MS).is_none(), "once");
    assert_eq!(
        (theirs.id.as_str(), theirs.shadow),
        ("id-1", Some(Shadow::Original))
    );
    assert_eq!(
        (ours.id.as_str(), ours.shadow),
        ("id-1", Some(Shadow::Copy))
    );
    assert_eq!(ours.tenant, theirs.tenant);
    assert_eq!((ours.outcome, ours.status), (Outcome::Ok, 200));
    assert_eq!(ours.attempts[0].ttft_us, Some(7_000));
    assert_eq!(ours.cost, Some(MicroUsd(23)), "at its own target's price");
    assert_eq!(in_flight(&original) + in_flight(&copy), 0);
}

#[test]
fn a_copy_ends_as_its_answer_did() {
    type Story = fn(&mut Exchange);
    let stories: [(Story, Verdict, Outcome); 5] = [
        (
            |e| e.attempt_answered(500, MS),
            Verdict::ServerError,
            Outcome::Failed,
        ),
        (
            |e| e.attempt_answered(400, MS),
            Verdict::ClientError,
            Outcome::ClientError,
        ),
        (|_| {}, Verdict::Timeout, Outcome::Failed),
        (
            |e| {
                e.attempt_held(200);
                e.attempt_released(MS);
            },
            Verdict::Cut,
            Outcome::Cut,
        ),
        (
            |e| {
                e.attempt_held(200);
                e.attempt_failed(Verdict::FirstEvent, MS);
            },
            Verdict::FirstEvent,
            Outcome::Failed,
        ),
    ];
    for (story, verdict, outcome) in stories {
        let mut original = decided(true);
        let mut copy = original.copy_to(TargetId(0), 0);
        copy.attempt_began("a", 0);
        story(&mut copy);
        let record = copy.settle_copy(2_000 * MS).unwrap();
        assert_eq!(
            (record.attempts[0].verdict, record.outcome),
            (verdict, outcome)
        );
        assert_eq!(in_flight(&copy), 0);
    }
}

proptest! {
    /// Whatever comes in whatever order of several attempts at once: one record, each attempt ended,
    /// nothing in flight, no credit made or lost beyond the hedges that were begun.
    #[test]
    fn any_race_ends_exactly_once(
        events in prop::collection::vec((0u8..9, 0u16..700, 0usize..4), 0..40), end in 0u8..3,
    ) {
        let mut exchange = hedged();
        let mut now = 0;
        for (event, status, place) in events {
            now += u64::from(status) * MS;
            exchange.speak_of(place);
            match event {
                0 => drop(exchange.attempt_began(["a", "b", "c", "d"][place], now)),
                1 => exchange.attempt_answered(status, now),
                2 => exchange.attempt_held(status),
                3 => exchange.attempt_released(now),
                4 => exchange.attempt_gone(now),
                5 => exchange.attempt_complete(),
                6 => exchange.answered_by((place < 3).then_some(place), now),
                7 => drop(exchange.answer(status, now)),
                _ => exchange.usage_reported(Usage::default()),
            }
        }
        let end = [End::Complete, End::ClientGone, End::Broken][usize::from(end)];
        let record = exchange.settle(end, now).unwrap();
        prop_assert!(exchange.settle(end, now).is_none());
        prop_assert_eq!(in_flight(&exchange), 0);
        let hedges = record.attempts.iter().filter(|a| a.hedge).count();
        prop_assert!(usize::try_from(credits(&exchange)).unwrap() >= 50 - 2usize.max(hedges));
        for attempt in &record.attempts {
            let is_loser = attempt.verdict == Verdict::Hedged;
            let is_good = attempt.status.is_none_or(|s| (200..300).contains(&s));
            prop_assert!(!is_loser || !is_good || attempt.charge.is_some());
        }
    }
}

#[test]
fn what_the_router_refuses_before_anything_is_decided_keeps_its_own_word() {
    for status in [400, 408, 413, 431] {
        let policy = Rc::new(Policy::new(crate::testing::demo()).unwrap());
        let mut early = Exchange::new(policy, "id-1".into(), Endpoint::ChatCompletions, 0);
        assert_eq!(early.answer(status, 1), Answer::Relay, "{status}");
        let record = early.settle(End::Complete, 2).unwrap();
        assert_eq!((record.status, record.outcome), (status, Outcome::Rejected));
        assert_eq!(record.reject, Some(RejectCode::InvalidRequest));
    }
    let policy = Rc::new(Policy::new(crate::testing::demo()).unwrap());
    let mut early = Exchange::new(policy, "id-1".into(), Endpoint::ChatCompletions, 0);
    assert!(matches!(early.answer(503, 1), Answer::Fail(_)));
}

#[test]
fn what_runs_is_told_once_with_what_it_may_come_to_and_its_end_has_the_same_number() {
    let mut exchange = decided(true);
    exchange.answers_at_most(1_000);
    assert!(!exchange.is_to_tell(0, 9 * MS), "no provider is asked yet");
    exchange.attempt_began("a", MS);
    assert!(!exchange.is_to_tell(250 * MS, 100 * MS), "it is young");
    assert!(exchange.is_to_tell(250 * MS, 251 * MS));
    let told = exchange.tell(|| 7, 251 * MS);
    let charges = |record: &Record| {
        let attempts = record.attempts.iter();
        attempts
            .map(|a| (a.provider.clone(), a.charge.as_ref().and_then(|c| c.cost)))
            .collect::<Vec<_>>()
    };
    let cost = exchange.policy().target(TargetId(0)).unwrap().price;
    let cost = cost.map(|price| price.cost_of(10, 1_000));
    assert_eq!(charges(&told), [("a".to_owned(), cost)]);
    assert_eq!((told.opened, told.sequence), (7, 0));
    assert!(!exchange.is_to_tell(0, 900 * MS), "once");

    exchange.attempt_answered(503, 900 * MS);
    exchange.attempt_began("b", 901 * MS);
    let told = exchange.tell(|| 8, 1_500 * MS);
    assert_eq!(told.opened, 7, "it is the same exchange");
    let costs = charges(&told);
    assert_eq!(costs[0], ("a".to_owned(), None), "it does not run any more");
    assert!(costs[1].1.is_some());

    exchange.forget_told();
    assert!(exchange.is_to_tell(0, 1_600 * MS), "it did not arrive");
    let record = exchange.settle(End::Broken, 1_700 * MS).unwrap();
    assert_eq!(record.opened, 7);
    assert!(!exchange.is_to_tell(0, 1_800 * MS));
}

#[test]
fn a_quick_exchange_is_never_told() {
    let mut exchange = decided(false);
    exchange.attempt_began("a", MS);
    exchange.attempt_complete();
    let record = exchange.settle(End::Complete, 10 * MS).unwrap();
    assert_eq!(record.opened, 0);
}
