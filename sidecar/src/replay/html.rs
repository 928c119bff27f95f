//! The report as one HTML file with charts in it, which needs nothing else to be shown.

use std::fmt::{Display, Write as _};

use plotters::coord::Shift;
use plotters::prelude::*;

use super::report::{Report, RunReport};
use super::table;

const SIZE: (u32, u32) = (860, 300);
const FONT: (&str, i32) = ("sans-serif", 13);

/// Colours that are told apart by most people, also on paper (Okabe and Ito).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(120, 120, 120),
    RGBColor(240, 228, 66),
];

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:920px;margin:2em auto;padding:0 1em;\
color:#222;background:#fff}pre{font-size:12px;line-height:1.35;overflow:auto;background:#f6f6f6;\
padding:1em}svg{max-width:100%;height:auto}h2{margin-top:2em}.key span{margin-right:1.2em}\
.key b{display:inline-block;width:.8em;height:.8em;margin-right:.35em}";

type Problem = Box<dyn std::error::Error>;

/// Renders a report.
///
/// # Errors
/// A chart could not be drawn.
pub fn render(report: &Report) -> Result<String, String> {
    page(report).map_err(|error| format!("cannot draw the report: {error}"))
}

fn page(report: &Report) -> Result<String, Problem> {
    let mut out = String::new();
    let title = format!("Replay of {}", report.trace);
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1><pre>{table}</pre>",
        title = escape(&title),
        table = escape(&table::render(report, false)),
    )?;
    section(
        &mut out,
        "Cost against SLO misses",
        &trade_off(report)?,
        &keys(report),
    )?;
    for run in report.runs.iter().filter(|run| run.kind == "policy") {
        let heading = format!("{}: share of first choices over time", run.name);
        section(
            &mut out,
            &heading,
            &shares(report, run)?,
            &providers_key(run),
        )?;
    }
    let over_time = |pick: fn(&super::tally::Slot) -> f64, name: &str| lines(report, pick, name);
    let cost = over_time(
        |slot| f64::from(u32::try_from(slot.cost).unwrap_or(u32::MAX)) / 1e6,
        "USD",
    )?;
    section(&mut out, "Cost over time", &cost, &keys(report))?;
    let misses = over_time(|slot| f64::from(slot.misses), "SLO misses")?;
    section(&mut out, "SLO misses over time", &misses, &keys(report))?;
    out.push_str("</body></html>\n");
    Ok(out)
}

fn section(out: &mut String, heading: &str, svg: &str, key: &str) -> Result<(), Problem> {
    write!(
        out,
        "<h2>{}</h2>{svg}<p class=\"key\">{key}</p>",
        escape(heading)
    )?;
    Ok(())
}

fn colour(n: usize) -> RGBColor {
    COLOURS.get(n % COLOURS.len()).copied().unwrap_or(BLACK)
}

fn keys(report: &Report) -> String {
    key(report.runs.iter().map(|run| run.name.as_str()))
}

fn providers_key(run: &RunReport) -> String {
    key(run.providers.iter().map(String::as_str))
}

fn key<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for (n, name) in names.enumerate() {
        let RGBColor(r, g, b) = colour(n);
        let _ = write!(
            out,
            "<span><b style=\"background:rgb({r},{g},{b})\"></b>{}</span>",
            escape(name)
        );
    }
    out
}

fn draw(
    chart: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Problem>,
) -> Result<String, Problem> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        chart(&area)?;
        area.present()?;
    }
    Ok(svg)
}

/// Every run as a point: left is cheap, low is good.
fn trade_off(report: &Report) -> Result<String, Problem> {
    let point = |run: &RunReport| {
        let cost = to_f64(run.overall.cost_micro_usd.0) / 1e6;
        (cost, run.overall.slo_miss_share * 100.0)
    };
    let (mut most_cost, mut most_misses) = (0.0_f64, 0.0_f64);
    for (cost, misses) in report.runs.iter().map(point) {
        most_cost = most_cost.max(cost);
        most_misses = most_misses.max(misses);
    }
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(
                0.0..(most_cost * 1.1).max(1e-6),
                0.0..(most_misses * 1.1).max(1e-6),
            )?;
        chart
            .configure_mesh()
            .label_style(FONT)
            .x_desc("cost, USD")
            .y_desc("SLO misses, %")
            .draw()?;
        for (n, run) in report.runs.iter().enumerate() {
            let size = if run.kind == "policy" { 8 } else { 5 };
            chart.draw_series([Circle::new(point(run), size, colour(n).filled())])?;
        }
        Ok(())
    })
}

/// The shares of a run's targets, stacked.
fn shares(report: &Report, run: &RunReport) -> Result<String, Problem> {
    let hours = report.slot_s / 3600.0;
    let end = hours * to_f64(run.slots.len() as u64);
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(0.0..end.max(1e-9), 0.0..100.0)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .label_style(FONT)
            .x_desc("hours")
            .y_desc("%")
            .draw()?;
        for (at, slot) in (0_u64..).zip(&run.slots) {
            let all: u32 = slot.first.iter().sum();
            let (left, right) = (hours * to_f64(at), hours * to_f64(at + 1));
            let mut below = 0.0;
            for (n, count) in slot.first.iter().enumerate() {
                let height = f64::from(*count) / f64::from(all.max(1)) * 100.0;
                let corners = [(left, below), (right, below + height)];
                below += height;
                if *count > 0 {
                    chart.draw_series([Rectangle::new(corners, colour(n).filled())])?;
                }
            }
        }
        Ok(())
    })
}

/// One line for each run.
fn lines(
    report: &Report,
    pick: impl Fn(&super::tally::Slot) -> f64,
    unit: &str,
) -> Result<String, Problem> {
    let hours = report.slot_s / 3600.0;
    let values = report.runs.iter().flat_map(|run| &run.slots).map(&pick);
    let most = values.fold(0.0_f64, f64::max);
    let longest = report
        .runs
        .iter()
        .map(|run| run.slots.len())
        .max()
        .unwrap_or(0);
    draw(|area| {
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(
                0.0..(hours * to_f64(longest as u64)).max(1e-9),
                0.0..(most * 1.05).max(1e-9),
            )?;
        chart
            .configure_mesh()
            .label_style(FONT)
            .x_desc("hours")
            .y_desc(format!("{unit} per slot"))
            .draw()?;
        for (n, run) in report.runs.iter().enumerate() {
            let points = (0_u64..).zip(&run.slots);
            let line = points.map(|(at, slot)| (hours * to_f64(at), pick(slot)));
            let width = if run.kind == "policy" { 3 } else { 1 };
            chart.draw_series(LineSeries::new(line, colour(n).stroke_width(width)))?;
        }
        Ok(())
    })
}

#[allow(clippy::cast_precision_loss, reason = "a place on a chart")]
fn to_f64(n: u64) -> f64 {
    n as f64
}

fn escape(text: &(impl Display + ?Sized)) -> String {
    text.to_string()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
