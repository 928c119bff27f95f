//! `POST /v1/explain`: where a request would go now and why, or why one that was recorded went where it
//! did, as long as what decided it is remembered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ark_gateway_core::basis::{Basis, redecide};
use ark_gateway_core::capability::Capability;
use ark_gateway_core::decide::Caller;
use ark_gateway_core::explain::{Explanation, explain_whole};
use ark_gateway_core::keys::{KeyPage, PageBytes, Paged};
use ark_gateway_core::policy::{BadSnapshot, Policy};
use ark_gateway_core::priority::Priority;
use ark_gateway_core::record::Record;
use ark_gateway_core::score::Scores;
use ark_gateway_core::snapshot::{ProviderId, Snapshot, TargetId};
use serde::{Deserialize, Serialize};

use super::Control;
use crate::Ms;
use crate::rights::{AskedHead, rights_of};
use crate::scores;

/// Snapshots that are remembered for explaining records.
const SNAPSHOTS: usize = 4;
/// States of the scores that are remembered for the same; under load there are some a second.
const STATES: usize = 1_024;
/// Most scores of targets in all these states together: some 15 MB.
const TARGET_SCORES: usize = 200_000;

/// What is asked: the facts of a request, or the record of one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Question {
    /// The model that the request names.
    model: String,
    priority: Priority,
    /// Tokens of its prompt.
    input_tokens: u64,
    /// Its bound on completion tokens.
    max_tokens: Option<u64>,
    /// What else it needs of a target.
    needs: Vec<Capability>,
    /// The provider that it pins.
    provider: Option<String>,
    /// The id of the key that it comes with.
    key: Option<String>,
    /// What its head says besides.
    head: AskedHead,
    /// The random number that draws among near-equals, hex digits.
    draw: Option<String>,
    /// What the worker has in flight, by provider.
    in_flight: BTreeMap<String, u32>,
    /// A record with its basis; then nothing else is looked at.
    record: Option<Record>,
}

/// What is answered.
#[derive(Debug, Serialize)]
pub struct Answered {
    #[serde(flatten)]
    explained: Explanation,
    /// How old the newest finished attempt of each target is, milliseconds, by `provider/model`;
    /// `null`: none within memory. Of now, also for a record.
    newest_attempt_age_ms: BTreeMap<String, Option<Ms>>,
    /// For a record: whether the same order came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduced: Option<bool>,
}

/// What has decided lately.
#[derive(Default)]
pub(super) struct Past {
    snapshots: VecDeque<Paged>,
    scores: VecDeque<Scores>,
}

impl Past {
    /// Pages that a snapshot shares with the one before are in memory once.
    pub(super) fn ran(&mut self, paged: &mut Paged) {
        if let Some(last) = self.snapshots.back() {
            paged.share_with(last);
        }
        let version = &paged.snapshot.version;
        self.snapshots.retain(|s| s.snapshot.version != *version);
        if self.snapshots.len() >= SNAPSHOTS {
            self.snapshots.pop_front();
        }
        self.snapshots.push_back(paged.clone());
    }

    pub(super) fn told(&mut self, scores: &Scores) {
        let states = (TARGET_SCORES / scores.targets.len().max(1)).clamp(1, STATES);
        while self.scores.len() >= states {
            self.scores.pop_front();
        }
        self.scores.push_back(scores.clone());
    }

    fn of(&self, record: &Record) -> Result<(&Paged, Option<&Scores>), String> {
        let mut snapshots = self.snapshots.iter();
        let snapshot = snapshots.find(|s| s.snapshot.version == record.snapshot);
        let snapshot =
            snapshot.ok_or_else(|| format!("snapshot {} is not remembered", record.snapshot.0))?;
        if record.scores == 0 {
            return Ok((snapshot, None));
        }
        let scores = self.scores.iter().find(|s| s.sequence == record.scores);
        let forgotten = || format!("scores {} are not remembered", record.scores);
        Ok((snapshot, Some(scores.ok_or_else(forgotten)?)))
    }
}

impl Control {
    /// Explains.
    ///
    /// # Errors
    /// In words for who asks.
    pub fn explain(&self, question: &Question, now: Ms) -> Result<Answered, String> {
        match &question.record {
            Some(record) => self.explain_record(record, now),
            None => self.explain_request(question, now),
        }
    }

    fn explain_request(&self, question: &Question, now: Ms) -> Result<Answered, String> {
        let policy = policy(&self.snapshot, &self.pages)?;
        let provider = |name: &String| {
            let id = policy.provider_named(name);
            id.ok_or_else(|| format!("there is no provider {name:?}"))
        };
        let key = |id: &String| {
            let found = policy.key_named(id).map(|(index, _)| index);
            found.ok_or_else(|| format!("there is no key {id:?}"))
        };
        let in_flight = question
            .in_flight
            .iter()
            .map(|(name, count)| Ok((provider(name)?, *count)))
            .collect::<Result<Vec<(ProviderId, u32)>, String>>()?;
        let draw = question.draw.as_deref().unwrap_or("0");
        let basis = Basis {
            draw: u64::from_str_radix(draw, 16)
                .map_err(|_not| format!("draw: {draw:?} is no number in hex digits"))?,
            input_tokens: question.input_tokens,
            max_output_tokens: question.max_tokens,
            needs: question.needs.clone(),
            pin: question.provider.as_ref().map(provider).transpose()?,
            in_flight,
            priority: question.priority,
            caller: Caller {
                key: question.key.as_ref().map(key).transpose()?,
                unit: None,
            },
            ..Basis::default()
        };
        let model = &question.model;
        let id = policy.model_named(model).ok_or_else(|| {
            let names: Vec<&str> = self.config.models.iter().map(|m| m.name.as_str()).collect();
            format!(
                "there is no model {model:?}; there are {}",
                names.join(", ")
            )
        })?;
        let rights = rights_of(&policy, &basis, (id, &question.head))?;
        let basis = Basis {
            requires: rights.requires,
            ..basis
        };
        basis.assume(&policy);
        let facts = basis.facts(id);
        let explained = explain_whole(&policy, Some(&self.scores), &facts, basis.draw);
        let explained = explained.ok_or("the model is not there now")?;
        Ok(Answered {
            explained: explained.with_access(rights.access),
            newest_attempt_age_ms: self.ages(now),
            reproduced: None,
        })
    }

    fn explain_record(&self, record: &Record, now: Ms) -> Result<Answered, String> {
        let (snapshot, scores) = self.past.of(record)?;
        let policy = policy(&snapshot.snapshot, &snapshot.pages)?;
        let again = redecide(&policy, scores, record).map_err(|why| why.to_string())?;
        let basis = record.basis.as_ref().ok_or("the record has no basis")?;
        let model = policy
            .model_named(&record.model)
            .ok_or("the snapshot does not have the model")?;
        let facts = basis.facts(model);
        let explained = explain_whole(&policy, scores, &facts, basis.draw);
        let order: Vec<TargetId> = again.targets().collect();
        Ok(Answered {
            explained: explained.ok_or("the snapshot does not have the model")?,
            newest_attempt_age_ms: self.ages(now),
            reproduced: Some(order == basis.order),
        })
    }

    fn ages(&self, now: Ms) -> BTreeMap<String, Option<Ms>> {
        let ages = self.assess(now, |inputs, told| {
            scores::explain(inputs, told, now).newest_attempt_age_ms
        });
        let targets = self.snapshot.targets.iter();
        let name = |spec: &ark_gateway_core::snapshot::TargetSpec| {
            let provider = self.snapshot.providers.get(usize::from(spec.provider.0));
            let provider = provider.map_or("", |p| p.name.as_str());
            format!("{provider}/{}", spec.model)
        };
        targets.map(name).zip(ages).collect()
    }
}

fn policy(snapshot: &Snapshot, pages: &[PageBytes]) -> Result<Policy, String> {
    let read = |bytes: &PageBytes| KeyPage::read(bytes.clone()).map(Arc::new);
    let pages: Option<Vec<_>> = pages.iter().map(read).collect();
    let pages = pages.ok_or_else(|| BadSnapshot::Keys.to_string())?;
    Policy::with_pages(snapshot.clone(), pages).map_err(|bad| bad.to_string())
}
