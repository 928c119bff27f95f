//! Vendors whose servers speak OpenAI's chat API with quirks of their own, as data.
//!
//! A quirk is applied to the bytes of a request that is in OpenAI's form already, whether the client
//! wrote it or [`crate::chat`] was written to it: members are renamed, replaced or taken out where
//! they stand, every other byte stays ([`edits`]). What the vendor then does not see though
//! the client said it is a loss.
//!
//! # Adding a vendor
//!
//! 1. Read its documentation for what it does not take. Servers that ignore an unknown member need no
//!    entry for it, unless the member matters: then its removal makes the loss known.
//! 2. Add a row to [`table`]: a name, and what differs from [`table::OPENAI`], each with the URL that
//!    says so. Where nothing says so, leave OpenAI's value, which is the permissive one.
//! 3. Add a golden to `vendor/tests.rs`: a request before and after. If it has error forms of its own,
//!    add one line per form to `provider_error/tests.rs`.
//!
//! ```text
//! Quirks {
//!     name: "example",
//!     base_url: Some("https://api.example.com/v1"),
//!     max_tokens: MaxTokens::Old,
//!     unsupported: &["logit_bias"],
//!     ..OPENAI
//! },
//! ```

mod call_ids;
mod edit;
mod member;
mod messages;
mod quirks;
pub(crate) mod remove;
mod schema;
pub mod table;
#[cfg(test)]
mod tests;
mod value;

use crate::chat::{ChatRequest, TargetFacts, Written};
use crate::json_scan::ScanError;
use crate::loss::Loss;
pub use crate::openai_chat::ReasoningBack;
use crate::openai_chat::write_request_with;
use crate::rewrite::{Plan, Splice};
pub use table::{
    CallIds, MaxTokens, Quirks, ReasoningControl, ReasoningText, ToolChoices, UsageReport,
};

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Vendor(&'static Quirks);

impl PartialEq for Vendor {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Vendor {}

impl Vendor {
    /// OpenAI itself, and servers without quirks.
    pub const OPENAI: Self = Self(&table::OPENAI);

    /// The vendor of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|vendor| vendor.name() == name)
    }

    /// Every vendor, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        table::TABLE.iter().map(Self)
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Whether a chat request in OpenAI's form may have to change for it.
    #[must_use]
    pub fn has_quirks(self) -> bool {
        self != Self::OPENAI
    }

    /// Whether it knows OpenAI's deprecated `functions`, in the request and in its messages. Where it
    /// does not, a request with [`crate::openai_chat::LEGACY_FUNCTIONS`] is read and written, not
    /// edited.
    #[must_use]
    pub fn takes_functions(self) -> bool {
        !self.0.unsupported.contains(&"functions")
    }

    /// How it differs.
    #[must_use]
    pub fn quirks(self) -> &'static Quirks {
        self.0
    }
}

/// What to change in one body, and what that loses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VendorEdits {
    /// For [`Plan::with`].
    pub splices: Vec<Splice>,
    /// What the vendor does not see though the client said it, without repetition, in order.
    pub losses: Vec<Loss>,
}

/// The edits that make a chat request in OpenAI's form one of `vendor`'s.
///
/// The body is scanned, not parsed; `messages` are looked into only when they hold a word that the
/// vendor does not take.
///
/// # Errors
/// When the body is not a JSON object, or says a member twice on which the edits depend.
pub fn edits(body: &[u8], vendor: Vendor) -> Result<VendorEdits, ScanError> {
    if !vendor.has_quirks() {
        return Ok(VendorEdits::default());
    }
    edit::edits(body, vendor.quirks())
}

/// The edits that make a chat request one of OpenAI's own servers, in which
/// [`crate::openai_chat::FOREIGN_HISTORY`] was found: what was thought and signed elsewhere goes, which
/// is a loss where it said anything; every other byte stays.
///
/// # Errors
/// As [`edits`].
pub fn foreign_history(body: &[u8]) -> Result<VendorEdits, ScanError> {
    edit::edits(body, &table::OPENAI_ITSELF)
}

/// Writes a request for `vendor`'s chat API.
#[must_use]
pub fn write_request(request: &ChatRequest, target: &TargetFacts<'_>, vendor: Vendor) -> Written {
    let written = write_request_with(request, target, vendor.quirks().reasoning_back);
    adapt(written, vendor)
}

/// A request written in OpenAI's form, as `vendor` takes it, with the losses of both steps.
#[must_use]
pub fn adapt(written: Written, vendor: Vendor) -> Written {
    // What was just written is an object without repetition: the body stays only if it was none.
    let Ok(VendorEdits { splices, losses }) = edits(&written.body, vendor) else {
        return written;
    };
    let plan = Plan::new(splices, written.body.len());
    let mut all = written.losses;
    all.extend(losses);
    all.sort();
    all.dedup();
    Written {
        body: plan.apply(&written.body).unwrap_or(written.body),
        losses: all,
    }
}
