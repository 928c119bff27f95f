//! What Gemini answers, borrowed from the bytes wherever nothing is escaped: a chunk of text is
//! read without an allocation.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use crate::present::Present;
use crate::usage::Usage;

/// `GenerateContentResponse`: a whole answer, or a chunk of one.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) candidates: Few<Candidate<'a>>,
    #[serde(borrow)]
    pub(super) prompt_feedback: Option<PromptFeedback<'a>>,
    pub(super) usage_metadata: Option<UsageMetadata>,
    #[serde(borrow)]
    pub(super) response_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) model_version: Option<Text<'a>>,
    pub(super) error: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PromptFeedback<'a> {
    #[serde(borrow)]
    pub(super) block_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) block_reason_message: Option<Text<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Candidate<'a> {
    #[serde(borrow)]
    pub(super) content: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) finish_message: Option<Text<'a>>,
    /// Left out where it is 0.
    pub(super) index: Option<u32>,
    pub(super) logprobs_result: Option<LogprobsResult>,
    grounding_metadata: Present,
    citation_metadata: Present,
    url_context_metadata: Present,
}

impl Candidate<'_> {
    /// Whether it says where its words come from.
    pub(super) fn has_sources(&self) -> bool {
        self.grounding_metadata.0 || self.citation_metadata.0 || self.url_context_metadata.0
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content<'a> {
    #[serde(borrow)]
    pub(super) parts: Few<Part<'a>>,
}

#[derive(Default)]
pub(super) struct Part<'a> {
    pub(super) text: Option<Text<'a>>,
    pub(super) thought: bool,
    pub(super) thought_signature: Option<Text<'a>>,
    pub(super) function_call: Option<FunctionCall<'a>>,
    /// A part of another kind, by the kind's name.
    pub(super) foreign: Option<(&'static str, Value)>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct FunctionCall<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
}

/// Arguments as Gemini wrote them, numbers and all; on one line, where an answer that is no stream
/// has many.
pub(super) fn arguments(args: Option<&RawValue>) -> Cow<'_, str> {
    let json = args.map_or("{}", RawValue::get);
    if !json.contains(['\n', '\r']) {
        return Cow::Borrowed(json);
    }
    let (mut in_string, mut escaped) = (false, false);
    let said = json.chars().filter(|&c| {
        if in_string {
            in_string = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            return true;
        }
        in_string = c == '"';
        !c.is_ascii_whitespace()
    });
    Cow::Owned(said.collect())
}

/// Members of parts that no other dialect has.
const FOREIGN: [&str; 6] = [
    "inlineData",
    "fileData",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
];

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Part<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part<'de>, A::Error> {
                let mut part = Part::default();
                while let Some(Text(key)) = map.next_key()? {
                    match key.as_ref() {
                        "text" => part.text = map.next_value()?,
                        "thought" => part.thought = map.next_value::<Option<_>>()? == Some(true),
                        "thoughtSignature" => part.thought_signature = map.next_value()?,
                        "functionCall" => part.function_call = map.next_value()?,
                        key => match FOREIGN.iter().find(|kind| **kind == key) {
                            Some(kind) => part.foreign = Some((kind, map.next_value()?)),
                            None => {
                                map.next_value::<IgnoredAny>()?;
                            }
                        },
                    }
                }
                Ok(part)
            }
        }
        from.deserialize_map(Parts)
    }
}

/// A string, borrowed where it can be. (`Option<Cow<str>>` never borrows.)
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'a> Text<'a> {
    /// `None` for an empty one.
    pub(super) fn said(text: Option<Self>) -> Option<Cow<'a, str>> {
        text.map(|Text(text)| text).filter(|text| !text.is_empty())
    }
}

/// A list that has mostly one element, which is held in place; null is an empty one.
pub(super) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self {
            first: None,
            rest: Vec::new(),
        }
    }
}

impl<T> Few<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Few<T>, E> {
                Ok(Few::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
                let first = list.next_element()?;
                let mut rest = Vec::new();
                while let Some(next) = list.next_element()? {
                    rest.push(next);
                }
                Ok(Few { first, rest })
            }
        }
        from.deserialize_any(List(std::marker::PhantomData))
    }
}

/// `UsageMetadata`: the total is the sum of prompt, tool use, candidates and thoughts.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct UsageMetadata {
    prompt_token_count: Count,
    tool_use_prompt_token_count: Count,
    candidates_token_count: Count,
    thoughts_token_count: Count,
    cached_content_token_count: Count,
    prompt_tokens_details: AudioTokens,
    candidates_tokens_details: AudioTokens,
}

impl UsageMetadata {
    /// `None` when nothing is counted.
    pub(super) fn usage(self) -> Option<Usage> {
        let Count(prompt) = self.prompt_token_count;
        let Count(tool_use) = self.tool_use_prompt_token_count;
        let Count(candidates) = self.candidates_token_count;
        let Count(thoughts) = self.thoughts_token_count;
        let usage = Usage {
            input_tokens: prompt.saturating_add(tool_use),
            output_tokens: candidates.saturating_add(thoughts),
            cached_tokens: self.cached_content_token_count.0,
            cache_creation_tokens: 0,
            reasoning_tokens: thoughts,
            input_audio_tokens: self.prompt_tokens_details.0,
            output_audio_tokens: self.candidates_tokens_details.0,
        };
        (usage.input_tokens > 0 || usage.output_tokens > 0).then_some(usage)
    }
}

/// A number of tokens; what is none counts as 0, for a count is no reason to break off an answer.
#[derive(Clone, Copy, Default)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number = Option::<Number>::deserialize(from)?;
        let count = number.and_then(|n| {
            // A protobuf `Struct`, as Vertex AI's predictions are, has floats only.
            n.as_u64().or_else(|| n.as_f64().map(|float| float as u64))
        });
        Ok(Self(count.unwrap_or_default()))
    }
}

/// The tokens of sound in a list of `ModalityTokenCount`.
#[derive(Clone, Copy, Default)]
struct AudioTokens(u64);

impl<'de> Deserialize<'de> for AudioTokens {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Modality<'a> {
            #[serde(borrow)]
            modality: Option<Text<'a>>,
            token_count: Count,
        }
        let mut sum = 0u64;
        for Modality {
            modality,
            token_count: Count(tokens),
        } in Few::<Modality<'_>>::deserialize(from)?
        {
            if modality.is_some_and(|Text(modality)| modality == "AUDIO") {
                sum = sum.saturating_add(tokens);
            }
        }
        Ok(Self(sum))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LogprobsResult {
    chosen_candidates: Vec<TokenLogprob>,
    top_candidates: Vec<TopCandidates>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TopCandidates {
    candidates: Vec<TokenLogprob>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TokenLogprob {
    token: Option<String>,
    /// Protobuf writes infinities as strings.
    log_probability: Value,
}

impl LogprobsResult {
    /// OpenAI's `logprobs` object; `None` when there are no tokens.
    pub(super) fn openai(self) -> Option<Value> {
        let mut tops = self.top_candidates.into_iter();
        let content: Vec<Value> = self
            .chosen_candidates
            .into_iter()
            .map(|chosen| {
                let top = tops.next().unwrap_or_default().candidates;
                let top = top.into_iter().map(TokenLogprob::openai);
                let top = Value::Array(top.map(Value::Object).collect());
                let mut token = chosen.openai();
                token.insert("top_logprobs".to_owned(), top);
                Value::Object(token)
            })
            .collect();
        if content.is_empty() {
            return None;
        }
        let mut logprobs = Map::new();
        logprobs.insert("content".to_owned(), Value::Array(content));
        logprobs.insert("refusal".to_owned(), Value::Null);
        Some(Value::Object(logprobs))
    }
}

impl TokenLogprob {
    fn openai(self) -> Map<String, Value> {
        /// OpenAI's value for a token that is very unlikely.
        const UNLIKELY: f64 = -9999.0;
        let token = self.token.unwrap_or_default();
        let bytes = token.bytes().map(Value::from).collect();
        let logprob = self.log_probability.as_f64().unwrap_or(UNLIKELY);
        let mut openai = Map::new();
        openai.insert("token".to_owned(), Value::String(token));
        openai.insert("logprob".to_owned(), Value::from(logprob));
        openai.insert("bytes".to_owned(), Value::Array(bytes));
        openai
    }
}
