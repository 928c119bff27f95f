//! Counting the tokens of a prompt: `POST /v1/messages/count_tokens`.
//!
//! Source: SDK types `MessageCountTokensParams` and `MessageTokensCount`.

use serde_json::Value;

use super::json::Json;
use super::request;
use crate::chat::{BadRequest, ChatRequest, Format, Part, Source, Tool};

/// Of an image: the largest that is not scaled down has about 1.15 megapixels, at 750 pixels a
/// token.
const IMAGE_TOKENS: u64 = 1600;
/// Of a page of a document: text and picture together.
const PAGE_TOKENS: u64 = 2000;
/// Of a page of a PDF, as a guess.
const PAGE_BYTES: u64 = 50_000;
/// Of a minute of speech, a guess for sound of 16 bits and 16 kHz.
const SOUND_BYTES_PER_TOKEN: u64 = 1000;
/// Of a turn's frame: who speaks.
const TURN_TOKENS: u64 = 4;
/// Of the frame of a tool, a call or a result.
const TOOL_TOKENS: u64 = 12;

/// Reads a request whose tokens shall be counted.
///
/// # Errors
/// As [`super::read_request`], but `max_tokens` may be missing.
pub fn count_tokens_request(body: &[u8]) -> Result<ChatRequest, BadRequest> {
    request::read(body)
}

/// Writes the answer.
#[must_use]
pub fn count_tokens_body(n: u64) -> Vec<u8> {
    Json::body(|json| json.key("input_tokens").number(n))
}

/// Estimates the tokens of a prompt, for providers that do not count.
///
/// Text: a token for four ASCII characters, for two of other alphabets, and for each character of
/// Chinese, Japanese and Korean. Images, pages and sound: constants. It is meant to be right within
/// a quarter or so for prose and code; it is not what any tokenizer says.
#[must_use]
pub fn estimate_tokens(request: &ChatRequest) -> u64 {
    let mut sum = Sum::default();
    for turn in &request.turns {
        sum.tokens(TURN_TOKENS);
        sum.parts(&turn.parts);
    }
    for tool in &request.tools {
        sum.tool(tool);
    }
    match &request.format {
        Format::Text | Format::JsonObject => {}
        Format::JsonSchema { schema, .. } => sum.json(schema),
    }
    sum.total()
}

/// Tokens, and quarters of tokens for text.
#[derive(Default)]
struct Sum {
    tokens: u64,
    quarters: u64,
}

impl Sum {
    fn total(&self) -> u64 {
        self.tokens.saturating_add(self.quarters.div_ceil(4))
    }

    fn tokens(&mut self, tokens: u64) {
        self.tokens = self.tokens.saturating_add(tokens);
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            let quarters = match c {
                '\0'..='\x7f' => 1,
                // Hangul Jamo, CJK from radicals to compatibility forms, Hangul, full widths, and
                // the planes of further ideographs and of pictures.
                '\u{1100}'..='\u{11ff}'
                | '\u{2e80}'..='\u{d7ff}'
                | '\u{f900}'..='\u{faff}'
                | '\u{fe30}'..='\u{fe4f}'
                | '\u{ff00}'..='\u{ffef}'
                | '\u{10000}'.. => 4,
                _ => 2,
            };
            self.quarters = self.quarters.saturating_add(quarters);
        }
    }

    fn json(&mut self, value: &Value) {
        self.text(&value.to_string());
    }

    fn tool(&mut self, tool: &Tool) {
        self.tokens(TOOL_TOKENS);
        self.text(&tool.name);
        self.text(tool.description.as_deref().unwrap_or_default());
        if let Some(parameters) = &tool.parameters {
            self.json(parameters);
        }
    }

    fn parts(&mut self, parts: &[Part]) {
        for part in parts {
            self.part(part);
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Text { text, .. } | Part::Refusal { text } | Part::Reasoning { text, .. } => {
                self.text(text);
            }
            Part::Image { .. } => self.tokens(IMAGE_TOKENS),
            Part::File { source, .. } => self.file(source),
            Part::Audio { data, .. } => self.tokens(bytes(data) / SOUND_BYTES_PER_TOKEN),
            Part::ToolCall {
                name, arguments, ..
            } => {
                self.tokens(TOOL_TOKENS);
                self.text(name);
                self.text(arguments);
            }
            Part::ToolResult { parts, .. } => {
                self.tokens(TOOL_TOKENS);
                self.parts(parts);
            }
            // Encrypted: about three characters of text in four of base64.
            Part::RedactedReasoning { signature } => self.text(&signature.data),
            Part::Foreign { value, .. } => self.json(value),
        }
    }

    fn file(&mut self, source: &Source) {
        match source {
            Source::Text(text) => self.text(text),
            Source::Base64 { data, .. } => {
                let pages = bytes(data).div_ceil(PAGE_BYTES).max(1);
                self.tokens(pages.saturating_mul(PAGE_TOKENS));
            }
            Source::Url(_) | Source::FileId(_) => self.tokens(PAGE_TOKENS),
        }
    }
}

/// Bytes that base64 stands for.
fn bytes(base64: &str) -> u64 {
    let length = u64::try_from(base64.len()).unwrap_or(u64::MAX);
    length / 4 * 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_estimated() {
        let count = |body: &str| estimate_tokens(&count_tokens_request(body.as_bytes()).unwrap());
        let ask = |content: &str| {
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#)
        };
        for (content, tokens) in [
            (r#""""#, 4),
            (r#""Hello, world""#, 7),
            (r#""Привет""#, 7),
            (r#""你好世界""#, 8),
            (r#""한국""#, 6),
            (
                r#"[{"type":"image","source":{"type":"url","url":"https://x/y.png"}}]"#,
                1604,
            ),
            (
                r#"[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"abcd"}}]"#,
                5,
            ),
            (
                r#"[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]"#,
                2004,
            ),
            (
                r#"[{"type":"tool_result","tool_use_id":"t","content":"four"}]"#,
                17,
            ),
        ] {
            assert_eq!(count(&ask(content)), tokens, "{content}");
        }
        let tool = r#"{"model":"m","messages":[{"role":"user","content":"abcd"}],
            "tools":[{"name":"abcd","input_schema":{"type":"object"}}]}"#;
        assert_eq!(count(tool), 4 + 1 + 12 + 1 + 5);
        assert_eq!(count_tokens_body(7), br#"{"input_tokens":7}"#);
    }
}
