//! What was found, for people: tables of text.

mod make;

use std::fmt::Write as _;

use super::money::{Pico, shown};
use super::read::FileReport;
use super::tally::Sums;

/// Rows of a table that are shown.
const TOP: usize = 20;
/// Anomalies that are shown.
const ANOMALIES: usize = 20;

/// Sums of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name.
    pub name: String,
    /// Its sums.
    pub sums: Sums,
}

/// An hour out of the ordinary, or a name that was not there before, in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// When it began, RFC 3339.
    pub at: String,
    /// What.
    pub what: String,
}

/// What a model would have cost by a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhatIf {
    /// The file.
    pub prices: String,
    /// Each way to serve the traffic, and what it would have cost; `None` where a price is missing.
    pub ways: Vec<(String, Option<Pico>)>,
    /// What the same traffic did cost, as far as it is known.
    pub actual: Pico,
    /// Models of the logs that are not in the file, with their requests.
    pub unknown: Vec<(String, u64)>,
}

/// All that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The files.
    pub files: Vec<FileReport>,
    /// Everything together.
    pub total: Sums,
    /// By kind of name (`provider`, `model`, `tenant`, `key`), dearest first.
    pub tables: Vec<(&'static str, Vec<Group>)>,
    /// By hour, those without traffic between too: its beginning in milliseconds, and its sums.
    pub hours: Vec<(i64, Sums)>,
    /// Models and providers whose price is not known.
    pub unpriced: Vec<Group>,
    /// What the traffic would have cost.
    pub what_if: Vec<WhatIf>,
    /// What is out of the ordinary.
    pub anomalies: Vec<Anomaly>,
    /// Requests in other currencies, and their cost: they are in no sum of money.
    pub currencies: Vec<(String, u64, Pico)>,
    /// Lines without a time, which are in no hour.
    pub timeless: u64,
}

/// Renders a report as text.
#[must_use]
pub fn render(report: &Report, in_colour: bool) -> String {
    let mut out = String::new();
    let bold = |text: &str| match in_colour {
        true => format!("\u{1b}[1m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    files(report, &mut out);
    let total = Group {
        name: "total".to_owned(),
        sums: report.total,
    };
    for (kind, groups) in &report.tables {
        let _ = writeln!(out, "\n{}", bold(&format!("Cost by {kind}")));
        table(groups, &total, &mut out);
    }
    days(report, &bold("Cost by day"), &mut out);
    if !report.unpriced.is_empty() {
        let title = bold("Not priced: in no sum of money");
        let _ = writeln!(out, "\n{title}");
        for group in report.unpriced.iter().take(TOP) {
            let Sums {
                unpriced,
                unpriced_input,
                unpriced_output,
                ..
            } = group.sums;
            let _ = writeln!(
                out,
                "  {}: {unpriced} requests, {unpriced_input} input and {unpriced_output} output tokens",
                group.name
            );
        }
        more(report.unpriced.len(), TOP, &mut out);
    }
    for (currency, requests, cost) in &report.currencies {
        let cost = shown(*cost);
        let _ = writeln!(
            out,
            "\nIn {currency}, and in no sum: {cost} for {requests} requests"
        );
    }
    what_if(report, &bold, &mut out);
    let _ = writeln!(out, "\n{}", bold("Out of the ordinary"));
    if report.anomalies.is_empty() {
        out.push_str("  nothing\n");
    }
    for anomaly in report.anomalies.iter().take(ANOMALIES) {
        let _ = writeln!(out, "  {}  {}", anomaly.at, anomaly.what);
    }
    more(report.anomalies.len(), ANOMALIES, &mut out);
    out
}

fn files(report: &Report, out: &mut String) {
    for file in &report.files {
        let _ = write!(out, "{}: {}, {} lines", file.name, file.format, file.lines);
        if let Some((line, why)) = &file.first_malformed {
            let _ = write!(
                out,
                ", {} malformed and left out, the first is line {line}, which {why}",
                file.malformed
            );
        }
        out.push('\n');
    }
    if report.timeless > 0 {
        let _ = writeln!(
            out,
            "{} lines have no time: they are in no hour",
            report.timeless
        );
    }
}

fn days(report: &Report, title: &str, out: &mut String) {
    let mut days: Vec<Group> = Vec::new();
    for (at, sums) in &report.hours {
        let name: String = crate::moment::format(*at).chars().take(10).collect();
        match days.last_mut() {
            Some(day) if day.name == name => day.sums.add(sums),
            Some(_) | None => days.push(Group { name, sums: *sums }),
        }
    }
    if days.len() < 2 {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    let most = days
        .iter()
        .map(|day| day.sums.cost)
        .max()
        .unwrap_or(0)
        .max(1);
    let skipped = days.len().saturating_sub(62);
    for day in days.iter().skip(skipped) {
        let length = usize::try_from(day.sums.cost.max(0) * 40 / most).unwrap_or(0);
        let _ = writeln!(
            out,
            "  {}  {:>16}  {:>10} requests  {}",
            day.name,
            shown(day.sums.cost),
            day.sums.requests,
            "#".repeat(length)
        );
    }
    if skipped > 0 {
        let _ = writeln!(out, "  and {skipped} days before");
    }
}

fn what_if(report: &Report, bold: &impl Fn(&str) -> String, out: &mut String) {
    for what_if in &report.what_if {
        let title = format!("The same traffic by {}", what_if.prices);
        let _ = writeln!(out, "\n{}", bold(&title));
        let _ = writeln!(out, "  {:>16}  as it was", shown(what_if.actual));
        for (way, cost) in &what_if.ways {
            let cost = cost.map_or_else(|| "not known".to_owned(), shown);
            let _ = writeln!(out, "  {cost:>16}  {way}");
        }
        for (model, requests) in what_if.unknown.iter().take(TOP) {
            let _ = writeln!(out, "  not in the file: {model}, {requests} requests");
        }
        more(what_if.unknown.len(), TOP, out);
    }
}

fn more(all: usize, shown: usize, out: &mut String) {
    if all > shown {
        let _ = writeln!(out, "  and {} more", all - shown);
    }
}

fn table(groups: &[Group], total: &Group, out: &mut String) {
    let shown_groups = groups.iter().take(TOP).chain([total]);
    let width = shown_groups
        .clone()
        .map(|group| group.name.chars().count())
        .max()
        .unwrap_or(0);
    let _ = writeln!(
        out,
        "  {:width$}  {:>16}  {:>10}  {:>8}  {:>14}  {:>14}  {:>9}",
        "", "USD", "requests", "errors", "input", "output", "unpriced"
    );
    for Group { name, sums } in shown_groups {
        let _ = writeln!(
            out,
            "  {name:width$}  {:>16}  {:>10}  {:>8}  {:>14}  {:>14}  {:>9}",
            shown(sums.cost),
            sums.requests,
            sums.errors,
            sums.input,
            sums.output,
            sums.unpriced
        );
    }
    more(groups.len(), TOP, out);
}
