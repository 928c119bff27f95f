//! Departures from the shape of a request, in the API's words.

use std::fmt::Write;

use super::invalid;
use crate::providers::refusal::Refusal;
use crate::providers::shape::{Flaw, Measure, Problem, Step};

/// A flaw in the API's words.
pub(super) fn refusal(flaw: &Flaw) -> Refusal {
    let mut path = path(&flaw.path);
    let mut inner = |name: &str| {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    };
    let problem = match &flaw.problem {
        Problem::Unknown(name, _) => {
            inner(name);
            "Extra inputs are not permitted".to_owned()
        }
        Problem::Missing(name) => {
            inner(name);
            "Field required".to_owned()
        }
        Problem::Type(wanted, _) => format!("Input should be a valid {wanted}"),
        Problem::Word(words, _) => format!("Input should be {}", alternatives(words)),
        Problem::Tag(tag, Some(got), words) => format!(
            "Input tag '{got}' found using '{tag}' does not match any of the expected tags: {}",
            alternatives(words)
        ),
        Problem::Tag(tag, None, _) => {
            format!("Unable to extract tag using discriminator '{tag}'")
        }
        Problem::Under(least, Measure::Value) => {
            format!("Input should be greater than or equal to {least}")
        }
        Problem::Over(most, Measure::Value) => {
            format!("Input should be less than or equal to {most}")
        }
        Problem::Under(least, Measure::Characters) => {
            format!("String should have at least {least} character")
        }
        Problem::Over(most, Measure::Characters) => {
            format!("String should have at most {most} characters")
        }
        Problem::Under(_, Measure::Items) => "at least one message is required".to_owned(),
        Problem::Over(most, Measure::Items) => {
            format!("List should have at most {most} items")
        }
        Problem::NotSingle(_) => "Input should be a valid dictionary".to_owned(),
    };
    invalid(&format!("{path}: {problem}"))
}

fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    quoted.join(", ")
}

fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        if !path.is_empty() {
            path.push('.');
        }
        // Writing to a string cannot fail.
        let _written = match step {
            Step::Key(key) => write!(path, "{key}"),
            Step::Index(index) | Step::Entry(index) => write!(path, "{index}"),
            Step::Tag(tag) => write!(path, "{tag}"),
        };
    }
    path
}
