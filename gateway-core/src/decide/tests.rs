use super::*;
use crate::capability::Capability;
use crate::score::TargetScore;
use crate::snapshot::Snapshot;
use crate::testing::demo;
use proptest::prelude::*;

fn policy() -> Policy {
    Policy::new(demo()).unwrap()
}

fn facts(priority: Priority) -> Facts<'static> {
    Facts {
        model: ModelId(0),
        priority,
        pin: None,
        needs: Needs {
            input_tokens: 1_000,
            ..Needs::default()
        },
        refused: &[],
        caller: crate::decide::Caller::default(),
        part: crate::decide::Part::All,
        requires: Requirement::default(),
        warm: None,
    }
}

fn measured(ttft_ms: f32) -> TargetScore {
    TargetScore {
        ttft_ms: Some(ttft_ms),
        tpot_ms: Some(5.0),
        failure_rate: Some(0.001),
        utilisation: Some(0.1),
        ..TargetScore::default()
    }
}

fn scores(snapshot: &Snapshot, targets: Vec<TargetScore>) -> Scores {
    Scores {
        snapshot: snapshot.version.clone(),
        sequence: 1,
        targets,
        ..Scores::default()
    }
}

fn order(decision: Result<Decision, NoTarget>) -> Vec<u16> {
    decision.unwrap().targets().map(|t| t.0).collect()
}

#[test]
fn nothing_known_is_the_operators_order() {
    let policy = policy();
    let decision = decide(&policy, None, &facts(Priority::Standard), 7).unwrap();
    assert_eq!(decision.rule, Rule::Static);
    assert_eq!(order(Ok(decision)), [0, 1, 2]);
}

#[test]
fn a_listed_model_keeps_the_operators_order_whatever_was_measured() {
    let mut snapshot = policy().snapshot().clone();
    snapshot.models[0].order = Order::Listed;
    let listed = Policy::new(snapshot).unwrap();
    let mut targets = vec![measured(100.0); 5];
    targets[0].circuit = Circuit::Open;
    let scores = scores(listed.snapshot(), targets);
    for draw in 0..20 {
        let decision = decide(&listed, Some(&scores), &facts(Priority::Standard), draw).unwrap();
        assert_eq!(decision.rule, Rule::Listed);
        assert_eq!(order(Ok(decision)), [0, 1, 2]);
    }
    let scored = decide(&policy(), Some(&scores), &facts(Priority::Standard), 7).unwrap();
    assert_ne!(
        scored.targets().next(),
        Some(TargetId(0)),
        "its circuit is open"
    );
}

#[test]
fn scores_of_another_snapshot_are_not_used() {
    let policy = policy();
    let mut other = scores(policy.snapshot(), vec![measured(100.0); 5]);
    other.snapshot.0 = "other".into();
    let decision = decide(&policy, Some(&other), &facts(Priority::Standard), 7).unwrap();
    assert_eq!(decision.rule, Rule::Static);
}

#[test]
fn batch_goes_where_it_is_cheap_and_critical_where_it_is_fast() {
    let policy = policy();
    let mut targets = vec![measured(1_500.0); 5];
    targets[0] = measured(100.0);
    let scores = scores(policy.snapshot(), targets);
    let batch = decide(&policy, Some(&scores), &facts(Priority::Batch), 0);
    assert_eq!(order(batch)[0], 3);
    let critical = decide(&policy, Some(&scores), &facts(Priority::Critical), 0);
    assert_eq!(order(critical)[0], 0);
}

#[test]
fn an_unavailable_or_full_target_comes_last() {
    let policy = policy();
    let mut targets = vec![measured(100.0); 5];
    targets[3].unavailable = true;
    targets[2].metered = Some(1.0);
    let scores = scores(policy.snapshot(), targets);
    let batch = order(decide(&policy, Some(&scores), &facts(Priority::Batch), 0));
    assert_eq!(batch, [1, 0, 2], "the unfit remain as a last resort");
    let mut targets = vec![measured(100.0); 5];
    for target in &mut targets {
        target.unavailable = true;
    }
    targets[1].circuit = Circuit::Open;
    targets[2].circuit = Circuit::HalfOpen;
    let policy = self::policy();
    let scores = self::scores(policy.snapshot(), targets);
    let batch = order(decide(&policy, Some(&scores), &facts(Priority::Batch), 0));
    assert_eq!(
        batch,
        [3, 2, 1],
        "an unavailable one is unfit whatever its circuit"
    );
}

#[test]
fn own_requests_in_flight_count_before_the_sidecar_knows() {
    let policy = policy();
    let scores = scores(policy.snapshot(), vec![measured(100.0); 5]);
    for _ in 0..100 {
        policy.attempt_began(ProviderId(3));
    }
    let batch = order(decide(&policy, Some(&scores), &facts(Priority::Batch), 0));
    assert_ne!(batch[0], 3);
}

#[test]
fn the_last_of_a_providers_room_is_for_the_urgent() {
    let policy = policy();
    let first = |metered, priority| {
        let mut targets = vec![measured(1_900.0); 5];
        targets[3] = TargetScore {
            metered: Some(metered),
            ..measured(100.0)
        };
        let scores = scores(policy.snapshot(), targets);
        order(decide(&policy, Some(&scores), &facts(priority), 0))[0]
    };
    for (metered, goes) in [
        (0.65, [true, true, true]),
        (0.75, [true, true, false]),
        (0.9, [true, false, false]),
        (1.0, [false, false, false]),
    ] {
        for (priority, goes) in Priority::ALL.into_iter().zip(goes) {
            assert_eq!(
                first(metered, priority) == 3,
                goes,
                "{priority:?} at {metered}"
            );
        }
    }
}

#[test]
fn a_pin_leaves_no_choice() {
    let policy = policy();
    let mut pinned = facts(Priority::Standard);
    pinned.pin = Some(ProviderId(2));
    let decision = decide(&policy, None, &pinned, 0).unwrap();
    assert_eq!(decision.rule, Rule::Pin);
    assert_eq!(order(Ok(decision)), [2]);
    pinned.model = ModelId(1);
    assert_eq!(decide(&policy, None, &pinned, 0), Err(NoTarget::Pin));
}

#[test]
fn exploration_stays_in_its_share_and_never_touches_critical() {
    let policy = policy();
    let mut targets = vec![measured(100.0); 5];
    targets[3] = TargetScore {
        explore: 1.0,
        ..TargetScore::default()
    };
    let scores = scores(policy.snapshot(), targets);
    let explored = |priority| {
        (0..20_000u64)
            .map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .filter(|draw| {
                let d = decide(&policy, Some(&scores), &facts(priority), *draw).unwrap();
                d.rule == Rule::Explore
            })
            .count()
    };
    assert_eq!(explored(Priority::Critical), 0);
    let standard = explored(Priority::Standard);
    assert!(
        (800..1_200).contains(&standard),
        "{standard} of 20000 at 5 %"
    );
}

#[test]
fn near_equals_share_and_less_goes_where_this_worker_is_busy() {
    let mut snapshot = demo();
    let price = snapshot.targets[0].price;
    for target in &mut snapshot.targets {
        target.price = price;
    }
    let policy = Policy::new(snapshot).unwrap();
    let scores = scores(policy.snapshot(), vec![measured(100.0); 5]);
    let mut first = [0u32; 4];
    for draw in 0..3_000u64 {
        let draw = draw.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let decision = decide(&policy, Some(&scores), &facts(Priority::Critical), draw).unwrap();
        assert_eq!(decision.rule, Rule::NearEqual);
        let order = order(Ok(decision));
        first[usize::from(order[0])] += 1;
        assert_eq!(order.len(), 3);
    }
    assert!(first.iter().all(|n| *n > 650), "{first:?}");
    for _ in 0..6 {
        policy.attempt_began(ProviderId(1));
    }
    let busy = (0..3_000u64)
        .filter(|draw| {
            order(decide(
                &policy,
                Some(&scores),
                &facts(Priority::Critical),
                *draw,
            ))[0]
                == 1
        })
        .count();
    assert!(busy < 300, "{busy}");
}

#[test]
fn the_next_target_shares_no_fate_with_the_first_where_that_can_be() {
    let mut snapshot = demo();
    for (provider, region) in snapshot
        .providers
        .iter_mut()
        .zip(["west", "east", "north", "north"])
    {
        provider.region = Some(region.into());
    }
    let policy = Policy::new(snapshot.clone()).unwrap();
    let scores = scores(policy.snapshot(), vec![measured(100.0); 5]);
    let batch = |policy: &Policy| order(decide(policy, Some(&scores), &facts(Priority::Batch), 0));
    assert_eq!(batch(&policy), [3, 1, 0], "2 is in the region of 3");
    for target in &mut snapshot.targets {
        target.provider = ProviderId(2);
    }
    assert_eq!(
        batch(&Policy::new(snapshot).unwrap()),
        [3, 2, 1],
        "it cannot be avoided"
    );
}

#[test]
fn a_target_is_explored_only_where_it_may_be_better_or_waits_for_probes() {
    let policy = policy();
    let explored = |target: usize, score: TargetScore| {
        let mut targets = vec![measured(100.0); 5];
        targets[target] = score;
        let scores = scores(policy.snapshot(), targets);
        (0..4_000u64).any(|draw| {
            let decision = decide(&policy, Some(&scores), &facts(Priority::Batch), draw).unwrap();
            decision.rule == Rule::Explore
                && decision.targets().next() == u16::try_from(target).ok().map(TargetId)
        })
    };
    let stale = TargetScore {
        explore: 1.0,
        hoped_ttft_ms: Some(50.0),
        ..measured(900_000.0)
    };
    assert!(explored(3, stale), "the cheapest may have recovered");
    assert!(!explored(0, stale), "the dearest is no better at its best");
    let fresh = TargetScore {
        explore: 0.0,
        ..stale
    };
    assert!(!explored(3, fresh), "nothing to learn");
    let half_open = TargetScore {
        circuit: Circuit::HalfOpen,
        ..stale
    };
    assert!(explored(0, half_open));
    let open = TargetScore {
        circuit: Circuit::Open,
        ..stale
    };
    assert!(!explored(3, open));
}

#[test]
fn what_was_never_seen_is_met_by_standard_requests_before_critical_ones_need_it() {
    let policy = policy();
    let explored = |priority: Priority| {
        let mut targets = vec![measured(100.0); 5];
        targets[0] = TargetScore {
            explore: 1.0,
            unseen: true,
            ..TargetScore::default()
        };
        targets[0].hoped_failure_rate = Some(0.1);
        targets[0].hoped_ttft_ms = Some(90_000.0);
        let scores = scores(policy.snapshot(), targets);
        (0..4_000u64)
            .filter(|draw| {
                let decision = decide(&policy, Some(&scores), &facts(priority), *draw).unwrap();
                decision.rule == Rule::Explore
            })
            .count()
    };
    assert!((150..260).contains(&explored(Priority::Standard)), "5 %");
    assert_eq!(explored(Priority::Batch), 0, "it is the dearest");
    assert_eq!(explored(Priority::Critical), 0);
}

#[test]
fn a_keys_own_answers_say_how_long_its_next_one_will_be() {
    use crate::score::{KeyLengths, Learnt, ModelScore};
    let policy = policy();
    let length = |key, tokens| KeyLengths {
        key,
        model: ModelId(0),
        output_tokens: tokens,
        long_output_tokens: tokens * 2,
    };
    let mut scores = scores(policy.snapshot(), vec![measured(100.0); 5]);
    scores.models = vec![ModelScore {
        output_tokens: Some(300),
        long_output_tokens: Some(900),
    }];
    scores.lengths = vec![length(0, 20), length(3, 700)];
    let text = serde_json::to_string(&scores).unwrap();
    assert!(text.contains("[3,0,700,1400]"), "{text}");
    assert_eq!(serde_json::from_str::<Scores>(&text).unwrap(), scores);
    for (key, tokens, of) in [
        (Some(0), 20, Learnt::Key),
        (Some(1), 300, Learnt::Model),
        (Some(3), 700, Learnt::Key),
        (None, 300, Learnt::Model),
    ] {
        let mut asked = facts(Priority::Standard);
        asked.caller.key = key;
        let explained = crate::explain::explain(&policy, Some(&scores), &asked, 0).unwrap();
        assert_eq!(explained.estimate.unwrap().output_tokens, tokens);
        assert_eq!(explained.learnt, Some(of));
    }
    assert_eq!(scores.learnt(ModelId(1), Some(0)).1, Learnt::Nothing);
}

#[test]
fn futile_retries_end_in_fewer_attempts() {
    let policy = policy();
    let attempts = |priority| order(decide(&policy, None, &facts(priority), 0)).len();
    assert_eq!(attempts(Priority::Batch), 3);
    for _ in 0..100 {
        policy.retry_budget().spend();
    }
    assert_eq!(attempts(Priority::Batch), 1);
    assert_eq!(attempts(Priority::Critical), 2);
}

/// Model `big` with targets that lack what the mask says: bit 0 tools, bit 1 images.
fn lacking(masks: [u8; 4]) -> Policy {
    let mut snapshot = demo();
    for (target, mask) in snapshot.targets.iter_mut().zip(masks) {
        target.capabilities.tools = mask & 1 == 0;
        target.capabilities.images = mask & 2 == 0;
    }
    Policy::new(snapshot).unwrap()
}

#[test]
fn what_a_target_lacks_keeps_the_request_away_from_it() {
    let mut asked = facts(Priority::Standard);
    asked.needs.tools = true;
    let policy = lacking([1, 0, 1, 0]);
    assert_eq!(order(decide(&policy, None, &asked, 0)), [1, 3]);
    let scores = scores(policy.snapshot(), vec![measured(10.0); 5]);
    let mut by_score = order(decide(&policy, Some(&scores), &asked, 5));
    by_score.sort_unstable();
    assert_eq!(by_score, [1, 3]);
    // Neither exploration nor a pin gets around it.
    asked.pin = Some(ProviderId(0));
    assert_eq!(
        decide(&policy, Some(&scores), &asked, 0),
        Err(NoTarget::Lacking(Capability::Tools))
    );
    asked.pin = None;
    asked.needs.images = true;
    assert_eq!(
        decide(&lacking([1, 2, 3, 1]), None, &asked, 0),
        Err(NoTarget::Lacking(Capability::Tools))
    );
}

#[test]
fn targets_that_their_dialect_rules_out_are_not_tried() {
    let mut asked = facts(Priority::Standard);
    asked.refused = &[TargetId(0), TargetId(2)];
    assert_eq!(order(decide(&policy(), None, &asked, 0)), [1, 3]);
    asked.refused = &[TargetId(0), TargetId(1), TargetId(2), TargetId(3)];
    assert_eq!(decide(&policy(), None, &asked, 0), Err(NoTarget::Refused));
}

proptest! {
    /// Tightening a filter never admits a target that was not admitted before.
    #[test]
    fn lacking_more_never_admits_more(
        masks in any::<[u8; 4]>(), more in any::<[u8; 4]>(), refused in 0u16..6, known in any::<bool>(),
        draw in any::<u64>(),
    ) {
        let mut asked = facts(Priority::Standard);
        asked.needs.tools = true;
        asked.needs.images = true;
        let passes = |policy: &Policy, asked: &Facts<'_>| -> Vec<TargetId> {
            let explained = crate::explain::explain(policy, None, asked, draw).unwrap();
            let passing = explained.candidates.iter().filter(|c| c.removed_by.is_none());
            passing.map(|c| c.target).collect()
        };
        let loose = lacking(masks);
        let tight = lacking(std::array::from_fn(|i| masks[i] | more[i]));
        let admitted = passes(&loose, &asked);
        let refusals = [TargetId(refused)];
        asked.refused = &refusals;
        let fewer = passes(&tight, &asked);
        prop_assert!(fewer.iter().all(|t| admitted.contains(t)), "{fewer:?} of {admitted:?}");
        let scores = scores(tight.snapshot(), vec![measured(10.0); 5]);
        let order = decide(&tight, known.then_some(&scores), &asked, draw)
            .map(|d| d.targets().collect::<Vec<_>>());
        prop_assert_eq!(order.is_err(), fewer.is_empty());
        prop_assert!(order.unwrap_or_default().iter().all(|t| fewer.contains(t)));
    }

    /// More weight on cost never raises the expected cost of the first choice.
    #[test]
    fn more_weight_on_cost_never_costs_more(
        measures in prop::collection::vec((10.0f32..4_000.0, 0.0f32..0.1, 0.0f32..0.9), 4),
        prices in prop::collection::vec(1u64..100, 4),
        others in (0.0f32..1.0, 0.0f32..1.0, 0.01f32..1.0), cost in 0.0f32..2.0, more in 0.0f32..2.0,
    ) {
        let expected = |weight: f32| {
            let mut snapshot = demo();
            for (target, percent) in snapshot.targets.iter_mut().zip(&prices) {
                target.price = target.price.map(|_| crate::testing::price(*percent));
            }
            let weights = &mut snapshot.priorities[0].weights;
            (weights.performance, weights.reliability, weights.load) = others;
            weights.cost = weight;
            let policy = Policy::new(snapshot).unwrap();
            let mut targets: Vec<_> = measures.iter().map(|(ttft, rate, load)| TargetScore {
                failure_rate: Some(*rate),
                utilisation: Some(*load),
                ..measured(*ttft)
            }).collect();
            targets.push(TargetScore::default());
            let scores = scores(policy.snapshot(), targets);
            let asked = facts(Priority::Critical);
            let explained = crate::explain::explain(&policy, Some(&scores), &asked, 0).unwrap();
            let cost_of = |c: &crate::explain::CandidateView| {
                let scored = c.scored.as_ref().unwrap();
                f64::from(scored.odds) * scored.inputs.cost.unwrap().0 as f64
            };
            explained.candidates.iter().map(cost_of).sum::<f64>()
        };
        let (less, more) = (expected(cost + more), expected(cost));
        // Odds below one in a hundred thousand are cut off, and f32 rounds.
        prop_assert!(less <= more * 1.000_1 + 1.0, "{less} after {more}");
    }

    /// The order in which targets are written decides ties, and nothing else.
    #[test]
    fn permuting_the_targets_changes_nothing(
        ttfts in prop::collection::vec(10.0f32..4_000.0, 5), rotate in 0usize..4, draw in any::<u64>(),
        explore in prop::collection::vec(0.0f32..3.0, 5), which in 0usize..3,
    ) {
        let decided = |by: usize| {
            let mut snapshot = demo();
            snapshot.models[0].targets.rotate_left(by);
            let policy = Policy::new(snapshot).unwrap();
            let targets = ttfts.iter().zip(&explore).map(|(ttft, explore)| TargetScore {
                explore: *explore,
                ..measured(*ttft)
            }).collect();
            let scores = scores(policy.snapshot(), targets);
            decide(&policy, Some(&scores), &facts(Priority::ALL[which]), draw)
        };
        prop_assert_eq!(decided(0), decided(rotate));
    }

    #[test]
    fn an_order_is_complete_and_repeats_nothing(
        ttfts in prop::collection::vec(prop::option::of(1.0f32..10_000.0), 5),
        down in prop::collection::vec(any::<bool>(), 5),
        draw in any::<u64>(), attempts in 1u8..=3, which in 0usize..3,
    ) {
        let mut snapshot = demo();
        snapshot.gateway.max_attempts = attempts;
        let policy = Policy::new(snapshot).unwrap();
        let targets = ttfts.iter().zip(&down)
            .map(|(t, d)| TargetScore { ttft_ms: *t, unavailable: *d, ..TargetScore::default() })
            .collect();
        let scores = scores(policy.snapshot(), targets);
        let asked = facts(Priority::ALL[which]);
        let decision = decide(&policy, Some(&scores), &asked, draw).unwrap();
        let mut order = order(Ok(decision));
        prop_assert_eq!(order.len(), usize::from(attempts));
        prop_assert_eq!(decide(&policy, Some(&scores), &asked, draw), Ok(decision));
        order.sort_unstable();
        order.dedup();
        prop_assert_eq!(order.len(), usize::from(attempts));
    }

    /// Making a target slower never moves it forward.
    #[test]
    fn slower_is_never_better(slow in 1.0f32..5_000.0, more in 1.0f32..5_000.0) {
        let policy = policy();
        let place = |ttft: f32| {
            let mut targets = vec![measured(800.0); 5];
            targets[2] = measured(ttft);
            let scores = scores(policy.snapshot(), targets);
            let order = order(decide(&policy, Some(&scores), &facts(Priority::Critical), 0));
            order.iter().position(|t| *t == 2).unwrap_or(9)
        };
        // Near-equals are drawn; compare only clear cases.
        prop_assume!(more > 2_000.0);
        prop_assert!(place(slow + more) >= place(slow));
    }
}

/// A warm cache is a price: it decides between equals, and not against what is far cheaper.
#[test]
fn a_conversation_stays_where_its_prompt_is_cached_unless_leaving_is_worth_more() {
    let mut snapshot = demo();
    snapshot.targets[3].price = snapshot.targets[2].price;
    let policy = Policy::new(snapshot).unwrap();
    let scores = scores(policy.snapshot(), vec![measured(100.0); 5]);
    let firsts = |warm: Option<u16>| {
        let mut counts = [0_u32; 4];
        for draw in 0..1_000 {
            let facts = Facts {
                warm: warm.map(|target| Warm {
                    target: TargetId(target),
                    tokens: 900,
                }),
                ..facts(Priority::Standard)
            };
            let first = order(decide(&policy, Some(&scores), &facts, draw))[0];
            counts[usize::from(first)] += 1;
        }
        counts
    };
    let [_, _, cold, other] = firsts(None);
    assert!(
        cold.abs_diff(other) < 150,
        "equals share: {cold} and {other}"
    );
    assert!(firsts(Some(2))[2] > 930, "{:?}", firsts(Some(2)));
    assert!(firsts(Some(3))[3] > 930, "{:?}", firsts(Some(3)));
    // Half of a prompt's price is less than what the dear one costs more.
    assert_eq!(firsts(Some(0))[0], 0);
}

/// What is saved is the cached part of the prompt at its discount, and no more than the prompt.
/// What its client marks for the cache of one provider, it would have to write to another's, at that one's
/// price for writing.
#[test]
fn a_cold_cache_costs_what_writing_it_costs() {
    use crate::money::MicroUsdPerMillion;
    use crate::snapshot::ProviderKind;
    let cost_at = |warm_kind, cold_kind| {
        let mut snapshot = demo();
        let [first, second] = [0, 1].map(|n: usize| usize::from(snapshot.targets[n].provider.0));
        snapshot.providers[first].kind = warm_kind;
        snapshot.providers[second].kind = cold_kind;
        let price = snapshot.targets[1].price.as_mut().unwrap();
        price.parts.cache_write = Some(MicroUsdPerMillion(price.input.0 * 5 / 4));
        let input = price.input.0;
        let policy = Policy::new(snapshot).unwrap();
        let cost = |warm| {
            let known = scores(policy.snapshot(), vec![measured(100.0); 5]);
            let asked = Facts {
                warm,
                ..facts(Priority::Standard)
            };
            let explained = crate::explain::explain(&policy, Some(&known), &asked, 0).unwrap();
            explained.candidates[1].scored.as_ref().unwrap().inputs.cost
        };
        let warm = Warm {
            target: TargetId(0),
            tokens: 800,
        };
        let more = cost(Some(warm)).unwrap().0 - cost(None).unwrap().0;
        (more, input / 4 * 800)
    };
    let (more, writing) = cost_at(ProviderKind::Anthropic, ProviderKind::Bedrock);
    assert_eq!(more, writing);
    for (warm, cold) in [
        (ProviderKind::Openai, ProviderKind::Anthropic),
        (ProviderKind::Anthropic, ProviderKind::Openai),
    ] {
        assert_eq!(cost_at(warm, cold).0, 0, "nobody marks anything there");
    }
}

#[test]
fn a_warm_target_costs_what_it_would_charge() {
    let policy = policy();
    let scores = scores(policy.snapshot(), vec![measured(100.0); 5]);
    let cost = |tokens: u32| {
        let facts = Facts {
            warm: Some(Warm {
                target: TargetId(2),
                tokens,
            }),
            ..facts(Priority::Standard)
        };
        let explained = crate::explain::explain(&policy, Some(&scores), &facts, 0).unwrap();
        let inputs = explained.candidates[2].scored.as_ref().unwrap().inputs;
        (inputs.cost.unwrap().0, inputs.cached_tokens)
    };
    let price = policy.target(TargetId(2)).unwrap().price.unwrap();
    let whole = price.exact_cost_of(1_000, 256).0;
    let prompt = price.exact_cost_of(1_000, 0).0;
    assert_eq!(cost(0), (whole, 0));
    assert_eq!(cost(400), (whole - prompt * 4 / 10 / 2, 400));
    assert_eq!(cost(9_999), (whole - prompt / 2, 1_000));
}
