//! The one function that turns a refusal into a response in the caller's dialect.

use ark_dialect::error_body::ErrorObject;
use ark_dialect::translate::{ErrorForm, write_refusal};
use ark_gateway_core::reject::Reject;
use proxy_wasm::hostcalls;

use crate::host;

/// Marks refusals that the filter wrote itself with their code, so that Envoy's `local_reply_config`
/// leaves their bodies alone.
const MARK: &str = "x-ark-reject";

/// Answers the request with a refusal.
pub(crate) fn refuse(form: ErrorForm, reject: &Reject, extra: &[(&str, &str)]) {
    let retry_after = reject.retry_after_s.map(|s| s.to_string());
    let mut headers = vec![
        ("content-type", "application/json"),
        (MARK, reject.code.as_str()),
    ];
    if let Some(seconds) = retry_after.as_deref() {
        headers.push(("retry-after", seconds));
    }
    if let Some(method) = reject.allow {
        headers.push(("allow", method));
    }
    if reject.code.status() == 401 {
        headers.push(("www-authenticate", "Bearer"));
    }
    headers.extend_from_slice(extra);
    let status = reject.code.status();
    let error = ErrorObject {
        message: &reject.message,
        kind: reject.code.openai_type(),
        param: reject.param.as_deref(),
        code: Some(reject.code.as_str()),
    };
    send(status, headers, &write_refusal(form, status, &error));
}

/// Answers the request with JSON of our own.
pub(crate) fn json(status: u16, body: &[u8], extra: &[(&str, &str)]) {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend_from_slice(extra);
    send(status, headers, body);
}

fn send(status: u16, headers: Vec<(&str, &str)>, body: &[u8]) {
    host::report(
        "local reply",
        hostcalls::send_http_response(u32::from(status), headers, Some(body)),
    );
}
