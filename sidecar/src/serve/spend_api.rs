//! `GET /v1/spend` and `GET /v1/budgets` of the admin port.

use hyper::StatusCode;
use serde::Serialize;

use super::shared::{self, Shared, unix_ms};
use crate::http::{self, Reply};
use crate::ledger::{Question, Unanswered, parameters};
use crate::quota::BudgetsQuestion;

#[derive(Serialize)]
struct Body<'a> {
    error: Problem<'a>,
}

#[derive(Serialize)]
struct Problem<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
}

/// Answers what was spent.
pub(super) async fn spend(shared: &Shared, query: Option<&str>) -> Reply {
    let Some(ledger) = shared.ledger() else {
        let message = "this sidecar keeps no ledger; start it with --ledger PATH";
        return refuse(StatusCode::NOT_FOUND, "no_ledger", (message, None));
    };
    let now = i64::try_from(shared::unix_ms()).unwrap_or(i64::MAX);
    let question = match Question::from_query(query.unwrap_or_default(), now) {
        Ok(question) => question,
        Err(bad) => {
            let problem = (bad.problem.as_str(), Some(bad.param.as_str()));
            return refuse(StatusCode::BAD_REQUEST, "invalid_parameter", problem);
        }
    };
    match ledger.spend(question).await {
        Ok(spend) => http::readable_json(StatusCode::OK, &spend),
        Err(Unanswered::Busy) => {
            let message = "other questions are being answered; ask again";
            refuse(StatusCode::SERVICE_UNAVAILABLE, "busy", (message, None))
        }
        Err(Unanswered::Failed(problem)) => {
            tracing::warn!(problem, "a question to the ledger has no answer");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            refuse(status, "ledger_failed", (&problem, None))
        }
    }
}

/// Answers what is limited, and what is left of it.
pub(super) fn budgets(shared: &Shared, query: Option<&str>) -> Reply {
    let mut question = BudgetsQuestion::default();
    for (name, value) in parameters(query.unwrap_or_default()) {
        if let Err(problem) = question.set(&name, &value) {
            let name: String = name.chars().take(64).collect();
            let problem = (problem.as_str(), Some(name.as_str()));
            return refuse(StatusCode::BAD_REQUEST, "invalid_parameter", problem);
        }
    }
    let now_s = unix_ms() / 1_000;
    let shown = shared.quota().shown(now_s);
    let budgets = shared.control().budgets(&question, &shown, now_s);
    http::readable_json(StatusCode::OK, &budgets)
}

fn refuse(status: StatusCode, code: &'static str, (message, param): (&str, Option<&str>)) -> Reply {
    let error = Problem {
        code,
        message,
        param,
    };
    http::readable_json(status, &Body { error })
}
