//! A provider's `credential`: where it is kept, and how it travels.

use ark_gateway_core::snapshot::ProviderKind;

use super::super::super::node::{Fields, Node};
use super::super::super::shape::{AuthConfig, CommandConfig, CredentialConfig};
use super::kind::only_for;
use super::{SECRET_HINT, read_file_path};

const AUTHS: [(&str, AuthConfig); 2] = [("key", AuthConfig::Key), ("bearer", AuthConfig::Bearer)];

/// Most arguments of a command, its program included.
const MOST_ARGUMENTS: usize = 32;

/// How often a command is run when the operator does not say: tokens live an hour or so.
const DEFAULT_REFRESH_S: u32 = 300;

/// Reads `credential`; `signed` says that the requests are signed with an AWS credentials file.
pub(super) fn read(fields: &mut Fields<'_, '_>, signed: bool) -> Option<Option<CredentialConfig>> {
    fields.maybe("credential", |node| {
        let credential = read_credential(node)?;
        match signed {
            true => node.problem_with_hint(
                "is given beside aws.credentials, one of them works",
                "credential is for a Bedrock API key, aws.credentials for signed requests",
            ),
            false => Some(credential),
        }
    })
}

pub(super) fn read_auth(
    fields: &mut Fields<'_, '_>,
    kind: Option<ProviderKind>,
    credential: Option<&Option<CredentialConfig>>,
) -> Option<AuthConfig> {
    let Some(node) = fields.find("auth") else {
        return Some(AuthConfig::default());
    };
    if kind.is_some_and(|kind| kind != ProviderKind::AzureOpenai) {
        return only_for(&node, "azure-openai");
    }
    let auth = node.one_of(&AUTHS)?;
    if credential.is_some_and(Option::is_none) {
        return node.problem("says how a credential travels, but there is none");
    }
    Some(auth)
}

fn read_credential(node: &Node<'_>) -> Option<CredentialConfig> {
    if node.peek_text().is_some() {
        return node.problem_with_hint("must say where the key is kept, not hold it", SECRET_HINT);
    }
    let mut fields = node.fields()?;
    let env = fields.maybe("env", read_env_name);
    let file = fields.maybe("file", read_file_path);
    let argv = fields.maybe("command", read_argv);
    let has_command = argv.as_ref().is_none_or(Option::is_some);
    let refresh_s = fields.or("refresh_s", DEFAULT_REFRESH_S, |node| match has_command {
        true => node.integer(1..=86_400),
        false => node.problem("is only for a command: files are read again by themselves"),
    });
    fields.finish(SECRET_HINT)?;
    let refresh_s = refresh_s?;
    match (env?, file?, argv?) {
        (Some(name), None, None) => Some(CredentialConfig::Env(name)),
        (None, Some(path), None) => Some(CredentialConfig::File(path)),
        (None, None, Some(argv)) => {
            Some(CredentialConfig::Command(CommandConfig { argv, refresh_s }))
        }
        (None, None, None) => node.problem_with_hint(
            "says nothing",
            "write {env: NAME}, {file: PATH} or {command: [PROGRAM, ARGUMENT]}",
        ),
        (Some(_), Some(_), None) => node.problem("has both env and file, one of them works"),
        (_, _, Some(_)) => node.problem("has a command and something else, one of them works"),
    }
}

fn read_env_name(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    // Upper case only: a pasted key would pass for a name otherwise.
    let first = text.bytes().next();
    let plain = first.is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_')
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if plain {
        Some(text.to_owned())
    } else {
        node.problem_with_hint(
            "must be the name of an environment variable: A-Z, 0-9 and _",
            SECRET_HINT,
        )
    }
}

fn read_argv(node: &Node<'_>) -> Option<Vec<String>> {
    const HINT: &str =
        "write a list, [/usr/bin/gcloud, auth, print-access-token]: there is no shell";
    if node.peek_text().is_some() {
        return node.problem_with_hint("must be a list, is text", HINT);
    }
    let mut first = true;
    let argv = node.each(MOST_ARGUMENTS, |item| {
        if std::mem::take(&mut first) {
            return read_program(item);
        }
        let text = item.text()?;
        match text.len() <= 4_096 && !text.chars().any(char::is_control) {
            true => Some(text.to_owned()),
            false => item.problem("must be one line of at most 4096 bytes"),
        }
    })?;
    if argv.is_empty() {
        return node.problem_with_hint("names no program", HINT);
    }
    Some(argv)
}

/// Absolute, so that nobody's `PATH` decides which program sees the secret.
fn read_program(node: &Node<'_>) -> Option<String> {
    let text = node.text()?;
    if text.starts_with('/') && text.len() <= 4_096 && !text.chars().any(char::is_control) {
        return Some(text.to_owned());
    }
    node.problem_with_hint(
        "must be a program's absolute path",
        "such as /usr/bin/gcloud; no PATH is searched",
    )
}
