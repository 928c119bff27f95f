//! What the rules of `access` make of an exchange.

use std::net::IpAddr;
use std::rc::Rc;

use super::Exchange;
use crate::access::{Alive, Asked, Breach, Ceiling, Denied, Grant, Head, ProviderSet, Requester};
use crate::limit::Nanos;
use crate::record::Endpoint;
use crate::reject::{Reject, RejectCode};
use crate::snapshot::ModelId;

const NANOS_PER_S: Nanos = 1_000_000_000;

/// What is known of the rules that concern the caller.
#[derive(Debug)]
pub(super) struct Allowed {
    /// The caller's own list, where that is not its key's.
    list: Option<Vec<u16>>,
    head: Option<Head>,
    alive: Alive,
    /// Which rule decided, once one has: `None` is the default.
    rule: Option<Option<u16>>,
    /// What that rule grants for the model that was asked for.
    grant: Option<Grant>,
}

impl Exchange {
    /// The caller's roles are its own, not its key's: its list of rules is made now. Before
    /// [`Exchange::check_access`].
    pub fn identified(&mut self, who: &Requester<'_>) {
        let spec = &self.policy.snapshot().access;
        if !spec.is_empty() {
            self.allowed = Some(Allowed {
                list: Some(spec.concerning(who).unwrap_or_default()),
                head: None,
                alive: Alive::default(),
                rule: None,
                grant: None,
            });
        }
    }

    /// What rules concern a caller with the rights of a key but roles of its own: those that name the
    /// key do.
    fn look_up_roles(&mut self, caller: u32) {
        if self.allowed.is_some() {
            return;
        }
        let policy = Rc::clone(&self.policy);
        if let Some(who) = policy.borrower(caller) {
            self.identified(&who);
        }
    }

    fn rules(&self) -> Option<&[u16]> {
        let own = self.allowed.as_ref().and_then(|a| a.list.as_deref());
        let key = || self.policy.key(self.admission?.key);
        own.or_else(|| self.policy.access_of(key()?))
    }

    /// Checks what the head of the request of an admitted caller says against the rules that concern
    /// it. `source` is asked for only where one of them does.
    ///
    /// # Errors
    /// 403, naming the rule.
    pub fn check_access(
        &mut self,
        now: Nanos,
        source: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<(), Reject> {
        let Some(admission) = self.admission else {
            return Err(Reject::new(RejectCode::Internal));
        };
        self.look_up_roles(admission.key);
        let Some(list) = self.rules() else {
            return Ok(());
        };
        let spec = &self.policy.snapshot().access;
        let called = match self.endpoint {
            Endpoint::Models | Endpoint::Other => None,
            Endpoint::ChatCompletions
            | Endpoint::Completions
            | Endpoint::Embeddings
            | Endpoint::Responses
            | Endpoint::Messages
            | Endpoint::CountTokens => Some(self.endpoint),
        };
        let source = if spec.asks_source(list) {
            source()
        } else {
            None
        };
        let head = Head {
            endpoint: called,
            priority: admission.priority,
            now_s: now / NANOS_PER_S,
            source,
        };
        let alive = spec.alive(list, &head);
        // A list of models shows what may be asked, and is nothing else.
        let any = called.map_or(Ok(()), |_| spec.check_any(list, alive));
        let own = self.allowed.take().and_then(|allowed| allowed.list);
        self.allowed = Some(Allowed {
            list: own,
            head: Some(head),
            alive,
            rule: None,
            grant: None,
        });
        any.map_err(|denied| self.denied(denied, Breach::Request))
    }

    /// Checks the model that is asked for; from then on what the rule that lets it pass requires of a
    /// provider is part of the admission.
    pub(super) fn check_model(&mut self, model: ModelId) -> Result<(), Reject> {
        let (Some(list), Some(allowed)) = (self.rules(), &self.allowed) else {
            // Rules concern the caller, and nobody has looked at them: that is no way past them.
            return match self.rules() {
                Some(_) => Err(Reject::new(RejectCode::Internal)),
                None => Ok(()),
            };
        };
        let spec = &self.policy.snapshot().access;
        let grant = match spec.judge(list, allowed.alive, model) {
            Ok(grant) => grant,
            Err(denied) => return Err(self.denied(denied, Breach::Model)),
        };
        let all = ProviderSet::first(self.policy.snapshot().providers.len());
        let required = spec.rules.get(usize::from(grant.rule));
        let mut required = required.map(|r| r.requires.requirement).unwrap_or_default();
        required.providers = grant.providers.map(|set| set.and(all));
        required.rule = Some(grant.rule);
        if let Some(allowed) = &mut self.allowed {
            allowed.rule = Some(Some(grant.rule));
            allowed.grant = Some(grant);
        }
        required.stand_ins = self.stand_ins(model);
        if let Some(admission) = &mut self.admission {
            admission.requires = admission.requires.and(required);
        }
        Ok(())
    }

    /// Another model serves instead of the one that was asked for; see [`Exchange::stands_in`]. From then
    /// on its fallbacks are those that the admission speaks of.
    pub fn served_by(&mut self, model: ModelId) {
        self.model = Some(model);
        let stand_ins = self.stand_ins(model);
        if let Some(admission) = &mut self.admission {
            admission.requires.stand_ins = stand_ins;
        }
    }

    /// Which fallbacks of `model` may serve instead of the model that was asked for, a bit each; `None`
    /// without rules: all.
    fn stand_ins(&self, model: ModelId) -> Option<u64> {
        self.allowed.as_ref()?.grant?;
        let fallbacks = (0u32..64).zip(&self.policy.model(model)?.rules.fallback);
        let allowed = fallbacks.filter(|(_, other)| self.stands_in(**other));
        Some(allowed.fold(0, |bits, (at, _)| bits | 1 << at))
    }

    /// Whether another model may serve instead of the one that was asked for: by the same rule, and by
    /// every provider that may serve that one.
    #[must_use]
    pub fn stands_in(&self, model: ModelId) -> bool {
        let (Some(list), Some(allowed)) = (self.rules(), &self.allowed) else {
            return true;
        };
        let access = &self.policy.snapshot().access;
        let of = |grant: Grant| grant.providers.unwrap_or(ProviderSet::ALL);
        match (access.judge(list, allowed.alive, model), allowed.grant) {
            (Ok(other), Some(own)) => {
                other.rule == own.rule && of(own).without(of(other)).is_none()
            }
            (_, _) => false,
        }
    }

    /// Whether the router itself refuses the client's request, as it did not come whole or in good form,
    /// before anything was decided: then its own word stands.
    pub(super) fn refused_by_router(&mut self, status: u16) -> bool {
        let is_its_own = self.decision.is_none() && self.attempts.is_empty();
        let refused = is_its_own && (400..500).contains(&status);
        if refused {
            self.reject(RejectCode::InvalidRequest);
            self.client_status = status;
        }
        refused
    }

    /// Whether a body must be looked into for what the rules bound.
    #[must_use]
    pub fn bounds_body(&self) -> bool {
        match (&self.allowed, self.rules()) {
            (Some(allowed), Some(list)) => {
                self.policy.snapshot().access.bounds(list, allowed.alive)
            }
            (_, _) => false,
        }
    }

    /// What the rule that let the request pass allows it to hold.
    #[must_use]
    pub fn ceiling(&self) -> Ceiling {
        let rule = self.allowed.as_ref().and_then(|a| a.rule).flatten();
        let rules = &self.policy.snapshot().access.rules;
        let rule = rule.and_then(|at| rules.get(usize::from(at)));
        rule.map(|rule| rule.limit).unwrap_or_default()
    }

    /// Checks what a request holds against [`Exchange::ceiling`].
    ///
    /// # Errors
    /// 403, naming the rule and the field.
    pub fn check_ceiling(&self, asked: &Asked) -> Result<(), Reject> {
        let ceiling = self.ceiling();
        let breach = match ceiling.max_tokens {
            Some(most) if asked.max_tokens.is_some_and(|wanted| wanted > most) => {
                Breach::MaxTokens(most)
            }
            Some(_) | None if ceiling.no_tools && asked.tools => Breach::Tools,
            Some(_) | None if ceiling.no_images && asked.images => Breach::Images,
            Some(_) | None => return Ok(()),
        };
        Err(self.beyond(breach))
    }

    /// The refusal when the rule that let a request pass does not let this pass.
    #[must_use]
    pub fn beyond(&self, breach: Breach) -> Reject {
        Reject::access_denied(self.access_rule().unwrap_or_default(), breach)
    }

    /// The words of what the rule requires of a provider; empty when it requires nothing.
    #[must_use]
    pub fn access_words(&self) -> &str {
        let rule = self.admission.and_then(|a| a.requires.rule);
        let rules = &self.policy.snapshot().access.rules;
        let rule = rule.and_then(|at| rules.get(usize::from(at)));
        rule.map_or("", |rule| rule.requires.words.as_str())
    }

    /// The name of the rule that decided; `None` while none has.
    #[must_use]
    pub fn access_rule(&self) -> Option<&str> {
        let rule = self.allowed.as_ref()?.rule?;
        Some(self.policy.snapshot().access.name(rule))
    }

    /// Whether the caller is shown that a model exists.
    #[must_use]
    pub fn shows(&self, model: ModelId) -> bool {
        let head = self.allowed.as_ref().and_then(|a| a.head.as_ref());
        match (self.rules(), head) {
            (None, _) => true,
            (Some(list), Some(head)) => self.policy.snapshot().access.shows(list, head, model),
            (Some(_), None) => false,
        }
    }

    fn denied(&mut self, Denied(rule): Denied, breach: Breach) -> Reject {
        if let Some(allowed) = &mut self.allowed {
            allowed.rule = Some(rule);
        }
        self.beyond(breach)
    }
}
