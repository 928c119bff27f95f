//! The path of an endpoint at a provider.

/// What is asked of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Chat.
    ChatCompletions,
    /// Legacy completions.
    Completions,
    /// Embeddings.
    Embeddings,
    /// Responses; not in Azure's deployment paths.
    Responses,
}

/// How a provider lays out its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout<'a> {
    /// `{base_path}/chat/completions`
    Openai,
    /// `{base_path}/openai/deployments/{deployment}/chat/completions?api-version={api_version}`
    AzureOpenai {
        /// The deployment, percent-encoded in the path.
        deployment: &'a str,
        /// Azure's API version; empty leaves the query out.
        api_version: &'a str,
    },
    /// Azure's newer paths: `{base_path}/openai/v1/chat/completions`.
    AzureV1,
}

impl Endpoint {
    fn suffix(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Completions => "/completions",
            Self::Embeddings => "/embeddings",
            Self::Responses => "/responses",
        }
    }
}

/// The path and query of `endpoint`; `base_path` is `/v1`, or empty, without a trailing slash.
#[must_use]
pub fn upstream_path(base_path: &str, endpoint: Endpoint, layout: Layout<'_>) -> String {
    let mut path = String::with_capacity(128);
    path.push_str(base_path);
    match layout {
        Layout::Openai => path.push_str(endpoint.suffix()),
        Layout::AzureV1 => {
            path.push_str("/openai/v1");
            path.push_str(endpoint.suffix());
        }
        Layout::AzureOpenai {
            deployment,
            api_version,
        } => {
            path.push_str("/openai/deployments/");
            push_encoded(&mut path, deployment);
            path.push_str(endpoint.suffix());
            if !api_version.is_empty() {
                path.push_str("?api-version=");
                push_encoded(&mut path, api_version);
            }
        }
    }
    path
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub fn push_encoded(path: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push('%');
            for nibble in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0');
                path.push(digit.to_ascii_uppercase());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_layout() {
        let azure = |deployment, api_version| Layout::AzureOpenai {
            deployment,
            api_version,
        };
        for (base, endpoint, layout, path) in [
            (
                "/v1",
                Endpoint::ChatCompletions,
                Layout::Openai,
                "/v1/chat/completions",
            ),
            ("", Endpoint::Completions, Layout::Openai, "/completions"),
            (
                "/a/b",
                Endpoint::Embeddings,
                Layout::Openai,
                "/a/b/embeddings",
            ),
            (
                "",
                Endpoint::ChatCompletions,
                azure("gpt-4o", "2024-10-21"),
                "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
            ),
            (
                "/x",
                Endpoint::Embeddings,
                azure("a/b?é #%", "v&1"),
                "/x/openai/deployments/a%2Fb%3F%C3%A9%20%23%25/embeddings?api-version=v%261",
            ),
            (
                "",
                Endpoint::Responses,
                Layout::AzureV1,
                "/openai/v1/responses",
            ),
            (
                "",
                Endpoint::Completions,
                azure("d", ""),
                "/openai/deployments/d/completions",
            ),
        ] {
            assert_eq!(upstream_path(base, endpoint, layout), path);
        }
    }
}
