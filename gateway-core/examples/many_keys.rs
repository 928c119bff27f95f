//! What limits cost with many keys: `many_keys KEYS REQUESTS LIMITS`.
//!
//! Prints the size of its pages, the time to make them, and the longest step of taking them in; then
//! lets requests in, reserves and settles. For counting instructions per request: `valgrind --tool=callgrind` with two counts of requests.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "an example measures and shows"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ark_gateway_core::keys::{Paged, Stage};
use ark_gateway_core::money::MicroUsd;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::quota::{
    Ask, Asked, Book, CounterGrant, Estimate, LimitSpec, Mode, OnStoreDown, Only, Per, QuotaAnswer,
    QuotaSpec, Spend, Unit, Verdict, Window,
};
use ark_gateway_core::snapshot::{ModelId, Snapshot};
use sha2::{Digest, Sha256};

const SNAPSHOT: &str = include_str!("hot_path.json");

fn secret(number: u32) -> String {
    format!("ark-secret-of-key-{number}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

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
            key.sha256 = hex(&Sha256::digest(secret(n)));
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
    let start = Instant::now();
    let paged = Paged::of(with_keys(keys, limits as usize)?).map_err(|bad| bad.to_string())?;
    let made = start.elapsed();
    let policy = run(&paged)?;
    let size: usize = paged.pages.iter().map(|page| page.0.len()).sum();
    report(&format!(
        "{keys} keys: {} pages, {} kB, made in {} us",
        paged.pages.len(),
        size / 1_000,
        made.as_micros()
    ));
    let mut book = Book::default();
    for n in 0..requests {
        let now = 6_000_000_000_000 + u64::from(n) * 1_000;
        let secret = secret(1 + n.wrapping_mul(7_919) % 64 % keys.max(2));
        if let Some((key, _)) = policy.key_for(black_box(secret.as_bytes())) {
            serve(&policy, &mut book, (key, now));
        }
    }
    Ok(())
}

/// Takes the pages in as a worker does, and reports the longest step.
fn run(paged: &Paged) -> Result<Policy, Box<dyn std::error::Error>> {
    let mut longest = Duration::ZERO;
    let mut stage = Stage::begin(paged.snapshot.clone(), &[]).map_err(|bad| bad.to_string())?;
    for (number, page) in (0u16..).zip(&paged.pages) {
        let start = Instant::now();
        stage.take(number, page.clone());
        longest = longest.max(start.elapsed());
    }
    let start = Instant::now();
    let (policy, _) = stage.finish().map_err(|bad| bad.to_string())?;
    report(&format!(
        "longest page {} us, to run them {} us",
        longest.as_micros(),
        start.elapsed().as_micros()
    ));
    Ok(policy)
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
