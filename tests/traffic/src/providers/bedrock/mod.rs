//! Amazon Bedrock's Converse API, after its API reference and the service model in botocore.

mod answer;
mod check;
mod credential;
mod errors;
mod frame;
mod shape;
mod signing;

use bytes::Bytes;
use serde_json::{Value, json};

use self::answer::{Conversed, wish};
use self::frame::{event, exception};
use super::dialect::{Answer, Asked, Context, Dialect, Endpoint, Headers};
use super::refusal::{Failing, Refusal};
use super::reply::Reply;
use super::script::unescaped;
use super::sse::{Events, KeepAlive};

/// Amazon Bedrock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bedrock;

/// `converse` or `converse-stream` of a model.
#[derive(Clone, Debug)]
struct Served {
    model: String,
    stream: bool,
}

impl Dialect for Bedrock {
    fn route<'a>(&self, asked: &Asked<'a, '_>) -> Result<Box<dyn Endpoint + 'a>, Refusal> {
        let path = asked.uri.path();
        let unknown = || Refusal::new(404, "UnknownOperationException", "");
        let rest = path.strip_prefix("/model/").ok_or_else(unknown)?;
        let (model, stream) = match rest.rsplit_once('/') {
            Some((model, "converse")) => (model, false),
            Some((model, "converse-stream")) => (model, true),
            _ => return Err(unknown()),
        };
        if *asked.method != hyper::Method::POST {
            return Err(unknown());
        }
        credential::check(asked)?;
        let model = unescaped(model).filter(|model| check::is_model(model));
        let model =
            model.ok_or_else(|| errors::invalid("The provided model identifier is invalid."))?;
        Ok(Box::new(Served { model, stream }))
    }

    fn failure(&self, failing: Failing) -> Refusal {
        errors::failure(failing)
    }

    fn error_body(&self, refusal: &Refusal, _sequence: u64) -> String {
        json!({"message": refusal.message}).to_string()
    }

    /// Bedrock says what kind of error it is, and never when to come again.
    fn error_headers(&self, refusal: &Refusal, _retry_after_s: Option<u64>) -> Headers {
        let kind = format!(
            "{}:http://internal.amazon.com/coral/com.amazon.bedrock/",
            refusal.kind
        );
        vec![("x-amzn-errortype", kind)]
    }

    fn stream_error(&self, kind: Option<&str>, events: &mut Events) {
        let kind = kind.unwrap_or("serviceUnavailableException");
        let payload = json!({"message": errors::message_of(kind)});
        events.push_frame(&exception(kind, &payload));
    }

    fn hidden_error(&self) -> String {
        json!({"Output": {"__type": "com.amazon.coral.service#InternalFailure"}, "Version": "1.0"})
            .to_string()
    }

    fn blocked(&self, _reason: Option<&str>, stream: bool) -> Result<Answer, Refusal> {
        let conversed = Conversed::intervened();
        Ok(conversed.answer(stream))
    }

    fn stream_type(&self) -> &'static str {
        "application/vnd.amazon.eventstream"
    }

    fn headers(&self, name: &str) -> Headers {
        vec![("x-amzn-demo", name.to_owned())]
    }

    fn id_header(&self) -> Option<&'static str> {
        Some("x-amzn-requestid")
    }
}

impl Endpoint for Served {
    fn answer(&self, context: &Context<'_>, body: &[u8]) -> Result<Answer, Refusal> {
        let request: Value = serde_json::from_slice(body)
            .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
        let models = &context.config.models;
        if !models.is_empty() && !models.contains(&self.model) {
            return Err(errors::invalid("The provided model identifier is invalid."));
        }
        check::check(&self.model, &request)?;
        let wish = wish(&self.model, &request);
        let reply = Reply::to(&wish, context, body.len());
        Ok(Conversed::new(&request, reply, context).answer(self.stream))
    }
}

impl Conversed {
    fn answer(&self, stream: bool) -> Answer {
        if !stream {
            return Answer::Whole {
                body: Bytes::from(self.whole().to_string()),
                tokens: self.tokens(),
            };
        }
        let mut events = Events::default().kept_alive_by(KeepAlive::Binary);
        for (kind, payload) in self.events() {
            events.push_frame(&event(kind, &payload));
        }
        Answer::Stream(events.closed_by(2))
    }
}
