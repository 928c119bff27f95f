//! Limits that hold over workers, Envoys and sidecars: quotas of requests, tokens, money and
//! concurrency, leased to the workers so that a request needs no round trip.
//!
//! A [`Counter`] is what the store keeps of one limit, one subject and one window. It grants each
//! worker's [`Book`] units for a while; the book reserves an estimate per request, and settles what
//! was used. Both sides speak in totals that only rise, so a message that is lost, late or sent twice
//! changes nothing. `docs/limits.md` states by how much a limit can be exceeded, and
//! `quota/tests.rs` proves it.

mod asked;
mod book;
mod counter;
mod estimate;
mod hash;
mod headers;
mod index;
mod message;
mod refusal;
mod slot;
mod spec;
mod told;
mod window;

pub use asked::Asked;
pub use book::{Ask, Book, Hold, Known, Reservation, Verdict, Wait};
pub use counter::{Counter, Lease, Terms};
pub use estimate::{DEFAULT_OUTPUT_TOKENS, Estimate, Spend, estimate};
pub use headers::{Dialect, limit_headers};
pub use index::LimitIndex;
pub use message::{CounterGrant, CounterReport, QuotaAnswer, QuotaReport};
pub use refusal::{Cause, Refusal};
pub use slot::SlotKey;
pub use spec::{Downgrade, LimitSpec, Mode, OnStoreDown, Only, Per, QuotaSpec, Step, Unit};
pub use told::told_headers;
pub use window::{Span, Window};

#[cfg(test)]
mod tests;
