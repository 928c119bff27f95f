use proptest::prelude::*;

use super::*;

const PERIOD: Nanos = 50_000_000;
const TARGET_MS: u32 = 20;
const TARGET: Nanos = 20_000_000;

/// An event loop in virtual time: it takes in what has come since its last round, round after round.
struct Worker {
    overload: Overload,
    now: Nanos,
    tick_due: Nanos,
    /// Requests that came and are not served, per priority, in thousandths of a request.
    arrived: [u64; 3],
    served: [u64; 3],
    shed: [u64; 3],
    longest_round: Nanos,
    refuse: Nanos,
}

const SERVE: Nanos = 200_000;
const REFUSE: Nanos = 10_000;

impl Worker {
    fn new() -> Self {
        Self {
            overload: Overload::default(),
            now: 0,
            tick_due: PERIOD,
            arrived: [0; 3],
            served: [0; 3],
            shed: [0; 3],
            longest_round: 0,
            refuse: REFUSE,
        }
    }

    /// Runs for so long under so many requests per second of each priority.
    fn run(&mut self, seconds: u64, rates: [u64; 3]) {
        let end = self.now + seconds * NANOS_PER_S;
        (self.served, self.shed, self.longest_round) = ([0; 3], [0; 3], 0);
        let mut round = 100_000;
        while self.now < end {
            let mut work = 0;
            for (priority, rate) in Priority::ALL.into_iter().zip(rates) {
                let arrived = of_mut(&mut self.arrived, priority);
                *arrived += rate * round / 1_000_000;
                let whole = *arrived / 1_000;
                *arrived %= 1_000;
                for _ in 0..whole {
                    let sheds = self.overload.sheds(priority);
                    let counts = if sheds {
                        &mut self.shed
                    } else {
                        &mut self.served
                    };
                    *of_mut(counts, priority) += 1;
                    work += if sheds { self.refuse } else { SERVE };
                }
            }
            round = work.max(100_000);
            self.longest_round = self.longest_round.max(round);
            self.now += round;
            if self.now >= self.tick_due {
                self.overload
                    .ticked(self.now - self.tick_due, PERIOD, TARGET_MS);
                self.tick_due = self.now + PERIOD;
            }
        }
    }
}

/// A worker of these costs serves 5,000 requests a second.
const CAPACITY: u64 = 5_000;

#[test]
fn at_twice_the_capacity_most_of_it_is_used_and_batch_pays() {
    let mut worker = Worker::new();
    worker.run(10, [1_000, 4_000, 5_000]);
    worker.run(20, [1_000, 4_000, 5_000]);
    let served: u64 = worker.served.iter().sum();
    assert!(served * 100 >= CAPACITY * 20 * 90, "{served}");
    assert_eq!(worker.shed[0], 0);
    assert!(worker.served[0] >= 19_500);
    let share = |at: usize| worker.shed[at] * 100 / (worker.shed[at] + worker.served[at]);
    assert!(share(2) >= 90 && share(1) <= 25, "{:?}", worker.shed);
    assert!(
        worker.longest_round < 500_000_000,
        "{}",
        worker.longest_round
    );
}

#[test]
fn below_the_capacity_nothing_is_shed_and_it_recovers() {
    let mut worker = Worker::new();
    worker.run(10, [1_000, 2_000, 1_000]);
    assert_eq!(worker.shed, [0; 3]);
    worker.run(10, [5_000, 5_000, 5_000]);
    assert!(worker.shed[0] > 0 && worker.served[0] > 0);
    worker.run(20, [1_000, 2_000, 1_000]);
    worker.run(10, [1_000, 2_000, 1_000]);
    assert_eq!((worker.shed, worker.overload.pressure()), ([0; 3], 0));
}

/// A refusal may cost nearly half of a request: of what is left beside those, nine tenths are used.
#[test]
fn dear_refusals_leave_little_and_that_is_used() {
    for share in [1, 2, 3, 4] {
        let mut worker = Worker::new();
        worker.refuse = SERVE * share / 10;
        worker.run(10, [1_000, 4_000, 5_000]);
        worker.run(20, [1_000, 4_000, 5_000]);
        let served: u64 = worker.served.iter().sum();
        let possible = CAPACITY * 20 * (10 - 2 * share) / (10 - share);
        assert!(
            served * 10 >= possible * 9,
            "{share}: {served} of {possible}"
        );
    }
}

/// Half of what it can do is all served three seconds after twice of it.
#[test]
fn what_fits_again_is_served_again() {
    for refuse in [REFUSE, SERVE / 5, SERVE * 2 / 5] {
        for overload in [[1_000, 4_000, 5_000], [500, 2_000, 7_500], [0, 0, 10_000]] {
            let mut worker = Worker::new();
            worker.refuse = refuse;
            worker.run(20, overload);
            let half = overload.map(|rate| rate / 4);
            worker.run(3, half);
            worker.run(10, half);
            assert_eq!(worker.shed, [0; 3], "{refuse} {overload:?}");
        }
    }
}

#[test]
fn twice_the_capacity_of_one_priority_alone_is_shared() {
    for at in 0..3 {
        let mut rates = [0; 3];
        rates[at] = 2 * CAPACITY;
        let mut worker = Worker::new();
        worker.run(10, rates);
        worker.run(20, rates);
        assert!(
            worker.served[at] * 100 >= CAPACITY * 20 * 88,
            "{:?}",
            worker.served
        );
    }
}

#[test]
fn one_long_stall_sheds_nothing() {
    let mut overload = Overload::default();
    for late in [0, 3 * NANOS_PER_S, 0, 0, 0, 0, 900_000_000, 0, 0, 0] {
        for _ in 0..100 {
            assert!(!overload.sheds(Priority::Batch));
        }
        assert_eq!(overload.ticked(late, PERIOD, TARGET_MS), Turn::None);
    }
}

#[test]
fn it_says_when_it_begins_and_when_it_ends() {
    let mut overload = Overload::default();
    let mut turns = Vec::new();
    for late in [[3 * TARGET; 20], [0; 20]].concat() {
        for _ in 0..20 {
            overload.sheds(Priority::Standard);
        }
        turns.push(overload.ticked(late, PERIOD, TARGET_MS));
    }
    turns.retain(|turn| *turn != Turn::None);
    assert_eq!(turns, [Turn::Begins]);
    for _ in 0..400 {
        turns.push(overload.ticked(0, PERIOD, TARGET_MS));
    }
    turns.retain(|turn| *turn != Turn::None);
    assert_eq!(turns, [Turn::Begins, Turn::Ends]);
}

#[test]
fn a_bound_is_filled_by_priority() {
    for (used, most, over) in [
        (7, 10, [false, false, false]),
        (8, 10, [false, false, true]),
        (9, 10, [false, true, true]),
        (11, 10, [true, true, true]),
        (u64::MAX, 0, [false; 3]),
        (u64::MAX, u64::MAX, [false, true, true]),
    ] {
        assert_eq!(
            Priority::ALL.map(|p| is_over(used, most, p)),
            over,
            "{used}"
        );
    }
}

#[test]
fn what_is_counted_is_what_is_new() {
    let mut sheds = Sheds::default();
    sheds.count(Cause::Late, Priority::Batch);
    let earlier = sheds;
    sheds.count(Cause::Late, Priority::Batch);
    sheds.count(Cause::BodyBytes, Priority::Critical);
    let new: Vec<_> = sheds
        .since(earlier)
        .named()
        .filter(|(.., n)| *n > 0)
        .collect();
    assert_eq!(
        new,
        [
            ("body_bytes", Priority::Critical, 1),
            ("late", Priority::Batch, 1)
        ]
    );
}

/// The machine does something else most of the time: whatever is shed, ticks are late.
#[test]
fn what_shedding_does_not_mend_sheds_little() {
    let mut overload = Overload::default();
    let mut shed = 0;
    for tick in 0..2_000u64 {
        for _ in 0..50 {
            let sheds = overload.sheds(Priority::Critical);
            // It knows of no floor until it has seen one for a while.
            shed += u32::from(sheds && tick >= 1_000);
        }
        // Between three and four times the target.
        overload.ticked(3 * TARGET + TARGET * (tick % 7) / 7, PERIOD, TARGET_MS);
    }
    assert_eq!((shed, overload.pressure()), (0, 0));
}

/// A time that no clock of ours would give is not asked for: up to a minute late.
fn ticks() -> impl Strategy<Value = Vec<(u64, u8)>> {
    let late = prop_oneof![0..2 * TARGET, 0..60 * NANOS_PER_S];
    prop::collection::vec((late, 0u8..40), 0..300)
}

fn after(ticks: &[(u64, u8)], target_ms: u32) -> Overload {
    let mut overload = Overload::default();
    for (late, requests) in ticks {
        for _ in 0..*requests {
            overload.sheds(Priority::Standard);
        }
        overload.ticked(*late, PERIOD, target_ms);
    }
    overload
}

proptest! {
    #[test]
    fn nobody_is_shed_before_the_less_urgent(ticks in ticks(), target_ms in 1u32..1_000) {
        let overload = after(&ticks, target_ms);
        let [critical, standard, batch] = Priority::ALL.map(|p| share_of(overload.pressure(), p));
        prop_assert!(critical == 0 || standard == WHOLE);
        prop_assert!(standard == 0 || batch == WHOLE);
        prop_assert!(critical <= MOST_OF_CRITICAL);
        let sheds = Priority::ALL.map(|p| { let mut same = overload; same.sheds(p) });
        prop_assert!(!sheds[0] || (standard == WHOLE && batch == WHOLE));
    }

    #[test]
    fn shares_are_kept_to_a_request(pressure in 0..=MOST, requests in 1u32..2_000) {
        for priority in Priority::ALL {
            let mut overload = Overload { pressure, ..Overload::default() };
            let shed = (0..requests).filter(|_| overload.sheds(priority)).count();
            let exact = share_of(pressure, priority) * requests / WHOLE;
            prop_assert_eq!(u32::try_from(shed).unwrap(), exact);
        }
    }

    #[test]
    fn it_recovers_within_twenty_seconds(ticks in ticks(), requests in 0u8..40) {
        let mut overload = after(&ticks, TARGET_MS);
        for _ in 0..400 {
            for _ in 0..requests {
                overload.sheds(Priority::Batch);
            }
            overload.ticked(0, PERIOD, TARGET_MS);
        }
        prop_assert_eq!(overload.pressure(), 0);
        prop_assert!(Priority::ALL.into_iter().all(|p| !overload.sheds(p)));
    }

    #[test]
    fn an_idle_worker_sheds_nothing_however_late(late in prop::collection::vec(0..60 * NANOS_PER_S, 0..300)) {
        let mut overload = Overload::default();
        for late in late {
            overload.sheds(Priority::Batch);
            prop_assert_eq!(overload.ticked(late, PERIOD, TARGET_MS), Turn::None);
        }
        prop_assert!(Priority::ALL.into_iter().all(|p| !overload.sheds(p)));
    }

    #[test]
    fn without_a_target_nothing_is_shed(ticks in ticks()) {
        prop_assert_eq!(after(&ticks, 0).pressure(), 0);
    }

    #[test]
    fn a_worker_that_runs_on_time_sheds_nothing(ticks in ticks(), target_ms in 1u32..1_000) {
        let target = u64::from(target_ms) * 1_000_000;
        let on_time: Vec<_> = ticks.into_iter().map(|(late, n)| (late % (target + 1), n)).collect();
        prop_assert_eq!(after(&on_time, target_ms).pressure(), 0);
    }
}
