//! Exchanges recorded with the OpenAI API, where they are at hand.

use std::path::Path;

/// Request and response body of a go-vcr cassette; `None`, and a word, when it is not there.
pub(crate) fn recorded(name: &str) -> Option<[String; 2]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/data/recorded-openai")
        .join(name)
        .with_extension("yaml");
    let Ok(cassette) = std::fs::read_to_string(&path) else {
        println!("skipped: the recorded exchange {name} is not here");
        return None;
    };
    let lines: Vec<&str> = cassette.lines().collect();
    let bodies = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with("body: "))
        .map(|(at, line)| yaml_text(line, &lines[at + 1..]));
    Some(bodies.collect::<Vec<_>>().try_into().unwrap())
}

/// The scalar after `body: `: quoted, whose escapes are JSON's here, or an indented block.
fn yaml_text(line: &str, following: &[&str]) -> String {
    let value = line.trim_start().strip_prefix("body: ").unwrap();
    if value.starts_with('"') {
        return serde_json::from_str(value).unwrap();
    }
    let indent = following[0].len() - following[0].trim_start().len();
    following
        .iter()
        .take_while(|l| l.is_empty() || l.starts_with(&" ".repeat(indent)))
        .map(|l| format!("{}\n", l.get(indent..).unwrap_or_default()))
        .collect()
}
