//! A provider's `kind`, and the fields that only some kinds have.

use std::path::PathBuf;

use ark_gateway_core::snapshot::ProviderKind;

use super::super::super::date::Date;
use super::super::super::node::{Fields, Node};
use super::super::super::shape::{AwsConfig, AwsCredentialsConfig};
use super::super::super::vendor;
use super::super::super::words::{nearest, quoted};
use super::{SECRET_HINT, read_file_path};

pub(in super::super) const KINDS: [(&str, ProviderKind); 7] = [
    ("openai", ProviderKind::Openai),
    ("azure-openai", ProviderKind::AzureOpenai),
    ("openai-compatible", ProviderKind::OpenaiCompatible),
    ("anthropic", ProviderKind::Anthropic),
    ("gemini", ProviderKind::Gemini),
    ("vertex", ProviderKind::Vertex),
    ("bedrock", ProviderKind::Bedrock),
];

/// The version of Anthropic's API that Ark writes: <https://docs.claude.com/en/api/versioning>.
const ANTHROPIC_VERSION: &str = "2023-06-01";

pub(in super::super) fn name(kind: ProviderKind) -> &'static str {
    let row = KINDS.iter().find(|(_, known)| *known == kind);
    row.map_or("", |(name, _)| *name)
}

/// Reports a field that stands at a provider of a kind that has no use for it.
pub(super) fn only_for<T>(node: &Node<'_>, kinds: &str) -> Option<T> {
    node.problem_with_hint(
        format!("is only for providers of kind {kinds}"),
        "remove it, or change kind",
    )
}

pub(super) fn read_vendor(
    fields: &mut Fields<'_, '_>,
    kind: Option<ProviderKind>,
) -> Option<Option<String>> {
    let field = fields.find("vendor");
    match (kind, field) {
        (Some(ProviderKind::OpenaiCompatible), None) => fields.missing(
            "vendor",
            format!(
                "one of {}; for a server without quirks write kind: openai",
                vendor::names().join(", ")
            ),
        ),
        (Some(ProviderKind::OpenaiCompatible) | None, Some(node)) => {
            read_vendor_name(&node).map(Some)
        }
        (Some(_), Some(node)) => only_for(&node, "openai-compatible"),
        (_, None) => Some(None),
    }
}

fn read_vendor_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if let Some(vendor) = vendor::parse(text) {
        return Some(vendor.to_owned());
    }
    let names = vendor::names();
    let hint = match nearest(text, &names) {
        Some(near) => format!("did you mean {near}?"),
        None => format!(
            "known: {}; for a server without quirks write kind: openai",
            names.join(", ")
        ),
    };
    node.problem_with_hint(format!("{} is not known", quoted(text)), hint)
}

pub(super) fn read_api_version(
    provider: &Node<'_>,
    fields: &mut Fields<'_, '_>,
    kind: Option<ProviderKind>,
) -> Option<Option<String>> {
    match (kind, fields.find("api_version")) {
        (Some(ProviderKind::AzureOpenai), None) => provider.problem_with_hint(
            "api_version is missing",
            "azure-openai needs one, such as api_version: \"2024-10-21\"",
        ),
        (Some(ProviderKind::AzureOpenai), Some(node)) => read_azure_version(&node).map(Some),
        (Some(ProviderKind::Anthropic), None) => Some(Some(ANTHROPIC_VERSION.to_owned())),
        (Some(ProviderKind::Anthropic), Some(node)) => read_anthropic_version(&node).map(Some),
        (Some(_), Some(node)) => only_for(&node, "azure-openai and anthropic"),
        (_, None) => Some(None),
        (None, Some(node)) => node.text().map(|_| None),
    }
}

fn read_azure_version(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let day = text.strip_suffix("-preview").unwrap_or(text);
    if text == "v1" || Date::parse(day).is_some() {
        return Some(text.to_owned());
    }
    node.problem_with_hint(
        "must be a version such as \"2024-10-21\" or \"2025-04-01-preview\"",
        "or v1, for the paths /openai/v1 that have no version",
    )
}

fn read_anthropic_version(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if Date::parse(text).is_some() {
        return Some(text.to_owned());
    }
    node.problem_with_hint(
        format!("must be a version such as \"{ANTHROPIC_VERSION}\""),
        format!("remove it for {ANTHROPIC_VERSION}"),
    )
}

pub(super) fn read_aws(
    fields: &mut Fields<'_, '_>,
    kind: Option<ProviderKind>,
) -> Option<Option<AwsConfig>> {
    match (kind, fields.find("aws")) {
        (Some(ProviderKind::Bedrock), None) => {
            fields.missing("aws", "bedrock needs one, such as aws: {region: us-east-1}")
        }
        (Some(ProviderKind::Bedrock) | None, Some(node)) => read_aws_block(&node).map(Some),
        (Some(_), Some(node)) => only_for(&node, "bedrock"),
        (_, None) => Some(None),
    }
}

fn read_aws_block(node: &Node<'_>) -> Option<AwsConfig> {
    let mut fields = node.fields()?;
    let region = fields.must("region", read_region);
    let credentials = fields.or("credentials", AwsCredentialsConfig::Chain, read_aws_file);
    fields.finish(SECRET_HINT)?;
    Some(AwsConfig {
        region: region?,
        credentials: credentials?,
    })
}

/// `us-east-1`, `us-gov-west-1`: it becomes a part of a host's name and of what is signed.
fn read_region(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let plain = match parts.split_last() {
        Some((number, words)) => {
            (2..=4).contains(&words.len())
                && words.iter().all(word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    };
    if plain && text.len() <= 32 {
        return Some(text.to_owned());
    }
    node.problem_with_hint(
        format!("{} is not an AWS region", quoted(text)),
        "such as us-east-1",
    )
}

const AWS_HINT: &str = "write {file: PATH, profile: NAME} for an AWS credentials file that Envoy can read, or remove it: Envoy then looks in its environment and asks the role of its pod or machine";

fn read_aws_file(node: &Node<'_>) -> Option<AwsCredentialsConfig> {
    if node.peek_text().is_some() {
        return node.problem_with_hint("must say where they are kept", AWS_HINT);
    }
    let mut fields = node.fields()?;
    let path: Option<PathBuf> = fields.must("file", read_file_path);
    let profile = fields.or("profile", "default".to_owned(), read_profile);
    fields.finish(AWS_HINT)?;
    Some(AwsCredentialsConfig::File {
        path: path?,
        profile: profile?,
    })
}

fn read_profile(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    let plain = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte));
    if plain {
        return Some(text.to_owned());
    }
    node.problem("must be the name of a profile: up to 64 of A-Z a-z 0-9 . _ @ + -")
}

/// Whether requests are signed with an AWS credentials file.
pub(super) fn is_signed_by_file(aws: Option<&AwsConfig>) -> bool {
    aws.is_some_and(|aws| aws.credentials != AwsCredentialsConfig::Chain)
}
