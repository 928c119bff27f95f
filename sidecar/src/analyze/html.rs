//! The report as one HTML file with charts in it, which needs nothing else to be shown.

use std::fmt::Write as _;

use plotters::prelude::*;

use super::report::{Group, Report, render};
use crate::moment;

const SIZE: (u32, u32) = (860, 260);
const FONT: (&str, i32) = ("sans-serif", 13);
const BLUE: RGBColor = RGBColor(0, 114, 178);
const RED: RGBColor = RGBColor(213, 94, 0);
/// Names of a bar chart.
const BARS: usize = 12;

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:920px;margin:2em auto;padding:0 1em;\
color:#222;background:#fff}pre{font-size:12px;line-height:1.35;overflow:auto;background:#f6f6f6;\
padding:1em}svg{max-width:100%;height:auto}h2{margin-top:2em}";

type Problem = Box<dyn std::error::Error>;

/// Renders a report.
///
/// # Errors
/// A chart could not be drawn.
pub fn page(report: &Report) -> Result<String, String> {
    draw(report).map_err(|error| format!("cannot draw the report: {error}"))
}

fn draw(report: &Report) -> Result<String, Problem> {
    let mut out = String::new();
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Cost analysis</title>\
         <style>{STYLE}</style></head><body><h1>Cost analysis</h1>"
    )?;
    if report.hours.len() > 1 {
        let costs: Vec<f64> = report
            .hours
            .iter()
            .map(|(_, sums)| usd(sums.cost))
            .collect();
        let requests = counts(report, |sums| sums.requests);
        let errors = counts(report, |sums| sums.errors);
        section(&mut out, "USD by hour", &line(report, &costs, BLUE)?)?;
        section(
            &mut out,
            "Requests by hour",
            &line(report, &requests, BLUE)?,
        )?;
        section(&mut out, "Errors by hour", &line(report, &errors, RED)?)?;
    }
    for (kind, groups) in &report.tables {
        if groups.iter().any(|group| group.sums.cost > 0) {
            section(&mut out, &format!("USD by {kind}"), &bars(groups)?)?;
        }
    }
    let table = escape(&render(report, false));
    write!(out, "<h2>All of it</h2><pre>{table}</pre></body></html>")?;
    Ok(out)
}

fn section(out: &mut String, title: &str, chart: &str) -> std::fmt::Result {
    write!(out, "<h2>{}</h2>{chart}", escape(title))
}

#[allow(clippy::cast_precision_loss, reason = "a chart")]
fn counts(report: &Report, of: impl Fn(&super::Sums) -> u64) -> Vec<f64> {
    report
        .hours
        .iter()
        .map(|(_, sums)| of(sums) as f64)
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "a chart")]
fn usd(pico: i128) -> f64 {
    pico as f64 / 1e12
}

fn line(report: &Report, values: &[f64], colour: RGBColor) -> Result<String, Problem> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let top = values.iter().copied().fold(0.0, f64::max).max(1e-9) * 1.05;
        let mut chart = ChartBuilder::on(&root)
            .margin(10)
            .x_label_area_size(28)
            .y_label_area_size(64)
            .build_cartesian_2d(0..values.len(), 0.0..top)?;
        let day = |place: &usize| {
            let at = report.hours.get(*place).map_or(0, |(at, _)| *at);
            moment::format(at).chars().take(10).collect::<String>()
        };
        chart
            .configure_mesh()
            .x_labels(8)
            .x_label_formatter(&day)
            .label_style(FONT)
            .light_line_style(WHITE)
            .draw()?;
        let points = values.iter().copied().enumerate();
        chart.draw_series(LineSeries::new(points, colour))?;
        root.present()?;
    }
    Ok(svg)
}

fn bars(groups: &[Group]) -> Result<String, Problem> {
    let shown: Vec<&Group> = groups.iter().take(BARS).collect();
    let height = 40 + 26 * u32::try_from(shown.len()).unwrap_or(1);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (SIZE.0, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let most = shown
            .iter()
            .map(|group| usd(group.sums.cost))
            .fold(1e-9, f64::max);
        let mut y = 12;
        for group in shown {
            let cost = usd(group.sums.cost);
            #[allow(clippy::cast_possible_truncation, reason = "a chart")]
            let length = (cost / most * 400.0) as i32;
            let bar = [(240, y), (240 + length.max(1), y + 16)];
            root.draw(&Rectangle::new(bar, BLUE.filled()))?;
            let name: String = group.name.chars().take(32).collect();
            root.draw(&Text::new(name, (8, y + 2), FONT))?;
            let label = format!("{cost:.4}");
            root.draw(&Text::new(label, (248 + length, y + 2), FONT))?;
            y += 26;
        }
        root.present()?;
    }
    Ok(svg)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
