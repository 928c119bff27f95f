use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::money::MicroUsd;
use crate::policy::Policy;
use crate::snapshot::{ModelId, Snapshot};
use crate::testing::demo;

const S: u64 = 1_000_000_000;
const START: u64 = 6_000 * S;
const LEASE_MS: u32 = 2_000;

fn limit(of: Unit, limit: u64) -> LimitSpec {
    LimitSpec {
        name: "l".into(),
        per: Per {
            tenant: true,
            ..Per::default()
        },
        of,
        limit,
        window: Window::Minute,
        only: Only::default(),
        mode: Mode::Lease,
        on_store_down: OnStoreDown::Deny,
        dry_run: false,
        at: Vec::new(),
    }
}

fn policy(limits: Vec<LimitSpec>) -> Rc<Policy> {
    let snapshot = Snapshot {
        quota: QuotaSpec {
            limits,
            ..QuotaSpec::default()
        },
        ..demo()
    };
    Rc::new(Policy::new(snapshot).unwrap())
}

fn asked(policy: &Policy, tokens: u64) -> Asked<'_> {
    Asked {
        policy,
        key: 0,
        model: ModelId(0),
        estimate: Estimate {
            input_tokens: tokens,
            output_tokens: 0,
            cost: Some(MicroUsd(tokens)),
        },
    }
}

fn spent(tokens: u64) -> Spend {
    Spend {
        requests: 1,
        input_tokens: tokens,
        output_tokens: 0,
        cost: Some(MicroUsd(tokens)),
    }
}

/// The store: a counter per subject and window, with a clock of its own.
#[derive(Default)]
struct Store(BTreeMap<(String, u64), Counter>);

impl Store {
    fn answer(
        &mut self,
        policy: &Policy,
        worker: &str,
        (said, now): (&[(SlotKey, CounterReport)], u64),
    ) -> QuotaAnswer {
        let one = |(_, report): &(SlotKey, CounterReport)| {
            let specs = &policy.snapshot().quota.limits;
            let spec = specs.iter().find(|s| s.name == report.limit)?;
            let counter = self.0.entry((report.limit.clone(), report.start_s));
            Some(counter.or_default().exchange(
                &Terms {
                    limit: spec.limit,
                    lease_ms: LEASE_MS,
                    comes_back: spec.of == Unit::Concurrency,
                    open: report.end_s > now / S,
                },
                worker,
                report,
                now / 1_000_000,
            ))
        };
        QuotaAnswer {
            counters: said.iter().map(one).collect(),
        }
    }
}

/// A request in flight.
struct Flying {
    reservation: Reservation,
    window: u64,
    estimate: u64,
    actual: u64,
}

/// A worker and what it has in flight.
#[derive(Default)]
struct Worker {
    name: String,
    book: Book,
    /// Its clock minus the true one, nanoseconds.
    skew: i64,
    flying: Vec<Flying>,
}

/// What becomes of an exchange with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    RequestLost,
    AnswerLost,
    Twice,
}

#[derive(Clone, Debug)]
enum Event {
    Request(usize, (u64, u64), Fate),
    Settle(usize, usize),
    Tick(usize, Fate),
    Crash(usize),
    Wait(u64),
    ClockStep(usize, i64),
}

struct World {
    policy: Rc<Policy>,
    store: Store,
    workers: Vec<Worker>,
    now: u64,
    made: u32,
    /// The reference: truly used, or held by requests in flight, by window.
    used: BTreeMap<u64, u64>,
    /// By how much requests used more than their estimates.
    beyond: BTreeMap<u64, u64>,
    /// What was free in leases that ended without a word.
    unsaid: BTreeMap<u64, u64>,
}

impl World {
    fn new(limits: Vec<LimitSpec>, workers: usize) -> Self {
        let mut world = Self {
            policy: policy(limits),
            store: Store::default(),
            workers: Vec::new(),
            now: START,
            made: 0,
            used: BTreeMap::new(),
            beyond: BTreeMap::new(),
            unsaid: BTreeMap::new(),
        };
        for _ in 0..workers {
            let fresh = world.fresh();
            world.workers.push(fresh);
        }
        world
    }

    fn fresh(&mut self) -> Worker {
        self.made += 1;
        Worker {
            name: format!("w{}", self.made),
            ..Worker::default()
        }
    }

    fn clock(&self, at: usize) -> u64 {
        self.now.saturating_add_signed(self.workers[at].skew)
    }

    /// A request comes. Whether it was admitted.
    fn request(&mut self, at: usize, (estimate, actual): (u64, u64), fate: Fate) -> bool {
        let clock = self.clock(at);
        let window = clock / S - clock / S % 60;
        let policy = Rc::clone(&self.policy);
        let asked = asked(&policy, estimate);
        let mut verdict = self.workers[at].book.reserve(&asked, Ask::First, clock);
        if let Verdict::Wait(wait) = verdict {
            let said = self.workers[at].book.report_wait(&wait);
            let ask = self.exchange(at, &said, fate);
            let book = &mut self.workers[at].book;
            book.stop_waiting(wait);
            verdict = book.reserve(&asked, ask, clock);
        }
        let reservation = match verdict {
            Verdict::Admitted(reservation) => reservation,
            Verdict::Refused(_) => return false,
            Verdict::Wait(_) => panic!("a request asks but once"),
        };
        *self.used.entry(window).or_default() += estimate.max(actual);
        *self.beyond.entry(window).or_default() += actual.saturating_sub(estimate);
        self.workers[at].flying.push(Flying {
            reservation,
            window,
            estimate,
            actual,
        });
        true
    }

    fn settle(&mut self, at: usize, which: usize) {
        let worker = &mut self.workers[at];
        if worker.flying.is_empty() {
            return;
        }
        let flying = worker.flying.swap_remove(which % worker.flying.len());
        let rest = flying.estimate.saturating_sub(flying.actual);
        *self.used.entry(flying.window).or_default() -= rest;
        worker
            .book
            .settle(flying.reservation, &spent(flying.actual));
    }

    fn tick(&mut self, at: usize, fate: Fate) {
        let clock = self.clock(at);
        let said = self.workers[at].book.report_tick(clock);
        self.exchange(at, &said, fate);
    }

    fn exchange(&mut self, at: usize, said: &[(SlotKey, CounterReport)], fate: Fate) -> Ask {
        let clock = self.clock(at);
        let worker = &mut self.workers[at];
        if fate == Fate::RequestLost {
            worker.book.unanswered(clock);
            return Ask::Down;
        }
        let mut answer = self
            .store
            .answer(&self.policy, &worker.name, (said, self.now));
        if fate == Fate::Twice {
            answer = self
                .store
                .answer(&self.policy, &worker.name, (said, self.now));
        }
        if fate == Fate::AnswerLost {
            worker.book.unanswered(clock);
            return Ask::Down;
        }
        worker.book.answered(said, &answer, (clock, clock));
        Ask::Answered
    }

    /// Time passes. What is free in leases that end so is lost to the store: their workers crashed, or
    /// are cut off.
    fn wait(&mut self, ms: u64) {
        let from_ms = self.now / 1_000_000 + 1;
        self.now += ms * 1_000_000;
        let ended = from_ms..=self.now / 1_000_000;
        for ((_, start), counter) in &self.store.0 {
            *self.unsaid.entry(*start).or_default() += counter.unsaid(ended.clone());
        }
    }

    fn step(&mut self, event: &Event) {
        match *event {
            Event::Request(at, units, fate) => {
                self.request(at, units, fate);
            }
            Event::Settle(at, which) => self.settle(at, which),
            Event::Tick(at, fate) => self.tick(at, fate),
            Event::Crash(at) => self.workers[at] = self.fresh(),
            Event::Wait(ms) => self.wait(ms),
            Event::ClockStep(at, ms) => self.workers[at].skew = ms * 1_000_000,
        }
    }

    /// The invariant of docs/limits.md.
    fn check(&self, limit: u64) {
        for (window, used) in &self.used {
            let beyond = self.beyond.get(window).copied().unwrap_or(0);
            let unsaid = self.unsaid.get(window).copied().unwrap_or(0);
            assert!(
                *used <= limit + beyond + unsaid,
                "{used} used in {window}: limit {limit}, beyond estimates {beyond}, unsaid {unsaid}"
            );
        }
    }
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Fine),
        1 => Just(Fate::RequestLost),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::Twice),
    ]
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let at = 0_usize..3;
    let event = prop_oneof![
        10 => (at.clone(), (1_u64..60, 0_u64..70), fate())
            .prop_map(|(at, units, fate)| Event::Request(at, units, fate)),
        6 => (at.clone(), 0_usize..8).prop_map(|(at, which)| Event::Settle(at, which)),
        6 => (at.clone(), fate()).prop_map(|(at, fate)| Event::Tick(at, fate)),
        1 => at.clone().prop_map(Event::Crash),
        4 => (1_u64..3_000).prop_map(Event::Wait),
        1 => (at, -20_000_i64..20_000).prop_map(|(at, ms)| Event::ClockStep(at, ms)),
    ];
    vec(event, 1..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// No sequence of admits, settles, lost and doubled messages, crashes, silences and clock steps uses
    /// more than the limit, what requests used beyond their estimates, and what was free in leases that
    /// ended without a word.
    #[test]
    fn no_sequence_exceeds_the_limit_by_more_than_is_stated(events in events()) {
        let mut world = World::new(vec![limit(Unit::Tokens, 300)], 3);
        for event in &events {
            world.step(event);
            world.check(300);
        }
    }

    /// Where every worker is heard within its lease, only estimates exceed the limit, whatever message
    /// is lost or doubled besides.
    #[test]
    fn without_silence_only_estimates_exceed(events in events()) {
        let mut world = World::new(vec![limit(Unit::Tokens, 300)], 3);
        for event in &events {
            match *event {
                Event::Crash(_) | Event::ClockStep(..) => {}
                Event::Request(..) | Event::Settle(..) | Event::Tick(..) => world.step(event),
                Event::Wait(ms) => for part in [ms / 3, ms / 3, ms / 3] {
                    world.wait(part);
                    (0..3).for_each(|at| world.tick(at, Fate::Fine));
                },
            }
            // What is free in the lease of a worker that does not know of it hurts nobody.
            world.unsaid.clear();
            world.check(300);
        }
    }

    /// Strict limits leave nothing unsaid: whatever crashes, nothing but estimates exceeds, and no
    /// request is admitted once the budget is spent.
    #[test]
    fn a_strict_budget_admits_nothing_once_it_is_spent(events in events()) {
        let strict = LimitSpec { mode: Mode::Strict, ..limit(Unit::MicroUsd, 300) };
        let mut world = World::new(vec![strict], 3);
        for event in &events {
            if let Event::Request(at, (estimate, actual), fate) = *event {
                let units = (estimate, actual.min(estimate));
                let now_s = world.clock(at) / S;
                let before = world.used.get(&(now_s - now_s % 60)).copied().unwrap_or(0);
                let admitted = world.request(at, units, fate);
                prop_assert!(before < 300 || !admitted, "{before} spent, admitted");
            } else {
                world.step(event);
            }
            world.unsaid.clear();
            world.check(300);
        }
    }
}

#[test]
fn what_a_crash_held_comes_back_when_its_lease_ends() {
    let mut world = World::new(vec![limit(Unit::Tokens, 100)], 2);
    assert!(world.request(0, (80, 10), Fate::Fine));
    world.tick(0, Fate::Fine);
    assert!(!world.request(1, (50, 50), Fate::Fine));
    world.settle(0, 0);
    world.tick(0, Fate::Fine);
    world.workers[0] = world.fresh();
    world.now += u64::from(LEASE_MS) * 1_000_000 + 1;
    assert!(
        world.request(1, (90, 90), Fate::Fine),
        "all but the 10 used"
    );
}

#[test]
fn a_worker_that_needs_nothing_holds_nothing() {
    let mut world = World::new(vec![limit(Unit::Tokens, 1_000)], 2);
    for _ in 0..10 {
        assert!(world.request(0, (10, 10), Fate::Fine));
        world.settle(0, 0);
        world.now += 100_000_000;
        world.tick(0, Fate::Fine);
    }
    for _ in 0..20 {
        world.now += 250_000_000;
        world.tick(0, Fate::Fine);
    }
    assert!(world.request(1, (900, 900), Fate::Fine));
    assert!(!world.request(1, (1, 1), Fate::Fine));
}

#[test]
fn most_requests_need_no_round_trip() {
    let mut world = World::new(vec![limit(Unit::Requests, 100_000)], 1);
    let mut asked_store = 0;
    for n in 0..2_000 {
        world.now += 1_000_000;
        if n % 100 == 0 {
            world.tick(0, Fate::Fine);
        }
        let policy = Rc::clone(&world.policy);
        let asked = asked(&policy, 1);
        let clock = world.clock(0);
        match world.workers[0].book.reserve(&asked, Ask::First, clock) {
            Verdict::Admitted(held) => world.workers[0].book.settle(held, &spent(1)),
            Verdict::Wait(wait) => {
                asked_store += 1;
                world.workers[0].book.stop_waiting(wait);
                assert!(world.request(0, (1, 1), Fate::Fine));
                world.settle(0, 0);
            }
            Verdict::Refused(refusal) => panic!("{refusal:?}"),
        }
    }
    assert!(asked_store < 250, "{asked_store} of 2000 asked");
}

#[test]
fn concurrency_comes_back() {
    let mut world = World::new(vec![limit(Unit::Concurrency, 2)], 2);
    assert!(world.request(0, (1, 1), Fate::Fine));
    assert!(world.request(0, (1, 1), Fate::Fine));
    assert!(!world.request(1, (1, 1), Fate::Fine));
    world.settle(0, 0);
    world.now += 300_000_000;
    world.tick(0, Fate::Fine);
    world.tick(0, Fate::Fine);
    world.now += 5_000_000_000;
    world.tick(0, Fate::Fine);
    assert!(world.request(1, (1, 1), Fate::Fine));
    assert!(!world.request(0, (1, 1), Fate::Fine));
}

#[test]
fn a_store_that_is_down_is_judged_as_the_operator_wants() {
    let down = |on_store_down, requests: usize| {
        let spec = LimitSpec {
            on_store_down,
            ..limit(Unit::Requests, 3)
        };
        let mut world = World::new(vec![spec], 1);
        let admitted = |_| world.request(0, (1, 1), Fate::RequestLost);
        (0..requests).map(admitted).filter(|ok| *ok).count()
    };
    assert_eq!(down(OnStoreDown::Deny, 5), 0);
    assert_eq!(down(OnStoreDown::Allow, 5), 5);
    assert_eq!(down(OnStoreDown::Degrade, 5), 3);
}

#[test]
fn a_dry_run_refuses_nothing_and_counts() {
    let spec = LimitSpec {
        dry_run: true,
        ..limit(Unit::Requests, 2)
    };
    let mut world = World::new(vec![spec], 1);
    for _ in 0..5 {
        assert!(world.request(0, (1, 1), Fate::Fine));
    }
    assert_eq!(world.workers[0].book.would_refuse, 3);
}

#[test]
fn money_at_an_unknown_price_is_refused() {
    let policy = policy(vec![limit(Unit::MicroUsd, 1_000)]);
    let mut asked = asked(&policy, 1);
    asked.estimate.cost = None;
    match Book::default().reserve(&asked, Ask::First, START) {
        Verdict::Refused(refusal) => assert_eq!(refusal.cause, Cause::NoPrice),
        other @ (Verdict::Admitted(_) | Verdict::Wait(_)) => panic!("{other:?}"),
    }
}

#[test]
fn an_alert_comes_once_per_threshold() {
    let terms = Terms {
        limit: 100,
        lease_ms: LEASE_MS,
        comes_back: false,
        open: true,
    };
    let mut counter = Counter::default();
    let mut said = |used, need| {
        let report = CounterReport {
            used,
            need,
            sequence: used,
            ..CounterReport::default()
        };
        counter.exchange(&terms, "w", &report, 1);
        counter.alert(&[50, 80, 100], &terms, 1)
    };
    assert_eq!(said(49, 0), None);
    assert_eq!(said(55, 0), Some(50));
    assert_eq!(said(56, 0), None);
    assert_eq!(said(90, 0), Some(80));
    assert_eq!(said(95, 50), Some(100), "a request was refused");
    assert_eq!(said(200, 1), None);
}

#[test]
fn a_limit_concerns_whom_it_names() {
    let named = |name: &str, only| LimitSpec {
        name: name.into(),
        only,
        ..limit(Unit::Requests, 1)
    };
    let tenants = vec!["acme".to_owned()];
    let policy = policy(vec![
        named("all", Only::default()),
        named(
            "acme",
            Only {
                tenants: tenants.clone(),
                ..Only::default()
            },
        ),
        named(
            "other",
            Only {
                tenants: vec!["other".into()],
                ..Only::default()
            },
        ),
        named(
            "key",
            Only {
                keys: vec![1],
                ..Only::default()
            },
        ),
        named(
            "model",
            Only {
                tenants,
                models: vec![ModelId(1)],
                ..Only::default()
            },
        ),
    ]);
    let of = |key, model| -> Vec<&str> {
        policy
            .limits_of(key, ModelId(model))
            .map(|l| l.name.as_str())
            .collect()
    };
    assert_eq!(of(0, 0), ["all", "acme"]);
    assert_eq!(of(1, 1), ["all", "acme", "model", "key"]);
}

#[test]
fn windows_follow_their_calendar() {
    let calendars = vec![vec![100, 200, 300]];
    let at = |window: Window, now| {
        let span = window.at(now, &calendars);
        (span.start_s, span.end_s)
    };
    assert_eq!(at(Window::Minute, 125), (120, 180));
    assert_eq!(at(Window::Calendar(0), 199), (100, 200));
    assert_eq!(at(Window::Calendar(0), 200), (200, 300));
    assert_eq!(at(Window::Calendar(0), 999), (300, u64::MAX));
    assert_eq!(at(Window::Always, 999), (0, u64::MAX));
}
