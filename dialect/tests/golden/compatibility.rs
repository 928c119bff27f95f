//! docs/compatibility.md, made of the goldens: nothing is claimed that none of them shows.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use ark_dialect::loss::Loss;

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

const NOT_SERVED: &str = "
## What is not served

- **Rerank** (Cohere's and Jina's `/rerank`): OpenAI's and Anthropic's APIs have no such endpoint, so there is no
  client dialect to translate from, and routing by tokens, the usage of a record and prices would each need a second
  measure (documents, search units).
- **Cohere's own embeddings and chat** (`/v2/embed`, `/v2/chat`): another dialect each. Cohere's OpenAI-compatible
  endpoint is served (`vendor: cohere`), chat and embeddings; of the latter it refuses `dimensions` and `user`, in its own
  words.
- **Jina's embeddings** (`https://api.jina.ai/v1`): of OpenAI's form but for their encoding, which Jina calls
  `embedding_type`. They can be named as `kind: openai-compatible` without a vendor, by clients that ask for numbers
  (`encoding_format: float`); no golden covers them, so nothing is claimed of them here.
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
    out.push_str("\n## What is answered\n\nStreamed and whole answers that every client dialect (chat, responses, completions, messages) gets translated.\nWhat a client's dialect has no place for is named in the header `x-ark-translation` as long as the answer's\nhead is not gone: with whole answers always, with streams only what came before the first words. It is in the\nrecord and counted (`ark_translation_losses_total`) in any case.\n\n");
    answered(&mut out);
    out.push_str(NOT_SERVED);
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

/// What clients do not get, those together that lose the same.
fn losses(dropped: &[(&'static str, Vec<Loss>)]) -> String {
    let mut groups: Vec<(Vec<&str>, &[Loss])> = Vec::new();
    for (client, losses) in dropped.iter().filter(|(_, losses)| !losses.is_empty()) {
        match groups.iter_mut().find(|(_, known)| known == losses) {
            Some((clients, _)) => clients.push(client),
            None => groups.push((vec![client], losses)),
        }
    }
    if groups.is_empty() {
        return "yes".to_owned();
    }
    let told = groups.iter().map(|(clients, losses)| {
        let names: Vec<_> = losses
            .iter()
            .map(|l| format!("`{}`", l.field.name()))
            .collect();
        let whose = if clients.len() == dropped.len() {
            String::new()
        } else {
            format!(" for {}", clients.join(", "))
        };
        format!("lossy{whose}: {}", names.join(", "))
    });
    told.collect::<Vec<_>>().join("; ")
}

fn answered(out: &mut String) {
    let mut rows: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
    for answer in answers::all() {
        let ending = answer.input.file.extension().unwrap().to_string_lossy();
        let form = if ending == "json" {
            "whole"
        } else {
            "streamed"
        };
        let row = format!("{} ({form})", answer.input.feature());
        rows.entry(row)
            .or_default()
            .insert(answer.provider, losses(&answer.dropped()));
    }
    let names: Vec<&str> = answers::PROVIDERS.iter().map(|(name, _)| *name).collect();
    writeln!(out, "| answer | {} |", names.join(" | ")).unwrap();
    writeln!(out, "|---|{}", "---|".repeat(names.len())).unwrap();
    for (row, providers) in rows {
        let cell = |name: &&str| providers.get(*name).map_or("—", String::as_str);
        let cells: Vec<_> = names.iter().map(cell).collect();
        writeln!(out, "| {row} | {} |", cells.join(" | ")).unwrap();
    }
}
