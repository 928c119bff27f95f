//! Watches `ark.yaml` and the credential files by looking at them: this works in containers, over
//! network file systems and with a `ConfigMap`'s symbolic links, where notifications do not.

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::audit;
use super::door;
use super::shared::{Shared, today, unix_ms};
use crate::config::{self, Config, CredentialConfig, Problem};
use crate::control::{BadEdit, Loaded};
use crate::digest;
use crate::material;

/// A file has to be in force within two seconds, and Envoy takes most of them.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A file that still changes is still being written.
const SETTLE: Duration = Duration::from_millis(100);

/// Modification time, its nanoseconds, size, inode and device of a file; `None` without one.
type Look = Option<(i64, i64, u64, u64, u64)>;

fn look_at(path: &Path) -> Look {
    fs::metadata(path)
        .ok()
        .map(|m| (m.mtime(), m.mtime_nsec(), m.size(), m.ino(), m.dev()))
}

/// Follows the file for the life of the process.
pub(super) struct Watch {
    path: PathBuf,
    /// Of credentials, and the price catalogue.
    credential_files: Vec<PathBuf>,
    seen: Vec<Look>,
    /// What was read last, good or bad.
    content: String,
    /// The admin port's address, and whether others may reach it as it is.
    guarded: Option<(SocketAddr, bool)>,
}

/// What a look at the files brought.
enum News {
    None,
    Good(Box<Loaded>),
    Bad(Vec<String>),
}

/// Reads a configuration with the credentials of its providers, to be followed from here on.
///
/// # Errors
/// All that is wrong with it, one problem a line.
pub(super) fn load(path: &Path) -> Result<(Loaded, Watch), String> {
    let mut watch = Watch {
        path: path.to_owned(),
        credential_files: Vec::new(),
        seen: Vec::new(),
        content: String::new(),
        guarded: None,
    };
    match watch.read(true) {
        News::Good(loaded) => Ok((*loaded, watch)),
        News::Bad(problems) => Err(format!("{}:\n{}", path.display(), problems.join("\n"))),
        News::None => Err(format!("{} was not read", path.display())),
    }
}

/// Says what is not known of prices: targets of which nobody can say what they cost.
pub(super) fn tell_of_prices(config: &Config) {
    let unknown = config::unknown_prices(config, today());
    if let Some(first) = unknown.first() {
        let (count, what) = (unknown.len(), &first.message);
        tracing::warn!(
            count,
            first = first.path,
            what,
            "targets without a known price"
        );
    }
}

/// Says which of the gateway's certificates clients refuse.
fn tell_of_time(config: &Config) {
    let now_s = i64::try_from(unix_ms() / 1_000).unwrap_or(i64::MAX);
    for problem in material::out_of_time(config, now_s) {
        tracing::error!(path = problem.path, "certificate {}", problem.message);
    }
}

fn files_of(config: &Config, path: &Path) -> Vec<PathBuf> {
    let credentials = config
        .providers
        .iter()
        .filter_map(|p| p.credential.as_ref());
    let mut files: Vec<PathBuf> = credentials
        .filter_map(|credential| match credential {
            CredentialConfig::File(path) => Some(path.clone()),
            CredentialConfig::Env(_) | CredentialConfig::Command(_) => None,
        })
        .collect();
    files.extend(config::file_of(config, path));
    files.extend(config.identity_files().cloned());
    files.extend(config.admin_files().cloned());
    files.sort();
    files.dedup();
    files
}

impl Watch {
    /// The same, which takes no edit that would open the admin port to others.
    pub(super) fn guarding(self, admin: SocketAddr, allow_remote: bool) -> Self {
        Self {
            guarded: Some((admin, allow_remote)),
            ..self
        }
    }

    fn forbids(&self, config: &Config) -> Vec<Problem> {
        let guarded = self.guarded.iter();
        let problems = guarded.flat_map(|(admin, allow)| door::forbids(*admin, *allow, config));
        problems.collect()
    }

    /// Watches for ever, and reads at once when told to by SIGHUP.
    ///
    /// # Errors
    /// The signal cannot be listened to.
    pub(super) async fn run(mut self, shared: Arc<Shared>) -> Result<Infallible, std::io::Error> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_told = tokio::select! {
                _ = look.tick() => false,
                _ = hangup.recv() => true,
            };
            if !is_told && self.look() == self.seen {
                continue;
            }
            self.settle().await;
            let news = self.read(is_told);
            self.take(&shared, news);
        }
    }

    fn look(&self) -> Vec<Look> {
        let files = std::iter::once(&self.path).chain(&self.credential_files);
        files.map(|path| look_at(path)).collect()
    }

    /// Waits until nothing has changed for a moment, but not for ever.
    async fn settle(&mut self) {
        for _ in 0..10 {
            self.seen = self.look();
            sleep(SETTLE).await;
            if self.look() == self.seen {
                return;
            }
        }
    }

    fn read(&mut self, even_if_unchanged: bool) -> News {
        // Looked at before it is read: what changes in between is seen as a change.
        self.seen = self.look();
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) => {
                self.content.clear();
                return News::Bad(vec![format!(
                    "cannot read {}: {error}",
                    self.path.display()
                )]);
            }
        };
        let content = self.digest(&text);
        if content == self.content && !even_if_unchanged {
            return News::None;
        }
        self.content = content;
        match config::parse_at(&text, &self.path) {
            Ok(config) => {
                let first = self.seen.first().copied().flatten();
                self.credential_files = files_of(&config, &self.path);
                self.content = self.digest(&text);
                self.seen = self.look();
                if let Some(seen) = self.seen.first_mut() {
                    *seen = first;
                }
                tell_of_time(&config);
                let problems = self.forbids(&config);
                if !problems.is_empty() {
                    return News::Bad(problems.iter().map(ToString::to_string).collect());
                }
                match material::read(&config) {
                    Ok(material) => {
                        News::Good(Box::new(Loaded::new(config).with_material(material)))
                    }
                    Err(problems) => News::Bad(problems.iter().map(ToString::to_string).collect()),
                }
            }
            Err(problems) => News::Bad(problems.0.iter().map(ToString::to_string).collect()),
        }
    }

    fn digest(&self, text: &str) -> String {
        let mut digests = digest::hex(&[text.as_bytes()]);
        for path in &self.credential_files {
            digests.push(' ');
            match fs::read(path) {
                Ok(bytes) => digests.push_str(&digest::hex(&[&bytes])),
                Err(error) => digests.push_str(&error.to_string()),
            }
        }
        digests
    }

    /// The digest of the file itself; empty when it could not be read.
    fn first_digest(&self) -> String {
        let first = self.content.split(' ').next();
        first.unwrap_or_default().to_owned()
    }

    fn take(&self, shared: &Shared, news: News) {
        match news {
            News::None => {}
            News::Good(loaded) => {
                tracing::info!(file = %self.path.display(), "configuration taken");
                tell_of_prices(&loaded.config);
                shared.metrics().reloaded("applied");
                let before = shared.control().version();
                shared.control().replace_config(*loaded, shared.now());
                audit::configured(shared, &before, &self.first_digest(), 0);
            }
            News::Bad(problems) => {
                // They quote what stands there, which may be a key in the wrong place.
                let masked = problems.iter().map(|p| ark_redact::mask(p).into_owned());
                let problems: Vec<String> = masked.collect();
                let count = problems.len();
                tracing::error!(count, "configuration refused, the last good one stays");
                for problem in &problems {
                    tracing::error!(problem, "in {}", self.path.display());
                }
                shared.metrics().reloaded("rejected");
                let bad_edit = BadEdit {
                    at_unix_ms: unix_ms(),
                    problems,
                };
                audit::configured(shared, "", &self.first_digest(), count);
                shared.control().reject_config(bad_edit);
            }
        }
    }
}

#[cfg(test)]
mod tests;
