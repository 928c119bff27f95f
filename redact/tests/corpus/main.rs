//! The corpus, and what holds for any text made of it.

#![allow(missing_docs, reason = "a test")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a sample that is not as it should be fails its test"
)]

mod laws;

use ark_redact::{Kind, find, mask, mask_only};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

struct Sample {
    text: String,
    secret: Option<(Kind, std::ops::Range<usize>)>,
}

fn corpus() -> Vec<Sample> {
    let lines = include_str!("corpus.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .map(sample)
        .collect()
}

fn sample(line: &str) -> Sample {
    let (kind, text) = line.split_once(' ').unwrap();
    let text = text.replace('·', "").replace("\\n", "\n");
    if kind == "-" {
        return Sample { text, secret: None };
    }
    let kind = Kind::ALL
        .into_iter()
        .find(|k| k.as_str() == kind)
        .expect(line);
    let (before, rest) = text.split_once('«').expect(line);
    let (secret, after) = rest.split_once('»').expect(line);
    Sample {
        text: format!("{before}{secret}{after}"),
        secret: Some((kind, before.len()..before.len() + secret.len())),
    }
}

#[test]
fn each_sample_is_found_for_what_it_is_and_where_it_is() {
    let mut wrong = Vec::new();
    for Sample { text, secret } in corpus() {
        let found: Vec<_> = find(&text).map(|f| (f.kind, f.range)).collect();
        if found != Vec::from_iter(secret.clone()) {
            let words: Vec<_> = found.iter().map(|(k, r)| (k, &text[r.clone()])).collect();
            wrong.push(format!("{text:?}\n  wanted {secret:?}\n  found {words:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_has_samples_and_a_mask_that_is_nothing_itself() {
    let corpus = corpus();
    for kind in Kind::ALL {
        let of_kind = |s: &&Sample| s.secret.as_ref().is_some_and(|(k, _)| *k == kind);
        assert!(corpus.iter().filter(of_kind).count() >= 3, "{kind:?}");
        assert_eq!(mask(kind.mask()), kind.mask());
        assert_eq!(kind.mask(), format!("[{}]", kind.as_str()));
    }
}

#[test]
fn kinds_that_are_not_wanted_stay() {
    let text = "mail jane@example.com, password=hunter2!";
    assert_eq!(
        mask_only(text, Kind::is_secret),
        "mail jane@example.com, password=[credential]"
    );
    assert_eq!(mask_only(text, |_| false), text);
    assert_eq!(mask(text), "mail [email], password=[credential]");
}

/// Pieces of what is found and of what is around it, and anything else.
fn pieces() -> impl Strategy<Value = String> {
    let samples: Vec<String> = corpus().into_iter().map(|s| s.text).collect();
    let glue = [
        "", " ", "-", ".", ",", "\n", "=", ": ", "\"", "@", "://", "_", "1", "a", "é", "密",
    ];
    let index = any::<prop::sample::Index>;
    let cut = (select(samples.clone()), index(), index()).prop_map(|(text, from, to)| {
        let chars: Vec<char> = text.chars().collect();
        let (from, to) = (from.index(chars.len() + 1), to.index(chars.len() + 1));
        chars[from.min(to)..from.max(to)].iter().collect::<String>()
    });
    let piece = prop_oneof![
        4 => select(samples),
        4 => cut,
        4 => select(glue.to_vec()).prop_map(str::to_owned),
        1 => vec(any::<char>(), 0..8).prop_map(String::from_iter),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn any_text_keeps_the_laws(text in pieces()) {
        laws::hold(&text);
    }

    #[test]
    fn no_sample_survives_between_words(
        n in any::<prop::sample::Index>(),
        before in select(vec!["", "the ", "\"", "(", "值", "x,", "\n"]),
        after in select(vec!["", " and", "\"", ")", "值", ", x", "\n", "; "]),
    ) {
        let corpus = corpus();
        let secrets: Vec<_> = corpus.iter().filter(|s| s.secret.is_some()).collect();
        let sample = n.get(&secrets);
        let (_, range) = sample.secret.clone().unwrap();
        let secret = &sample.text[range];
        let text = format!("{before}{}{after}", sample.text);
        prop_assert!(!mask(&text).contains(secret), "{}", mask(&text));
    }
}

#[test]
fn what_the_fuzzer_found_keeps_the_laws() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/redact");
    let files: Vec<_> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        laws::hold(&String::from_utf8_lossy(&std::fs::read(file).unwrap()));
    }
}
