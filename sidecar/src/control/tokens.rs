//! What the commands of the configuration print: credentials that do not last.

use std::collections::BTreeMap;

use super::Control;
use crate::Ms;
use crate::config::{CommandConfig, Config, CredentialConfig, ProviderConfig};
use crate::credential::Secret;

/// A program and its arguments.
pub type Argv = Vec<String>;

/// What a command has printed, and why it printed nothing newer.
#[derive(Default)]
pub(super) struct Token {
    /// What it printed last.
    pub(super) secret: Option<Secret>,
    /// Why the last run brought nothing.
    pub(super) problem: Option<String>,
}

/// By command; nothing for one that has never ended.
#[derive(Default)]
pub(super) struct Tokens(BTreeMap<Argv, Token>);

impl Tokens {
    pub(super) fn get(&self, argv: &Argv) -> Option<&Token> {
        self.0.get(argv)
    }

    /// Forgets what no provider has a use for.
    pub(super) fn retain(&mut self, config: &Config) {
        self.0
            .retain(|argv, _| config.providers.iter().any(|p| runs(p, argv)));
    }

    /// Takes in a result; a failure leaves the last credential. Tells whether it is news.
    fn take(&mut self, argv: &Argv, result: Result<Secret, String>) -> bool {
        let known = self.0.contains_key(argv);
        let token = self.0.entry(argv.clone()).or_default();
        let (secret, problem) = match result {
            Ok(secret) => (Some(secret), None),
            Err(problem) => (token.secret.clone(), Some(problem)),
        };
        let is_news = !known || token.secret != secret || token.problem != problem;
        *token = Token { secret, problem };
        is_news
    }
}

fn command(provider: &ProviderConfig) -> Option<&CommandConfig> {
    match &provider.credential {
        Some(CredentialConfig::Command(command)) => Some(command),
        Some(CredentialConfig::Env(_) | CredentialConfig::File(_)) | None => None,
    }
}

fn runs(provider: &ProviderConfig, argv: &Argv) -> bool {
    command(provider).is_some_and(|command| command.argv == *argv)
}

impl Control {
    /// The commands to run, each with how often, in seconds; one that several providers share is run
    /// once for all, as often as the most eager wants it.
    #[must_use]
    pub fn commands(&self) -> BTreeMap<Argv, u32> {
        let mut commands = BTreeMap::new();
        for command in self.config.providers.iter().filter_map(command) {
            let often = commands.entry(command.argv.clone());
            let often = often.or_insert(command.refresh_s);
            *often = (*often).min(command.refresh_s);
        }
        commands
    }

    /// Takes in what a command printed, or in words why it did not. A failure is loud, and leaves the
    /// last credential in use.
    pub fn command_ended(&mut self, argv: &Argv, result: Result<Secret, String>, now: Ms) {
        let config = &self.config;
        let mut users = config.providers.iter().filter(|p| runs(p, argv)).peekable();
        if users.peek().is_none() {
            return;
        }
        if let Err(problem) = &result {
            let has_one = self.tokens.get(argv).is_some_and(|t| t.secret.is_some());
            for provider in users.map(|provider| &provider.name) {
                let metrics = &self.setting.metrics;
                metrics.credential_error(provider.clone(), "command");
                match has_one {
                    true => tracing::error!(
                        provider,
                        problem,
                        "credential not refreshed, the last one stays"
                    ),
                    false => {
                        tracing::error!(provider, problem, "provider has no usable credential")
                    }
                }
            }
        }
        if self.tokens.take(argv, result) {
            self.want_providers();
            self.publish(now);
        }
    }

    pub(super) fn has_command(&self, provider: &str) -> bool {
        let mut providers = self.config.providers.iter();
        providers.any(|config| config.name == provider && command(config).is_some())
    }
}
