//! The audit log: who did what to which model, with which decision and at what cost. Never content.
//!
//! JSON lines, each with its number, the digest of the line before it and its own, over files that
//! follow each other: a change, a removal, a reordering anywhere breaks the chain at that place. What
//! has no line behind it yet is held by the head only: whoever keeps a head elsewhere finds a cut, too.

mod chain;
mod event;
mod files;
mod put;
mod store;
#[cfg(test)]
mod tests;
mod verify;

pub use chain::{Entry, Link, read};
pub use event::Event;
pub use files::{is_being_written, list};
pub use put::{Audit, Failure, Status, Writer};
pub use store::{Rules, Store};
pub use verify::{Verdict, Wrong, verify};
