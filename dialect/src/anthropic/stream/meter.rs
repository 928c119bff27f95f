//! Metering a stream that is passed on as it is.

use serde::Deserialize;

use super::EVENT_LIMIT_BYTES;
use super::frame::{Kind, Text};
use crate::anthropic::usage::WireUsage;
use crate::sse::{self, SseReader};
use crate::usage::Usage;

/// Counts what passes by; holds at most two times [`EVENT_LIMIT_BYTES`]. Pieces of content, which
/// are nearly all of a stream, are counted by their event's name and not read.
#[derive(Debug)]
pub struct StreamMeter {
    sse: SseReader,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    usage: WireUsage,
    events: u64,
    /// How many there were when the last usage came.
    reported_at: u64,
    end: bool,
    error: bool,
}

#[derive(Deserialize)]
struct Report {
    message: Option<Message>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Message {
    usage: Option<WireUsage>,
}

impl Default for StreamMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamMeter {
    /// A meter at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sse: SseReader::new(EVENT_LIMIT_BYTES),
            seen: Seen::default(),
        }
    }

    /// Reads the next bytes. After an event that is too large nothing more is seen.
    pub fn push(&mut self, chunk: &[u8]) {
        let seen = &mut self.seen;
        let mut read = |event: sse::Event<'_>| seen.event(event);
        if self.sse.push(chunk, &mut read).is_err() {
            self.sse = SseReader::new(0);
        }
    }

    /// What the provider last said it used.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.seen.usage.inclusive()
    }

    /// Whether that is all of it: no content has come since.
    #[must_use]
    pub fn usage_is_whole(&self) -> bool {
        self.seen.reported_at == self.seen.events
    }

    /// Pieces of content: about one per output token.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.seen.events
    }

    /// Whether `message_stop` was seen: a stream without it was cut.
    #[must_use]
    pub fn saw_end(&self) -> bool {
        self.seen.end
    }

    /// Whether an error came within the stream.
    #[must_use]
    pub fn saw_error(&self) -> bool {
        self.seen.error
    }
}

impl Seen {
    fn event(&mut self, event: sse::Event<'_>) {
        if event.name.is_empty() {
            let kind: Option<Kind<'_>> = serde_json::from_slice(event.data).ok();
            if let Some(Text(kind)) = kind.and_then(|kind| kind.kind) {
                self.named(kind.as_bytes(), event.data);
            }
        } else {
            self.named(event.name, event.data);
        }
    }

    fn named(&mut self, name: &[u8], data: &[u8]) {
        match name {
            b"content_block_delta" => self.events = self.events.saturating_add(1),
            b"message_start" | b"message_delta" => {
                let report: Option<Report> = serde_json::from_slice(data).ok();
                let Some(report) = report else { return };
                let begun = report.message.and_then(|message| message.usage);
                for usage in [begun, report.usage].into_iter().flatten() {
                    self.usage.replace(usage);
                    self.reported_at = self.events;
                }
            }
            b"message_stop" => self.end = true,
            b"error" => self.error = true,
            _ => {}
        }
    }
}
