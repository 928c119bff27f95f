use ark_gateway_core::money::{MicroUsdPerMillion, Parts, PriceTier};

use super::diff::{Change, diff, in_words};
use super::import::{Doubt, Imported, Mapping, Refusal, import};
use super::*;

/// In the form of the shared file, each model with one thing to see.
const FILE: &str = r#"{
"sample_spec": {"litellm_provider": "one of many", "mode": "one of: chat", "input_cost_per_token": 0.0},
"gpt-long": {"litellm_provider": "openai", "mode": "chat",
  "input_cost_per_token": 2.5e-06, "output_cost_per_token": 0.000015,
  "cache_read_input_token_cost": 2.5E-7,
  "input_cost_per_token_above_272k_tokens": 5e-06, "output_cost_per_token_above_272k_tokens": 2.25e-05,
  "cache_read_input_token_cost_above_272k_tokens": 5e-7,
  "input_cost_per_token_batches": 1.25e-06, "input_cost_per_token_above_272k_tokens_priority": 1e-05},
"claude-long": {"litellm_provider": "anthropic", "mode": "chat",
  "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
  "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
  "cache_creation_input_token_cost_above_1hr": 6e-06,
  "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
  "cache_creation_input_token_cost_above_200k_tokens": 7.5e-06},
"dashscope/qwen-bands": {"litellm_provider": "dashscope", "mode": "chat", "tiered_pricing": [
  {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06},
  {"range": [32000.0, 128000.0], "input_cost_per_token": 1.8e-06, "output_cost_per_token": 9e-06,
   "output_cost_per_reasoning_token": 1e-05}]},
"azure/gpt-x": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": "2e-06", "output_cost_per_token": 8e-06},
"azure/eu/gpt-x": {"litellm_provider": "azure", "mode": "chat", "input_cost_per_token": 2.2e-06, "output_cost_per_token": 8.8e-06},
"eu.anthropic.claude": {"litellm_provider": "bedrock_converse", "mode": "chat", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05},
"gemini-2": {"litellm_provider": "vertex_ai-language-models", "mode": "chat", "input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06},
"vertex_ai/gemini-2": {"litellm_provider": "vertex_ai", "mode": "chat", "input_cost_per_token": 2e-06, "output_cost_per_token": 4e-06},
"embed": {"litellm_provider": "openai", "mode": "embedding", "input_cost_per_token": 2e-08, "output_cost_per_token": 0.0},
"odd": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 3.0001999999999996e-7,
  "output_cost_per_token": 1e-7, "cache_read_input_token_cost": 4e-7, "cache_creation_input_token_cost": 0.0,
  "input_cost_per_token_above_128k_tokens": 2e-7, "input_cost_per_request": 0.01, "off_peak_pricing": {}},
"free": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
"half": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06},
"dear": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0.0032, "output_cost_per_token": 0.00971},
"negative": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": -1e-06, "output_cost_per_token": 1e-06},
"words": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "cheap", "output_cost_per_token": 1e-06},
"image": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 1e-06}
}"#;

fn usd(micros: u64) -> MicroUsdPerMillion {
    MicroUsdPerMillion(micros)
}

fn imported(mappings: &[&str]) -> Imported {
    let mappings: Vec<_> = mappings
        .iter()
        .map(|m| Mapping::parse(m).unwrap())
        .collect();
    import(FILE, "test.json", &mappings).unwrap()
}

#[test]
fn every_price_is_what_the_file_says_to_the_last_digit() {
    let prices = imported(&[]).catalogue.prices;
    let tier = |above_input_tokens, input, output, parts| {
        let [input, output] = [input, output].map(usd);
        [
            Some(PriceTier {
                above_input_tokens,
                input,
                output,
                parts,
            }),
            None,
            None,
        ]
    };
    let parts = |cached, write| Parts {
        cached_input: cached,
        cache_write: write,
        ..Parts::default()
    };
    let long = Price {
        parts: parts(Some(usd(250_000)), None),
        tiers: tier(
            272_000,
            5_000_000,
            22_500_000,
            parts(Some(usd(500_000)), None),
        ),
        ..Price::flat(usd(2_500_000), usd(15_000_000))
    };
    assert_eq!(prices["openai/gpt-long"], long);
    let cached = Some(usd(300_000));
    let claude = Price {
        parts: parts(cached, Some(usd(3_750_000))),
        // What the file leaves out of the tier is as below it.
        tiers: tier(
            200_000,
            6_000_000,
            22_500_000,
            parts(cached, Some(usd(7_500_000))),
        ),
        ..Price::flat(usd(3_000_000), usd(15_000_000))
    };
    assert_eq!(prices["anthropic/claude-long"], claude);
    let reasoning = Parts {
        reasoning: Some(usd(10_000_000)),
        ..Parts::default()
    };
    let bands = Price {
        tiers: tier(32_000, 1_800_000, 9_000_000, reasoning),
        ..Price::flat(usd(1_000_000), usd(5_000_000))
    };
    assert_eq!(prices["dashscope/qwen-bands"], bands);
    assert_eq!(prices["openai/embed"], Price::flat(usd(20_000), usd(0)));
}

#[test]
fn an_entry_is_named_by_its_vendor_and_the_vendors_own_name() {
    let prices = imported(&[]).catalogue.prices;
    let names: Vec<_> = prices.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "anthropic/claude-long",
            "azure/eu/gpt-x",
            "azure/gpt-x",
            "bedrock/eu.anthropic.claude",
            "dashscope/qwen-bands",
            "openai/embed",
            "openai/gpt-long",
            "openai/odd",
            "vertex_ai/gemini-2",
        ]
    );
}

#[test]
fn what_is_odd_is_named_and_what_cannot_be_is_listed_never_zero() {
    let imported = imported(&[]);
    let refused: Vec<_> = imported
        .refused
        .iter()
        .map(|(why, names)| (*why, names.join(" ")))
        .collect();
    assert_eq!(
        refused,
        [
            (Refusal::NotTokens, "image".to_owned()),
            (Refusal::NoTokenPrice, "half".to_owned()),
            (Refusal::Free, "free".to_owned()),
            (Refusal::NotANumber, "negative words".to_owned()),
            (Refusal::TooDear, "dear".to_owned()),
        ]
    );
    let doubted: Vec<_> = imported
        .doubts
        .iter()
        .map(|(doubt, names)| (*doubt, names.join(" ")))
        .collect();
    let odd = |doubt| (doubt, "odd".to_owned());
    assert_eq!(
        doubted,
        [
            odd(Doubt::OutputCheaper),
            odd(Doubt::CachedDearer),
            odd(Doubt::Rounded),
            odd(Doubt::PartFree),
            odd(Doubt::TierCheaper),
            odd(Doubt::OtherCharges),
            odd(Doubt::OffPeak),
            (Doubt::Twice, "vertex_ai/gemini-2".to_owned()),
        ]
    );
    let prices = &imported.catalogue.prices;
    assert_eq!(prices["openai/odd"].input, usd(300_020), "the nearest");
    assert_eq!(prices["openai/odd"].parts.cache_write, None, "never free");
    assert_eq!(prices["openai/odd"].tiers[0].unwrap().input, usd(300_020));
    assert_eq!(
        prices["vertex_ai/gemini-2"].input,
        usd(2_000_000),
        "the dearer"
    );
}

#[test]
fn a_provider_finds_its_prices_by_its_own_name_and_then_its_vendors() {
    let imported = imported(&["azure-eu=azure/eu/", "nobody=nothing/"]);
    assert_eq!(
        imported.unused,
        [Mapping::parse("nobody=nothing/").unwrap()]
    );
    let catalogue = imported.catalogue;
    let found = |provider, kind, vendor, model| {
        let found = catalogue.look_up(provider, (kind, vendor), model);
        found.map(|(name, price)| (name, price.input.0))
    };
    let azure = ProviderKind::AzureOpenai;
    for (provider, kind, vendor, model, expected) in [
        (
            "azure-eu",
            azure,
            None,
            "gpt-x",
            Some(("azure-eu/gpt-x", 2_200_000)),
        ),
        (
            "azure-us",
            azure,
            None,
            "gpt-x",
            Some(("azure/gpt-x", 2_000_000)),
        ),
        ("azure-us", azure, None, "nope", None),
        (
            "b",
            ProviderKind::Bedrock,
            None,
            "eu.anthropic.claude",
            Some(("bedrock/eu.anthropic.claude", 3_000_000)),
        ),
        (
            "q",
            ProviderKind::OpenaiCompatible,
            Some("qwen"),
            "qwen-bands",
            Some(("dashscope/qwen-bands", 1_000_000)),
        ),
        (
            "v",
            ProviderKind::OpenaiCompatible,
            Some("vllm"),
            "qwen-bands",
            None,
        ),
        ("o", ProviderKind::Openai, None, "gpt-x", None),
    ] {
        let expected = expected.map(|(name, input): (&str, u64)| (name.to_owned(), input));
        assert_eq!(
            found(provider, kind, vendor, model),
            expected,
            "{provider} {model}"
        );
    }
    assert!(Mapping::parse("azure").is_err() && Mapping::parse("=x").is_err());
}

#[test]
fn a_catalogue_is_read_as_it_was_written_and_not_when_it_was_edited() {
    let catalogue = imported(&[]).catalogue;
    let text = catalogue.render().unwrap();
    assert_eq!(Catalogue::parse(&text).unwrap(), catalogue);
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("\"openai/"))
            .count(),
        3
    );
    let edited = text.replacen("2500000", "2400000", 1);
    let problem = Catalogue::parse(&edited).unwrap_err();
    assert!(problem.contains("it was edited"), "{problem}");
    assert!(
        Catalogue::parse(FILE)
            .unwrap_err()
            .contains("ark prices import")
    );
    assert!(Catalogue::parse(&text[..text.len() / 2]).is_err());
    assert!(import("[]", "x", &[]).is_err() && import("{}", "x", &[]).is_err());
}

#[test]
fn two_catalogues_differ_by_name() {
    let old = imported(&[]).catalogue;
    let mut prices = old.prices.clone();
    prices.remove("openai/embed");
    prices.insert("openai/new".into(), Price::flat(usd(150_000), usd(600_000)));
    prices.get_mut("azure/gpt-x").unwrap().input = usd(1);
    let new = Catalogue::of("x".into(), prices);
    assert_ne!(new.version, old.version);
    let changes: Vec<_> = diff(&old, &new)
        .into_iter()
        .map(|change| match change {
            Change::Added(name, price) => format!("+ {name} {}", in_words(price)),
            Change::Removed(name, _) => format!("- {name}"),
            Change::Changed(name, _, price) => format!("* {name} {}", in_words(price)),
        })
        .collect();
    let expected = [
        "* azure/gpt-x in 0.000001, out 8",
        "- openai/embed",
        "+ openai/new in 0.15, out 0.6",
    ];
    assert_eq!(changes, expected);
    assert!(diff(&old, &old).is_empty());
    assert_eq!(
        in_words(&old.prices["openai/gpt-long"]),
        "in 2.5, out 15, cached 0.25; above 272000 prompt tokens in 5, out 22.5, cached 0.5"
    );
}

/// The file that the field shares, when it lies beside the project.
#[test]
#[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
fn the_shared_file_becomes_a_catalogue() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/litellm-model-prices.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no ../shared/data/litellm-model-prices.json beside the project");
        return;
    };
    let imported = import(&text, "litellm-model-prices.json", &[]).unwrap();
    let prices = &imported.catalogue.prices;
    assert!(prices.len() > 2_000, "{}", prices.len());
    for (name, price) in prices {
        assert!(price.input.0 > 0, "{name}");
        for tier in price.tiers.iter().flatten() {
            assert!(
                tier.input >= price.input && tier.output >= price.output,
                "{name}"
            );
        }
    }
    let four = &prices["openai/gpt-4o"];
    assert_eq!((four.input, four.output), (usd(2_500_000), usd(10_000_000)));
    assert_eq!(four.parts.cached_input, Some(usd(1_250_000)));
    let pro = &prices["gemini/gemini-2.5-pro"];
    assert_eq!(pro.tiers[0].unwrap().above_input_tokens, 200_000);
    assert_eq!(pro.tiers[0].unwrap().output, usd(15_000_000));
    assert!(prices["dashscope/qwen3-coder-plus"].tiers[2].is_some());
    let text = imported.catalogue.render().unwrap();
    assert_eq!(Catalogue::parse(&text).unwrap(), imported.catalogue);
}
