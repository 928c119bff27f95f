//! What writers say in the client's stead, where a provider demands that something be said.

/// What the user says where the conversation begins with the model, or not at all, and the provider
/// wants the user first. Nothing that the client said is lost by it.
pub(crate) const OPENING: &str = "(start)";

/// What the user says after a turn of the model that the model cannot go on with.
pub(crate) const CONTINUE: &str = "Continue.";

/// How JSON is asked for where only a schema can demand it.
pub(crate) const JSON_INSTRUCTION: &str = "Answer with a single JSON object and nothing else.";
