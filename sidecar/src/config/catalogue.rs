//! The price catalogue that `prices.file` names.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Config, Problem, Problems, parse};
use crate::prices::{Catalogue, FILE_LIMIT_BYTES};

/// Reads a configuration from the text of the file at `path`, with its price catalogue.
///
/// # Errors
/// Everything that is wrong with it; of the catalogue, once the text itself is right.
pub fn parse_at(text: &str, path: &Path) -> Result<Config, Problems> {
    let mut config = parse(text)?;
    let catalogue = match file_of(&config, path) {
        None => None,
        Some(file) => Some(Arc::new(read(&file).map_err(|message| {
            Problems(vec![Problem {
                path: "prices.file".to_owned(),
                message: format!("{} {message}", file.display()),
                hint: None,
            }])
        })?)),
    };
    config.prices.catalogue = catalogue;
    let problems = entry_problems(&config);
    match problems.is_empty() {
        true => Ok(config),
        false => Err(Problems(problems)),
    }
}

/// Where the catalogue of a configuration at `path` is.
#[must_use]
pub(crate) fn file_of(config: &Config, path: &Path) -> Option<PathBuf> {
    let file = config.prices.file.as_ref()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Some(folder.join(file))
}

fn read(file: &Path) -> Result<Catalogue, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut text = String::new();
    let read = opened.take(FILE_LIMIT_BYTES + 1).read_to_string(&mut text);
    if read.map_err(unreadable)? as u64 > FILE_LIMIT_BYTES {
        return Err(format!("is larger than {FILE_LIMIT_BYTES} bytes"));
    }
    Catalogue::parse(&text)
}

/// Targets whose `price` names an entry that is not there: what is named must exist.
fn entry_problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (m, model) in config.models.iter().enumerate() {
        for (t, target) in model.targets.iter().enumerate() {
            let Some(entry) = &target.price_entry else {
                continue;
            };
            let (message, hint) = match &config.prices.catalogue {
                None => (
                    "there is no catalogue",
                    "say where it is: prices: {file: prices.json}",
                ),
                Some(catalogue) if catalogue.prices.contains_key(entry) => continue,
                Some(_) => (
                    "the catalogue has no such entry",
                    "`ark prices show MODEL` finds it",
                ),
            };
            problems.push(Problem {
                path: format!("models[{m}].targets[{t}].price.catalogue"),
                message: message.to_owned(),
                hint: Some(hint.to_owned()),
            });
        }
    }
    problems
}
