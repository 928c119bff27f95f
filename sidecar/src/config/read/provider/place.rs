//! A provider's `endpoint`: what the operator wrote, or the vendor's well-known one.

use ark_gateway_core::snapshot::ProviderKind;

use super::super::super::endpoint::Endpoint;
use super::super::super::node::{Fields, Node};
use super::super::super::vendor;

/// What decides on the well-known endpoint, as far as it could be read.
pub(super) struct Base<'a> {
    pub(super) kind: Option<ProviderKind>,
    pub(super) vendor: Option<&'a str>,
    pub(super) region: Option<&'a str>,
}

/// API paths that people copy along with the base from a vendor's example call.
const API_PATHS: [&str; 7] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/responses",
    "/messages",
    "/converse",
    "/converse-stream",
];

const VERTEX_EXAMPLE: &str = "https://us-central1-aiplatform.googleapis.com/v1/projects/PROJECT/locations/us-central1/publishers/google";

impl Base<'_> {
    /// The endpoint of a provider that names none, where there is one.
    fn well_known(&self) -> Option<String> {
        match self.kind? {
            ProviderKind::Openai => Some("https://api.openai.com/v1".to_owned()),
            ProviderKind::Anthropic => Some("https://api.anthropic.com/v1".to_owned()),
            ProviderKind::Gemini => {
                Some("https://generativelanguage.googleapis.com/v1beta".to_owned())
            }
            ProviderKind::Bedrock => {
                let region = self.region?;
                Some(format!("https://bedrock-runtime.{region}.amazonaws.com"))
            }
            ProviderKind::OpenaiCompatible => vendor::base_url(self.vendor?).map(str::to_owned),
            ProviderKind::AzureOpenai | ProviderKind::Vertex => None,
        }
    }

    fn added_path(&self) -> &'static str {
        match self.kind {
            Some(ProviderKind::Anthropic) => "/messages",
            Some(ProviderKind::Gemini | ProviderKind::Vertex) => "/models/…",
            Some(ProviderKind::Bedrock) => "/model/…/converse",
            Some(
                ProviderKind::Openai | ProviderKind::AzureOpenai | ProviderKind::OpenaiCompatible,
            )
            | None => "/chat/completions and the others",
        }
    }

    fn example(&self) -> String {
        match (self.kind, self.well_known()) {
            (Some(ProviderKind::AzureOpenai), _) => "such as https://NAME.openai.azure.com".into(),
            (Some(ProviderKind::Vertex), _) => format!("such as {VERTEX_EXAMPLE}"),
            (Some(ProviderKind::Openai) | None, _) => {
                "such as https://api.openai.com/v1 or http://10.0.0.7:8000/v1".to_owned()
            }
            (_, Some(well_known)) => format!("such as {well_known}, which is the default"),
            (_, None) => "such as http://10.0.0.7:8000/v1".to_owned(),
        }
    }
}

pub(super) fn read(fields: &mut Fields<'_, '_>, base: &Base<'_>) -> Option<Endpoint> {
    let well_known = base.well_known();
    let well_known = well_known.and_then(|url| Endpoint::parse(&url).ok());
    match (fields.find("endpoint"), well_known) {
        (Some(node), well_known) => read_endpoint(&node, base, well_known.as_ref()),
        (None, Some(well_known)) => Some(well_known),
        (None, None) if says_enough(base) => fields.missing("endpoint", base.example()),
        // What is wrong with these is reported already.
        (None, None) => None,
    }
}

/// Whether the fields that a well-known endpoint depends on could be read.
fn says_enough(base: &Base<'_>) -> bool {
    match base.kind {
        None => false,
        Some(ProviderKind::Bedrock) => base.region.is_some(),
        Some(ProviderKind::OpenaiCompatible) => base.vendor.is_some(),
        Some(
            ProviderKind::Openai
            | ProviderKind::AzureOpenai
            | ProviderKind::Anthropic
            | ProviderKind::Gemini
            | ProviderKind::Vertex,
        ) => true,
    }
}

fn read_endpoint(
    node: &Node<'_>,
    base: &Base<'_>,
    well_known: Option<&Endpoint>,
) -> Option<Endpoint> {
    let endpoint = match Endpoint::parse(node.text()?) {
        Ok(endpoint) => endpoint,
        Err(message) => return node.problem_with_hint(message, base.example()),
    };
    let path = endpoint.base_path.as_str();
    if API_PATHS.iter().any(|end| path.ends_with(end)) {
        let hint = format!("write the base only, Ark adds {}", base.added_path());
        return node.problem_with_hint("names one API path", hint);
    }
    let azure = base.kind == Some(ProviderKind::AzureOpenai);
    if azure && path.split('/').any(|part| part == "openai") {
        return node.problem_with_hint(
            "names Azure's /openai path",
            "write the resource's address only, Ark adds /openai/…",
        );
    }
    if base.kind == Some(ProviderKind::Vertex) && !is_vertex_base(path) {
        return node.problem_with_hint(
            "must end in /v1/projects/PROJECT/locations/LOCATION/publishers/google",
            base.example(),
        );
    }
    match well_known {
        Some(known)
            if known.host == endpoint.host && path.is_empty() && !known.base_path.is_empty() =>
        {
            node.problem_with_hint(
                "lacks the API's base path",
                format!("write it with {}, or remove endpoint", known.base_path),
            )
        }
        _ => Some(endpoint),
    }
}

/// <https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference>
fn is_vertex_base(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [
            ..,
            version,
            "projects",
            project,
            "locations",
            location,
            "publishers",
            "google",
        ] => ["v1", "v1beta1"].contains(version) && !project.is_empty() && !location.is_empty(),
        _ => false,
    }
}
