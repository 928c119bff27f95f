//! Keeping providers that speak the dialect themselves from storing what passes through.

use super::request::{BACKGROUND, CONVERSATION, PREVIOUS_RESPONSE};
use crate::bytes::{is_space, tail};
use crate::chat::BadRequest;
use crate::json_scan::{Keys, Kind, Member, ObjectScanner, Wanted};
use crate::request::BodyError;
use crate::rewrite::Splice;

const fn wanted(name: &'static str, capture_bytes: usize) -> Wanted {
    Wanted {
        name,
        capture_bytes,
        // What the gateway sees must be what the provider sees.
        unique: true,
    }
}

static WANTED: [Wanted; 4] = [
    wanted("store", 8),
    wanted(BACKGROUND.0, 8),
    wanted(PREVIOUS_RESPONSE.0, 0),
    wanted(CONVERSATION.0, 0),
];

/// The edit that makes a request say `"store": false` (providers store by default); `None` when it
/// says so already. For [`crate::rewrite::Plan`], without parsing the body.
///
/// # Errors
/// When the body is not a JSON object, says one of the members twice, or refers to something stored,
/// which cannot be there.
pub fn store_edit(body: &[u8]) -> Result<Option<Splice>, BadRequest> {
    let mut scanner = ObjectScanner::new(&WANTED, Keys::Decoded);
    scanner.push(body);
    let scanned = scanner.finish().map_err(|error| {
        let error = BodyError::from(error);
        BadRequest::new(error.param().unwrap_or_default(), error.message())
    })?;
    let [store, background, previous, conversation] = &scanned.members;
    let background = background.as_ref().filter(|m| m.raw == b"true");
    for (member, (name, remedy)) in [
        (previous.as_ref(), PREVIOUS_RESPONSE),
        (conversation.as_ref(), CONVERSATION),
        (background, BACKGROUND),
    ] {
        if member.is_some_and(|member| member.kind != Kind::Null) {
            return Err(BadRequest::new(name, remedy));
        }
    }
    let open = scanned.object_open;
    Ok(match store {
        Some(store) if store.raw == b"false" => None,
        Some(Member { span, .. }) => Some(Splice {
            at: span.clone(),
            text: "false".into(),
        }),
        None => {
            let first = tail(body, open).iter().find(|&&byte| !is_space(byte));
            let text = match first {
                Some(b'}') => "\"store\":false",
                Some(_) | None => "\"store\":false,",
            };
            let (at, text) = (open..open, text.into());
            Some(Splice { at, text })
        }
    })
}
