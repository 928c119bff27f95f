//! Whole files of every kind, from their bytes to the report.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use super::price::Prices;
use super::*;
use crate::config;
use crate::testing::TempDir;

fn file(dir: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn analyzed(content: &[u8], maps: &[&str]) -> Result<Report, String> {
    let dir = TempDir::new();
    let path = file(&dir, "log", content);
    let maps: Vec<Mapping> = maps
        .iter()
        .map(|map| Mapping::parse(map).unwrap())
        .collect();
    let (tally, report) = read(&path, &maps, 2, &mut |_, _| {})?;
    Ok(Report::new(vec![report], tally, None, &[]))
}

fn names(report: &Report, kind: &str) -> Vec<(String, Pico)> {
    let (_, groups) = report
        .tables
        .iter()
        .find(|(name, _)| *name == kind)
        .unwrap();
    groups
        .iter()
        .map(|group| (group.name.clone(), group.sums.cost))
        .collect()
}

const USD: Pico = 1_000_000_000_000;

/// A log, what it is taken for, its cost, its tokens and its model.
const LOGS: [(&str, &str, Pico, u64, &str); 8] = [
    (
        "{\"ChargePeriodStart\":\"2026-11-01T00:00:00Z\",\"x_CostMicro\":1500000,\"x_Settlement\":\"reported\",\
             \"ProviderName\":\"azure\",\"x_Model\":\"m\",\"x_InputTokens\":3,\"x_OutputTokens\":4,\"x_Verdict\":\"ok\"}\n",
        "Ark's ledger (FOCUS), JSONL",
        USD * 3 / 2,
        7,
        "m",
    ),
    (
        "request_id,call_type,spend,startTime,model,prompt_tokens,completion_tokens,team_id,metadata\n\
             r,acompletion,0.5,2026-11-01 00:00:00,gpt-4o,3,4,t,\"{\"\"a\"\": \"\"b,c\"\"}\"\n",
        "LiteLLM spend log, CSV",
        USD / 2,
        7,
        "gpt-4o",
    ),
    (
        "{\"object\":\"page\",\"data\":[{\"object\":\"bucket\",\"start_time\":1790000000,\"results\":[\n\
             {\"input_tokens\":3,\"output_tokens\":4,\"num_model_requests\":2,\"model\":\"gpt-4o\",\"api_key_id\":\"k\"}]}]}",
        "OpenAI usage, JSONL",
        0,
        7,
        "gpt-4o",
    ),
    (
        "{\"object\":\"page\",\"data\":[{\"start_time\":1790000000,\"results\":[{\"amount\":{\"value\":0.25,\
             \"currency\":\"usd\"},\"line_item\":\"gpt-4o, input\",\"project_id\":\"p\"}]}]}",
        "OpenAI costs, JSONL",
        USD / 4,
        0,
        "gpt-4o, input",
    ),
    (
        "\u{feff}Date,MeterCategory,MeterName,CostInBillingCurrency,BillingCurrencyCode,SubscriptionName\r\n\
             11/23/2026,Cognitive Services,gpt 4o Inp,0.125,USD,prod\r\n",
        "Azure cost details, CSV",
        USD / 8,
        0,
        "gpt 4o Inp",
    ),
    (
        "BilledCost,ChargePeriodStart,ProviderName,ResourceName,BillingCurrency\n2,2026-11-01T00:00:00Z,aws,claude,USD\n",
        "FOCUS, CSV",
        2 * USD,
        0,
        "claude",
    ),
    (
        "{\"ts\":1790000000.5,\"model\":\"m\",\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"cost\":1}}\n",
        "generic, JSONL",
        USD,
        7,
        "m",
    ),
    (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,3,4\n",
        "Azure LLM inference trace, CSV",
        0,
        7,
        "(none)",
    ),
];

#[test]
fn every_kind_of_log_is_read_by_its_content() {
    for (content, format, cost, tokens, model) in LOGS {
        let report = analyzed(content.as_bytes(), &[]).unwrap();
        assert_eq!(report.files[0].format, format);
        assert_eq!(report.files[0].malformed, 0, "{format}");
        assert_eq!(report.total.cost, cost, "{format}");
        assert_eq!(report.total.input + report.total.output, tokens, "{format}");
        assert_eq!(names(&report, "model")[0].0, model);
        assert_eq!(report.hours.len(), 1, "{format}");
        let unpriced = u64::from(cost == 0) * report.total.requests;
        assert_eq!(report.total.unpriced, unpriced, "{format}");
    }
}

#[test]
fn a_mapping_says_where_things_are() {
    let log = "{\"req\":{\"m\":\"x\"},\"t\":{\"in\":5},\"team\":\"a\"}\n";
    let unknown = analyzed(log.as_bytes(), &[]).unwrap();
    assert_eq!((unknown.files[0].lines, unknown.files[0].malformed), (0, 1));
    let report = analyzed(log.as_bytes(), &["model=.req.m", "input=t.in"]).unwrap();
    assert_eq!(report.total.input, 5);
    assert_eq!(names(&report, "model")[0].0, "x");
    let csv = analyzed(
        b"wer;was;wieviel\na;gpt;7\n",
        &["model=was", "cost=wieviel"],
    )
    .unwrap();
    assert_eq!(names(&csv, "model"), [("gpt".to_owned(), 7 * USD)]);
}

#[test]
fn what_is_no_log_is_refused_with_a_way_out() {
    for (content, part) in [
        (&b""[..], "is empty"),
        (
            b"hello world\nand so on\n",
            "say where things are, with --map",
        ),
        (b"{ nonsense", "neither JSONL nor a JSON document"),
        (b"[1, 2]", "no list of objects"),
    ] {
        let problem = analyzed(content, &[]).unwrap_err();
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn malformed_lines_are_counted_and_the_first_is_named_also_in_another_block() {
    let mut log = String::new();
    for _ in 0..40_000 {
        writeln!(
            log,
            "{{\"model\":\"m\",\"input_tokens\":1,\"cost\":0.000001,\"pad\":\"{:60}\"}}",
            ""
        )
        .unwrap();
    }
    let good = log.lines().count();
    log.push_str("{\"model\":\n\n{\"model\":\"m\"}\n{\"input_tokens\":\"x\"}\n");
    let report = analyzed(log.as_bytes(), &[]).unwrap();
    let file = &report.files[0];
    assert_eq!((file.lines, file.malformed), (good as u64, 3));
    let (line, why) = file.first_malformed.unwrap();
    assert_eq!(
        (line, why),
        (good as u64 + 1, "is cut, or is not of the file's format")
    );
    assert_eq!(report.total.cost, 40_000 * 1_000_000);
    let text = render(&report, false);
    assert!(
        text.contains("3 malformed and left out, the first is line 40001"),
        "{text}"
    );
}

#[test]
fn compressed_files_say_the_same() {
    let log = "{\"model\":\"m\",\"cost\":0.5}\n".repeat(50_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(log.as_bytes()).unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(
        log.as_bytes(),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    for packed in [log.clone().into_bytes(), gzip.finish().unwrap(), zstd] {
        let report = analyzed(&packed, &[]).unwrap();
        assert_eq!(
            (report.total.requests, report.total.cost),
            (50_000, 25_000 * USD)
        );
    }
}

#[test]
fn other_currencies_are_shown_and_never_added() {
    let log = "{\"model\":\"m\",\"cost\":1,\"currency\":\"EUR\"}\n{\"model\":\"m\",\"cost\":2,\"currency\":\"usd\"}\n";
    let report = analyzed(log.as_bytes(), &[]).unwrap();
    assert_eq!(report.total.cost, 2 * USD);
    assert_eq!(report.currencies, [("EUR".to_owned(), 1, USD)]);
}

#[test]
fn names_without_end_become_other_and_the_sums_stay() {
    let mut log = String::new();
    for n in 0..50_000 {
        writeln!(
            log,
            "{{\"model\":\"m{n}\",\"tenant\":\"t{}\",\"cost\":0.001}}",
            n * 7
        )
        .unwrap();
    }
    let report = analyzed(log.as_bytes(), &[]).unwrap();
    assert_eq!(report.total.cost, 50 * USD);
    let models = names(&report, "model");
    assert!(models.len() <= 16_385, "{}", models.len());
    assert_eq!(models[0].0, "(other)");
    assert_eq!(models.iter().map(|(_, cost)| cost).sum::<Pico>(), 50 * USD);
}

/// Two providers for the model `m`, at 1 and 2 dollars per million tokens, and none for `x`.
fn prices() -> Prices {
    let text = crate::testing::config_yaml(&["dear", "cheap"]);
    let config = config::parse(&text).unwrap();
    let usable = config.providers.iter().map(|p| p.name.clone()).collect();
    let today = config::Date::parse("2026-01-01").unwrap();
    let mut snapshot = config::compile(&config, &usable, today);
    for (target, price) in snapshot.targets.iter_mut().zip([2_000_000, 1_000_000]) {
        let price = ark_gateway_core::money::MicroUsdPerMillion(price);
        target.price = Some(ark_gateway_core::money::Price::flat(price, price));
    }
    Prices {
        name: "ark.yaml".to_owned(),
        snapshot,
    }
}

#[test]
fn the_same_traffic_is_priced_by_a_file() {
    let log = "{\"model\":\"m\",\"provider\":\"cheap\",\"input_tokens\":600000,\"output_tokens\":400000}\n\
               {\"model\":\"m\",\"input_tokens\":1000000}\n\
               {\"model\":\"x\",\"cost\":3,\"input_tokens\":1}\n";
    let dir = TempDir::new();
    let path = file(&dir, "log", log.as_bytes());
    let tally = || read(&path, &[], 1, &mut |_, _| {}).unwrap().0;
    let report = Report::new(Vec::new(), tally(), None, &[prices()]);
    assert_eq!((report.total.unpriced, report.total.cost), (2, 3 * USD));
    assert_eq!(report.unpriced.len(), 2);
    let what_if = &report.what_if[0];
    let ways: Vec<(&str, Option<Pico>)> = what_if
        .ways
        .iter()
        .map(|(way, cost)| (way.as_str(), *cost))
        .collect();
    assert_eq!(
        ways,
        [
            ("each model at its first target", Some(4 * USD)),
            ("each model at its cheapest target", Some(2 * USD)),
            ("all at cheap", Some(2 * USD)),
            ("all at dear", Some(4 * USD)),
        ]
    );
    assert_eq!(what_if.unknown, [("x".to_owned(), 1)]);
    let priced = Report::new(Vec::new(), tally(), Some(&prices()), &[]);
    // Which price the line without a provider had is not known, as there are two.
    assert_eq!((priced.total.unpriced, priced.total.cost), (1, 4 * USD));
}

#[test]
fn spikes_and_new_names_are_told() {
    let mut log = String::new();
    for hour in 0..48_i64 {
        let cost = if hour == 30 {
            50.0
        } else {
            1.0 + (hour % 5) as f64 / 10.0
        };
        let at = 1_790_000_000 + hour * 3_600;
        writeln!(
            log,
            "{{\"ts\":{at},\"model\":\"m\",\"key\":\"k\",\"cost\":{cost}}}"
        )
        .unwrap();
    }
    writeln!(
        log,
        "{{\"ts\":{},\"model\":\"fresh\",\"key\":\"leaked\",\"cost\":0.1}}",
        1_790_000_000 + 40 * 3_600
    )
    .unwrap();
    let report = analyzed(log.as_bytes(), &[]).unwrap();
    let what: Vec<&str> = report.anomalies.iter().map(|a| a.what.as_str()).collect();
    assert!(
        what.contains(&"cost of an hour: USD 50.0000, usually USD 1.2000"),
        "{what:?}"
    );
    assert!(
        what.contains(&"first seen: model fresh") && what.contains(&"first seen: key leaked"),
        "{what:?}"
    );
    assert!(!what.contains(&"first seen: key k"));
    let html = html::page(&report).unwrap();
    assert!(html.contains("<svg") && html.ends_with("</html>"));
}
