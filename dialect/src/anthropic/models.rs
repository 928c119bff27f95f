//! The models, as Anthropic's clients list them.

use serde::Serialize;

/// The SDK's `ModelInfo`. When a model was made is not known here: the API's own word for that is the
/// epoch.
#[derive(Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: &'static str,
}

/// One page, which is all of them.
#[derive(Serialize)]
struct Page<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

fn model(id: &str) -> Model<'_> {
    Model {
        kind: "model",
        id,
        display_name: id,
        created_at: "1970-01-01T00:00:00Z",
    }
}

/// Writes the body of `GET /v1/models/{id}`.
#[must_use]
pub fn model_object(id: &str) -> Vec<u8> {
    // Strings always serialise into memory: the default is never taken.
    serde_json::to_vec(&model(id)).unwrap_or_default()
}

/// Writes the body of `GET /v1/models`.
#[must_use]
pub fn models_list(ids: &[&str]) -> Vec<u8> {
    let page = Page {
        data: ids.iter().map(|id| model(id)).collect(),
        has_more: false,
        first_id: ids.first().copied(),
        last_id: ids.last().copied(),
    };
    serde_json::to_vec(&page).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_one_page_in_the_order_given() {
        let one =
            r#"{"type":"model","id":"b","display_name":"b","created_at":"1970-01-01T00:00:00Z"}"#;
        assert_eq!(String::from_utf8(model_object("b")).unwrap(), one);
        let two = one.replace("\"b\"", "\"a\"");
        assert_eq!(
            String::from_utf8(models_list(&["b", "a"])).unwrap(),
            format!(r#"{{"data":[{one},{two}],"has_more":false,"first_id":"b","last_id":"a"}}"#)
        );
        assert_eq!(
            String::from_utf8(models_list(&[])).unwrap(),
            r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#
        );
    }
}
