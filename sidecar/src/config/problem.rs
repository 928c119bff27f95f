//! What is wrong with a file, all of it at once.

use std::fmt;

/// One thing that is wrong (or, as a warning, doubtful) in `ark.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `models[2].targets[0].provider`; a line and column when the text is not YAML.
    pub path: String,
    /// What is wrong. Never holds a value that could be a secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a file, in the order of the file's schema; never empty as an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    /// One problem a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
