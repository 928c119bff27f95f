//! A TCP connection that can be made to end in a reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What a connection's requests decide about it.
#[derive(Debug, Default)]
pub(super) struct Fate {
    reset: AtomicBool,
    controlling: AtomicBool,
}

impl Fate {
    /// Let the connection end in a reset, without a FIN before.
    pub(super) fn doom(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    /// The connection carries a control request, whose answer must get out before it closes.
    pub(super) fn set_controlling(&self) {
        self.controlling.store(true, Ordering::Relaxed);
    }

    /// Whether it carried a control request.
    pub(super) fn is_controlling(&self) -> bool {
        self.controlling.load(Ordering::Relaxed)
    }

    fn is_doomed(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }
}

/// The connection as hyper reads and writes it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TokioIo<TcpStream>,
    fate: Arc<Fate>,
}

impl Wire {
    /// Wraps `stream`.
    pub(super) fn new(stream: TcpStream, fate: Arc<Fate>) -> Self {
        Self {
            stream: TokioIo::new(stream),
            fate,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.fate.is_doomed() {
            // Fails only on a socket that is gone already.
            let _gone = self.stream.inner().set_zero_linger();
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fate.is_doomed() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}
