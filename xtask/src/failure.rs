//! Why a task could not do its work, in words for the person who ran it.

use std::fmt;

/// What a task returns.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// One clear message, with the command or change that helps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    remedy: Option<String>,
    interrupted: bool,
}

impl Failure {
    /// A failure that explains itself.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: None,
            interrupted: false,
        }
    }

    /// The person pressed Ctrl-C, or the system asked us to stop: nothing is wrong.
    pub(crate) fn interrupted() -> Self {
        Self {
            interrupted: true,
            ..Self::new("interrupted")
        }
    }

    /// Adds what to do about it.
    pub(crate) fn fix(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Whether it is [`Failure::interrupted`].
    pub(crate) fn is_interrupt(&self) -> bool {
        self.interrupted
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.remedy {
            Some(remedy) => write!(f, "\n  fix: {}", remedy.replace('\n', "\n       ")),
            None => Ok(()),
        }
    }
}

/// Names what was being done when an I/O error or the like came up.
pub(crate) trait Doing<T> {
    /// Turns the error into a [`Failure`] that begins with `what`.
    fn doing(self, what: impl FnOnce() -> String) -> Outcome<T>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Outcome<T> {
        self.map_err(|error| Failure::new(format!("{}: {error}", what())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_stands_under_the_message() {
        let failure = Failure::new("no python3").fix("install it:\napt-get install python3");
        assert_eq!(
            failure.to_string(),
            "no python3\n  fix: install it:\n       apt-get install python3"
        );
        assert!(!failure.is_interrupt());
        assert!(Failure::interrupted().is_interrupt());
    }

    #[test]
    fn an_io_error_says_what_was_being_done() {
        let read: Outcome<String> =
            std::fs::read_to_string("/nonexistent/x").doing(|| "reading x".to_owned());
        assert!(read.unwrap_err().to_string().starts_with("reading x: "));
    }
}
