//! Which account can read what a provider's models thought.

use ark_gateway_core::snapshot::ProviderKind;
use sha2::{Digest as _, Sha256};

use super::super::ProviderConfig;

/// Hex digits of its name: enough that two of one file differ.
const DIGITS: usize = 8;

/// A short name that tells nothing but whether two are the same: of the account that the operator has
/// named, or else of the provider. Google's two APIs are one account each. Empty for makers whose proofs
/// hold wherever their models are served.
pub(super) fn of(provider: &ProviderConfig) -> String {
    let of_kind = match provider.kind {
        ProviderKind::Openai | ProviderKind::AzureOpenai | ProviderKind::OpenaiCompatible => {
            provider.name.as_str()
        }
        ProviderKind::Gemini => "google:gemini",
        ProviderKind::Vertex => "google:vertex",
        ProviderKind::Anthropic | ProviderKind::Bedrock => return String::new(),
    };
    let digest = match &provider.account {
        Some(account) => Sha256::digest(format!("account:{account}")),
        None => Sha256::digest(of_kind),
    };
    let mut digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(DIGITS);
    digits
}
