//! The ledger on a real database: what is written is there once, and adds up.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ark_gateway_core::money::{MicroUsd, MicroUsdPerMillion, Price};
use ark_gateway_core::record::{Charge, Record, Settlement, Usage, Verdict};
use proptest::prelude::*;

use super::export::{Format, columns};
use super::*;
use crate::config::Durability;
use crate::testing::{TempDir, attempt, record};

mod postgres;
mod reserved;

const START: i64 = 1_790_000_000_000;

fn charge(settlement: Settlement, cost: Option<u64>) -> Charge {
    Charge {
        usage: Usage {
            input_tokens: 100,
            output_tokens: 20,
            ..Usage::default()
        },
        settlement,
        price: cost.map(|_| Price::flat(MicroUsdPerMillion(1), MicroUsdPerMillion(2))),
        cost: cost.map(MicroUsd),
    }
}

/// A record of a request that failed over from `a`, which billed a part, to `b`.
fn failed_over(sequence: u64) -> Record {
    let mut cut = attempt("a", "m-at-a", Verdict::Cut);
    cut.charge = Some(charge(Settlement::Partial, Some(5)));
    let mut refused = attempt("c", "m-at-c", Verdict::RateLimited);
    refused.status = Some(429);
    let mut last = attempt("b", "m-at-b", Verdict::Ok);
    last.charge = Some(charge(Settlement::Reported, Some(7)));
    let mut record = record(vec![cut, refused, last]);
    record.sequence = sequence;
    record.at_ms = u64::try_from(START).unwrap() + sequence * 60_000;
    record.tags = [("x-team".to_owned(), "search".to_owned())].into();
    record
}

fn database(dir: &TempDir) -> PathBuf {
    dir.path().join("state/ledger.db")
}

fn open(dir: &TempDir) -> Store {
    Store::open(&database(dir), Durability::Process).unwrap()
}

fn question(query: &str) -> Question {
    let span = format!("from={START}&to={}&{query}", START + 86_400_000);
    Question::from_query(&span, START).unwrap()
}

fn costs(store: &mut Store, query: &str) -> Vec<(Option<String>, i64)> {
    let spend = store.spend(&question(query)).unwrap();
    let rows = spend.rows.into_iter();
    rows.map(|row| (row.of[0].1.clone(), row.sums.cost_micro_usd))
        .collect()
}

#[test]
fn every_attempt_has_its_own_cost_and_a_request_counts_once() {
    let dir = TempDir::new();
    let mut store = open(&dir);
    let lines = lines_of("w", &failed_over(1));
    assert_eq!(store.put(&[&lines]).unwrap(), [3]);
    let total = store.spend(&question("")).unwrap().total;
    assert_eq!((total.requests, total.attempts), (1, 3));
    assert_eq!((total.input_tokens, total.output_tokens), (200, 40));
    assert_eq!((total.cost_micro_usd, total.estimated_micro_usd), (12, 5));
    assert_eq!(
        total.unpriced_attempts, 0,
        "a 429 is free, and that is known"
    );
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(
        costs(&mut store, "group_by=provider"),
        [(name("b"), 7), (name("a"), 5), (name("c"), 0)]
    );
    assert_eq!(
        costs(&mut store, "group_by=settlement&provider=a"),
        [(name("partial"), 5)]
    );
    assert_eq!(
        costs(&mut store, "group_by=tag.x-team&tag.x-team=search"),
        [(name("search"), 12)]
    );
    assert_eq!(costs(&mut store, "group_by=tag.x-none"), [(None, 12)]);
    assert_eq!(costs(&mut store, "group_by=model&tag.x-team=other"), []);
}

#[test]
fn an_unknown_price_is_never_zero() {
    let dir = TempDir::new();
    let mut store = open(&dir);
    let mut unpriced = failed_over(1);
    unpriced.attempts[2].charge = Some(charge(Settlement::Reported, None));
    store.put(&[&lines_of("w", &unpriced)]).unwrap();
    let total = store.spend(&question("")).unwrap().total;
    assert_eq!((total.cost_micro_usd, total.unpriced_attempts), (5, 1));
    let mut csv = Vec::new();
    store.export((0, i64::MAX), Format::Csv, &mut csv).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let last = csv.lines().last().unwrap();
    assert!(last.starts_with(",,,,USD,b,"), "{last}");
}

#[test]
fn time_is_cut_into_hours_and_days_of_utc() {
    let dir = TempDir::new();
    let mut store = open(&dir);
    for n in [0, 30, 90] {
        store.put(&[&lines_of("w", &failed_over(n))]).unwrap();
    }
    let hours = store.spend(&question("bucket=hour")).unwrap();
    let shown: Vec<_> = hours
        .rows
        .iter()
        .map(|row| (row.start.as_deref(), row.sums.requests))
        .collect();
    assert_eq!(
        shown,
        [
            (Some("2026-09-21T14:00:00Z"), 2),
            (Some("2026-09-21T15:00:00Z"), 1)
        ]
    );
    let limited = store.spend(&question("bucket=hour&limit=1")).unwrap();
    assert!(limited.truncated);
    assert_eq!(limited.total.requests, 3, "all of them, shown or not");
}

#[test]
fn old_lines_go_and_the_others_stay() {
    let dir = TempDir::new();
    let mut store = open(&dir);
    for n in 0..3 {
        store.put(&[&lines_of("w", &failed_over(n))]).unwrap();
    }
    assert_eq!(store.prune(START + 60_000).unwrap(), 3);
    assert_eq!(store.prune(START + 60_000).unwrap(), 0);
    assert_eq!(store.spend(&question("")).unwrap().total.requests, 2);
}

#[test]
fn both_exports_have_every_column_and_every_line() {
    let dir = TempDir::new();
    let mut store = open(&dir);
    store.put(&[&lines_of("w", &failed_over(1))]).unwrap();
    let mut jsonl = Vec::new();
    assert_eq!(
        store
            .export((0, i64::MAX), Format::Jsonl, &mut jsonl)
            .unwrap(),
        3
    );
    for line in String::from_utf8(jsonl).unwrap().lines() {
        let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let names: Vec<&str> = row.keys().map(String::as_str).collect();
        assert_eq!(names, columns());
        assert_eq!(row["BillingPeriodStart"], "2026-09-01T00:00:00Z");
        assert_eq!(row["Tags"]["x-team"], "search");
        assert!(row["BilledCost"].is_number());
    }
    let mut csv = Vec::new();
    store.export((0, i64::MAX), Format::Csv, &mut csv).unwrap();
    assert_eq!(String::from_utf8(csv).unwrap().lines().count(), 4);
}

#[test]
fn a_newer_arks_ledger_is_left_alone() {
    let dir = TempDir::new();
    let store = open(&dir);
    store
        .connection
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(store);
    let problem = Store::open(&database(&dir), Durability::Disk)
        .err()
        .unwrap();
    assert!(problem.contains("a newer Ark has made it"), "{problem}");
}

#[tokio::test]
async fn what_is_acknowledged_is_there_for_readers_and_for_the_next_process() {
    let dir = TempDir::new();
    let (ledger, writer) = Ledger::new(database(&dir), open(&dir));
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(writer.run());
    let new = |new, duplicates| {
        Ok(Written {
            new,
            reserved: 0,
            duplicates,
            spooled: false,
        })
    };
    assert_eq!(ledger.put(lines_of("w", &failed_over(1))).await, new(3, 0));
    let both = [
        lines_of("w", &failed_over(1)),
        lines_of("w", &failed_over(2)),
    ];
    assert_eq!(
        ledger.put(both.concat()).await,
        new(3, 3),
        "resent with more"
    );
    assert_eq!(ledger.spend(question("")).await.unwrap().total.requests, 2);
    drop(ledger);
    let ended = tasks.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(ended, "the ledger's writer ended");

    let (ledger, writer) = Ledger::new(database(&dir), open(&dir));
    tasks.spawn(writer.run());
    assert_eq!(ledger.put(lines_of("w", &failed_over(2))).await, new(0, 3));
    assert_eq!(
        ledger.put(lines_of("v", &failed_over(2))).await,
        new(3, 0),
        "another worker's"
    );
}

#[tokio::test]
async fn a_full_queue_and_a_broken_store_are_told_apart() {
    let dir = TempDir::new();
    let (ledger, writer) = Ledger::new(database(&dir), open(&dir));
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..256 {
        let ledger = ledger.clone();
        waiting.spawn(async move { ledger.put(lines_of("w", &failed_over(n + 1))).await });
    }
    // On the tests' one thread each of them runs until it waits.
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.put(Vec::new()).await, Err(Failure::Full));
    drop(writer);
    while let Some(result) = waiting.join_next().await {
        assert_eq!(result.unwrap(), Err(Failure::Store));
    }
    let store = open(&dir);
    store.connection.execute_batch("DROP TABLE lines").unwrap();
    let (ledger, writer) = Ledger::new(database(&dir), store);
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn(writer.run());
    assert_eq!(
        ledger.put(lines_of("w", &failed_over(1))).await,
        Err(Failure::Store)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However records are cut into batches, sent again, and the process is restarted between: the
    /// ledger holds each attempt once.
    #[test]
    fn any_order_of_sending_again_gives_the_same_ledger(
        sends in proptest::collection::vec((0u64..12, 1u64..6, any::<bool>(), any::<bool>()), 1..20)
    ) {
        let dir = TempDir::new();
        let mut store = open(&dir);
        let mut sent = BTreeSet::new();
        for (from, count, other_worker, restarts) in sends {
            let worker = if other_worker { "v" } else { "w" };
            let records = from + 1..from + 1 + count;
            let lines: Vec<Line> = records.clone().flat_map(|n| lines_of(worker, &failed_over(n))).collect();
            store.put(&[&lines]).unwrap();
            sent.extend(records.map(|n| (worker, n)));
            if restarts {
                drop(store);
                store = open(&dir);
            }
        }
        let total = store.spend(&question("")).unwrap().total;
        let count = i64::try_from(sent.len()).unwrap();
        prop_assert_eq!((total.requests, total.attempts), (count, 3 * count));
        prop_assert_eq!(total.cost_micro_usd, 12 * count);
    }
}

/// Row by row what the CSV says, and of the types that FOCUS names.
#[cfg(feature = "parquet")]
#[test]
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of the crate's many types we write few"
)]
fn parquet_says_what_the_csv_says() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    let dir = TempDir::new();
    let mut database = Database::from(open(&dir));
    let lines: Vec<Line> = (1..40)
        .flat_map(|n| lines_of("w", &failed_over(n)))
        .collect();
    database.put(&[&lines]).unwrap();
    let all = (0, i64::MAX);
    let (mut csv, mut file) = (Vec::new(), Vec::new());
    let count = database.export(all, Format::Csv, &mut csv).unwrap();
    assert_eq!(database.export_parquet(all, &mut file).unwrap(), count);
    let reader = SerializedFileReader::new(bytes::Bytes::from(file)).unwrap();
    let mut csv = csv::Reader::from_reader(csv.as_slice());
    let names: Vec<String> = csv.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(names, columns());
    let mut rows = 0;
    for (row, expected) in reader.get_row_iter(None).unwrap().zip(csv.records()) {
        let (row, expected) = (row.unwrap(), expected.unwrap());
        for ((name, field), cell) in row.get_column_iter().zip(&expected) {
            let shown = match field {
                Field::Null => String::new(),
                Field::Str(text) => text.clone(),
                Field::TimestampMillis(at) => crate::moment::format(*at),
                Field::Decimal(decimal) => {
                    let digits: [u8; 8] = decimal.data().try_into().unwrap();
                    let value = i64::from_be_bytes(digits) as f64;
                    (value / 10f64.powi(decimal.scale())).to_string()
                }
                other => other.to_string(),
            };
            assert_eq!(cell, shown, "{name}");
        }
        rows += 1;
    }
    assert_eq!(rows, count);
}
