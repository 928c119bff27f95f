//! Credentials that a program prints: an Entra token, an OAuth token of Google's, a lease of a vault.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{CREDENTIAL_LIMIT_BYTES, CredentialError, Secret, of_bytes};

/// Longest run of a command. Shorter than a fresh Envoy waits for the secret of a cluster.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Runs a program (no shell, standard input empty, standard error dropped as it can hold secrets) and
/// takes what it prints for the credential. It inherits Ark's environment. At [`DEADLINE`], or when the
/// future is dropped, it is ended with all that it started.
///
/// # Errors
/// It cannot be started, fails, does not end in time, or prints nothing that a header could carry.
pub async fn run(argv: &[String]) -> Result<Secret, CredentialError> {
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| CredentialError::Empty("the command".to_owned()))?;
    let not_started = |error| CredentialError::CommandNotStarted(program.clone(), error);
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // A group of its own: a wrapper that is killed would leave what it runs behind.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(not_started)?;
    let mut child = Group(child);
    match timeout(DEADLINE, read(&mut child.0, program)).await {
        Ok(result) => result,
        Err(_elapsed) => Err(CredentialError::CommandTooSlow(program.clone())),
    }
}

async fn read(child: &mut Child, program: &str) -> Result<Secret, CredentialError> {
    let failed = |error| CredentialError::CommandNotStarted(program.to_owned(), error);
    let origin = || format!("the output of {program}");
    let bytes = match child.stdout.take() {
        Some(stdout) => read_capped(stdout).await.map_err(failed)?,
        None => Zeroizing::default(),
    };
    if bytes.len() as u64 > CREDENTIAL_LIMIT_BYTES {
        return Err(CredentialError::TooLarge(origin()));
    }
    let status = child.wait().await.map_err(failed)?;
    if !status.success() {
        return Err(CredentialError::CommandFailed(program.to_owned(), status));
    }
    of_bytes(&bytes, origin)
}

/// One byte more than a credential may have, at most.
async fn read_capped(from: impl AsyncRead + Unpin) -> Result<Zeroizing<Vec<u8>>, std::io::Error> {
    let most = CREDENTIAL_LIMIT_BYTES + 1;
    // All of it at once: a vector that grows leaves copies behind.
    let capacity = usize::try_from(most).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    from.take(most).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// A program with all that it started, which goes with it.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Without an id it has ended and was waited for: the number may be another's by now.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(Pid::from_raw) {
            // It can have ended just now.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str) -> Result<String, String> {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned);
        match run(&argv).await {
            Ok(secret) => Ok(secret.expose().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn what_a_program_prints_is_the_credential() {
        for (script, expected) in [
            ("echo token-1", Ok("token-1")),
            ("printf ' token-2\\r\\n'; echo noise >&2", Ok("token-2")),
            ("cat; echo end-of-input", Ok("end-of-input")),
            ("true", Err("the output of /bin/sh is empty")),
            (
                "echo a b",
                Err(
                    "the output of /bin/sh holds something other than one line of visible ASCII text",
                ),
            ),
            (
                "head -c 20000 /dev/zero | tr '\\0' x",
                Err("the output of /bin/sh is larger than 16384 bytes"),
            ),
            (
                "echo canary; echo canary >&2; exit 3",
                Err("/bin/sh failed (exit status: 3); run it by hand to see what it says"),
            ),
        ] {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(sh(script).await, expected, "{script}");
        }
        let missing = run(&["/nonexistent/program".to_owned()]).await;
        let error = missing.err().unwrap().to_string();
        assert!(
            error.starts_with("cannot run /nonexistent/program: "),
            "{error}"
        );
    }

    /// Tokio's clock stands still until nothing else can happen, and then jumps to the deadline.
    #[tokio::test(start_paused = true)]
    async fn a_program_that_hangs_is_too_slow() {
        let error = sh("sleep 600").await.unwrap_err();
        assert_eq!(error, "/bin/sh did not end within 10 s");
    }

    #[tokio::test]
    async fn what_a_program_started_ends_with_it() {
        let dir = crate::testing::TempDir::new();
        let mark = dir.path().join("child");
        let script = format!("sleep 600 & echo $! > {}; wait", mark.display());
        let child = tokio::select! {
            ended = sh(&script) => panic!("{ended:?}"),
            child = written(&mark) => child,
        };
        let alive = || match std::fs::read_to_string(format!("/proc/{child}/stat")) {
            // One that has ended stays until whoever inherited it has noticed.
            Ok(stat) => !stat.contains(") Z "),
            Err(_) => false,
        };
        while alive() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The line that a script writes, as soon as it is there.
    async fn written(mark: &std::path::Path) -> String {
        loop {
            match std::fs::read_to_string(mark) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }
}
