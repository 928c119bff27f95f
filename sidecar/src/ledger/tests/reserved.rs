//! Attempts that run, on both databases: reserved, then settled or lost, and each once.

use ark_gateway_core::record::{Record, Settlement, Verdict};
use proptest::prelude::*;

use super::super::closing::{Heard, Steady};
use super::super::{Database, Line, Spool, Sums, reserved_lines_of};
use super::postgres::Server;
use super::{START, charge, database, failed_over, lines_of, open, question};
use crate::config::Durability;
use crate::ledger::export::Format;
use crate::ledger::store::Store;
use crate::testing::{TempDir, attempt, record};

/// A request that runs at `a`, and may come to 50 micro-USD.
fn running(opened: u64) -> Record {
    let mut open = attempt("a", "m-at-a", Verdict::Abandoned);
    open.charge = Some(charge(Settlement::Estimated, Some(50)));
    let mut record = record(vec![open]);
    record.at_ms = u64::try_from(START).unwrap();
    record.opened = opened;
    record
}

fn reserved(opened: u64) -> Vec<Line> {
    reserved_lines_of("w", &running(opened))
}

/// Its end: three attempts, that cost 12 micro-USD.
fn ended(sequence: u64, opened: u64) -> Vec<Line> {
    let mut record = failed_over(sequence);
    record.opened = opened;
    lines_of("w", &record)
}

fn total(database: &mut Database) -> Sums {
    database.spend(&question("")).unwrap().total
}

/// Attempts and their cost: settled, reserved, lost.
fn state(database: &mut Database) -> [(i64, i64); 3] {
    let total = total(database);
    [
        (total.attempts, total.cost_micro_usd),
        (total.reserved_attempts, total.reserved_micro_usd),
        (total.lost_attempts, total.lost_micro_usd),
    ]
}

fn heard(workers: &[&str], now: i64) -> Heard {
    Heard {
        workers: workers.iter().map(|w| ((*w).to_owned(), now)).collect(),
        now,
        lost_after_ms: 0,
    }
}

fn on_both(check: impl Fn(&mut Database)) {
    let dir = TempDir::new();
    check(&mut open(&dir).into());
    if let Some(server) = Server::start() {
        check(&mut Database::Postgres(Box::new(server.writer())));
    }
}

#[test]
fn what_is_reserved_is_named_apart_until_its_end_comes() {
    on_both(|database| {
        assert_eq!(database.put(&[&reserved(1), &reserved(2)]).unwrap(), [1, 1]);
        assert_eq!(database.put(&[&reserved(1)]).unwrap(), [0], "sent again");
        assert_eq!(state(database), [(0, 0), (2, 100), (0, 0)]);
        assert_eq!(total(database).requests, 0);
        assert_eq!(total(database).unpriced_attempts, 0);
        assert_eq!(database.put(&[&ended(1, 1)]).unwrap(), [3]);
        assert_eq!(state(database), [(3, 12), (1, 50), (0, 0)]);
        assert_eq!(database.put(&[&ended(1, 1)]).unwrap(), [0], "sent again");
        // It had waited in a spool while its end went another way.
        assert_eq!(database.put(&[&reserved(1)]).unwrap(), [0]);
        assert_eq!(database.put(&[&ended(2, 0)]).unwrap(), [3], "a quick one");
        assert_eq!(state(database), [(6, 24), (1, 50), (0, 0)]);
    });
}

#[test]
fn what_nobody_ends_is_lost_and_a_late_end_replaces_that() {
    on_both(|database| {
        database.put(&[&reserved(1), &reserved(2)]).unwrap();
        let mut steady = Steady::default();
        let mut close = |database: &mut Database, workers: &[&str], now| {
            database.close(&mut steady, &heard(workers, now)).unwrap()
        };
        assert_eq!(close(database, &["w"], START + 1_000), 0, "it is heard");
        assert_eq!(close(database, &["other"], START + 2_000), 2);
        assert_eq!(close(database, &["other"], START + 3_000), 0, "once");
        assert_eq!(state(database), [(0, 0), (0, 0), (2, 100)]);
        assert_eq!(database.put(&[&reserved(1)]).unwrap(), [0], "it is lost");
        assert_eq!(database.put(&[&ended(1, 1)]).unwrap(), [3]);
        assert_eq!(state(database), [(3, 12), (0, 0), (1, 50)]);
        let mut out = Vec::new();
        let all = (0, i64::MAX);
        assert_eq!(database.export(all, Format::Jsonl, &mut out).unwrap(), 4);
        let first = out.split(|byte| *byte == b'\n').next().unwrap();
        let row: serde_json::Value = serde_json::from_slice(first).unwrap();
        assert_eq!(row["x_Settlement"], "lost");
        assert_eq!(
            (&row["x_CeilingMicro"], &row["x_CeilingTokens"]),
            (&50.into(), &120.into())
        );
        for unknown in [
            "BilledCost",
            "x_CostMicro",
            "x_InputTokens",
            "ConsumedQuantity",
        ] {
            assert!(
                row[unknown].is_null(),
                "{unknown} is not known, and not zero"
            );
        }
    });
}

#[test]
fn a_worker_that_lives_has_a_day() {
    on_both(|database| {
        database.put(&[&reserved(1)]).unwrap();
        let mut steady = Steady::default();
        let day = 24 * 3_600_000;
        let mut close = |now| database.close(&mut steady, &heard(&["w"], now)).unwrap();
        assert_eq!(close(START + day), 0);
        assert_eq!(close(START + day + 1), 1);
    });
}

#[test]
fn only_who_has_listened_for_long_enough_says_that_a_worker_is_gone() {
    let dir = TempDir::new();
    let mut database = Database::from(open(&dir));
    database.put(&[&reserved(1)]).unwrap();
    let mut patient = heard(&[], START + 3_600_000);
    patient.lost_after_ms = 3_600_000;
    assert_eq!(database.close(&mut Steady::default(), &patient).unwrap(), 0);
}

#[test]
fn an_unknown_price_of_what_runs_is_never_zero() {
    let dir = TempDir::new();
    let mut database = Database::from(open(&dir));
    let mut unpriced = running(1);
    unpriced.attempts[0].charge = Some(charge(Settlement::Estimated, None));
    database.put(&[&reserved_lines_of("w", &unpriced)]).unwrap();
    assert_eq!(state(&mut database), [(0, 0), (1, 0), (0, 0)]);
    assert_eq!(total(&mut database).unpriced_attempts, 1);
}

#[test]
fn what_is_reserved_waits_in_a_spool_and_goes_there_with_its_end() {
    let dir = TempDir::new();
    let file = dir.path().join("spool.db");
    let mut spool = Spool::open(&file, Durability::Process, 100).unwrap();
    spool.put(&[&reserved(1), &reserved(2)]).unwrap();
    assert_eq!(spool.lines(), 2);
    spool.put(&[&ended(1, 1)]).unwrap();
    assert_eq!(spool.lines(), 4);
    let (lines, last) = spool.oldest().unwrap();
    assert_eq!(lines.len(), 4);
    spool.forget(last).unwrap();
    assert_eq!(spool.lines(), 0);
}

/// The first version's tables, as an Ark of that time has left them.
#[test]
fn an_older_ledger_is_read_as_it_is_and_brought_up_to_date_by_who_writes_it() {
    let dir = TempDir::new();
    let path = database(&dir);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("../schema/1_lines.sql"))
        .unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    old.execute_batch(
        "INSERT INTO lines VALUES (1, 'w', 1, 0, 1, 'r', 1790000000000, 5, 't', 'k', 'm', 'other', 'p',
         'u', 'standard', 'client', 'ok', 200, 'reported', 1, 2, 0, 0, 0, 0, 0, NULL, 's', 7, 'USD', NULL)",
    )
    .unwrap();
    let check = |mut database: Database| {
        assert_eq!(state(&mut database), [(1, 7), (0, 0), (0, 0)]);
        let mut out = Vec::new();
        let all = (0, i64::MAX);
        assert_eq!(database.export(all, Format::Csv, &mut out).unwrap(), 1);
    };
    check(Store::open_to_read(&path).unwrap().into());
    drop(open(&dir));
    check(Store::open_to_read(&path).unwrap().into());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is sent, in whatever order and however often: each end is there once, and nothing that
    /// has an end is reserved or lost.
    #[test]
    fn each_attempt_is_in_one_state(steps in proptest::collection::vec((0u8..3, 1u64..4), 1..24)) {
        let dir = TempDir::new();
        let mut database = Database::from(open(&dir));
        let mut steady = Steady::default();
        let (mut told, mut over) = ([false; 4], [false; 4]);
        for (step, n) in steps {
            let at = usize::try_from(n).unwrap();
            match step {
                0 => {
                    database.put(&[&reserved(n)]).unwrap();
                    told[at] = true;
                }
                1 => {
                    database.put(&[&ended(n, n)]).unwrap();
                    over[at] = true;
                }
                _ => {
                    database.close(&mut steady, &heard(&[], START + 10_000_000)).unwrap();
                }
            }
        }
        let ends = over.iter().filter(|over| **over).count() as i64;
        let open = told.iter().zip(over).filter(|(told, over)| **told && !over).count() as i64;
        let [settled, reserved, lost] = state(&mut database);
        prop_assert_eq!(settled, (ends * 3, ends * 12));
        prop_assert_eq!(reserved.0 + lost.0, open);
        prop_assert_eq!(reserved.1 + lost.1, open * 50);
    }
}
