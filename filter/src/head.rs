//! The request's headers, read once.

use ark_gateway_core::admit::RequestHead;

use crate::raw::pairs;

/// The header map as the host gave it.
pub(crate) struct Head {
    wire: Vec<u8>,
}

impl Head {
    pub(crate) fn new(wire: Vec<u8>) -> Self {
        Self { wire }
    }

    /// What core decides on. A value that is not UTF-8 counts as absent.
    pub(crate) fn request(&self) -> RequestHead<'_> {
        let mut head = RequestHead::default();
        for (name, value) in pairs(&self.wire) {
            let text = || std::str::from_utf8(value).ok();
            match name {
                b":method" => head.method = text().unwrap_or_default(),
                b":path" => head.path = text().map_or("", without_query),
                b"authorization" => head.authorization = text(),
                b"x-api-key" => head.api_key = text(),
                b"x-ark-priority" => head.priority = text(),
                b"x-ark-provider" => head.provider = text(),
                b"content-length" => head.content_length = text().and_then(|v| v.parse().ok()),
                _ => {}
            }
        }
        head
    }

    /// `:path` with its query.
    pub(crate) fn path(&self) -> &str {
        self.find(b":path").unwrap_or_default()
    }

    /// Envoy's id of the request.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.find(b"x-request-id")
    }

    fn find(&self, wanted: &[u8]) -> Option<&str> {
        let (_, value) = pairs(&self.wire).find(|(name, _)| *name == wanted)?;
        std::str::from_utf8(value).ok()
    }

    /// Headers that only Ark and Envoy may set, or that are for us alone.
    pub(crate) fn internal(&self) -> impl Iterator<Item = &str> {
        pairs(&self.wire)
            .filter(|(n, _)| n.starts_with(b"x-ark-") || n.starts_with(b"x-envoy-"))
            .filter_map(|(name, _)| std::str::from_utf8(name).ok())
    }
}

fn without_query(path: &str) -> &str {
    path.split_once('?').map_or(path, |(path, _)| path)
}
