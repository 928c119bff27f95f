//! Ctrl-C and its kin: a request to stop that every wait looks at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Doing, Failure, Outcome};

/// How often waits look: short enough to feel immediate, long enough to cost nothing.
const LOOK: Duration = Duration::from_millis(50);

fn asked() -> &'static Arc<AtomicBool> {
    static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    ASKED.get_or_init(Arc::default)
}

/// Turns SIGINT, SIGTERM and SIGHUP into [`requested`]; call once, first thing.
///
/// A second signal ends the task at once: what it started dies with it (see `child`).
pub(crate) fn listen() -> Outcome<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // Order matters: the conditional exit must see the flag as the signal before left it.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(asked()))
            .and_then(|_| flag::register(signal, Arc::clone(asked())))
            .doing(|| "listening for signals".to_owned())?;
    }
    Ok(())
}

/// Whether somebody asked us to stop.
pub(crate) fn requested() -> bool {
    asked().load(Ordering::Relaxed)
}

/// Waits a moment between two looks at something; fails when we were asked to stop.
pub(crate) fn pause() -> Outcome<()> {
    if requested() {
        return Err(Failure::interrupted());
    }
    thread::sleep(LOOK);
    Ok(())
}
