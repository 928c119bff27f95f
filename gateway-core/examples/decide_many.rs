//! How long one decision takes with 50 targets of one model and 500 models: prints nanoseconds, and how
//! often it allocates, with 5 models and with 500.
//!
//! `cargo run --release -p ark-gateway-core --example decide_many`; for instructions
//! `valgrind --tool=callgrind target/release/examples/decide_many 2000`, less the same with 1000.

#![allow(
    unsafe_code,
    reason = "an allocator that counts is unsafe by its interface"
)]
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::print_stdout,
    reason = "it measures, and says what"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ark_gateway_core::capability::{Capabilities, Needs};
use ark_gateway_core::compliance::Requirement;
use ark_gateway_core::decide::{Facts, decide};
use ark_gateway_core::money::{MicroUsdPerMillion, Price, PriceBasis};
use ark_gateway_core::policy::Policy;
use ark_gateway_core::priority::Priority;
use ark_gateway_core::score::{KeyLengths, ModelScore, Scores, TargetScore};
use ark_gateway_core::snapshot::{
    ModelId, ModelSpec, ProviderId, Snapshot, TargetApi, TargetId, TargetSpec,
};

const TARGETS: u16 = 50;
const MODELS: u16 = 500;
const DECISIONS: u64 = 200_000;

/// Four providers, one model on all of them, one key.
const SMALL: &str = include_str!("hot_path.json");

/// The system's allocator, counted.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(count) = std::env::args().nth(1) {
        let (policy, scores) = many(MODELS)?;
        return decide_all(&policy, &scores, Priority::Standard, count.parse()?);
    }
    for models in [5, MODELS] {
        let (policy, scores) = many(models)?;
        let bytes = serde_json::to_vec(policy.snapshot())?.len();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        decide_all(&policy, &scores, Priority::Standard, 1_000)?;
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        println!(
            "{TARGETS} targets, {models} models: snapshot {bytes} bytes as JSON, {allocations} allocations \
             in 1000 decisions"
        );
    }
    let (policy, scores) = many(MODELS)?;
    for priority in Priority::ALL {
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let began = Instant::now();
            decide_all(&policy, &scores, priority, DECISIONS)?;
            let nanos = began.elapsed().as_secs_f64() * 1e9;
            best = best.min(nanos / f64::from(u32::try_from(DECISIONS)?));
        }
        println!("{:<9} {best:7.0} ns per decision", priority.as_str());
    }
    Ok(())
}

fn decide_all(
    policy: &Policy,
    scores: &Scores,
    priority: Priority,
    count: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    let models = policy.snapshot().models.len() as u64;
    for draw in 0..count {
        let facts = Facts {
            model: ModelId(u16::try_from(draw % models)?),
            priority,
            pin: None,
            needs: Needs {
                input_tokens: 500 + draw % 1_000,
                ..Needs::default()
            },
            refused: &[],
            caller: ark_gateway_core::decide::Caller::default(),
            part: ark_gateway_core::decide::Part::All,
            requires: Requirement::default(),
            warm: None,
        };
        let _ = black_box(decide(policy, Some(scores), &facts, draw));
    }
    Ok(())
}

fn many(models: u16) -> Result<(Policy, Scores), Box<dyn std::error::Error>> {
    let mut snapshot: Snapshot = serde_json::from_str(SMALL)?;
    let provider = snapshot.providers.first().ok_or("no provider")?.clone();
    snapshot.providers = (0..TARGETS)
        .map(|i| {
            let mut provider = provider.clone();
            provider.name = format!("provider-{i}");
            provider.region = Some(format!("region-{}", i % 7));
            provider
        })
        .collect();
    // The first model has 50 targets, as has every other one: they share them.
    snapshot.targets = (0..TARGETS).map(target).collect();
    let model = snapshot.models.first().ok_or("no model")?.clone();
    snapshot.models = (0..models)
        .map(|i| ModelSpec {
            name: format!("model-{i}"),
            targets: (0..TARGETS).map(TargetId).collect(),
            reference_price: Some(price(100)),
            ..model.clone()
        })
        .collect();
    let scores = Scores {
        snapshot: snapshot.version.clone(),
        sequence: 1,
        targets: (0..TARGETS)
            .map(|i| TargetScore {
                ttft_ms: Some(200.0 + f32::from(i % 11) * 30.0),
                tpot_ms: Some(5.0),
                failure_rate: Some(0.001),
                utilisation: Some(0.1),
                explore: if i % 10 == 0 { 1.0 } else { 0.0 },
                ..TargetScore::default()
            })
            .collect(),
        models: vec![
            ModelScore {
                output_tokens: Some(100),
                long_output_tokens: Some(400),
            };
            usize::from(models)
        ],
        lengths: (0u32..64)
            .map(|key| KeyLengths::from((key, 0, 20, 80)))
            .collect(),
        canaries: Vec::new(),
        workers: 4,
    };
    Ok((Policy::new(snapshot).map_err(|e| e.to_string())?, scores))
}

fn target(i: u16) -> TargetSpec {
    TargetSpec {
        provider: ProviderId(i),
        model: format!("model-at-{i}"),
        price: Some(price(u64::from(50 + i))),
        price_basis: PriceBasis::Listed,
        price_source: None,
        capabilities: Capabilities::ALL,
        default_max_tokens: 4_096,
        api: TargetApi::default(),
    }
}

fn price(percent: u64) -> Price {
    Price::flat(
        MicroUsdPerMillion(2_500 * percent),
        MicroUsdPerMillion(10_000 * percent),
    )
}
