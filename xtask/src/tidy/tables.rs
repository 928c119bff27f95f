//! Every metric and every reject code has its row in docs/, and no row is of something gone.

use std::collections::BTreeMap;

use super::Finding;
use super::tree::{Tree, is_tests, lines, quoted, without_tests};

const METRICS: &str = "docs/metrics.md";
const ERRORS: &str = "docs/errors.md";
const REJECTS: &str = "gateway-core/src/reject.rs";

/// Where something was found.
type Place = (String, usize);

/// Compares code and tables, both ways.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = compare(tree, METRICS, "metric", &metrics(tree), is_metric);
    let rejects = rejects(tree.text(REJECTS).unwrap_or_default());
    if rejects.is_empty() {
        let what = "tidy finds no `enum RejectCode`";
        findings.push(Finding::new(
            REJECTS,
            1,
            what,
            "teach xtask/src/tidy/tables.rs",
        ));
    }
    findings.extend(compare(tree, ERRORS, "reject code", &rejects, is_code));
    findings
}

fn compare(
    tree: &Tree,
    table: &str,
    kind: &str,
    code: &BTreeMap<String, Place>,
    is_name: fn(&str) -> bool,
) -> Vec<Finding> {
    let Some(text) = tree.text(table) else {
        let what = format!("there is no such file, and each {kind} needs a row in it");
        return vec![Finding::new(table, 1, what, "write it")];
    };
    let documented = first_column(text, is_name);
    let missing = code
        .iter()
        .filter(|(name, _)| !documented.contains_key(*name))
        .map(|(name, (file, line))| {
            let what = format!("{kind} `{name}` has no row in {table}");
            Finding::new(
                file,
                *line,
                what,
                "add one: what it means, and its unit or status",
            )
        });
    let gone = documented
        .iter()
        .filter(|(name, _)| !code.contains_key(*name))
        .map(|(name, line)| {
            let what = format!("no {kind} `{name}` exists in the code");
            Finding::new(table, *line, what, "drop the row, or name what replaced it")
        });
    missing.chain(gone).collect()
}

/// Names in backticks in the first column of tables, with their lines.
fn first_column(text: &str, is_name: fn(&str) -> bool) -> BTreeMap<String, usize> {
    let rows = lines(text).filter_map(|(line, text)| {
        let row = text.trim_start().strip_prefix('|')?;
        Some((line, row.split('|').next()?))
    });
    rows.flat_map(|(line, cell)| quoted(cell).map(move |name| (name, line)))
        // Labels may stand with the name: `ark_requests_total{code}`.
        .map(|(name, line)| (name.split('{').next().unwrap_or(name), line))
        .filter(|(name, _)| is_name(name))
        .map(|(name, line)| (bare(name).to_owned(), line))
        .collect()
}

/// A counter's `_total` is added by what prints it, not where it is registered.
fn bare(metric: &str) -> &str {
    metric.strip_suffix("_total").unwrap_or(metric)
}

fn is_metric(name: &str) -> bool {
    name.starts_with("ark_") && is_code(name)
}

fn is_code(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// What stands before a metric's name where it is registered, and what is put before the name.
const REGISTRATIONS: [(&str, &str); 3] = [
    // The sidecar's registry has the prefix.
    ("register(", "ark_"),
    ("encode_descriptor(", "ark_"),
    // Envoy's metrics of the filter have their whole name.
    ("define_metric(", ""),
];

/// Metrics that the sidecar and the filter register, outside tests.
fn metrics(tree: &Tree) -> BTreeMap<String, Place> {
    let mut found = BTreeMap::new();
    for (path, text) in tree.rust() {
        let ours = path.starts_with("sidecar/src/") || path.starts_with("filter/src/");
        if !ours || is_tests(path) {
            continue;
        }
        let source = without_tests(text);
        for (call, prefix) in REGISTRATIONS {
            for (at, _) in source.match_indices(call) {
                let Some((start, literal)) = first_literal(source, at + call.len()) else {
                    continue;
                };
                let name = format!("{prefix}{}", literal.replace('.', "_"));
                if is_metric(&name) {
                    let line = 1 + source
                        .get(..start)
                        .unwrap_or_default()
                        .matches('\n')
                        .count();
                    let place = (path.to_owned(), line);
                    found.entry(bare(&name).to_owned()).or_insert(place);
                }
            }
        }
    }
    found
}

/// The string literal among a call's first two arguments, and where it begins.
fn first_literal(source: &str, from: usize) -> Option<(usize, &str)> {
    let arguments = source.get(from..)?;
    let quote = arguments.find('"')?;
    let before = arguments.get(..quote)?;
    // Further on, it belongs to something else.
    if before.contains([';', ')', '{']) || before.matches(',').count() > 1 {
        return None;
    }
    let literal = arguments.get(quote + 1..)?.split('"').next()?;
    Some((from + quote, literal))
}

/// The variants of `enum RejectCode` as codes.
fn rejects(source: &str) -> BTreeMap<String, Place> {
    lines(source)
        .skip_while(|(_, line)| !line.starts_with("pub enum RejectCode"))
        .skip(1)
        .take_while(|(_, line)| !line.starts_with('}'))
        .filter_map(|(number, line)| {
            let variant = line.trim().strip_suffix(',')?;
            let camel = variant.chars().all(char::is_alphanumeric);
            camel.then(|| (snake_case(variant), (REJECTS.to_owned(), number)))
        })
        .collect()
}

fn snake_case(camel: &str) -> String {
    let mut snake = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    const REJECT: &str = "pub enum RejectCode {\n    /// 401: no key.\n    MissingKey,\n    Internal,\n}\nenum Other {\n    X,\n}";
    const SIDECAR: &str = "fn register(&mut self, id: &str) { say(\"x\") }
registry.register(
    \"records\",
    \"Records\");
hostcalls::define_metric(MetricType::Counter, \"ark.polls\");
#[cfg(test)]
mod tests { registry.register(\"test\") }";

    fn findings(metrics: &str, errors: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (REJECTS, REJECT),
            ("sidecar/src/metrics.rs", SIDECAR),
            (METRICS, metrics),
            (ERRORS, errors),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tables_that_tell_the_truth_pass() {
        let found = findings(
            "| name | `ark_x` |\n|--|--|\n| `ark_records_total{provider}` | counter |\n| `ark_polls` |\n",
            "| `missing_key` | 401 |\n| `internal` | 500 |\n",
        );
        assert_eq!(found, [] as [&str; 0]);
    }

    #[test]
    fn missing_and_stale_rows_are_found_with_their_places() {
        let found = findings(
            "| `ark_gone` | x |\n",
            "| `missing_key` | 401 |\n| `gone` | 1 |\n",
        );
        let starts = [
            "sidecar/src/metrics.rs:5: metric `ark_polls` has no row",
            "sidecar/src/metrics.rs:3: metric `ark_records` has no row",
            "docs/metrics.md:1: no metric `ark_gone` exists",
            "gateway-core/src/reject.rs:4: reject code `internal` has no row",
            "docs/errors.md:2: no reject code `gone` exists",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn absent_tables_and_an_absent_enum_are_found() {
        assert_eq!(check(&Tree::of(&[])).len(), 3);
    }
}
