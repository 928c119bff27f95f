use super::*;
use crate::testing::{attempt, record};
use ark_gateway_core::record::Verdict;

fn known() -> Known {
    Known {
        models: BTreeSet::from(["m".to_owned()]),
        providers: BTreeSet::from(["a".to_owned(), "b".to_owned()]),
    }
}

fn shown(metrics: &Metrics) -> String {
    metrics.encode([("w1", "abc")].into_iter()).unwrap()
}

#[test]
fn a_record_is_counted_under_all_its_names() {
    let metrics = Metrics::default();
    let attempts = vec![
        attempt("a", "m", Verdict::Timeout),
        attempt("b", "m", Verdict::Ok),
    ];
    metrics.observe(&record(attempts), &known());
    let text = shown(&metrics);
    for line in [
        "ark_requests_total{model=\"m\",provider=\"b\",endpoint=\"chat_completions\",\
         priority=\"standard\",outcome=\"ok\",rule=\"score\"} 1",
        "ark_attempts_total{provider=\"a\",verdict=\"timeout\"} 1",
        "ark_attempts_total{provider=\"b\",verdict=\"ok\"} 1",
        "ark_ttft_seconds_count{provider=\"b\"} 1",
        "ark_request_duration_seconds_sum{provider=\"b\"} 0.6",
        "ark_tokens_total{provider=\"b\",model=\"m\",kind=\"output\"} 21",
        "ark_cost_micro_usd_total{provider=\"b\",model=\"m\"} 7",
        "ark_records_total 1",
        "ark_worker_snapshot_info{worker=\"w1\",version=\"abc\"} 1",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("ark_price_unknown_total{"));
}

#[test]
fn a_name_that_a_client_made_up_is_no_label_and_an_unknown_price_is_not_zero() {
    let metrics = Metrics::default();
    let mut made_up = record(vec![attempt("nobody", "x", Verdict::Ok)]);
    made_up.model = "drop table".to_owned();
    made_up.cost = None;
    metrics.observe(&made_up, &known());
    let text = shown(&metrics);
    assert!(!text.contains("drop table") && !text.contains("nobody"));
    let line = "ark_price_unknown_total{provider=\"other\",model=\"other\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(!text.contains("ark_cost_micro_usd_total{"));
}

#[test]
fn a_worker_that_went_is_no_longer_shown() {
    let metrics = Metrics::default();
    assert!(shown(&metrics).contains("w1"));
    assert!(!metrics.encode(std::iter::empty()).unwrap().contains("w1"));
}
