use super::*;
use proptest::prelude::*;

const fn usd(micros: u64) -> MicroUsdPerMillion {
    MicroUsdPerMillion(micros)
}

/// USD 3 in, 15 out, 0.30 cached, 3.75 cache write; above 200 000 prompt tokens 6, 22.50, 0.60, 7.50.
fn long_context() -> Price {
    let parts = |cached, write| Parts {
        cached_input: Some(usd(cached)),
        cache_write: Some(usd(write)),
        ..Parts::default()
    };
    Price {
        parts: parts(300_000, 3_750_000),
        tiers: [
            Some(PriceTier {
                above_input_tokens: 200_000,
                input: usd(6_000_000),
                output: usd(22_500_000),
                parts: parts(600_000, 7_500_000),
            }),
            None,
            None,
        ],
        ..Price::flat(usd(3_000_000), usd(15_000_000))
    }
}

fn used(input_tokens: u64, output_tokens: u64, cached_tokens: u64, cache_creation: u64) -> Usage {
    Usage {
        input_tokens,
        output_tokens,
        cached_tokens,
        cache_creation_tokens: cache_creation,
        ..Usage::default()
    }
}

#[test]
fn a_price_is_rounded_up_and_never_wraps() {
    let price = Price::flat(usd(150_000), usd(600_000));
    assert_eq!(price.cost_of(0, 0), MicroUsd(0));
    assert_eq!(price.cost_of(1, 0), MicroUsd(1));
    assert_eq!(price.cost_of(1_000_000, 1_000_000), MicroUsd(750_000));
    assert_eq!(price.exact_cost_of(3, 1), PicoUsd(1_050_000));
    assert_eq!(price.exact_cost_of(3, 1).in_micro_usd(), MicroUsd(2));
    assert_eq!(price.exact_cost_of(u64::MAX, 1), PicoUsd(u64::MAX));
    assert_eq!(price.cost_of(1, 1), MicroUsd(1), "rounded once");
    let dear = MicroUsdPerMillion(2_000_000);
    assert_eq!(dear.cost_of(u64::MAX), MicroUsd(u64::MAX));
    let dear = Price::flat(usd(u64::MAX), usd(u64::MAX));
    assert_eq!(dear.cost_of(u64::MAX, u64::MAX), MicroUsd(u64::MAX));
}

/// Worked out by hand from the prices above.
#[test]
fn cached_and_written_tokens_are_a_part_of_the_prompt_at_their_own_price() {
    for (usage, micros) in [
        (used(1_000, 0, 0, 0), 3_000),
        (used(0, 1_000, 0, 0), 15_000),
        // 200 at 3, 800 at 0.30.
        (used(1_000, 0, 800, 0), 840),
        // 100 at 3, 800 at 0.30, 100 at 3.75; 10 at 15.
        (used(1_000, 10, 800, 100), 300 + 240 + 375 + 150),
        // One token at 0.30: rounded up, once.
        (used(1, 0, 1, 0), 1),
        // More cached than there is: what there is.
        (used(10, 0, 1_000, 1_000), 3),
        (used(10, 0, 6, 1_000), 17),
        // The tier counts cached tokens and rules everything, from the first token on.
        (used(200_000, 100, 0, 0), 600_000 + 1_500),
        (used(200_001, 100, 0, 0), 1_200_006 + 2_250),
        (used(300_000, 0, 250_000, 0), 300_000 + 150_000),
        (used(300_000, 0, 250_000, 50_000), 150_000 + 375_000),
    ] {
        assert_eq!(long_context().charge(&usage), MicroUsd(micros), "{usage:?}");
    }
}

#[test]
fn sound_and_reasoning_have_prices_of_their_own_where_the_vendor_says_so() {
    let price = Price {
        parts: Parts {
            input_audio: Some(usd(40_000_000)),
            reasoning: Some(usd(3_000_000)),
            output_audio: Some(usd(80_000_000)),
            ..Parts::default()
        },
        ..Price::flat(usd(2_000_000), usd(8_000_000))
    };
    let usage = Usage {
        input_audio_tokens: 10,
        output_audio_tokens: 20,
        reasoning_tokens: 30,
        cached_tokens: 40,
        ..used(100, 60, 40, 0)
    };
    // 90 at 2 (cached ones have no price of their own), 10 at 40; 30 at 3, 20 at 80, 10 at 8.
    assert_eq!(price.charge(&usage), MicroUsd(180 + 400 + 90 + 1_600 + 80));
}

#[test]
fn the_highest_tier_that_a_prompt_is_above_rules() {
    let tier = |above_input_tokens, input| {
        Some(PriceTier {
            above_input_tokens,
            input: usd(input),
            output: usd(input),
            parts: Parts::default(),
        })
    };
    let price = Price {
        tiers: [tier(10, 2_000_000), tier(20, 3_000_000), None],
        ..Price::flat(usd(1_000_000), usd(1_000_000))
    };
    for (tokens, micros) in [(10, 10), (11, 22), (20, 40), (21, 63)] {
        assert_eq!(price.cost_of(tokens, 0), MicroUsd(micros));
        assert_eq!(
            price.exact_cost_of(tokens, 0).in_micro_usd(),
            MicroUsd(micros)
        );
    }
}

#[test]
fn a_price_of_an_older_snapshot_still_reads_and_a_plain_one_stays_short() {
    let json = r#"{"input":1,"output":2}"#;
    let price: Price = serde_json::from_str(json).unwrap();
    assert_eq!(price, Price::flat(usd(1), usd(2)));
    assert_eq!(serde_json::to_string(&price).unwrap(), json);
    let long = serde_json::to_string(&long_context()).unwrap();
    assert_eq!(
        serde_json::from_str::<Price>(&long).unwrap(),
        long_context()
    );
}

prop_compose! {
    /// Prices as vendors make them: no tier is cheaper than the one below it.
    fn prices()(base in [1u64..10_000_000, 1..10_000_000, 0..10_000_000, 0..10_000_000],
                above in 1u32..1_000, rise in 1_000_000u64..3_000_000) -> Price {
        let [input, output, cached, write] = base;
        let times = |amount: u64| usd(amount * rise / 1_000_000);
        let parts = Parts {
            cached_input: Some(usd(cached)),
            cache_write: Some(usd(write)),
            ..Parts::default()
        };
        let price = Price { parts, ..Price::flat(usd(input), usd(output)) };
        let tier = PriceTier {
            above_input_tokens: above,
            input: times(input),
            output: times(output),
            parts: Parts {
                cached_input: Some(times(cached)),
                cache_write: Some(times(write)),
                ..Parts::default()
            },
        };
        Price { tiers: [Some(tier), None, None], ..price }
    }
}

proptest! {
    #[test]
    fn more_tokens_never_cost_less(
        price in prices(),
        (input, output) in (0u64..2_000, 0u64..2_000),
        (cached, written) in (0u64..500, 0u64..500),
        (more_input, more_output) in (0u64..2_000, 0u64..2_000),
    ) {
        let input = input + cached + written;
        let less = price.charge(&used(input, output, cached, written));
        let more = used(input + more_input, output + more_output, cached, written);
        prop_assert!(price.charge(&more) >= less);
        let more = used(input + more_input, output, cached + more_input, written);
        prop_assert!(price.charge(&more) >= less, "tokens that are cached");
        let more = used(input + more_input, output, cached, written + more_input);
        prop_assert!(price.charge(&more) >= less, "tokens that are written");
    }

    #[test]
    fn the_estimate_and_the_charge_agree_without_parts(
        price in prices(), input in 0u64..2_000, output in 0u64..2_000,
    ) {
        let exact = price.exact_cost_of(input, output).in_micro_usd();
        prop_assert_eq!(price.cost_of(input, output), exact);
    }
}
