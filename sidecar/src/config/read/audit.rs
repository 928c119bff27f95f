//! `audit`: where is written down who did what, and for how long it is kept.

use std::path::PathBuf;

use super::super::audit::{AuditConfig, AuditPlace};
use super::super::node::Node;
use super::ledger::{DURABILITIES, ON_FAILURES};

/// Largest file, MiB: more is slow to go through at a start.
const MOST_MB: u64 = 1_024;
/// Oldest file, hours: a year.
const MOST_HOURS: u64 = 8_784;
/// Longest time that files are kept, days: a century.
const MOST_DAYS: u64 = 36_525;

/// Reads the block.
pub(super) fn read(node: &Node<'_>) -> Option<AuditConfig> {
    let default = AuditConfig::default();
    let mut fields = node.fields()?;
    let place = fields.or("dir", default.place, place);
    let rotate_mb = fields.or("rotate_mb", default.rotate_mb, |node| {
        node.integer(1..=MOST_MB)
    });
    let rotate_hours = fields.or("rotate_hours", default.rotate_hours, |node| {
        node.integer(1..=MOST_HOURS)
    });
    let keep_days = fields.maybe("keep_days", |node| node.integer(1..=MOST_DAYS));
    let on_failure = fields.or("on_failure", default.on_failure, |node| {
        node.one_of(&ON_FAILURES)
    });
    let durability = fields.or("durability", default.durability, |node| {
        node.one_of(&DURABILITIES)
    });
    fields.finish("")?;
    Some(AuditConfig {
        place: place?,
        rotate_mb: rotate_mb?,
        rotate_hours: rotate_hours?,
        keep_days: keep_days?,
        on_failure: on_failure?,
        durability: durability?,
    })
}

fn place(node: &Node<'_>) -> Option<AuditPlace> {
    match node.text()? {
        "off" => Some(AuditPlace::Off),
        path if path.is_empty() || path.contains('\0') || path.contains("://") => node
            .problem_with_hint(
                "is not a directory",
                "a path such as /var/lib/ark/audit, or off",
            ),
        path => Some(AuditPlace::Dir(PathBuf::from(path))),
    }
}
