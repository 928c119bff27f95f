//! Provider credentials: read late, held briefly, shown nowhere.

pub mod command;

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::config::{CredentialConfig, ProviderConfig};

/// Largest credential that is read, in bytes; no provider issues anything near it.
const CREDENTIAL_LIMIT_BYTES: u64 = 16 * 1024;

/// A provider's credential. Has no `Debug`, `Display` or `Serialize`; wiped from memory on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value into custody.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself, for the one place that hands it to Envoy.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Why a credential could not be had. Never holds any of its value.
#[derive(Debug)]
pub enum CredentialError {
    /// The environment variable is not set.
    EnvMissing(String),
    /// The file cannot be read.
    FileUnreadable(PathBuf, std::io::Error),
    /// It is set, and empty.
    Empty(String),
    /// It is not text that fits into a header: a line break, a control character, or not UTF-8.
    NotHeaderText(String),
    /// It is larger than any credential.
    TooLarge(String),
    /// A command could not be started.
    CommandNotStarted(String, std::io::Error),
    /// A command ended, and not well: how.
    CommandFailed(String, std::process::ExitStatus),
    /// A command did not end in time.
    CommandTooSlow(String),
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnvMissing(name) => write!(f, "environment variable {name} is not set"),
            Self::FileUnreadable(path, error) => {
                write!(f, "cannot read {}: {error}", path.display())
            }
            Self::Empty(origin) => write!(f, "{origin} is empty"),
            Self::NotHeaderText(origin) => write!(
                f,
                "{origin} holds something other than one line of visible ASCII text"
            ),
            Self::TooLarge(origin) => {
                write!(f, "{origin} is larger than {CREDENTIAL_LIMIT_BYTES} bytes")
            }
            Self::CommandNotStarted(program, error) => write!(f, "cannot run {program}: {error}"),
            Self::CommandFailed(program, status) => write!(
                f,
                "{program} failed ({status}); run it by hand to see what it says"
            ),
            Self::CommandTooSlow(program) => write!(
                f,
                "{program} did not end within {} s",
                command::DEADLINE.as_secs()
            ),
        }
    }
}

impl std::error::Error for CredentialError {}

/// Reads the credential of `provider` from where its configuration says; `None` if it wants none, or
/// one that [`command::run`] gets.
///
/// Surrounding white space (the newline that every editor adds) is not part of it.
///
/// # Errors
/// It is missing, unreadable, empty, or nothing that a header could carry.
pub fn resolve(provider: &ProviderConfig) -> Result<Option<Secret>, CredentialError> {
    match &provider.credential {
        None | Some(CredentialConfig::Command(_)) => Ok(None),
        Some(CredentialConfig::Env(name)) => resolve_env(name).map(Some),
        Some(CredentialConfig::File(path)) => resolve_file(path).map(Some),
    }
}

/// Reads a credential that is not a provider's; `None` for one that a command prints.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_one(credential: &CredentialConfig) -> Result<Option<Secret>, CredentialError> {
    match credential {
        CredentialConfig::Command(_) => Ok(None),
        CredentialConfig::Env(name) => resolve_env(name).map(Some),
        CredentialConfig::File(path) => resolve_file(path).map(Some),
    }
}

fn resolve_env(name: &str) -> Result<Secret, CredentialError> {
    let origin = || format!("environment variable {name}");
    match std::env::var(name) {
        Ok(value) => check(Zeroizing::new(value), origin),
        Err(std::env::VarError::NotPresent) => Err(CredentialError::EnvMissing(name.to_owned())),
        Err(std::env::VarError::NotUnicode(_)) => Err(CredentialError::NotHeaderText(origin())),
    }
}

fn resolve_file(path: &PathBuf) -> Result<Secret, CredentialError> {
    use std::io::Read as _;
    let unreadable = |error| CredentialError::FileUnreadable(path.clone(), error);
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(CREDENTIAL_LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > CREDENTIAL_LIMIT_BYTES {
        return Err(CredentialError::TooLarge(path.display().to_string()));
    }
    of_bytes(&bytes, || path.display().to_string())
}

fn of_bytes(bytes: &[u8], origin: impl Fn() -> String) -> Result<Secret, CredentialError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => check(Zeroizing::new(text.to_owned()), origin),
        Err(_) => Err(CredentialError::NotHeaderText(origin())),
    }
}

fn check(value: Zeroizing<String>, origin: impl Fn() -> String) -> Result<Secret, CredentialError> {
    let text = value.trim();
    if text.is_empty() {
        return Err(CredentialError::Empty(origin()));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(CredentialError::NotHeaderText(origin()));
    }
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file with `content` gives: the value, or the error's words.
    fn of_file(name: &str, content: &[u8]) -> Result<String, String> {
        let path = std::env::temp_dir().join(format!("ark-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        let result = resolve_file(&path);
        std::fs::remove_file(&path).unwrap();
        let shown = path.display().to_string();
        match result {
            Ok(secret) => Ok(secret.expose().to_owned()),
            Err(error) => Err(error.to_string().replace(&shown, "FILE")),
        }
    }

    #[test]
    fn a_file_holds_one_line() {
        let not_text = "FILE holds something other than one line of visible ASCII text";
        for (name, content, expected) in [
            ("plain", &b"k-1"[..], Ok("k-1")),
            ("newline", b"k-1\r\n", Ok("k-1")),
            ("empty", b"", Err("FILE is empty")),
            ("blank", b" \n", Err("FILE is empty")),
            ("lines", b"k-1\nk-2\n", Err(not_text)),
            ("bytes", b"\xff\xfe", Err(not_text)),
            (
                "long",
                &[b'k'; 20_000],
                Err("FILE is larger than 16384 bytes"),
            ),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(of_file(name, content), expected, "{name}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let missing = resolve_file(&PathBuf::from("/nonexistent/key"));
        assert!(matches!(missing, Err(CredentialError::FileUnreadable(..))));
        let unset = resolve_env("ARK_TEST_NEVER_SET");
        assert!(matches!(unset, Err(CredentialError::EnvMissing(_))));
        // Cargo sets this one for every test.
        let set = resolve_env("CARGO_PKG_NAME");
        assert!(set.is_ok_and(|secret| secret.expose() == env!("CARGO_PKG_NAME")));
    }
}
