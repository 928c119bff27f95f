//! The request that a run repeats.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use serde_json::{Value, json};

use super::LoadArgs;

/// Text that pads a user's message: words, as a body of one letter would compress and parse
/// unlike a prompt.
const PADDING: &str = "the quick brown fox jumps over the lazy dog and then ";

/// A request, ready to be sent again and again.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// `host:port` to connect to.
    pub(super) authority: String,
    /// Whether the answer is to be a stream.
    pub(super) stream: bool,
    target: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Template {
    /// What `args` ask for.
    pub(super) fn new(args: &LoadArgs) -> Result<Self, String> {
        let url: Uri = args
            .url
            .parse()
            .map_err(|e| format!("--url {}: {e}", args.url))?;
        let authority = url
            .authority()
            .filter(|_| url.scheme_str() == Some("http"))
            .ok_or_else(|| format!("--url {}: not an http:// URL", args.url))?;
        let path = match url.path_and_query() {
            Some(path) if path.as_str() != "/" => path.as_str(),
            _ => "/v1/chat/completions",
        };
        let target = path.parse().map_err(|e| format!("--url: {e}"))?;
        let mut headers = HeaderMap::new();
        headers.insert(HOST, value("--url", authority.as_str())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if !args.key.is_empty() {
            let bearer = value("--key", &format!("Bearer {}", args.key))?;
            headers.insert(AUTHORIZATION, bearer);
        }
        for header in &args.header {
            let (name, text) = header
                .split_once(':')
                .ok_or_else(|| format!("--header {header}: not `name: value`"))?;
            let name: HeaderName = name
                .trim()
                .parse()
                .map_err(|e| format!("--header {header}: {e}"))?;
            headers.insert(name, value("--header", text.trim())?);
        }
        if let Some(chunks) = args.chunks {
            let name = HeaderName::from_static("x-demo-script");
            let given = headers.get(&name).and_then(|v| v.to_str().ok());
            let script = match given {
                Some(given) => format!("{given}, *=chunks:{chunks}"),
                None => format!("*=chunks:{chunks}"),
            };
            headers.insert(name, value("--chunks", &script)?);
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self {
            authority: format!("{}:{port}", authority.host()),
            stream: args.stream,
            target,
            headers,
            body: body(args),
        })
    }

    /// The request; its body is shared, not copied.
    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

fn value(option: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|error| format!("{option}: {error}"))
}

fn body(args: &LoadArgs) -> Bytes {
    let with = |content: &str| -> Vec<u8> {
        let mut body = json!({
            "model": args.model, "messages": [{"role": "user", "content": content}],
        });
        if let (true, Some(fields)) = (args.stream, body.as_object_mut()) {
            fields.insert("stream".to_owned(), Value::from(true));
        }
        body.to_string().into_bytes()
    };
    let smallest = with("").len();
    let content: String = PADDING
        .chars()
        .cycle()
        .take(args.body_bytes.saturating_sub(smallest).max(5))
        .collect();
    Bytes::from(with(&content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_size_asked_for_and_is_a_chat_request() {
        let args = LoadArgs {
            body_bytes: 1024,
            stream: true,
            ..LoadArgs::single("http://127.0.0.1:1")
        };
        let template = Template::new(&args).unwrap();
        assert_eq!(template.body.len(), 1024);
        let body: Value = serde_json::from_slice(&template.body).unwrap();
        assert_eq!(body["stream"], true);
        assert_eq!(template.target, "/v1/chat/completions");
        assert_eq!(template.authority, "127.0.0.1:1");
    }

    #[test]
    fn scripts_join_and_mistakes_are_named() {
        let args = LoadArgs {
            chunks: Some(200),
            header: vec!["x-demo-script: a=slow:1".to_owned()],
            ..LoadArgs::single("http://localhost/x?y=1")
        };
        let template = Template::new(&args).unwrap();
        let script = template.headers.get("x-demo-script").unwrap();
        assert_eq!(script, "a=slow:1, *=chunks:200");
        assert_eq!(template.target, "/x?y=1");
        assert_eq!(template.authority, "localhost:80");
        let header = LoadArgs {
            header: vec!["oops".to_owned()],
            ..LoadArgs::single("http://h")
        };
        for args in [
            LoadArgs::single("https://h"),
            LoadArgs::single("h:1"),
            header,
        ] {
            assert!(Template::new(&args).is_err());
        }
    }
}
