//! Prices: what may be written, what runs, and what happens without.

use ark_gateway_core::money::{MicroUsd, Parts, PriceBasis};
use ark_gateway_core::record::Usage;
use ark_gateway_core::snapshot::{PriceSource, TargetSpec};

use super::*;
use crate::prices::Catalogue;

const PLAIN: &str = "price: {currency: USD, input_per_million: 0.15, output_per_million: 0.60}";

/// [`GOOD`] with another price of the first target and something at the end.
fn file(price: &str, more: &str) -> String {
    format!("{}{more}", GOOD.replacen(PLAIN, price, 1))
}

fn targets_of(config: &Config) -> Vec<TargetSpec> {
    compile(config, &all(config), day("2026-01-01")).targets
}

fn refused(price: &str, more: &str, expected: &[&str]) {
    let report = match parse(&file(price, more)) {
        Ok(_) => String::new(),
        Err(problems) => problems.to_string(),
    };
    assert_eq!(report, expected.join("\n"), "{price} {more}");
}

#[test]
fn a_price_has_parts_tiers_a_currency_and_its_providers_multiplier() {
    let price = "price:
          currency: CNY
          input_per_million: 20
          output_per_million: 60
          cached_input_per_million: 4
          cache_write_per_million: 25
          reasoning_per_million: 80
          tiers:
            - {above_input_tokens: 128000, input_per_million: 40, output_per_million: 120, cached_input_per_million: 8}";
    let text = file(price, "prices: {per_usd: {CNY: 7.2, EUR: 0.92}}\n").replacen(
        "tier: official",
        "tier: official\n    price_multiplier: 0.9",
        1,
    );
    let config = parse(&text).unwrap();
    let target = &targets_of(&config)[0];
    let price = target.price.unwrap();
    // 20 CNY × 0.9 ÷ 7.2 = USD 2.50, and so on; 80 × 0.9 ÷ 7.2 = 10, 25 × 0.9 ÷ 7.2 = 3.125.
    assert_eq!((price.input.0, price.output.0), (2_500_000, 7_500_000));
    let parts = Parts {
        cached_input: Some(MicroUsdPerMillion(500_000)),
        cache_write: Some(MicroUsdPerMillion(3_125_000)),
        reasoning: Some(MicroUsdPerMillion(10_000_000)),
        ..Parts::default()
    };
    assert_eq!(price.parts, parts);
    let tier = price.tiers[0].unwrap();
    assert_eq!(
        (tier.above_input_tokens, tier.input.0),
        (128_000, 5_000_000)
    );
    let usage = Usage {
        input_tokens: 128_001,
        cached_tokens: 28_001,
        output_tokens: 10,
        ..Usage::default()
    };
    // 100 000 at 5, 28 001 at 1, 10 at 15.
    assert_eq!(price.charge(&usage), MicroUsd(500_000 + 28_001 + 150));
    let source = PriceSource {
        catalogue: None,
        currency: Some("CNY".into()),
        per_usd_millionths: Some(7_200_000),
        list_input: Some(20_000_000),
        list_output: Some(60_000_000),
    };
    assert_eq!(target.price_source.as_deref(), Some(&source));
}

#[test]
fn an_amount_that_does_not_come_out_even_is_rounded_up_once() {
    let price = "price: {currency: EUR, input_per_million: 1, output_per_million: 2}";
    let text = file(price, "prices: {per_usd: {EUR: 0.93}}\n");
    let price = targets_of(&parse(&text).unwrap())[0].price.unwrap();
    // 1 ÷ 0.93 = 1.0752688…, 2 ÷ 0.93 = 2.1505376…
    assert_eq!((price.input.0, price.output.0), (1_075_269, 2_150_538));
}

#[test]
fn what_cannot_be_a_price_is_refused() {
    let cny = "price: {currency: CNY, input_per_million: 1, output_per_million: 2}";
    refused(
        cny,
        "",
        &[
            "models[0].targets[0].price.currency: CNY has no rate; say how much of it a US dollar buys: prices: {per_usd: {CNY: …}}",
        ],
    );
    refused(
        cny,
        "prices: {per_usd: {CNY: 0, USD: 1, yuan: 7}, fil: x}\n",
        &[
            "prices.per_usd.CNY: must be above 0; how much of it a US dollar buys: CNY: 7.19",
            "prices.per_usd.USD: is what the others are measured in",
            "prices.per_usd.yuan: is not a currency; write its ISO 4217 code, as CNY",
            "prices.fil: is not a known field; did you mean file?",
        ],
    );
    let tiers = |tiers: &str| {
        format!(
            "price: {{currency: USD, input_per_million: 1, output_per_million: 2, tiers: [{tiers}]}}"
        )
    };
    let tier = |above: u32, input: u32| {
        format!(
            "{{above_input_tokens: {above}, input_per_million: {input}, output_per_million: 9}}"
        )
    };
    refused(
        &tiers(&format!("{}, {}", tier(200, 2), tier(200, 3))),
        "",
        &["models[0].targets[0].price: tiers[1] is not above the one before it"],
    );
    refused(
        &tiers(&tier(200, 0)),
        "",
        &["models[0].targets[0].price: tiers[0] is cheaper than what is below it"],
    );
    refused(
        "price: {catalogue: gpt-4o, currency: USD}",
        "prices: {unknown_price: zero}\n",
        &[
            "models[0].targets[0].price.catalogue: \"gpt-4o\" is not the name of an entry; `ark prices show MODEL` lists them, such as openai/gpt-4o",
            "models[0].targets[0].price.currency: is not a known field; known: catalogue",
            "prices.unknown_price: \"zero\" is not known; known: deny, allow, ceiling",
        ],
    );
    refused(
        PLAIN,
        "prices: {unknown_price: {ceiling: {currency: USD, input_per_million: 0, output_per_million: 0}}}\n",
        &[
            "prices.unknown_price.ceiling: is 0, but an unknown price is never zero; for a target that costs nothing write price with 0",
        ],
    );
}

/// The second target of [`GOOD`] has no price.
#[test]
fn without_a_price_a_target_is_what_the_policy_says_and_never_free() {
    let of = |model: &str, more: &str| {
        let named = format!("- name: small\n{model}");
        let text = file(PLAIN, more).replacen("- name: small\n", &named, 1);
        let config = parse(&text).unwrap();
        let snapshot = compile(&config, &all(&config), day("2026-01-01"));
        assert_eq!(
            snapshot.models[0].reference_price,
            snapshot.targets[0].price
        );
        let target = &snapshot.targets[1];
        let price = target.price.map(|price| (price.input.0, price.output.0));
        let told = unknown_prices(&config, day("2026-01-01"));
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].path, "models[0].targets[1]");
        (target.price_basis, price, told[0].message.clone())
    };
    let deny = "prices: {unknown_price: deny}\n";
    let (basis, price, told) = of("", "");
    assert_eq!(
        (basis, price),
        (PriceBasis::Ceiling, Some((150_000, 600_000)))
    );
    assert_eq!(
        told,
        "small at azure has no known price: it is charged at a ceiling: in 0.15, out 0.6"
    );
    let (basis, price, told) = of("", deny);
    assert_eq!((basis, price), (PriceBasis::Denied, None));
    assert_eq!(told, "small at azure has no known price: it is not used");
    let (basis, price, told) = of("    unknown_price: allow\n", deny);
    assert_eq!((basis, price), (PriceBasis::Listed, None));
    assert_eq!(
        told,
        "small at azure has no known price: its cost stays unknown"
    );
    let stated = "    unknown_price: {ceiling: {currency: EUR, input_per_million: 10, output_per_million: 20}}\n";
    let (basis, price, _) = of(
        stated,
        "prices: {unknown_price: deny, per_usd: {EUR: 0.8}}\n",
    );
    assert_eq!(
        (basis, price),
        (PriceBasis::Ceiling, Some((12_500_000, 25_000_000)))
    );
    let dearest = "    unknown_price: {ceiling: dearest}\n";
    assert_eq!(of(dearest, deny).1, Some((150_000, 600_000)));
}

#[test]
fn a_ceiling_is_above_every_kind_of_token_that_is_known() {
    let price = "price:
          currency: USD
          input_per_million: 3
          output_per_million: 15
          cache_write_per_million: 7
          tiers: [{above_input_tokens: 200000, input_per_million: 6, output_per_million: 22}]";
    let target = targets_of(&parse(&file(price, "")).unwrap()).remove(1);
    let price = target.price.unwrap();
    assert_eq!((price.input.0, price.output.0), (7_000_000, 22_000_000));
    assert_eq!(price, Price::flat(price.input, price.output));
}

fn catalogue(dir: &std::path::Path) -> Catalogue {
    let price = |input| Price::flat(MicroUsdPerMillion(input), MicroUsdPerMillion(4 * input));
    let prices = [
        ("azure/small".to_owned(), price(200_000)),
        ("azure/eu/small".to_owned(), price(220_000)),
        ("openai/small".to_owned(), price(100_000)),
    ];
    let catalogue = Catalogue::of("a test".into(), prices.into());
    std::fs::write(dir.join("prices.json"), catalogue.render().unwrap()).unwrap();
    catalogue
}

#[test]
fn a_target_without_a_price_looks_it_up_in_the_catalogue() {
    let dir = crate::testing::TempDir::new();
    let catalogue = catalogue(dir.path());
    let at = dir.path().join("ark.yaml");
    let text = file(PLAIN, "prices: {file: prices.json}\n").replacen(
        "tier: azure",
        "tier: azure\n    price_multiplier: 0.8",
        1,
    );
    let config = parse_at(&text, &at).unwrap();
    let snapshot = compile(&config, &all(&config), day("2026-01-01"));
    assert_eq!(snapshot.price_catalogue, Some(catalogue.version.clone()));
    let inputs: Vec<_> = snapshot
        .targets
        .iter()
        .map(|t| t.price.unwrap().input.0)
        .collect();
    assert_eq!(inputs, [150_000, 160_000], "a price of its own comes first");
    let source = snapshot.targets[1].price_source.clone().unwrap();
    assert_eq!(source.catalogue.as_deref(), Some("azure/small"));
    assert_eq!(unknown_prices(&config, day("2026-01-01")), []);

    let named = text.replacen(
        "- provider: azure\n",
        "- provider: azure\n        price: {catalogue: azure/eu/small}\n",
        1,
    );
    let target = targets_of(&parse_at(&named, &at).unwrap()).remove(1);
    assert_eq!(target.price.unwrap().input.0, 176_000);

    let problem = |text: &str| parse_at(text, &at).unwrap_err().to_string();
    assert_eq!(
        problem(&named.replacen("azure/eu/small", "azure/mars/small", 1)),
        "models[0].targets[1].price.catalogue: the catalogue has no such entry; `ark prices show MODEL` finds it"
    );
    let none = named.replacen("prices: {file: prices.json}", "", 1);
    assert!(problem(&none).contains("there is no catalogue"));
    let gone = problem(&text.replacen("prices.json", "gone.json", 1));
    assert!(
        gone.starts_with("prices.file: ") && gone.contains("cannot be read"),
        "{gone}"
    );
    // Another catalogue is another snapshot, even where no price differs.
    let other = (
        "openai/other".to_owned(),
        snapshot.targets[0].price.unwrap(),
    );
    let more = catalogue.prices.into_iter().chain([other]).collect();
    let more = Catalogue::of("a test".into(), more);
    std::fs::write(dir.path().join("prices.json"), more.render().unwrap()).unwrap();
    let config = parse_at(&text, &at).unwrap();
    let newer = compile(&config, &all(&config), day("2026-01-01"));
    assert_ne!(newer.version, snapshot.version);
    assert_eq!(newer.targets, snapshot.targets);
}
