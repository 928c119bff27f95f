//! What Envoy is given by REST xDS, and what it has said it took.
//!
//! Envoy posts the version that it runs; a version other than ours is answered with all resources.
//! Over REST Envoy has no word for "refused" (it logs, and asks again with the version before), so
//! the same answer given several times in a row is taken for a refusal.
//! See <https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol>.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Ms;
use crate::digest;

/// Versions whose content is remembered, so that a late acknowledgement can be told.
const HISTORY: usize = 64;
/// Subscriptions that are remembered: three and one per secret.
const MAX_SUBSCRIPTIONS: usize = 2048;
/// Same answer so many times in a row: Envoy does not take it.
const GIVEN_IN_VAIN: u32 = 3;
/// Longest refusal that is kept, characters.
const MAX_REFUSAL_CHARS: usize = 2_000;

/// The resource types that the sidecar serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// LDS.
    Listeners,
    /// CDS.
    Clusters,
    /// RDS.
    Routes,
    /// SDS.
    Secrets,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Listeners, Self::Clusters, Self::Routes, Self::Secrets];

    /// The last part of the path `/v3/discovery:…`, also its name in logs and labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listeners => "listeners",
            Self::Clusters => "clusters",
            Self::Routes => "routes",
            Self::Secrets => "secrets",
        }
    }

    fn type_url(self) -> &'static str {
        match self {
            Self::Listeners => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::Clusters => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Routes => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Secrets => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        }
    }
}

/// What is read of Envoy's `DiscoveryRequest`: all else (77 kB of node description) is skipped.
#[derive(Debug, Default, Deserialize)]
pub struct DiscoveryRequest {
    /// The version that it runs; empty before the first.
    #[serde(default, alias = "versionInfo")]
    pub version_info: String,
    /// The resources that it asks for; empty for all.
    #[serde(default, alias = "resourceNames")]
    pub resource_names: Vec<String>,
    /// Why it refused the version before, where the transport can say so.
    #[serde(default, alias = "errorDetail")]
    pub error_detail: Option<ErrorDetail>,
}

/// A `google.rpc.Status`.
#[derive(Debug, Default, Deserialize)]
pub struct ErrorDetail {
    /// In words.
    #[serde(default)]
    pub message: String,
}

#[derive(Serialize)]
struct DiscoveryResponse<'a> {
    version_info: &'a str,
    resources: &'a [Value],
    type_url: &'static str,
}

/// The answer to a discovery request.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// 304: it runs what we have.
    Unchanged,
    /// 200 with this body.
    Resources(Bytes),
}

/// A refusal that was not known before.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Of what.
    pub kind: Kind,
    /// Of which version.
    pub version: String,
    /// Why, as far as Envoy says.
    pub reason: String,
}

struct Published {
    version: String,
    body: Bytes,
}

#[derive(Default)]
struct Subscription {
    given: String,
    times: u32,
    refused: Option<String>,
    runs: String,
    heard: Ms,
    /// When it was first heard to run what it runs.
    runs_since: Ms,
}

/// What a version of clusters or routes held: provider and wire.
type Content = BTreeMap<String, String>;

/// Everything that Envoy can ask for, and what it has taken.
#[derive(Default)]
pub struct Publisher {
    published: BTreeMap<(Kind, String), Published>,
    history: VecDeque<((Kind, String), Content, BTreeSet<String>)>,
    subscriptions: BTreeMap<(Kind, String), Subscription>,
}

impl Publisher {
    /// Publishes all resources of a kind but secrets; `content` says which providers they hold.
    pub fn publish(&mut self, kind: Kind, resources: &[Value], content: Content) {
        let version = digest::short(&[json(&resources).as_slice()]);
        self.history
            .retain(|(key, _, _)| *key != (kind, version.clone()));
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        let names = content.keys().cloned().collect();
        self.history
            .push_back(((kind, version.clone()), content, names));
        self.put(kind, String::new(), version, resources);
    }

    /// Publishes the secrets by name. `salt` keeps their versions, which Envoy shows, from telling
    /// anything of them.
    pub fn publish_secrets(&mut self, secrets: &[Value], salt: &[u8]) {
        let name_of = |secret: &Value| {
            secret
                .get("name")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let names: BTreeSet<String> = secrets.iter().filter_map(name_of).collect();
        self.published
            .retain(|(kind, name), _| *kind != Kind::Secrets || names.contains(name));
        for secret in secrets {
            if let Some(name) = name_of(secret) {
                let version = digest::short(&[salt, &json(secret)]);
                self.put(Kind::Secrets, name, version, std::slice::from_ref(secret));
            }
        }
    }

    fn put(&mut self, kind: Kind, name: String, version: String, resources: &[Value]) {
        let body = json(&DiscoveryResponse {
            version_info: &version,
            resources,
            type_url: kind.type_url(),
        });
        let published = Published {
            version,
            body: body.into(),
        };
        self.published.insert((kind, name), published);
    }

    /// Answers Envoy, and tells of a refusal the first time it is noticed.
    pub fn discover(
        &mut self,
        kind: Kind,
        request: &DiscoveryRequest,
        now: Ms,
    ) -> (Answer, Option<Refused>) {
        // Envoy asks for one secret, and for one route configuration, at a time.
        let asked = request.resource_names.first().cloned().unwrap_or_default();
        let name = if kind == Kind::Secrets {
            asked.clone()
        } else {
            String::new()
        };
        // An unknown secret is not known *yet*: an empty answer would be an error to Envoy, whereas
        // without one it waits.
        let Some(published) = self.published.get(&(kind, name)) else {
            return (Answer::Unchanged, None);
        };
        let key = (kind, asked);
        if !self.subscriptions.contains_key(&key) && self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            self.subscriptions
                .retain(|_, s| now.saturating_sub(s.heard) < 60_000);
        }
        let subscription = self.subscriptions.entry(key).or_default();
        let reason = subscription.hear(request, &published.version, now);
        let refused = reason.map(|reason| Refused {
            kind,
            version: published.version.clone(),
            reason,
        });
        let answer = match request.version_info == published.version {
            true => Answer::Unchanged,
            false => Answer::Resources(published.body.clone()),
        };
        (answer, refused)
    }

    fn subscription(&self, kind: Kind) -> Option<&Subscription> {
        self.subscriptions
            .iter()
            .filter(|((of, _), _)| *of == kind)
            .map(|(_, subscription)| subscription)
            .max_by_key(|subscription| subscription.heard)
    }

    /// The clusters, with their wires, of the version that Envoy runs, and since when it was heard
    /// to run it; `None` when it runs none of ours.
    #[must_use]
    pub fn clusters_taken(&self) -> Option<(&BTreeMap<String, String>, Ms)> {
        let subscription = self.subscription(Kind::Clusters)?;
        let (_, content, _) = self.remembered(Kind::Clusters, &subscription.runs)?;
        Some((content, subscription.runs_since))
    }

    /// The providers in the routes that Envoy runs; `None` when it runs none of ours.
    #[must_use]
    pub fn routes_taken(&self) -> Option<&BTreeSet<String>> {
        let subscription = self.subscription(Kind::Routes)?;
        let (_, _, names) = self.remembered(Kind::Routes, &subscription.runs)?;
        Some(names)
    }

    /// Whether Envoy has taken a secret as it is now. A cluster can be warmed without: Envoy waits
    /// for its secret only so long.
    #[must_use]
    pub fn secret_taken(&self, name: &str) -> bool {
        let key = (Kind::Secrets, name.to_owned());
        let runs = self.subscriptions.get(&key).map(|s| &s.runs);
        let published = self.published.get(&key).map(|p| &p.version);
        published.is_some() && runs == published
    }

    fn remembered(
        &self,
        kind: Kind,
        version: &str,
    ) -> Option<&((Kind, String), Content, BTreeSet<String>)> {
        self.history
            .iter()
            .find(|((of, known), _, _)| *of == kind && known == version)
    }

    /// How Envoy stands with a kind, for `/readyz`.
    #[must_use]
    pub fn status(&self, kind: Kind, now: Ms) -> Status {
        let Some(subscription) = self.subscription(kind) else {
            return Status::default();
        };
        let published = self.published.iter().find(|((of, _), _)| *of == kind);
        Status {
            runs: subscription.runs.clone(),
            current: published.is_some_and(|(_, p)| p.version == subscription.runs),
            asked_ms_ago: Some(now.saturating_sub(subscription.heard)),
            refused: subscription.refused.clone(),
        }
    }
}

/// How Envoy stands with one kind of resource.
#[derive(Debug, Default, Serialize)]
pub struct Status {
    /// The version that it runs; empty for none.
    pub runs: String,
    /// Whether this is the newest.
    pub current: bool,
    /// When it last asked; `None` for never.
    pub asked_ms_ago: Option<Ms>,
    /// Why it refuses the newest.
    pub refused: Option<String>,
}

impl Subscription {
    /// Takes in a request; returns the reason of a refusal that is news.
    fn hear(&mut self, request: &DiscoveryRequest, current: &str, now: Ms) -> Option<String> {
        self.heard = now;
        if self.runs != request.version_info {
            self.runs.clone_from(&request.version_info);
            self.runs_since = now;
        }
        if self.runs == current {
            self.refused = None;
            self.times = 0;
            return None;
        }
        if self.given != current {
            self.given = current.to_owned();
            self.times = 0;
            self.refused = None;
        }
        self.times = self.times.saturating_add(1);
        let reason = match &request.error_detail {
            Some(detail) => detail.message.chars().take(MAX_REFUSAL_CHARS).collect(),
            None if self.times > GIVEN_IN_VAIN => {
                "Envoy was given it several times and does not take it; its log says why".to_owned()
            }
            None => return None,
        };
        let news = self.refused.is_none();
        self.refused = Some(reason.clone());
        news.then_some(reason)
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Plain data with string keys: this cannot fail, and an empty answer would only be refused.
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
