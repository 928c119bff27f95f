//! docs/compatibility.md, made of the goldens: nothing is claimed that none of them shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::answers;
use crate::asks::{self, Ask, CLIENTS, Sent};
use crate::columns::{Column, providers, vendors};

const HEAD: &str = "# Compatibility

Which feature of which client's API reaches which provider. Made by `cargo xtask bless` from the golden
translations in `dialect/tests/golden`; each cell is one of them. What a provider is sent depends on the
model: its name heads each column.

- **yes**: the provider is sent all of it.
- **passes**: the provider speaks the same dialect; bytes pass, unknown members included.
- **lossy**: the provider cannot express what is named. A model's `on_loss` decides whether such a request is
  refused (400), sent with the header `x-ark-translation: lossy; dropped=…`, or just counted
  (`ark_translation_losses_total`). Where what is lost is the content itself (an image, a schema), the
  target's `capabilities` keep the request away from it.
- **no**: the provider has nothing of the kind.

";

pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md")
}

pub fn document() -> String {
    let mut out = HEAD.to_owned();
    let all = asks::all();
    out.push_str("## What is asked\n");
    for (name, _) in CLIENTS {
        let of_client: Vec<&Ask> = all.iter().filter(|a| a.client_name == name).collect();
        write!(out, "\n### {name}\n\n").unwrap();
        table(&mut out, &of_client, &providers());
    }
    out.push_str("\n## What OpenAI-compatible vendors are sent\n");
    for (name, _) in CLIENTS {
        let told = |a: &&Ask| a.client_name == name && a.is_told_of_vendors();
        let of_client: Vec<&Ask> = all.iter().filter(told).collect();
        if !of_client.is_empty() {
            write!(out, "\n### by {name} clients\n\n").unwrap();
            table(&mut out, &of_client, &vendors());
        }
    }
    out.push_str("\n## What is answered\n\nStreamed and whole answers that every client dialect (chat, responses, completions, messages) gets translated:\n\n");
    answered(&mut out);
    out
}

fn table(out: &mut String, asks: &[&Ask], columns: &[Column]) {
    let names: Vec<String> = columns.iter().map(Column::name).collect();
    writeln!(out, "| feature | {} |", names.join(" | ")).unwrap();
    writeln!(out, "|---|{}", "---|".repeat(names.len())).unwrap();
    for ask in asks {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| cell(&ask.sent(column)))
            .collect();
        writeln!(out, "| {} | {} |", ask.input.feature(), cells.join(" | ")).unwrap();
    }
}

fn cell(sent: &Sent) -> String {
    let names: Vec<_> = sent
        .losses()
        .iter()
        .map(|l| format!("`{}`", l.field.name()))
        .collect();
    match sent {
        Sent::Passed => "passes".to_owned(),
        Sent::Nothing => "no".to_owned(),
        Sent::Written(_) if names.is_empty() => "yes".to_owned(),
        Sent::Written(_) => format!("lossy: {}", names.join(", ")),
    }
}

fn answered(out: &mut String) {
    let mut rows: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for answer in answers::all() {
        let ending = answer.input.file.extension().unwrap().to_string_lossy();
        let form = if ending == "json" {
            "whole"
        } else {
            "streamed"
        };
        let row = format!("{} ({form})", answer.input.feature());
        rows.entry(row).or_default().insert(answer.provider);
    }
    let names: Vec<&str> = answers::PROVIDERS.iter().map(|(name, _)| *name).collect();
    writeln!(out, "| answer | {} |", names.join(" | ")).unwrap();
    writeln!(out, "|---|{}", "---|".repeat(names.len())).unwrap();
    for (row, providers) in rows {
        let cell = |name: &&str| {
            if providers.contains(*name) {
                "yes"
            } else {
                "—"
            }
        };
        let cells: Vec<_> = names.iter().map(cell).collect();
        writeln!(out, "| {row} | {} |", cells.join(" | ")).unwrap();
    }
}
