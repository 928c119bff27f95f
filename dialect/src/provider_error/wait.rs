//! How long a message says to wait.

/// The time in `Please try again in 1m2.5s.` (OpenAI, Groq), in milliseconds.
pub(super) fn retry_after_ms(message: &str) -> Option<u64> {
    const CUE: &str = "try again in ";
    let lower = message.to_ascii_lowercase();
    let at = lower.find(CUE)?.saturating_add(CUE.len());
    let mut rest = lower.get(at..)?;
    let mut total_ms = None;
    loop {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let (number, after) = rest.split_at_checked(digits?)?;
        let after = after.trim_start_matches(' ');
        let letters = after.find(|c: char| !c.is_ascii_alphabetic());
        let (unit, after) = after.split_at_checked(letters.unwrap_or(after.len()))?;
        let Some(ms) = number.parse::<f64>().ok().zip(unit_ms(unit)) else {
            return total_ms;
        };
        // Out of range saturates.
        let ms = (ms.0 * ms.1).ceil() as u64;
        total_ms = Some(u64::saturating_add(total_ms.unwrap_or_default(), ms));
        if !after.starts_with(|c: char| c.is_ascii_digit()) {
            return total_ms;
        }
        rest = after;
    }
}

fn unit_ms(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "milliseconds" => 1.0,
        "s" | "sec" | "second" | "seconds" => 1000.0,
        "m" | "min" | "minute" | "minutes" => 60_000.0,
        "h" | "hour" | "hours" => 3_600_000.0,
        _ => return None,
    })
}
