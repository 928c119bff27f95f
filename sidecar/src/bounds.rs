//! Confidence bounds of a share (Wilson, JASA 1927): few samples say little, and say so.

/// The bound of the share of `faults` in `judged`: `z` standard deviations above, or below for a
/// negative `z`. `judged` must be above 0.
#[must_use]
pub fn wilson(faults: f32, judged: f32, z: f32) -> f32 {
    let share = (faults / judged).clamp(0.0, 1.0);
    let z2 = z * z / judged;
    let spread = (share * (1.0 - share) / judged + z2 / judged / 4.0).sqrt();
    ((share + z2 / 2.0 + z * spread) / (1.0 + z2)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_the_textbooks_interval() {
        // 10 of 100 at 95 %: 5.52 % to 17.44 %.
        assert!((wilson(10.0, 100.0, -1.96) - 0.0552).abs() < 0.0002);
        assert!((wilson(10.0, 100.0, 1.96) - 0.1744).abs() < 0.0002);
        assert_eq!(wilson(0.0, 50.0, -1.0), 0.0);
    }

    proptest! {
        #[test]
        fn the_share_is_between_and_more_samples_bring_the_bounds_closer(
            faults in 0u16..50, more in 0u16..100, z in 0.1f32..3.0,
        ) {
            let (faults, judged) = (f32::from(faults), f32::from(faults + more + 1));
            let (low, high) = (wilson(faults, judged, -z), wilson(faults, judged, z));
            let share = faults / judged;
            prop_assert!(low <= share + 1e-5 && share <= high + 1e-5);
            let closer = wilson(faults * 10.0, judged * 10.0, z) - wilson(faults * 10.0, judged * 10.0, -z);
            prop_assert!(closer <= high - low + 1e-5);
        }
    }
}
