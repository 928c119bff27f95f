//! Draws from one random number, the same on every platform: only operations that IEEE 754 defines to
//! the bit.

/// The share of a random draw that belongs to `salt`: independent for each salt (SplitMix64's
/// finaliser, Steele, Lea and Flood, OOPSLA 2014).
#[must_use]
pub(crate) fn mix(draw: u64, salt: u64) -> u64 {
    let mut z = draw.wrapping_add(salt.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in 0 < x < 1 from random bits.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "23 bits fit into an f32")]
pub(crate) fn unit(bits: u64) -> f32 {
    ((bits >> 41) as f32 + 0.5) / 8_388_608.0
}

/// A draw from the standard Gumbel distribution, negated: whoever has the least of
/// `gap_i + late(bits_i)` is chosen with a probability proportional to `exp(-gap_i)`.
#[must_use]
pub(crate) fn late(bits: u64) -> f32 {
    ln(-ln(unit(bits)))
}

/// The natural logarithm of a positive normal number, within 2e-6.
#[must_use]
pub(crate) fn ln(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = i16::try_from(bits >> 23).unwrap_or(i16::MAX) - 127;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    // ln m = 2 artanh((m - 1) / (m + 1)), a series that converges fast for 1 <= m < 2.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let series = 1.0 + s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 / 9.0)));
    f32::from(exponent) * std::f32::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_logarithm_is_one(x in 1e-7f32..1e7) {
            prop_assert!((ln(x) - x.ln()).abs() < 4e-6, "{} for {}", ln(x), x.ln());
        }
    }

    #[test]
    fn draws_are_even_and_independent_of_each_other() {
        let n = 20_000u64;
        let (mut sum, mut both) = (0.0, 0u32);
        for draw in 0..n {
            let (a, b) = (unit(mix(draw, 0)), unit(mix(draw, 1)));
            assert!(a > 0.0 && a < 1.0);
            sum += f64::from(a);
            both += u32::from(a < 0.5 && b < 0.5);
        }
        assert!((sum / n as f64 - 0.5).abs() < 0.01, "{sum}");
        assert!((4_700..5_300).contains(&both), "{both}");
    }

    #[test]
    fn the_least_wins_as_often_as_its_weight_says() {
        let gap = 1.5f32;
        let wins = (0..40_000u64)
            .filter(|draw| gap + late(mix(*draw, 1)) < late(mix(*draw, 0)))
            .count();
        let expected = 40_000.0 * (-gap).exp() / (1.0 + (-gap).exp());
        assert!(
            (wins as f32 - expected).abs() < 300.0,
            "{wins} for {expected}"
        );
    }
}
