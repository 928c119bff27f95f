//! Hours of the week in a time zone.

use serde::{Deserialize, Serialize};

/// Minutes of a week.
pub const MINUTES_OF_WEEK: u16 = 7 * 24 * 60;

/// From when on a time zone is how far from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// From this second on, since the Unix epoch.
    pub from_s: u64,
    /// Local time is so many seconds ahead of UTC.
    pub ahead_s: i32,
}

/// Stretches of every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Minutes since Monday, 00:00, local time: from the first to before the second; ascending, apart.
    pub spans: Vec<(u16, u16)>,
    /// Index into [`super::AccessSpec::zones`].
    pub zone: u16,
    /// As the operator wrote them, for refusals.
    #[serde(default)]
    pub words: String,
}

impl Hours {
    /// Whether a moment, seconds since the Unix epoch, is within. Where what is known of the time zone
    /// ends, its last offset goes on.
    #[must_use]
    pub fn hold_at(&self, now_s: u64, zones: &[Vec<Offset>]) -> bool {
        let zone = zones
            .get(usize::from(self.zone))
            .map_or(&[][..], Vec::as_slice);
        let minute = minute_of_week(now_s, zone);
        self.spans
            .iter()
            .any(|(from, until)| (*from..*until).contains(&minute))
    }
}

fn minute_of_week(now_s: u64, zone: &[Offset]) -> u16 {
    let after = zone.partition_point(|offset| offset.from_s <= now_s);
    let ahead_s = zone.get(after.saturating_sub(1)).map_or(0, |o| o.ahead_s);
    let local_s = now_s.saturating_add_signed(ahead_s.into());
    // The epoch began on a Thursday.
    let minutes = local_s / 60 + 3 * 24 * 60;
    u16::try_from(minutes % u64::from(MINUTES_OF_WEEK)).unwrap_or(0)
}
