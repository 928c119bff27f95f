//! Windows: which stretch of time a request counts in.

use serde::{Deserialize, Serialize};

/// The kind of a window. Windows are aligned: every counter of a kind begins anew at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// A second of UTC.
    Second,
    /// A minute of UTC.
    Minute,
    /// An hour of UTC.
    Hour,
    /// Days, weeks or months of a time zone: an index into [`super::QuotaSpec::calendars`].
    Calendar(u16),
    /// No window: what is limited is returned, not used up.
    Always,
}

/// One window, seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first second.
    pub start_s: u64,
    /// The first second after it.
    pub end_s: u64,
}

impl Window {
    /// The window at `now_s`. Where the calendar ends, its last known period goes on: late is safer
    /// than a budget that begins anew.
    #[must_use]
    pub fn at(self, now_s: u64, calendars: &[Vec<u64>]) -> Span {
        let aligned = |length: u64| {
            let start_s = now_s - now_s % length;
            Span {
                start_s,
                end_s: start_s.saturating_add(length),
            }
        };
        match self {
            Self::Second => aligned(1),
            Self::Minute => aligned(60),
            Self::Hour => aligned(3_600),
            Self::Calendar(index) => {
                let starts = calendars
                    .get(usize::from(index))
                    .map_or(&[][..], Vec::as_slice);
                let after = starts.partition_point(|start| *start <= now_s);
                Span {
                    start_s: starts.get(after.saturating_sub(1)).copied().unwrap_or(0),
                    end_s: starts.get(after).copied().unwrap_or(u64::MAX),
                }
            }
            Self::Always => Span {
                start_s: 0,
                end_s: u64::MAX,
            },
        }
    }
}
