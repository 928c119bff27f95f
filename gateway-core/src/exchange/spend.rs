//! What an exchange has used of its limits.

use super::Exchange;
use crate::money::MicroUsd;
use crate::quota::Spend;
use crate::record::{Record, Verdict};

impl Exchange {
    /// What the settled exchange has used: what the ledger's lines of its `record` come to, so that a
    /// budget and the ledger say the same.
    #[must_use]
    pub fn spend(&self, record: &Record) -> Spend {
        let mut spend = Spend {
            requests: u64::from(record.attempts.iter().any(|a| was_asked(a.verdict))),
            cost: Some(MicroUsd(0)),
            ..Spend::default()
        };
        let charges = record.attempts.iter().filter_map(|a| a.charge.as_ref());
        for charge in charges {
            let usage = charge.usage;
            spend.input_tokens = spend.input_tokens.saturating_add(usage.input_tokens);
            spend.output_tokens = spend.output_tokens.saturating_add(usage.output_tokens);
            spend.cost = spend.cost.zip(charge.cost).map(|(a, b)| a.plus(b));
        }
        spend
    }
}

/// Whether a provider may have seen the request at all.
fn was_asked(verdict: Verdict) -> bool {
    verdict != Verdict::Unreachable
}
