//! Header names and values of the Messages API.
//!
//! Source: <https://platform.claude.com/docs/en/api/versioning> and `…/api/rate-limits`.

/// Names the API version.
pub const VERSION_NAME: &str = "anthropic-version";

/// The version that [`super::write_request`] writes for. The later `2026-10-21` refuses
/// `temperature`, `top_p` and `top_k` for every model, this one only for those that have none.
pub const VERSION: &str = "2023-06-01";

/// Names beta features, separated by commas.
pub const BETA_NAME: &str = "anthropic-beta";

/// Carries the API key.
pub const KEY_NAME: &str = "x-api-key";
