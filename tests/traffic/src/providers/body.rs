//! Answer bodies: whole, or in pieces at their times.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::sse::Pieces;
use super::state::Active;
use super::wire::Fate;

/// What comes before a reset must be read by the peer's kernel, then by the peer: a reset that
/// overtook it would test something else.
const BEFORE_RESET: Duration = Duration::from_millis(10);

/// The body of an answer. Holds the request's mark as active until its end.
pub(super) enum AnswerBody {
    /// In one go, with a `content-length`.
    Whole(Option<Bytes>, Option<Active>),
    /// In pieces.
    Paced(Box<Paced>),
}

/// A body in pieces.
pub(super) struct Paced {
    pieces: Pieces,
    next: usize,
    sent: usize,
    wait: Wait,
    pace: Pace,
    fate: Arc<Fate>,
    active: Option<Active>,
}

/// When pieces are due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// Wait after the early pieces.
    pub(super) first: Duration,
    /// Wait before each later piece.
    pub(super) gap: Duration,
}

enum Wait {
    None,
    /// Give way once, so that hyper writes each piece by itself.
    Turn,
    Time(Pin<Box<Sleep>>),
    Ended,
}

impl AnswerBody {
    /// A body in one go.
    pub(super) fn whole(bytes: impl Into<Bytes>, active: Option<Active>) -> Self {
        Self::Whole(Some(bytes.into()), active)
    }

    /// A body in pieces; the last may be followed by a reset of the connection of `fate`.
    pub(super) fn paced(pieces: Pieces, pace: Pace, fate: Arc<Fate>, active: Active) -> Self {
        let mut paced = Paced {
            pieces,
            next: 0,
            sent: 0,
            wait: Wait::None,
            pace,
            fate,
            active: Some(active),
        };
        // The first token's time has passed before the head, except after early pieces.
        if paced.pieces.ends.is_empty() {
            paced.plan_next();
        }
        Self::Paced(Box::new(paced))
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.charge();
    }
}

impl Paced {
    /// What was sent so far is what is charged for.
    fn charge(&mut self) {
        if let Some(due) = self.active.as_mut().and_then(Active::due) {
            due.sent(self.pieces.bytes.get(..self.sent).unwrap_or_default());
        }
    }

    /// Chooses the wait before piece `self.next`.
    fn plan_next(&mut self) {
        let delay = if self.next >= self.pieces.ends.len() {
            if self.pieces.reset {
                BEFORE_RESET
            } else {
                Duration::ZERO
            }
        } else if self.next < self.pieces.early {
            Duration::ZERO
        } else if self.next == self.pieces.early && self.next > 0 {
            self.pace.first
        } else {
            self.pace.gap
        };
        self.wait = if delay.is_zero() {
            Wait::Turn
        } else {
            Wait::Time(Box::pin(sleep(delay)))
        };
    }

    fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.wait {
            Wait::None => {}
            Wait::Turn => {
                self.wait = Wait::None;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Wait::Time(sleep) => ready!(sleep.as_mut().poll(context)),
            Wait::Ended => return Poll::Ready(None),
        }
        let Some(end) = self.pieces.ends.get(self.next).copied() else {
            self.wait = Wait::Ended;
            self.charge();
            if let Some(active) = self.active.take() {
                active.finish();
            }
            if self.pieces.reset {
                self.fate.doom();
                return Poll::Ready(Some(Err(io::Error::other("cut as scripted"))));
            }
            return Poll::Ready(None);
        };
        let piece = self.pieces.bytes.slice(self.sent..end);
        self.sent = end;
        self.next += 1;
        self.plan_next();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes, active) => {
                if let Some(mut active) = active.take() {
                    if let Some(due) = active.due() {
                        due.sent_whole();
                    }
                    active.finish();
                }
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Paced(paced) => paced.poll_piece(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes, _) => bytes.is_none(),
            Self::Paced(paced) => matches!(paced.wait, Wait::Ended),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes, _) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            Self::Paced(_) => SizeHint::default(),
        }
    }
}
