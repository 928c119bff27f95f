//! Randomness by place, not by turn: the same request at the same provider has the same luck under
//! every policy, so that policies are compared and not their luck.

/// Random bits that belong to a place.
#[must_use]
pub fn bits(seed: u64, place: [u64; 3]) -> u64 {
    place.into_iter().fold(seed, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// A number in 0 < x < 1.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "52 bits fit")]
pub fn unit(bits: u64) -> f64 {
    ((bits >> 12) as f64 + 0.5) / 4_503_599_627_370_496.0
}

/// Two independent numbers of the standard normal distribution (Box and Muller, 1958).
#[must_use]
pub fn normals(seed: u64, place: [u64; 3]) -> (f64, f64) {
    let first = bits(seed, place);
    let radius = (-2.0 * unit(first).ln()).sqrt();
    let angle = std::f64::consts::TAU * unit(bits(first, [1, 2, 3]));
    (radius * angle.cos(), radius * angle.sin())
}

/// A number of the exponential distribution.
#[must_use]
pub fn exponential(mean: f64, bits: u64) -> f64 {
    -mean * unit(bits).ln()
}

/// A place for a name.
#[must_use]
pub fn of_name(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moments_are_right_and_places_are_independent() {
        let n = 20_000u64;
        let (mut sum, mut squares, mut product, mut waits) = (0.0, 0.0, 0.0, 0.0);
        for i in 0..n {
            let (a, b) = normals(7, [i, 0, 1]);
            sum += a;
            squares += a * a;
            product += a * b;
            waits += exponential(30.0, bits(7, [i, 2, 0]));
        }
        let n = n as f64;
        assert!((sum / n).abs() < 0.02 && (product / n).abs() < 0.02);
        assert!((squares / n - 1.0).abs() < 0.03);
        assert!((waits / n - 30.0).abs() < 0.6);
        assert_ne!(bits(1, [2, 3, 4]), bits(1, [3, 2, 4]));
        assert_ne!(of_name("azure"), of_name("official"));
    }
}
