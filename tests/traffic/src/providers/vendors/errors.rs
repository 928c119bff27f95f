//! Vendors' errors in their own words.

use serde_json::{Value, json};

use super::words::WORDS;
use super::{ErrorForm, Vendor};
use crate::providers::dialect::set;
use crate::providers::openai::errors as openai;
use crate::providers::refusal::{Failing, Refusal};

impl Vendor {
    /// A wrong or missing credential.
    pub(in crate::providers) fn unauthorised(&self) -> Refusal {
        self.failure(Failing::Authentication)
    }

    /// What this vendor says when it fails in this way.
    pub(in crate::providers) fn failure(&self, failing: Failing) -> Refusal {
        let mut refusal = openai::openai_failure(failing);
        if failing == Failing::Authentication && self.errors != ErrorForm::OpenAi {
            "authentication_error".clone_into(&mut refusal.message);
        }
        if let Some((kind, code, message)) = self.words(failing) {
            refusal.kind = kind;
            refusal.code = code;
            message.clone_into(&mut refusal.message);
        }
        match (self.name, failing) {
            ("deepseek", Failing::Quota) => refusal.with_status(402),
            ("llama-cpp", Failing::ContextLength) => {
                refusal.detailed(json!({"n_prompt_tokens": 4390, "n_ctx": 4096}))
            }
            _ => refusal,
        }
    }

    /// Type, code and message, where they are not OpenAI's.
    fn words(
        &self,
        failing: Failing,
    ) -> Option<(&'static str, Option<&'static str>, &'static str)> {
        if self.name == "llama-cpp" && failing == Failing::ContextLength {
            let message = "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it";
            return Some(("exceed_context_size_error", None, message));
        }
        WORDS
            .iter()
            .find(|(form, way, ..)| *form == self.errors && *way == failing)
            .map(|(_, _, kind, code, message)| (*kind, *code, *message))
    }

    /// A 400, or what this vendor answers in its place, about the request's parameter `param`.
    pub(super) fn bad(&self, message: String, param: &str) -> Refusal {
        let mut refusal = Refusal::new(self.misread, "invalid_request_error", message);
        refusal.param = Some(param.to_owned());
        refusal.code = match self.errors {
            ErrorForm::Glm => Some("1214"),
            ErrorForm::Qwen => Some("invalid_parameter_error"),
            ErrorForm::Doubao => Some("InvalidParameter"),
            ErrorForm::Minimax => Some("2013"),
            ErrorForm::OpenAi | ErrorForm::Mistral | ErrorForm::Short | ErrorForm::Numeric => None,
        };
        refusal
    }

    /// A body that is not what this vendor reads.
    pub(super) fn misread(&self, message: String) -> Refusal {
        let mut refusal = self.bad(message, "");
        refusal.param = None;
        refusal
    }

    /// The body of an error answer.
    pub(in crate::providers) fn error_body(&self, refusal: &Refusal, sequence: u64) -> Value {
        let Refusal {
            status,
            kind,
            message,
            param,
            code,
            details,
        } = refusal;
        match self.errors {
            ErrorForm::OpenAi => openai::body(refusal),
            ErrorForm::Mistral if details.is_empty() => json!({
                "object": "error", "message": message, "type": kind, "param": param, "code": code,
            }),
            ErrorForm::Mistral => json!({
                "object": "error", "message": {"detail": details}, "type": kind, "param": null,
                "code": null,
            }),
            ErrorForm::Qwen => json!({
                "error": {"message": message, "type": kind, "param": param, "code": code},
                "request_id": format!("request-{sequence}"),
            }),
            ErrorForm::Glm => {
                json!({"error": {"code": code.unwrap_or("1210"), "message": message}})
            }
            ErrorForm::Short => json!({"error": {"message": message, "type": kind}}),
            ErrorForm::Doubao => json!({"error": {
                "code": code.unwrap_or("InternalServiceError"),
                "message": format!("{message} Request id: {sequence:032}"),
                "param": param.as_deref().unwrap_or_default(), "type": kind,
            }}),
            ErrorForm::Minimax => json!({
                "type": "error",
                "error": {"type": kind, "message": message, "http_code": status.to_string()},
                "request_id": format!("{sequence:032x}"),
            }),
            ErrorForm::Numeric => {
                let mut error = json!({
                    "message": message, "type": kind, "param": param, "code": status,
                });
                for (key, value) in details.iter().filter_map(Value::as_object).flatten() {
                    set(&mut error, key, value.clone());
                }
                json!({"error": error})
            }
        }
    }

    /// An error as the body of an answer with status 200.
    pub(super) fn hidden_error(&self) -> Value {
        let refusal = self.failure(Failing::Server);
        if self.errors == ErrorForm::Minimax {
            return json!({
                "id": "", "choices": null, "created": 0, "model": "", "object": "", "usage": null,
                "base_resp": {"status_code": 1000, "status_msg": "unknown error"},
            });
        }
        self.error_body(&refusal, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::VENDORS;
    use super::*;

    #[test]
    fn every_vendor_words_every_failure_without_secrets_of_ours() {
        for vendor in &VENDORS {
            for (word, failing) in Failing::WORDS {
                let refusal = vendor.failure(failing);
                let body = vendor.error_body(&refusal, 1).to_string();
                assert!(
                    (400..=599).contains(&refusal.status),
                    "{} {word}",
                    vendor.name
                );
                assert!(
                    body.contains(&refusal.message[..4]),
                    "{} {word}: {body}",
                    vendor.name
                );
            }
        }
    }

    #[test]
    fn errors_have_the_vendors_own_form() {
        let body = |name: &str, failing: Failing| {
            let vendor = super::super::find(name).unwrap();
            vendor.error_body(&vendor.failure(failing), 1)
        };
        assert_eq!(body("glm", Failing::RateLimit)["error"]["code"], "1302");
        assert_eq!(body("mistral", Failing::RateLimit)["code"], "1300");
        assert_eq!(
            body("minimax", Failing::Authentication)["error"]["http_code"],
            "401"
        );
        assert_eq!(
            body("doubao", Failing::Authentication)["error"]["type"],
            "Unauthorized"
        );
        assert_eq!(
            body("llama-cpp", Failing::ContextLength)["error"]["n_ctx"],
            4096
        );
        assert_eq!(
            body("kimi", Failing::Quota)["error"]["type"],
            "exceeded_current_quota_error"
        );
        let hidden = super::super::find("minimax").unwrap().hidden_error();
        assert_eq!(hidden["base_resp"]["status_code"], 1000);
    }
}
