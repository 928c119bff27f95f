//! Where the ledger is.

use std::path::{Path, PathBuf};

use super::database::Place;
use crate::config::LedgerStore;

/// The state directory when the service manager names none.
const STATE_DIRECTORY: &str = "/var/lib/ark";
const FILE_NAME: &str = "ledger.db";

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Here.
    At(Place),
    /// None, as the operator said.
    Off,
    /// None, as there is no state directory.
    NoPlace,
}

/// The command line's choice, or the file's, or `ledger.db` in the state directory if there is one:
/// `state` is `STATE_DIRECTORY` of the environment, as systemd sets it.
#[must_use]
pub fn choose(asked: Option<LedgerStore>, state: Option<&str>) -> Chosen {
    match asked {
        Some(LedgerStore::Off) => Chosen::Off,
        Some(LedgerStore::File(path)) => Chosen::At(Place::File(path)),
        Some(LedgerStore::Postgres(place)) => Chosen::At(Place::Postgres(place)),
        None => state_directory(state).map_or(Chosen::NoPlace, |directory| {
            Chosen::At(Place::File(directory.join(FILE_NAME)))
        }),
    }
}

/// The directory for what outlives the process, if it is there.
#[must_use]
pub fn state_directory(state: Option<&str>) -> Option<PathBuf> {
    // Several directories are separated by colons.
    let named = state.and_then(|state| state.split(':').next());
    let directory = Path::new(named.unwrap_or(STATE_DIRECTORY));
    directory.is_dir().then(|| directory.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn what_is_asked_for_goes_before_the_state_directory() {
        let dir = TempDir::new();
        let state = dir.path().display().to_string();
        let default = choose(None, Some(&format!("{state}:/elsewhere")));
        assert_eq!(
            default,
            Chosen::At(Place::File(dir.path().join("ledger.db")))
        );
        assert_eq!(choose(None, Some("/no/such/place")), Chosen::NoPlace);
        assert_eq!(choose(Some(LedgerStore::Off), Some(&state)), Chosen::Off);
        let path = PathBuf::from("x.db");
        let asked = choose(Some(LedgerStore::File(path.clone())), Some(&state));
        assert_eq!(asked, Chosen::At(Place::File(path)));
    }
}
