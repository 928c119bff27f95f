//! The log's way out: what others wrote into a line (a provider's error, a webhook's, a file's) may hold
//! secrets and personal data, so every line is masked, wherever its parts come from.

use std::io::{self, Stderr, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Writes to standard error.
pub(crate) struct Masked;

/// One line on its way.
pub(crate) struct Line(Stderr);

impl<'a> MakeWriter<'a> for Masked {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(io::stderr())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A line comes as one piece.
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(ark_redact::mask(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
