//! The load of a replay: a trace, repeated, compressed in time, with priorities dealt out.

use ark_gateway_core::priority::Priority;
use ark_gateway_core::snapshot::{ModelId, Snapshot};

use super::Us;
use super::chance;
use super::trace::Arrival;

/// One request of the simulation.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Its number, which is its luck.
    pub index: u64,
    /// When it comes.
    pub at: Us,
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Completion tokens of its answer, which nobody knows before.
    pub output_tokens: u32,
    /// The client's bound on completion tokens.
    pub max_tokens: Option<u32>,
    /// Its priority.
    pub priority: Priority,
    /// Its model.
    pub model: ModelId,
    /// Whether the answer comes token by token.
    pub stream: bool,
}

/// Shares of the priorities, in percent, in the order of [`Priority::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix(pub [u32; 3]);

impl Default for Mix {
    fn default() -> Self {
        Self([30, 40, 30])
    }
}

impl std::str::FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut shares = [0; 3];
        for part in text.split(',') {
            let (name, share) = part
                .split_once('=')
                .ok_or("write critical=30,standard=40,batch=30")?;
            let at = Priority::ALL.iter().position(|p| p.as_str() == name.trim());
            let slot = at.and_then(|at| shares.get_mut(at));
            let slot = slot.ok_or_else(|| {
                format!("{name:?} is no priority; there are critical, standard and batch")
            })?;
            *slot = share
                .trim()
                .parse()
                .map_err(|error| format!("{share:?} is no share: {error}"))?;
        }
        match shares
            .iter()
            .try_fold(0_u32, |sum, share| sum.checked_add(*share))
        {
            Some(sum) if sum > 0 => Ok(Self(shares)),
            Some(_) | None => Err("the shares must come to something above 0".to_owned()),
        }
    }
}

/// What shapes a trace into a load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// How often the trace is played, one after the other.
    pub repeat: u32,
    /// How many times faster than it was.
    pub rate: f64,
    /// Priorities of requests whose trace has none.
    pub mix: Mix,
    /// Deals them out.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            repeat: 1,
            rate: 1.0,
            mix: Mix::default(),
            seed: 1,
        }
    }
}

/// A trace as it is played.
#[derive(Clone, Debug)]
pub struct Load {
    arrivals: Vec<Arrival>,
    models: Vec<ModelId>,
    shape: Shape,
    /// From the start of one round of the trace to the next, as it was.
    round: Us,
}

impl Load {
    /// Plays `arrivals` at the models of `snapshot`; requests whose trace names no model that is
    /// there ask for `model`.
    #[must_use]
    pub fn new(arrivals: Vec<Arrival>, snapshot: &Snapshot, model: ModelId, shape: Shape) -> Self {
        let named = |arrival: &Arrival| {
            let name = arrival.model.as_ref()?;
            let at = snapshot.models.iter().position(|m| m.name == *name)?;
            u16::try_from(at).ok().map(ModelId)
        };
        let models = arrivals
            .iter()
            .map(|arrival| named(arrival).unwrap_or(model))
            .collect();
        let span = arrivals.last().map_or(0, |last| last.at);
        let mean_gap = span / arrivals.len().max(1) as u64;
        Self {
            models,
            shape,
            round: span + mean_gap.max(1),
            arrivals,
        }
    }

    /// How many requests there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.arrivals.len() as u64 * u64::from(self.shape.repeat)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long it lasts.
    #[must_use]
    pub fn span(&self) -> Us {
        self.compressed(self.round.saturating_mul(u64::from(self.shape.repeat)))
    }

    /// A request by its number.
    #[must_use]
    pub fn request(&self, index: u64) -> Option<Request> {
        let count = self.arrivals.len() as u64;
        let round = index.checked_div(count)?;
        if round >= u64::from(self.shape.repeat) {
            return None;
        }
        let at = usize::try_from(index % count).ok()?;
        let arrival = self.arrivals.get(at)?;
        Some(Request {
            index,
            at: self.compressed(self.round * round + arrival.at),
            input_tokens: arrival.input_tokens,
            output_tokens: arrival.output_tokens,
            max_tokens: arrival.max_tokens,
            priority: arrival.priority.unwrap_or_else(|| self.dealt(index)),
            model: self.models.get(at).copied()?,
            stream: arrival.stream,
        })
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a span of years fits, and the cast saturates"
    )]
    fn compressed(&self, at: Us) -> Us {
        (at as f64 / self.shape.rate) as Us
    }

    fn dealt(&self, index: u64) -> Priority {
        let Mix([critical, standard, batch]) = self.shape.mix;
        let sum = f64::from(critical) + f64::from(standard) + f64::from(batch);
        let dice = chance::unit(chance::bits(self.shape.seed, [index, 77, 0])) * sum;
        if dice < f64::from(critical) {
            Priority::Critical
        } else if dice < f64::from(critical) + f64::from(standard) {
            Priority::Standard
        } else {
            Priority::Batch
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing;

    #[test]
    fn a_trace_is_repeated_compressed_and_dealt_out() {
        let shape = Shape {
            repeat: 50,
            rate: 2.0,
            ..Shape::default()
        };
        let snapshot = testing::snapshot(&["a"]);
        let load = Load::new(testing::steady(10.0, 20.0), &snapshot, ModelId(0), shape);
        assert_eq!(load.len(), 10_000);
        assert_eq!(load.request(1).unwrap().at, 50_000);
        assert_eq!(
            load.request(200).unwrap().at,
            load.request(199).unwrap().at + 50_000 - 250
        );
        assert!(load.request(10_000).is_none());
        let critical = (0..10_000)
            .filter(|i| load.request(*i).unwrap().priority == Priority::Critical)
            .count();
        assert!((2_800..3_200).contains(&critical), "{critical}");
    }

    #[test]
    fn a_mix_is_read_or_refused_in_words() {
        assert_eq!("critical=1,batch=3".parse(), Ok(Mix([1, 0, 3])));
        for bad in ["critical", "urgent=3", "batch=x", "batch=0", ""] {
            assert!(bad.parse::<Mix>().is_err(), "{bad}");
        }
    }
}
