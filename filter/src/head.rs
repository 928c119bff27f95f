//! The request's headers, read once.

use std::collections::BTreeMap;

use ark_dialect::translate::ErrorForm;
use ark_gateway_core::admit::RequestHead;
use ark_gateway_core::tags;

use crate::raw::pairs;

/// What matters of a request's head, borrowed from the map in wire form. A value that is not UTF-8
/// counts as absent.
#[derive(Default)]
pub(crate) struct Head<'a> {
    /// What core decides on.
    pub(crate) request: RequestHead<'a>,
    /// `:path` with its query.
    pub(crate) path: &'a str,
    /// `anthropic-version`, which clients of Anthropic's API send.
    pub(crate) anthropic_version: Option<&'a str>,
    /// `anthropic-beta`.
    pub(crate) anthropic_beta: Option<&'a str>,
    /// Envoy's id of the request; empty when it gave none.
    pub(crate) id: &'a str,
    /// What Envoy's `jwt_authn` has verified: a token's payload, in base64url. Nobody else can set it.
    pub(crate) verified: Option<&'a str>,
    /// Headers that only Ark and Envoy may set, or that are for us alone.
    pub(crate) internal: Vec<&'a str>,
    /// The whole map in wire form.
    wire: &'a [u8],
}

impl<'a> Head<'a> {
    pub(crate) fn read(wire: &'a [u8]) -> Self {
        let mut head = Self {
            wire,
            ..Self::default()
        };
        let request = &mut head.request;
        for (name, value) in pairs(wire) {
            let text = || std::str::from_utf8(value).ok();
            match name {
                b":method" => request.method = text().unwrap_or_default(),
                b":path" => head.path = text().unwrap_or_default(),
                b"authorization" => request.authorization = text(),
                b"x-api-key" => request.api_key = text(),
                b"x-ark-priority" => request.priority = text(),
                b"x-ark-provider" => request.provider = text(),
                // One that cannot be read, or a second one, must not count as none.
                b"x-ark-require" => {
                    let first = request.require.is_none();
                    request.require = Some(text().filter(|_| first).unwrap_or_default());
                }
                b"x-ark-explain" => request.explain = text(),
                b"x-ark-verified" => head.verified = text(),
                b"anthropic-version" => head.anthropic_version = text(),
                b"anthropic-beta" => head.anthropic_beta = text(),
                b"content-length" => request.content_length = text().and_then(|v| v.parse().ok()),
                // One that cannot be read, or one of several, must not count as none.
                b"content-encoding" if request.content_encoding.is_some() => {
                    request.content_encoding = Some("");
                }
                b"content-encoding" => request.content_encoding = text().or(Some("")),
                b"x-request-id" => head.id = text().unwrap_or_default(),
                _ => {}
            }
            // Each removal is a host call, and Envoy's routes remove this one by themselves.
            let is_removed = name == b"x-envoy-external-address";
            if (name.starts_with(b"x-ark-") || name.starts_with(b"x-envoy-")) && !is_removed {
                head.internal.extend(std::str::from_utf8(name));
            }
        }
        request.path = without_query(head.path);
        head
    }

    /// The tags among the headers, `names` in lower case. The first of several of one name counts.
    pub(crate) fn tags(&self, names: &[String]) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        for (name, raw) in pairs(self.wire) {
            let known = names.iter().find(|known| known.as_bytes() == name);
            if let (Some(known), Some(value)) = (known, tags::value(raw)) {
                tags.entry(known.clone())
                    .or_insert_with(|| value.to_owned());
            }
        }
        tags
    }

    /// The form in which the client reads errors: Anthropic's for its endpoints and its clients.
    pub(crate) fn error_form(&self) -> ErrorForm {
        let messages = self.request.path.starts_with("/v1/messages");
        let openai = self.request.path.starts_with("/v1/chat");
        if messages || (self.anthropic_version.is_some() && !openai) {
            ErrorForm::Anthropic
        } else {
            ErrorForm::Openai
        }
    }
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}
