//! The retry budget: failover that helps is free, failover that does not is bounded.
//!
//! When everything is down, three attempts for each request triple the load on what is already
//! failing. A retry that succeeds costs nothing; one that fails costs a credit, and requests earn
//! credits slowly. Without credit a request gets fewer attempts, until first attempts succeed again.

use std::cell::Cell;

use crate::priority::Priority;

/// What one request earns, in thousandths of a credit.
const EARNED: u32 = 100;
/// What one futile retry costs.
const COST: u32 = 1_000;
/// Most that is saved: fifty futile retries at once.
const MOST: u32 = 50 * COST;

/// The budget of one worker.
#[derive(Debug)]
pub struct RetryBudget(Cell<u32>);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

impl RetryBudget {
    /// A request was decided.
    pub fn earn(&self) {
        self.0.set((self.0.get() + EARNED).min(MOST));
    }

    /// An attempt after the first has failed, too.
    pub fn spend(&self) {
        self.0.set(self.0.get().saturating_sub(COST));
    }

    /// Whether retries have failed so often that requests get fewer attempts than `limit`.
    #[must_use]
    pub fn is_short(&self, limit: usize) -> bool {
        usize::try_from(self.0.get() / COST).unwrap_or(usize::MAX) + 1 < limit
    }

    /// What it holds, thousandths of a credit; `None` when it is full.
    #[must_use]
    pub fn credit(&self) -> Option<u32> {
        Some(self.0.get()).filter(|credit| *credit < MOST)
    }

    /// Makes it hold what it held when a decision was made that is made again.
    pub(crate) fn assume(&self, credit: Option<u32>) {
        self.0.set(credit.unwrap_or(MOST).min(MOST));
    }

    /// How many attempts a request may have, of `limit`: critical ones keep a second.
    #[must_use]
    pub fn attempts(&self, priority: Priority, limit: usize) -> usize {
        let retries = usize::try_from(self.0.get() / COST).unwrap_or(usize::MAX);
        let kept = match priority {
            Priority::Critical => 1,
            Priority::Standard | Priority::Batch => 0,
        };
        limit.min(1 + retries.max(kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futile_retries_are_bounded_by_a_tenth_of_the_requests() {
        let budget = RetryBudget::default();
        let mut attempts = 0;
        for _ in 0..10_000 {
            budget.earn();
            let may = budget.attempts(Priority::Standard, 3);
            attempts += may;
            for _ in 1..may {
                budget.spend();
            }
        }
        assert!((11_000..11_200).contains(&attempts), "{attempts}");
        assert!(budget.attempts(Priority::Batch, 3) <= 2);
        budget.spend();
        assert_eq!(budget.attempts(Priority::Batch, 3), 1);
        assert_eq!(budget.attempts(Priority::Critical, 3), 2);
        assert_eq!(budget.attempts(Priority::Critical, 1), 1);
    }

    #[test]
    fn retries_that_help_cost_nothing() {
        let budget = RetryBudget::default();
        for _ in 0..1_000 {
            budget.earn();
            assert_eq!(budget.attempts(Priority::Batch, 3), 3);
        }
    }
}
