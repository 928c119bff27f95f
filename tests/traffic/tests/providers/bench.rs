//! The bench that the tests share: a fleet in this process, and a client that sees every byte.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use ark_traffic::providers::Fleet;
use ark_traffic::providers::config::{FleetConfig, Kind, ProviderConfig};
use ark_traffic::providers::recording::{Recording, Recordings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest time for anything here.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// The recorded stream that `replay:recorded` answers.
pub(crate) const RECORDED: &str = "data: {\"a\":1}\n\n: note\n\ndata: [DONE]\n\n";

/// What a raw connection saw until its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) text: String,
    /// The connection ended in a reset.
    pub(crate) reset: bool,
}

impl Seen {
    pub(crate) fn status(&self) -> u16 {
        self.text
            .get(9..12)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.text.split("\r\n\r\n").next()?;
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The body; chunks joined.
    pub(crate) fn body(&self) -> String {
        let (_, mut rest) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        if self.header("transfer-encoding").is_none() {
            return rest.to_owned();
        }
        self.chunks_of(&mut rest).concat()
    }

    /// The chunks of a chunked body.
    pub(crate) fn chunks(&self) -> Vec<String> {
        let (_, mut rest) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        self.chunks_of(&mut rest)
    }

    fn chunks_of(&self, rest: &mut &str) -> Vec<String> {
        let mut chunks = Vec::new();
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                break;
            }
            chunks.push(after.get(..size).unwrap().to_owned());
            *rest = after.get(size + 2..).unwrap_or_default();
        }
        chunks
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body()).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }

    /// The `data:` of all events.
    pub(crate) fn events(&self) -> Vec<String> {
        let body = self.body().replace("\r\n", "\n");
        let data = |line: &str| line.strip_prefix("data: ").map(str::to_owned);
        body.lines().filter_map(data).collect()
    }
}

/// Starts `official` (OpenAI) and `azure` without latency.
pub(crate) async fn fleet() -> Fleet {
    let config = FleetConfig {
        providers: vec![
            ProviderConfig::new("official", Kind::Openai, 0),
            ProviderConfig::new("azure", Kind::AzureOpenai, 0),
        ],
    };
    let recorded = Recording {
        status: 203,
        content_type: "text/event-stream".to_owned(),
        body: RECORDED.into(),
    };
    let recordings = Recordings::from([("recorded".to_owned(), recorded)]);
    Fleet::start(config, recordings, "127.0.0.1").await.unwrap()
}

/// Sends `request` and reads to the connection's end.
pub(crate) async fn exchange(address: SocketAddr, request: &str) -> Seen {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_to_end(&mut stream).await
}

/// Reads until the connection ends, in order or not.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let reset = match tokio::time::timeout(DEADLINE, reading).await {
        Ok(Ok(_)) => false,
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => true,
        other => panic!("{other:?}"),
    };
    Seen {
        text: String::from_utf8(bytes).unwrap(),
        reset,
    }
}

/// A request with `official`'s key, further header lines and a body.
pub(crate) fn request(line: &str, headers: &str, body: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer key-official\r\n\
         api-key: key-azure\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A chat request with `extra` fields, under `script`.
pub(crate) fn chat(script: &str, extra: &Value) -> String {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    let script = match script {
        "" => String::new(),
        script => format!("x-demo-script: {script}\r\n"),
    };
    request("POST /v1/chat/completions", &script, &body.to_string())
}

/// Polls until `ready`, or fails at the deadline.
pub(crate) async fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let polling = async {
        while !ready() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, polling).await.is_ok(),
        "never happened: {what}"
    );
}
