//! What limits cost with many keys: `many_keys KEYS REQUESTS LIMITS`.
//!
//! Prints the size of the snapshot and the time to read and to index it; then reserves and settles. For
//! counting instructions per request: `valgrind --tool=callgrind` with two counts of requests.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example measures and shows"
)]

use std::hint::black_box;
use std::time::Instant;

use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::quota::{
    Ask, Asked, Book, CounterGrant, Estimate, LimitSpec, Mode, OnStoreDown, Only, Per, QuotaAnswer,
    QuotaSpec, Spend, Unit, Verdict, Window,
};
use ark_gateway_core::snapshot::{ModelId, Snapshot};

const SNAPSHOT: &str = include_str!("hot_path.json");

fn limit(name: &str, of: Unit, per: Per) -> LimitSpec {
    LimitSpec {
        name: name.to_owned(),
        per,
        of,
        limit: 1 << 40,
        window: Window::Minute,
        only: Only::default(),
        mode: Mode::Lease,
        on_store_down: OnStoreDown::Deny,
        dry_run: false,
        at: Vec::new(),
    }
}

fn with_keys(keys: u32, limits: usize) -> Result<Snapshot, serde_json::Error> {
    let mut snapshot: Snapshot = serde_json::from_str(SNAPSHOT)?;
    if let Some(first) = snapshot.keys.first().cloned() {
        snapshot.keys.extend((1..keys).map(|n| {
            let mut key = first.clone();
            key.id = format!("key-{n}");
            key.tenant = format!("tenant-{}", n % 1_000);
            key.sha256 = format!("{n:064x}");
            key
        }));
    }
    let (tenant, key) = (
        Per {
            tenant: true,
            ..Per::default()
        },
        Per {
            key: true,
            ..Per::default()
        },
    );
    let all = [
        limit("a", Unit::Tokens, tenant),
        limit("b", Unit::Requests, key),
        limit("c", Unit::MicroUsd, tenant),
    ];
    snapshot.quota = QuotaSpec {
        limits: all.into_iter().take(limits).collect(),
        ..QuotaSpec::default()
    };
    Ok(snapshot)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: u32| arguments.next().map_or(Ok(default), |n| n.parse());
    let (keys, requests, limits) = (next(100_000)?, next(1_000)?, next(3)?);
    let text = serde_json::to_string(&with_keys(keys, limits as usize)?)?;
    let start = Instant::now();
    let snapshot: Snapshot = serde_json::from_str(&text)?;
    let read = start.elapsed();
    let start = Instant::now();
    let policy = Policy::new(snapshot).map_err(|bad| bad.to_string())?;
    let indexed = start.elapsed();
    report(&format!(
        "{keys} keys: snapshot {} kB, read in {} us, indexed in {} us",
        text.len() / 1_000,
        read.as_micros(),
        indexed.as_micros()
    ));
    let mut book = Book::default();
    for n in 0..requests {
        let now = 6_000_000_000_000 + u64::from(n) * 1_000;
        serve(&policy, &mut book, (n.wrapping_mul(7_919) % 64, now));
    }
    Ok(())
}

/// A request of one of a few dozen keys, as they are busy at any time.
fn serve(policy: &Policy, book: &mut Book, (key, now): (u32, u64)) {
    let asked = Asked {
        policy,
        key,
        model: ModelId(0),
        estimate: Estimate {
            input_tokens: 250,
            output_tokens: 100,
            cost: Some(MicroUsd(90)),
        },
    };
    let spend = Spend {
        requests: 1,
        input_tokens: 240,
        output_tokens: 80,
        cost: Some(MicroUsd(80)),
    };
    let mut verdict = book.reserve(&asked, Ask::First, now);
    if let Verdict::Wait(wait) = verdict {
        let said = book.report_wait(&wait);
        let grant = CounterGrant {
            granted: 1 << 39,
            for_ms: 60_000,
            ..CounterGrant::default()
        };
        let answer = QuotaAnswer {
            counters: said.iter().map(|_| Some(grant)).collect(),
        };
        book.answered(&said, &answer, (now, now));
        book.stop_waiting(wait);
        verdict = book.reserve(&asked, Ask::Answered, now);
    }
    if let Verdict::Admitted(reservation) = black_box(verdict) {
        book.settle(reservation, &spend);
    }
}

fn report(line: &str) {
    println!("{line}");
}
