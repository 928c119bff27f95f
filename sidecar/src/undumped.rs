//! No picture of this process's memory, which holds credentials, on any disk.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Turns core dumps off, and keeps other processes of the same user from reading the memory.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn be() -> Result<(), String> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
        .map_err(|error| format!("cannot turn core dumps off: {error}"))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| format!("cannot turn core dumps off: {error}"))
}
