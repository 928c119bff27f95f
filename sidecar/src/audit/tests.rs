use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::TempDir;

const RULES: Rules = Rules {
    rotate_bytes: 1_500,
    rotate_ms: 1_000_000,
    keep_ms: None,
    is_durable: false,
};

fn event(n: u64) -> Event {
    Event::new(
        "admin",
        json!({ "actor": "ops", "action": "key.create", "n": n }),
    )
}

fn of_record(worker: &str, record: u64) -> Event {
    Event {
        record: Some((worker.to_owned(), record)),
        ..event(record)
    }
}

fn request(worker: &str, sequence: u64) -> Event {
    let mut record = crate::testing::record(Vec::new());
    record.sequence = sequence;
    Event::of_request(worker, &record)
}

/// A log of so many lines over several files.
fn written(dir: &Path, lines: u64) {
    let mut store = Store::open(dir, RULES, 0).unwrap();
    for n in 0..lines {
        store.append(&[event(n)], n).unwrap();
    }
}

fn check(dir: &Path, head: Option<&str>) -> Result<Verdict, Wrong> {
    verify(dir, head, &mut |_| {})
}

fn paths(dir: &Path) -> Vec<PathBuf> {
    list(dir)
        .unwrap()
        .into_iter()
        .map(|(_, path)| path)
        .collect()
}

#[test]
fn the_chain_goes_on_across_files_and_processes() {
    let dir = TempDir::new();
    written(dir.path(), 20);
    written(dir.path(), 20);
    let verdict = check(dir.path(), None).unwrap();
    assert_eq!(
        (verdict.lines, verdict.first, verdict.head.sequence),
        (40, 1, 40)
    );
    assert!(verdict.files > 3, "{verdict:?}");
    assert_eq!(check(dir.path(), Some(&verdict.head.hash)), Ok(verdict));
}

#[test]
fn only_one_process_writes() {
    let dir = TempDir::new();
    let store = Store::open(dir.path(), RULES, 0).unwrap();
    assert!(is_being_written(dir.path()));
    let second = Store::open(dir.path(), RULES, 0).map(|_| ());
    assert!(second.unwrap_err().contains("another process"));
    drop(store);
    assert!(!is_being_written(dir.path()));
}

#[test]
fn what_a_killed_process_left_is_marked_and_not_dropped() {
    let dir = TempDir::new();
    written(dir.path(), 5);
    let last = paths(dir.path()).pop().unwrap();
    let whole = fs::read(&last).unwrap();
    for cut in 1..whole.len() {
        // Down to each byte of the last line, and beyond it.
        let kept = &whole[..whole.len() - cut];
        if kept.iter().filter(|byte| **byte == b'\n').count() + 1
            < whole.iter().filter(|b| **b == b'\n').count()
        {
            break;
        }
        fs::write(&last, kept).unwrap();
        if !kept.ends_with(b"\n") {
            assert!(check(dir.path(), None).is_err(), "{cut}");
        }
        written(dir.path(), 1);
        let verdict = check(dir.path(), None).unwrap();
        let is_torn = cut > 1 && !kept.ends_with(b"\n");
        assert_eq!(verdict.torn, u64::from(is_torn), "{cut}");
        // And it is still right when the next process comes.
        written(dir.path(), 1);
        assert_eq!(check(dir.path(), None).unwrap().torn, u64::from(is_torn));
        for path in paths(dir.path()) {
            if path > last {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

#[test]
fn a_record_that_is_sent_twice_is_written_once_also_after_a_restart() {
    let dir = TempDir::new();
    let record = |sequence| request("w1", sequence);
    let mut store = Store::open(dir.path(), RULES, 0).unwrap();
    assert_eq!(store.append(&[record(1), record(2)], 1).unwrap(), 2);
    assert_eq!(store.append(&[record(2), record(3)], 1).unwrap(), 1);
    drop(store);
    let mut store = Store::open(dir.path(), RULES, 2).unwrap();
    assert_eq!(store.append(&[record(3), record(4)], 2).unwrap(), 1);
    assert_eq!(store.append(&[of_record("w2", 1)], 2).unwrap(), 1);
    drop(store);
    assert_eq!(check(dir.path(), None).unwrap().lines, 5);
}

#[test]
fn a_record_of_the_file_before_is_known_after_a_restart() {
    let dir = TempDir::new();
    let mut store = Store::open(dir.path(), RULES, 0).unwrap();
    assert_eq!(store.append(&[request("w1", 7)], 0).unwrap(), 1);
    let aged = RULES.rotate_ms;
    assert_eq!(store.append(&[request("w2", 1)], aged).unwrap(), 1);
    assert_eq!(paths(dir.path()).len(), 2);
    drop(store);
    let mut store = Store::open(dir.path(), RULES, aged).unwrap();
    assert_eq!(store.append(&[request("w1", 7)], aged).unwrap(), 0);
}

#[test]
fn a_file_whose_first_line_was_changed_is_left_as_it_was_found() {
    let dir = TempDir::new();
    written(dir.path(), 30);
    let file = paths(dir.path()).pop().unwrap();
    let changed = fs::read_to_string(&file)
        .unwrap()
        .replacen("\"at_ms\":", "\"at_ms\":1", 1);
    fs::write(&file, &changed).unwrap();
    written(dir.path(), 1);
    assert_eq!(fs::read_to_string(&file).unwrap(), changed);
    assert_ne!(paths(dir.path()).pop().unwrap(), file, "a file of its own");
    assert_eq!(check(dir.path(), None).unwrap_err().file, file);
}

#[test]
fn files_that_go_by_age_are_no_gap_and_others_are() {
    let dir = TempDir::new();
    let rules = Rules {
        keep_ms: Some(10),
        ..RULES
    };
    let mut store = Store::open(dir.path(), rules, 0).unwrap();
    for n in 0..60 {
        store.append(&[event(n)], n).unwrap();
    }
    drop(store);
    let verdict = check(dir.path(), None).unwrap();
    assert!(verdict.first > 1, "{verdict:?}");
    let files = paths(dir.path());
    fs::remove_file(&files[0]).unwrap();
    assert!(
        check(dir.path(), None)
            .unwrap_err()
            .what
            .contains("are missing")
    );
}

#[test]
fn a_log_that_was_changed_says_so_after_a_restart_too() {
    let dir = TempDir::new();
    written(dir.path(), 3);
    let file = paths(dir.path()).pop().unwrap();
    let text = fs::read_to_string(&file)
        .unwrap()
        .replacen("\"n\":1", "\"n\":9", 1);
    fs::write(&file, text).unwrap();
    written(dir.path(), 1);
    let wrong = check(dir.path(), None).unwrap_err();
    assert_eq!((wrong.file, wrong.line), (file, 3), "{}", wrong.what);
}

#[test]
fn texts_of_others_are_masked_and_cut() {
    let long = "x ".repeat(1_000);
    let event = Event::new(
        "admin_refused",
        json!({ "path": "/v1/jane@example.com", "reason": long }),
    );
    assert!(event.json.contains("/v1/[email]"), "{}", event.json);
    assert!(event.json.len() < 400);
}

#[test]
fn a_line_that_was_lost_is_told_by_the_next() {
    let dir = TempDir::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = Store::open(dir.path(), RULES, 0).unwrap();
        let (audit, writer) = Audit::new(dir.path(), store);
        audit.lose(3);
        let put = async {
            assert_eq!(audit.put(vec![event(1)]).await, Ok(2));
            assert_eq!((audit.status().sequence, audit.status().lost), (2, 3));
        };
        tokio::select! {
            _ = writer.run() => unreachable!(),
            () = put => {}
        }
        drop(audit);
    });
    drop(runtime);
    assert_eq!(check(dir.path(), None).unwrap().lost, 3);
}

/// A way to change a log, of `which` places.
fn tamper(lines: &mut Vec<Vec<u8>>, how: u8, (a, b): (usize, usize), bit: u8) {
    let (a, b) = (a % lines.len(), b % lines.len());
    match how {
        0 => {
            let place = usize::from(bit) * 7 % lines[a].len();
            lines[a][place] ^= 1 << (bit % 8);
        }
        1 => drop(lines.remove(a)),
        2 => lines.swap(a, b),
        3 => {
            let copy = lines[a].clone();
            lines.insert(b, copy);
        }
        _ => {
            let len = lines[a].len();
            lines[a].truncate(len - 1 - usize::from(bit) % (len - 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_change_of_bytes_or_lines_is_found(how in 0_u8..5, places: (usize, usize), bit: u8) {
        let dir = TempDir::new();
        written(dir.path(), 12);
        let head = check(dir.path(), None).unwrap().head.hash;
        let before: Vec<_> = paths(dir.path()).iter().map(|path| fs::read(path).unwrap()).collect();
        let mut lines: Vec<Vec<u8>> = Vec::new();
        for file in &before {
            lines.extend(file.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec));
        }
        tamper(&mut lines, how, places, bit);
        let after = lines.concat();
        if after == before.concat() {
            return Ok(());
        }
        // The files keep the lengths that they had, but for the last.
        let mut rest = &after[..];
        for (path, file) in paths(dir.path()).iter().zip(&before) {
            let is_last = Some(path) == paths(dir.path()).last();
            let (own, more) = rest.split_at(if is_last { rest.len() } else { file.len().min(rest.len()) });
            fs::write(path, own).unwrap();
            rest = more;
        }
        let found = check(dir.path(), Some(&head));
        prop_assert!(found.is_err(), "{how} {places:?} {bit}: {found:?}");
    }
}
