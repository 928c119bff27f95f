//! When each request is due, and when there are no more.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Most requests of one run, whatever its length.
const REQUESTS_LIMIT: u64 = 1_000_000_000;

/// Hands out requests to all connections.
#[derive(Debug)]
pub(super) struct Schedule {
    start: Instant,
    end: Instant,
    limit: u64,
    /// Time between requests in open loop.
    interval: Option<Duration>,
    issued: AtomicU64,
}

impl Schedule {
    /// At most `requests` within `length` from `start`; at `rate` per second, or as fast as
    /// answers come.
    pub(super) fn new(
        start: Instant,
        length: Duration,
        requests: Option<u64>,
        rate: Option<f64>,
    ) -> Result<Self, String> {
        let interval = match rate {
            None => None,
            Some(rate) if (0.001..=1_000_000.0).contains(&rate) => {
                Some(Duration::from_secs_f64(1.0 / rate))
            }
            Some(rate) => return Err(format!("--rate {rate}: from 0.001 to 1000000")),
        };
        let end = start
            .checked_add(length)
            .ok_or_else(|| "--seconds: too long".to_owned())?;
        Ok(Self {
            start,
            end,
            limit: requests.unwrap_or(REQUESTS_LIMIT).min(REQUESTS_LIMIT),
            interval,
            issued: AtomicU64::new(0),
        })
    }

    /// Waits for the next request and tells since when it is due; `None` when there are no more.
    pub(super) async fn next(&self) -> Option<Instant> {
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        if number >= self.limit {
            return None;
        }
        let now = Instant::now();
        let due = match self.interval {
            None => now,
            Some(interval) => {
                let nanoseconds = interval.as_nanos().saturating_mul(u128::from(number));
                let offset = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
                self.start.checked_add(offset)?
            }
        };
        if due >= self.end || now >= self.end {
            return None;
        }
        if due > now {
            sleep_until(due).await;
        }
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn dues(schedule: &Schedule) -> Vec<u128> {
        let mut dues = Vec::new();
        while let Some(due) = schedule.next().await {
            dues.push((due - schedule.start).as_millis());
        }
        dues
    }

    #[tokio::test(start_paused = true)]
    async fn open_loop_keeps_its_distances_and_its_end() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let schedule = Schedule::new(start, second, None, Some(5.0)).unwrap();
        assert_eq!(dues(&schedule).await, [0, 200, 400, 600, 800]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_request_is_due_since_its_time() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let schedule = Schedule::new(start, second, Some(3), Some(10.0)).unwrap();
        tokio::time::advance(Duration::from_millis(150)).await;
        assert_eq!(dues(&schedule).await, [0, 100, 200]);
        assert_eq!(start.elapsed().as_millis(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn closed_loop_stops_at_its_count_or_its_end() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let counted = Schedule::new(start, second, Some(3), None).unwrap();
        assert_eq!(dues(&counted).await.len(), 3);
        let timed = Schedule::new(start, second, None, None).unwrap();
        assert!(timed.next().await.is_some());
        tokio::time::advance(second).await;
        assert!(timed.next().await.is_none());
        assert!(Schedule::new(start, second, None, Some(0.0)).is_err());
    }
}
