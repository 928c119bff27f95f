//! Bodies of the admin API's requests.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;

use super::super::access::{Refused, refused};
use crate::http::{self, ReadError};

/// An entry with a thousand model names fits.
const LIMIT_BYTES: usize = 256 * 1024;
const DEADLINE: Duration = Duration::from_secs(5);

/// Reads a body as JSON.
///
/// # Errors
/// 400, 408 or 413, and why.
pub(super) async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Refused> {
    let read = http::read_capped(request.into_body(), LIMIT_BYTES, DEADLINE).await;
    let bytes = read.map_err(|error| {
        let status = match error {
            ReadError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ReadError::Late(_) => StatusCode::REQUEST_TIMEOUT,
            ReadError::Broken(_) => StatusCode::BAD_REQUEST,
        };
        refused(status, error.to_string())
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| refused(StatusCode::BAD_REQUEST, format!("the body: {error}")))
}
