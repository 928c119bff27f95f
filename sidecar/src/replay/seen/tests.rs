use ark_gateway_core::record::{Outcome, Shadow};

use super::*;
use crate::testing::{TempDir, attempt, record};

fn of(text: &str) -> Result<Option<Seen>, String> {
    let dir = TempDir::new();
    let file = dir.path().join("x");
    std::fs::write(&file, text).unwrap();
    Seen::of(&file)
}

#[test]
fn what_is_not_ours_is_said_to_be_none() {
    for text in [
        "",
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,2",
        "{\"at_ms\": 1, \"input_tokens\": 2, \"output_tokens\": 3}",
    ] {
        assert!(of(text).unwrap().is_none(), "{text}");
    }
    let error = of("{\"attempts\": []}").unwrap_err();
    assert!(error.contains("line 1: missing field"), "{error}");
}

#[test]
fn only_what_clients_asked_is_a_request_and_what_failed_has_the_usual_size() {
    let ok = record(vec![attempt("a", "m", Verdict::Ok)]);
    let mut failed = record(vec![attempt("a", "m", Verdict::ServerError)]);
    failed.outcome = Outcome::Failed;
    failed.at_ms = 5;
    let mut copy = ok.clone();
    copy.shadow = Some(Shadow::Copy);
    let mut probe = ok.clone();
    probe.tenant = crate::probing::PROBER.to_owned();
    let mut seen = Seen::default();
    for record in [&ok, &failed, &copy, &probe] {
        seen.take(record);
    }
    seen.sort();
    assert_eq!((seen.attempts.len(), seen.requests.len()), (4, 2));
    let (arrivals, unanswered) = seen.arrivals();
    assert_eq!(unanswered, 1);
    assert_eq!(arrivals[1].at, 5_000);
    assert_eq!(
        (arrivals[1].input_tokens, arrivals[1].output_tokens),
        (10, 21)
    );
}
