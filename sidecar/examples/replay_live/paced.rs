//! A body whose parts come when they are due.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::stage::Stage;

/// How a body ends after its last part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In good order.
    Whole,
    /// The connection breaks at this moment.
    Broken(Instant),
}

/// Tells the provider that an attempt is over, whoever ended it.
pub(crate) struct Presence(pub(crate) Arc<Stage>, pub(crate) usize);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.left(self.1);
    }
}

/// The body.
pub(crate) struct Paced {
    parts: VecDeque<(Instant, Bytes)>,
    ending: Ending,
    timer: Pin<Box<Sleep>>,
    _presence: Presence,
}

impl Paced {
    pub(crate) fn new(
        parts: VecDeque<(Instant, Bytes)>,
        ending: Ending,
        presence: Presence,
    ) -> Self {
        Self {
            parts,
            ending,
            timer: Box::pin(sleep_until(Instant::now())),
            _presence: presence,
        }
    }

    fn wait(&mut self, until: Instant, context: &mut Context<'_>) -> Poll<()> {
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        self.timer.as_mut().poll(context)
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some((due, _)) = self.parts.front() {
            let due = *due;
            ready!(self.wait(due, context));
            let part = self.parts.pop_front();
            return Poll::Ready(part.map(|(_, bytes)| Ok(Frame::data(bytes))));
        }
        match self.ending {
            Ending::Whole => Poll::Ready(None),
            Ending::Broken(at) => {
                ready!(self.wait(at, context));
                Poll::Ready(Some(Err(io::Error::other("the provider went down"))))
            }
        }
    }
}
