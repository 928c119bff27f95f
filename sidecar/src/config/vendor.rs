//! The vendors that `vendor: NAME` may name: the rows of the dialects' own table.

use ark_dialect::vendor::Vendor;

/// All names.
pub(super) fn names() -> Vec<&'static str> {
    Vendor::all()
        .filter(|v| v.has_quirks())
        .map(Vendor::name)
        .collect()
}

/// The vendor of this name.
pub(super) fn parse(name: &str) -> Option<&'static str> {
    names().into_iter().find(|known| *known == name)
}

/// The base of a vendor's public API; `None` for servers that everybody runs themselves.
pub(super) fn base_url(vendor: &str) -> Option<&'static str> {
    Vendor::parse(vendor)?.quirks().base_url
}
