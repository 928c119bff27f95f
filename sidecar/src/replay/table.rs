//! The report as a table for a terminal.

use std::fmt::Write as _;

use super::report::{ClassReport, Findings, Report, RunReport};

const BOLD: &str = "\u{1b}[1m";
const GREEN: &str = "\u{1b}[32m";
const RED: &str = "\u{1b}[31m";
const PLAIN: &str = "\u{1b}[0m";

const HEAD: [&str; 12] = [
    "",
    "cost USD",
    "answered",
    "SLO miss",
    "breached",
    "TTFT p50",
    "p95",
    "p99",
    "latency p95",
    "p99",
    "429s",
    "tries",
];

/// Renders a report; in colour for a terminal.
#[must_use]
pub fn render(report: &Report, in_colour: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} requests in {} h of simulated time, {} workers, seed {}\n",
        report.requests,
        round(report.span_s / 3600.0, 2),
        report.workers,
        report.seed
    );
    let mut rows = vec![HEAD.map(str::to_owned)];
    for run in &report.runs {
        rows.push(row(&run.name, &run.overall));
    }
    let bold = |n: usize| n == 0 || report.runs.get(n - 1).is_some_and(|r| r.kind == "policy");
    write_rows(&mut out, &rows, |n| in_colour && bold(n));
    for run in report.runs.iter().filter(|run| run.kind == "policy") {
        let _ = writeln!(out, "\n{}, by priority:", run.name);
        let mut rows = vec![HEAD.map(str::to_owned)];
        for name in ["critical", "standard", "batch"] {
            if let Some(class) = run.priorities.get(name) {
                rows.push(row(name, class));
            }
        }
        write_rows(&mut out, &rows, |n| in_colour && n == 0);
        out.push_str(&rest(run));
    }
    out.push_str(&findings(report, in_colour));
    out
}

fn row(name: &str, class: &ClassReport) -> [String; 12] {
    let ms = |value: Option<f32>| {
        value.map_or_else(
            || "-".to_owned(),
            |v| format!("{} ms", round(f64::from(v), 0)),
        )
    };
    [
        name.to_owned(),
        usd(class.cost_micro_usd.0),
        percent(class.availability, 4),
        percent(class.slo_miss_share, 3),
        percent(super::tally::share(class.slo_breaches, class.requests), 3),
        ms(class.ttft_ms.p50),
        ms(class.ttft_ms.p95),
        ms(class.ttft_ms.p99),
        ms(class.latency_ms.p95),
        ms(class.latency_ms.p99),
        class.limited.to_string(),
        round(super::tally::share(class.attempts, class.requests), 3),
    ]
}

fn rest(run: &RunReport) -> String {
    let shares: Vec<String> = run
        .shares
        .iter()
        .map(|(name, share)| format!("{name} {}", percent(*share, 1)))
        .collect();
    let mut out = format!(
        "  first choices: {}; switches {}, oscillation index {}\n",
        shares.join(", "),
        run.switches,
        round(run.oscillation, 3)
    );
    if let Some(hedges) = run.hedges {
        let _ = writeln!(
            out,
            "  hedges: {} of {} requests that were ready asked again, {} were answered by it, USD {} for \
             those that lost",
            hedges.asked,
            hedges.ready,
            hedges.won,
            usd(hedges.wasted_micro_usd.0)
        );
    }
    if let (Some(cost), Some(misses)) = (run.cost_regret, run.miss_regret) {
        let _ = writeln!(
            out,
            "  regret to the oracle: {} of its cost, {misses} SLO misses",
            percent(cost, 2)
        );
    }
    out
}

fn findings(report: &Report, in_colour: bool) -> String {
    let Some(found) = &report.findings else {
        return String::new();
    };
    let paint = |good: bool, text: String| match (in_colour, good) {
        (false, _) => text,
        (true, true) => format!("{GREEN}{text}{PLAIN}"),
        (true, false) => format!("{RED}{text}{PLAIN}"),
    };
    let saved = |share: f64| paint(share > 0.0, format!("{} less", percent(share, 2)));
    let mut out = format!("\nThe first policy against {}:\n", found.single);
    let _ = writeln!(
        out,
        "  cost              {} ({} less for each answer, {} for the same answers)",
        saved(found.cost_saved),
        percent(found.cost_per_answer_saved, 2),
        percent(found.cost_of_same_answers_saved, 2),
    );
    let _ = writeln!(
        out,
        "  cost of batch     {} ({} less for each answer, {} for the same answers, of {} that prices \
         allow)",
        saved(found.batch_cost_saved),
        percent(found.batch_cost_per_answer_saved, 2),
        percent(found.batch_cost_of_same_answers_saved, 3),
        percent(found.batch_cost_possible, 3),
    );
    let misses = saved(found.critical_misses_avoided);
    let most = most(found);
    let _ = writeln!(out, "  critical misses   {misses}{most}");
    let breaches = saved(found.critical_breaches_avoided);
    let _ = writeln!(
        out,
        "  critical breaches {breaches} (errors, and 5 minutes with P95 over the SLO)"
    );
    let _ = writeln!(
        out,
        "  answered          {}",
        percent(found.availability, 5)
    );
    let _ = writeln!(
        out,
        "Against the best baseline, {}: cost {}, {} SLO misses fewer",
        found.best_baseline,
        saved(found.best_cost_saved),
        found.best_misses_avoided
    );
    if !found.beaten_by.is_empty() {
        let text = format!(
            "No dearer, with no more misses: {}",
            found.beaten_by.join(", ")
        );
        let _ = writeln!(out, "{}", paint(false, text));
    }
    out
}

/// What the oracle, who sees all, does about critical misses.
fn most(found: &Findings) -> String {
    match (
        found.oracle_critical_misses_avoided,
        found.avoidable_critical_misses_avoided,
    ) {
        (Some(most), Some(avoided)) => format!(
            " (the oracle: {} less; {} of what it avoids)",
            percent(most, 2),
            percent(avoided, 2)
        ),
        (_, _) => String::new(),
    }
}

fn write_rows(out: &mut String, rows: &[[String; 12]], is_bold: impl Fn(usize) -> bool) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    for (n, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(line, "{cell:<width$}"),
                _ => write!(line, "  {cell:>width$}"),
            };
        }
        let line = line.trim_end();
        let _ = match is_bold(n) {
            true => writeln!(out, "{BOLD}{line}{PLAIN}"),
            false => writeln!(out, "{line}"),
        };
    }
}

/// Micro-USD as USD with two digits, in integers.
#[must_use]
pub fn usd(micro: u64) -> String {
    let cents = micro.div_ceil(10_000);
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A share as percent, without ever rounding something short of it up to 100 %.
#[must_use]
pub fn percent(share: f64, digits: usize) -> String {
    let text = round(share * 100.0, digits);
    if share < 1.0 && text.starts_with("100") {
        return format!("<{text} %");
    }
    format!("{text} %")
}

fn round(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_rounded_up_and_nearly_all_is_not_all() {
        assert_eq!(usd(1), "0.01");
        assert_eq!(usd(12_345_678), "12.35");
        assert_eq!(percent(0.999_999_9, 3), "<100.000 %");
        assert_eq!(percent(1.0, 3), "100.000 %");
        assert_eq!(percent(-0.051, 1), "-5.1 %");
    }
}
