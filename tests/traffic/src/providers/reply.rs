//! What a model is asked for and what it says, whatever the dialect.

use serde_json::{Value, json};

use super::dialect::Context;
use super::openai::ask::sample;
use super::script::CHUNKS_LIMIT;
use super::text::Text;

/// Words of reasoning when some are asked for and the script does not say how many.
const REASON_WORDS: usize = 6;

/// What a request asks a model for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish {
    pub(super) model: String,
    /// Most tokens.
    pub(super) limit: Option<usize>,
    pub(super) tools: Vec<Tool>,
    pub(super) choice: Choice,
    /// Whether several calls at once are forbidden.
    pub(super) one_call: bool,
    pub(super) format: Format,
    /// Whether it asks for reasoning.
    pub(super) thinks: bool,
    pub(super) sights: Sights,
}

/// A tool on offer.
#[derive(Clone, Debug, Default)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) schema: Value,
}

/// Whether a tool is to be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Choice {
    /// As these models do: yes, unless the turn is a tool's answer.
    #[default]
    Auto,
    None,
    Any,
    Named(String),
}

/// What the text must be.
#[derive(Clone, Debug, Default)]
pub(super) enum Format {
    #[default]
    Words,
    Json,
    Schema(Value),
}

/// What a conversation shows besides text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sights {
    pub(super) images: usize,
    pub(super) documents: usize,
    pub(super) sounds: usize,
    pub(super) results: usize,
    /// Whether the last turn is a tool's answer.
    pub(super) answered: bool,
}

/// What a model says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) thoughts: Option<Text>,
    pub(super) text: Option<Text>,
    pub(super) calls: Vec<Call>,
    pub(super) stop: Stop,
    /// In place of [`Self::stop`]'s word, the script's.
    pub(super) stop_word: Option<String>,
    pub(super) usage: Usage,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// A JSON object, in the pieces in which it is streamed.
    pub(super) arguments: Text,
}

/// Why it stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    End,
    Limit,
    Calls,
}

/// Tokens; the prompt's include the cached and the written ones, the answer's include the thoughts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) prompt: usize,
    pub(super) cached: usize,
    pub(super) written: usize,
    pub(super) answer: usize,
    pub(super) thoughts: usize,
}

impl Usage {
    /// What a prompt of so many bytes uses before there is an answer.
    pub(super) fn of_prompt(bytes: usize) -> Self {
        Self {
            prompt: (bytes / 4).max(1),
            ..Self::default()
        }
    }
}

impl Sights {
    /// What it saw, in words; empty for text only.
    fn words(self) -> String {
        let kinds = [
            (self.images, "image"),
            (self.documents, "document"),
            (self.sounds, "sound"),
            (self.results, "tool result"),
        ];
        let seen = kinds.iter().filter(|(count, _)| *count > 0);
        let seen: Vec<String> = seen
            .map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        if seen.is_empty() {
            return String::new();
        }
        format!(" [{}]", seen.join(", "))
    }
}

impl Reply {
    /// What is said to `wish`. A prompt of `prompt_bytes` counts a token for every four.
    pub(super) fn to(wish: &Wish, context: &Context<'_>, prompt_bytes: usize) -> Self {
        let script = &context.script.answer;
        let calls = calls(wish, context);
        let text = if calls.is_empty() {
            Some(words(wish, context))
        } else {
            script.say.as_deref().map(Text::of)
        };
        let thoughts = script
            .reason
            .or(wish.thinks.then_some(REASON_WORDS))
            .filter(|count| *count > 0)
            .map(|count| Text::sentence("thinking", &wish.model, Some(count)));
        let stop = match &text {
            _ if !calls.is_empty() => Stop::Calls,
            Some(text) if text.truncated => Stop::Limit,
            Some(_) | None => Stop::End,
        };
        let pieces = |text: &Option<Text>| text.as_ref().map_or(0, Text::pieces);
        let called: usize = calls
            .iter()
            .map(|call| call.arguments.pieces().max(1))
            .sum();
        let (cached, written) = (script.cached.unwrap_or(0), script.written.unwrap_or(0));
        let usage = Usage {
            prompt: script
                .prompt_tokens
                .unwrap_or((prompt_bytes / 4).max(1))
                .max(cached + written),
            cached,
            written,
            answer: pieces(&text) + pieces(&thoughts) + called,
            thoughts: pieces(&thoughts),
        };
        let _ = context.told.set(usage);
        Self {
            thoughts,
            text,
            calls,
            stop,
            stop_word: script.stop.clone(),
            usage,
        }
    }

    /// The dialect's word for why it stops, unless the script has another.
    pub(super) fn stop_word<'a>(&'a self, word: impl Fn(Stop) -> &'a str) -> &'a str {
        self.stop_word.as_deref().unwrap_or_else(|| word(self.stop))
    }
}

/// The ordinary sentence, or what was asked for in its place.
fn words(wish: &Wish, context: &Context<'_>) -> Text {
    let name = &context.config.name;
    if let Some(text) = context.text.or(context.script.answer.say.as_deref()) {
        return Text::of(text).limited(wish.limit);
    }
    match &wish.format {
        Format::Json => {
            let answer = json!({"provider": name, "model": wish.model, "ok": true});
            Text::of(&answer.to_string())
        }
        Format::Schema(schema) => Text::of(&sample(schema, 0).to_string()),
        Format::Words => Text::sentence(name, &wish.model, context.script.chunks)
            .noting(
                &context
                    .script
                    .chunks
                    .map_or_else(|| wish.sights.words(), |_| String::new()),
            )
            // A scripted length is meant whatever limit the client's request has.
            .limited(wish.limit.filter(|_| context.script.chunks.is_none()))
            .limited(Some(CHUNKS_LIMIT))
            .padded(context.script.big),
    }
}

fn calls(wish: &Wish, context: &Context<'_>) -> Vec<Call> {
    let offered: Vec<&Tool> = match &wish.choice {
        Choice::None => return Vec::new(),
        Choice::Named(name) => wish.tools.iter().filter(|t| t.name == *name).collect(),
        Choice::Auto | Choice::Any => wish.tools.iter().collect(),
    };
    let wanted = match (context.script.answer.calls, &wish.choice) {
        (Some(count), _) => count,
        (None, Choice::Any | Choice::Named(_)) => 1,
        (None, _) => usize::from(
            !wish.sights.answered && context.text.is_none() && context.script.answer.say.is_none(),
        ),
    };
    let wanted = if wish.one_call { wanted.min(1) } else { wanted };
    let call = |tool: &&Tool| Call {
        name: tool.name.clone(),
        arguments: Text::of(&sample(&tool.schema, 0).to_string()),
    };
    offered.iter().cycle().take(wanted).map(call).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::config::{Kind, ProviderConfig};
    use crate::providers::script::Script;

    fn reply(wish: &Wish, script: &str) -> Reply {
        let context = Context {
            config: &ProviderConfig::new("p", Kind::Anthropic, 0),
            script: &Script::parse(script).unwrap(),
            sequence: 1,
            text: None,
            told: &crate::providers::bill::Told::new(),
        };
        Reply::to(wish, &context, 400)
    }

    fn wish() -> Wish {
        let tool = |name: &str| Tool {
            name: name.to_owned(),
            schema: json!({"properties": {"x": {"type": "integer"}}}),
        };
        Wish {
            model: "m".to_owned(),
            tools: vec![tool("a"), tool("b")],
            ..Wish::default()
        }
    }

    fn called(reply: &Reply) -> Vec<&str> {
        reply.calls.iter().map(|call| call.name.as_str()).collect()
    }

    #[test]
    fn tools_are_called_as_the_choice_and_the_script_say() {
        assert_eq!(called(&reply(&wish(), "ok")), ["a"]);
        assert_eq!(called(&reply(&wish(), "calls:3")), ["a", "b", "a"]);
        let none = reply(&wish(), "calls:0");
        assert_eq!((called(&none).len(), none.stop), (0, Stop::End));
        let one = Wish {
            one_call: true,
            ..wish()
        };
        assert_eq!(called(&reply(&one, "calls:2")), ["a"]);
        let named = Wish {
            choice: Choice::Named("b".to_owned()),
            ..wish()
        };
        assert_eq!(called(&reply(&named, "ok")), ["b"]);
        let forbidden = Wish {
            choice: Choice::None,
            ..wish()
        };
        assert!(reply(&forbidden, "calls:2").calls.is_empty());
        let mut answered = wish();
        answered.sights.answered = true;
        assert!(reply(&answered, "ok").calls.is_empty());
        let said = reply(&wish(), "say:hello");
        assert_eq!(said.text.unwrap().plain(), "hello");
    }

    #[test]
    fn the_text_tells_what_was_seen() {
        let sights = Sights {
            images: 2,
            documents: 1,
            ..Sights::default()
        };
        let seen = Wish {
            model: "m".to_owned(),
            sights,
            ..Wish::default()
        };
        let text = reply(&seen, "ok").text.unwrap().plain();
        assert!(
            text.starts_with("This is p answering as m: [2 images, 1 document]"),
            "{text}"
        );
    }

    #[test]
    fn usage_includes_caches_and_thoughts() {
        let mut thinking = Wish {
            thinks: true,
            ..Wish::default()
        };
        thinking.limit = Some(4);
        let reply = reply(&thinking, "cached:90+written:20");
        assert_eq!(
            reply.usage,
            Usage {
                prompt: 110,
                cached: 90,
                written: 20,
                answer: 10,
                thoughts: 6
            }
        );
        assert_eq!(reply.stop, Stop::Limit);
    }
}
