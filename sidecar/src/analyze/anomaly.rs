//! What is out of the ordinary: hours far from the usual, and names that were not there before.
//!
//! Far is told by the modified z-score, 0.6745 × (x − median) / MAD (Iglewicz and Hoaglin, 1993): unlike a
//! mean and a deviation, a median does not move with the very spike that is looked for.

/// Hours needed to know what is usual.
const FEWEST_HOURS: usize = 12;
/// The score from which on an hour is a spike; the authors' 3.5 marks one hour of 2,000 in noise, and
/// traffic has days and nights.
const SCORE: f64 = 6.0;
/// How many times the median a spike is at least, so that a flat line's ripples are none.
const FACTOR: f64 = 2.0;

/// An hour that is a spike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Which of the series.
    pub at: usize,
    /// Its value.
    pub value: f64,
    /// What is usual.
    pub median: f64,
    /// The modified z-score.
    pub score: f64,
}

/// The hours of a series that are far above the usual, highest score first.
#[must_use]
pub fn spikes(series: &[f64]) -> Vec<Spike> {
    if series.len() < FEWEST_HOURS {
        return Vec::new();
    }
    let usual = median(series.to_vec());
    let distances = series.iter().map(|value| (value - usual).abs()).collect();
    // A series that is mostly one value has no spread: then a tenth of that value stands in for it.
    let spread = median(distances).max(usual.abs() / 10.0);
    let found = series.iter().enumerate().filter_map(|(at, &value)| {
        let score = match spread > 0.0 {
            true => 0.6745 * (value - usual) / spread,
            // Nothing happened in most hours, so all that happens is out of the ordinary.
            false if value > 0.0 => f64::INFINITY,
            false => 0.0,
        };
        let is_spike = score >= SCORE && value >= FACTOR * usual;
        is_spike.then_some(Spike {
            at,
            value,
            median: usual,
            score,
        })
    });
    let mut found: Vec<Spike> = found.collect();
    found.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(b.value.total_cmp(&a.value))
    });
    found
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied().unwrap_or(0.0);
    match values.len() % 2 {
        1 => upper,
        _ => {
            (values
                .get(middle.saturating_sub(1))
                .copied()
                .unwrap_or(upper)
                + upper)
                / 2.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_spike_is_found_and_ordinary_days_are_not() {
        let mut series: Vec<f64> = (0..72)
            .map(|hour| 100.0 + f64::from(hour % 24) * 5.0)
            .collect();
        assert_eq!(spikes(&series), []);
        series[40] = 2_000.0;
        let found = spikes(&series);
        assert_eq!(found.iter().map(|spike| spike.at).collect::<Vec<_>>(), [40]);
        let mut quiet = vec![0.0; 24];
        quiet[3] = 1.0;
        assert_eq!(spikes(&quiet)[0].at, 3);
        assert_eq!(spikes(&[1.0, 1.0, 100.0]), [], "too little to know");
    }

    proptest! {
        #[test]
        fn scaling_a_series_changes_no_verdict(
            series in proptest::collection::vec(0.0f64..1000.0, 12..60), scale in 0.01f64..100.0,
        ) {
            let places = |series: &[f64]| {
                let mut places: Vec<usize> = spikes(series).iter().map(|spike| spike.at).collect();
                places.sort_unstable();
                places
            };
            // Powers of two scale exactly.
            let scale = 2f64.powi(scale.log2().round() as i32);
            let scaled: Vec<f64> = series.iter().map(|value| value * scale).collect();
            prop_assert_eq!(places(&series), places(&scaled));
        }
    }
}
