//! What clients may have put into records, without secrets and personal data: before anybody sees it.

use std::borrow::Cow;

use ark_gateway_core::sync::SyncRequest;

/// Masks the texts of records that come from outside: `x-request-id`, and tags.
pub(super) fn records(request: &mut SyncRequest) {
    for record in request.records.iter_mut().chain(&mut request.opened) {
        clean(&mut record.id);
        record.tags.values_mut().for_each(clean);
    }
}

fn clean(text: &mut String) {
    if let Cow::Owned(masked) = ark_redact::mask(text) {
        *text = masked;
    }
}
