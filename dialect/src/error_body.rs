//! Bodies that the gateway itself writes, in OpenAI's form.

use serde::Serialize;

/// An error as OpenAI's API answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorObject<'a> {
    /// For people.
    pub message: &'a str,
    /// The class of error, such as `invalid_request_error`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// The request's field that is to blame.
    pub param: Option<&'a str>,
    /// For programs.
    pub code: Option<&'a str>,
}

/// A model as `GET /v1/models` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelObject<'a> {
    /// The name to ask for.
    pub id: &'a str,
    /// Seconds since the Unix epoch.
    pub created: u64,
    /// Who serves it.
    pub owned_by: &'a str,
}

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    error: &'a ErrorObject<'a>,
}

#[derive(Serialize)]
struct ModelEntry<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct ModelList<'a> {
    object: &'static str,
    data: Vec<ModelEntry<'a>>,
}

/// Writes `{"error":{…}}`, the body of every refusal.
#[must_use]
pub fn error_body(error: &ErrorObject<'_>) -> Vec<u8> {
    json(&ErrorEnvelope { error })
}

/// Writes the body of `GET /v1/models/{id}`.
#[must_use]
pub fn model_object(model: &ModelObject<'_>) -> Vec<u8> {
    json(&entry(model))
}

/// Writes the body of `GET /v1/models`.
#[must_use]
pub fn models_list(models: &[ModelObject<'_>]) -> Vec<u8> {
    json(&ModelList {
        object: "list",
        data: models.iter().map(entry).collect(),
    })
}

fn entry<'a>(model: &ModelObject<'a>) -> ModelEntry<'a> {
    ModelEntry {
        id: model.id,
        object: "model",
        created: model.created,
        owned_by: model.owned_by,
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Strings and integers always serialise into memory: the default is never taken.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_all_four_members_and_is_escaped() {
        let body = error_body(&ErrorObject {
            message: "no \"such\" model\n",
            kind: "invalid_request_error",
            param: Some("model"),
            code: None,
        });
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"error":{"message":"no \"such\" model\n","type":"invalid_request_error","param":"model","code":null}}"#
        );
    }

    #[test]
    fn models_are_listed_in_the_order_given() {
        let model = |id| ModelObject {
            id,
            created: 7,
            owned_by: "ark",
        };
        let b = r#"{"id":"b","object":"model","created":7,"owned_by":"ark"}"#;
        let a = b.replace("\"b\"", "\"a\"");
        assert_eq!(model_object(&model("b")), b.as_bytes());
        assert_eq!(
            String::from_utf8(models_list(&[model("b"), model("a")])).unwrap(),
            format!(r#"{{"object":"list","data":[{b},{a}]}}"#)
        );
    }
}
