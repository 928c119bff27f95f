//! A calendar day, as prices know it.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// A day of the proleptic Gregorian calendar in UTC, years 1970 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(civil::Date);

impl Date {
    /// Reads `YYYY-MM-DD`; `None` for anything else, and for days that do not exist.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The library reads more: times, which it drops, and other forms of ISO 8601.
        let day: civil::Date = text.parse().ok()?;
        (day.year() >= 1970 && day.to_string() == text).then_some(Self(day))
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn days_since_epoch(self) -> u64 {
        let since = self.0.duration_since(civil::date(1970, 1, 1));
        u64::try_from(since.as_hours() / 24).unwrap_or(0)
    }

    /// It as the calendar's library knows it.
    #[must_use]
    pub fn civil(self) -> civil::Date {
        self.0
    }

    /// The day on which `now` falls; the first or last that exists when it is out of range.
    #[must_use]
    pub fn of(now: SystemTime) -> Self {
        let now = match now < SystemTime::UNIX_EPOCH {
            true => Timestamp::UNIX_EPOCH,
            false => Timestamp::try_from(now).unwrap_or(Timestamp::MAX),
        };
        Self(TimeZone::UTC.to_datetime(now).date())
    }

    /// The first moment after it, seconds since the Unix epoch.
    #[must_use]
    pub fn end_s(self) -> u64 {
        (self.days_since_epoch() + 1) * 86_400
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_days_that_exist_are_read() {
        for good in ["1970-01-01", "2024-02-29", "2000-02-29", "9999-12-31"] {
            assert_eq!(Date::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "",
            "2025-02-29",
            "1900-02-28",
            "2025-13-01",
            "2025-00-01",
            "2025-04-31",
            "2025-1-1",
            "2025-01-01T00",
            "２025-01-01",
            "2025/01/01",
        ] {
            assert_eq!(Date::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_day_of_a_moment_is_the_day_in_utc() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (86_400, "1970-01-02"),
            (951_782_400, "2000-02-29"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
        ] {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(Date::of(now).to_string(), day);
        }
    }
}
