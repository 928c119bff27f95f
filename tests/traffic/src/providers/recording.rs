//! Recorded exchanges with the real API, in go-vcr's YAML, version 2.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use serde::Deserialize;

/// What the real API answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its status.
    pub status: u16,
    /// Its `content-type`.
    pub content_type: String,
    /// Its body, to the byte.
    pub body: Bytes,
}

/// Recordings by file name without `.yaml`.
pub type Recordings = BTreeMap<String, Recording>;

#[derive(Deserialize)]
struct Cassette {
    interactions: Vec<Interaction>,
}

#[derive(Deserialize)]
struct Interaction {
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    body: String,
    code: u16,
    #[serde(default)]
    headers: BTreeMap<String, Vec<String>>,
}

/// Reads all `*.yaml` of `directory`.
///
/// # Errors
/// A sentence naming the file and what is wrong with it.
pub fn read_recordings(directory: &Path) -> Result<Recordings, String> {
    let failed = |error: std::io::Error| format!("recordings {}: {error}", directory.display());
    let mut recordings = Recordings::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let text = std::fs::read_to_string(&path).map_err(failed)?;
        let recording =
            parse(&text).map_err(|error| format!("recording {}: {error}", path.display()))?;
        recordings.insert(name.unwrap_or_default().to_owned(), recording);
    }
    Ok(recordings)
}

fn parse(yaml: &str) -> Result<Recording, String> {
    let cassette: Cassette = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
    let response = cassette
        .interactions
        .into_iter()
        .next()
        .ok_or_else(|| "no interactions".to_owned())?
        .response;
    let content_type = response
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .and_then(|(_, values)| values.first())
        .map_or("application/json", String::as_str);
    Ok(Recording {
        status: response.code,
        content_type: content_type.to_owned(),
        body: Bytes::from(response.body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASSETTE: &str = "---
version: 2
interactions:
    - id: 0
      request:
        url: https://api.openai.com/v1/chat/completions
        method: POST
      response:
        body: |+
            data: {\"a\":\"\\u00e9 é\"}

            data: [DONE]

        headers:
            Content-Type:
                - text/event-stream; charset=utf-8
        status: 200 OK
        code: 200
        duration: 1.2s
";

    #[test]
    fn a_recording_keeps_status_type_and_bytes() {
        assert_eq!(
            parse(CASSETTE).unwrap(),
            Recording {
                status: 200,
                content_type: "text/event-stream; charset=utf-8".to_owned(),
                body: Bytes::from("data: {\"a\":\"\\u00e9 é\"}\n\ndata: [DONE]\n\n"),
            }
        );
        assert!(parse("interactions: []").is_err());
    }

    /// Recorders store the length that the real API announced: the strongest proof of the bytes.
    #[test]
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn recorded_bodies_have_their_recorded_length() {
        let directory =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/recorded-openai");
        if !directory.exists() {
            eprintln!("skipped: no ../shared/data/recorded-openai beside the project");
            return;
        }
        let recordings = read_recordings(&directory).unwrap();
        assert!(recordings.len() >= 10);
        for (name, recording) in recordings {
            let yaml = std::fs::read_to_string(directory.join(format!("{name}.yaml"))).unwrap();
            let length: usize = yaml
                .lines()
                .filter_map(|line| line.trim().strip_prefix("content_length: "))
                .nth(1)
                .and_then(|length| length.parse().ok())
                .unwrap();
            assert_eq!(recording.body.len(), length, "{name}");
        }
    }
}
