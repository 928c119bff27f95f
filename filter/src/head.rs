//! The request's headers, read once.

use ark_gateway_core::admit::RequestHead;

/// The header map as the host gave it, with what matters found in one pass.
pub(crate) struct Head {
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    pub(crate) fn new(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self { headers }
    }

    /// What core decides on. A value that is not UTF-8 counts as absent.
    pub(crate) fn request(&self) -> RequestHead<'_> {
        let mut head = RequestHead::default();
        for (name, value) in &self.headers {
            let Ok(value) = std::str::from_utf8(value) else {
                continue;
            };
            match name.as_str() {
                ":method" => head.method = value,
                ":path" => head.path = value.split_once('?').map_or(value, |(path, _)| path),
                "authorization" => head.authorization = Some(value),
                "x-api-key" => head.api_key = Some(value),
                "x-ark-priority" => head.priority = Some(value),
                "x-ark-provider" => head.provider = Some(value),
                "content-length" => head.content_length = value.parse().ok(),
                _ => {}
            }
        }
        head
    }

    /// `:path` with its query.
    pub(crate) fn path(&self) -> &str {
        let path = self.headers.iter().find(|(n, _)| n == ":path");
        path.and_then(|(_, v)| std::str::from_utf8(v).ok())
            .unwrap_or_default()
    }

    /// Envoy's id of the request.
    pub(crate) fn request_id(&self) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(n, _)| n == "x-request-id")?;
        std::str::from_utf8(value).ok()
    }

    /// Headers that only Ark and Envoy may set, or that are for us alone; the route removes the
    /// client's credentials, so that this stays empty for an ordinary request.
    pub(crate) fn internal(&self) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|n| n.starts_with("x-ark-") || n.starts_with("x-envoy-"))
    }
}
