//! The faults with which an outage begins: those that were remembered one by one until the circuit opened.

use crate::Ms;

/// Half of the span over which they are counted, milliseconds: the circuit's own span is as long.
const HALF_SPAN_MS: Ms = 2_500;

/// Remembered faults of the last five seconds, while the circuit is closed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Beginning {
    /// Start of the running half of the span.
    began: Ms,
    running: u16,
    before: u16,
}

impl Beginning {
    /// A fault was remembered at `now`.
    pub(crate) fn count(&mut self, now: Ms) {
        let halves = now.saturating_sub(self.began) / HALF_SPAN_MS;
        if halves >= 1 {
            self.before = match halves {
                1 => self.running,
                _ => 0,
            };
            self.running = 0;
            self.began = now;
        }
        self.running = self.running.saturating_add(1);
    }

    /// The circuit has opened: those but one that were this outage's. Starts anew.
    pub(crate) fn all_but_one(&mut self) -> u16 {
        let all = self.running.saturating_add(self.before);
        *self = Self::default();
        all.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seconds_faults_are_one_outage_and_older_ones_are_not() {
        let mut beginning = Beginning::default();
        assert_eq!(beginning.all_but_one(), 0, "opened by slowness");
        for at in [10_000, 20_000, 22_600, 23_000] {
            beginning.count(at);
        }
        assert_eq!(beginning.all_but_one(), 2);
        beginning.count(23_100);
        assert_eq!(beginning.all_but_one(), 0, "the next outage is another one");
    }
}
