//! Numbers of a fit.

use super::Us;

/// Four significant digits: what follows is noise.
pub(super) fn rounded(x: f64) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return 0.0;
    }
    let digits = 10_f64.powf(3.0 - x.abs().log10().floor());
    (x * digits).round() / digits
}

#[allow(clippy::cast_precision_loss, reason = "spans of years fit")]
pub(super) fn seconds(us: Us) -> f64 {
    us as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "durations of hours fit")]
pub(super) fn millis(us: Us) -> f64 {
    us as f64 / 1e3
}

#[allow(clippy::cast_precision_loss, reason = "counts fit")]
pub(super) fn float(count: usize) -> f64 {
    count as f64
}

pub(super) fn share(part: usize, whole: usize) -> f64 {
    float(part) / float(whole.max(1))
}

/// The quantile `q` of what is sorted; 0 of nothing.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length"
)]
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = (float(last) * q).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}

pub(super) fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// The median of logarithms and the standard deviation of the normal distribution that has their
/// middle two thirds: what few outliers do not move.
pub(super) fn log_spread(ratios: impl Iterator<Item = f64>) -> (f64, f64) {
    let logs = sorted(ratios.map(f64::ln));
    let (low, high) = (quantile(&logs, 0.1587), quantile(&logs, 0.8413));
    (quantile(&logs, 0.5), (high - low) / 2.0)
}
