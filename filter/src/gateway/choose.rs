//! Which targets the request may go to, in which order, and how the router is told.

use std::rc::Rc;

use ark_dialect::anthropic;
use ark_dialect::chat::{Format, TargetFacts};
use ark_dialect::loss::{Field, Loss, Severity};
use ark_dialect::translate::{Asked, Client, Wire, write};
use ark_gateway_core::admit::{Admission, Explain};
use ark_gateway_core::affinity::Warm;
use ark_gateway_core::basis::Basis;
use ark_gateway_core::capability::{Capabilities, Capability, Needs};
use ark_gateway_core::compliance::Demand;
use ark_gateway_core::decide::{Caller, Decision, Facts, NoTarget, Part, decide};
use ark_gateway_core::exchange::Knowledge;
use ark_gateway_core::explain::{Compact, explain};
use ark_gateway_core::limit::Nanos;
use ark_gateway_core::policy::Policy;
use ark_gateway_core::priority::Priority;
use ark_gateway_core::quota::Downgrade;
use ark_gateway_core::reject::{Reject, RejectCode};
use ark_gateway_core::rules::{Sticky, unit_of};
use ark_gateway_core::score::Scores;
use ark_gateway_core::snapshot::{
    ModelId, ModelSpec, OnLoss, ProviderSpec, ROUTE_FIRST_BYTE_TIMEOUT_MS, ROUTE_TOTAL_TIMEOUT_MS,
    TargetId, TargetSpec,
};
use ark_wire::request::{BodyError, RequestFacts};

use super::GatewayFilter;
use super::access::beyond_rule;
use super::quota::{Pending, downgrade, estimate_of};
use crate::provider::wire_of;
use crate::vm::Shared;
use crate::{host, vm};

/// Bytes of JSON per prompt token, for the estimate that decides; usage is what is billed.
const BYTES_PER_TOKEN: u64 = 4;

/// Longest explanation in a header; common clients take 8 KiB of headers and more.
const EXPLAIN_LIMIT_BYTES: usize = 4_096;
/// What a client gets instead whose key may not ask.
const EXPLAIN_NOT_ALLOWED: &str = r#"{"error":"the key's may_explain is not set"}"#;

/// Targets that their dialect rules out.
#[derive(Default)]
pub(super) struct Refused {
    pub(super) targets: Vec<TargetId>,
    /// What a translation would lose, if that is why.
    field: Option<String>,
    /// The content that the first could not be sent, if that is why.
    lacking: Option<Capability>,
}

impl Refused {
    fn note(&mut self, loss: &Loss) {
        if self.field.is_none() {
            self.field = Some(loss.field.name().into_owned());
            self.lacking = capability_of(&loss.field);
        }
    }
}

fn capability_of(field: &Field) -> Option<Capability> {
    [
        (Field::Images, Capability::Images),
        (Field::Files, Capability::Files),
        (Field::Audio, Capability::Audio),
    ]
    .into_iter()
    .find_map(|(lost, capability)| (lost == *field).then_some(capability))
}

/// The refusal of a body that is no request.
pub(crate) fn malformed(wrong: BodyError) -> Reject {
    Reject::invalid_request(wrong.message(), wrong.param().map(str::to_owned))
}

impl GatewayFilter {
    /// The body is whole: decides and hands the order to the router.
    pub(super) fn decide(&mut self) -> Result<(), Reject> {
        let internal = || Reject::new(RejectCode::Internal);
        let (Some(inspector), Some(shared)) = (self.inspector.take(), self.live.clone()) else {
            return Err(internal());
        };
        let facts = inspector.finish().map_err(malformed)?;
        let (model, admission, policy, client) = self.asked_for(&shared, &facts)?;
        // What the model that was asked for requires holds for what serves instead, too.
        let required = policy.model(model).map(|m| m.requires.requirement);
        let asked = model;
        let (model, priority) = downgraded(&shared, &policy, (asked, admission));
        let facts = self.guard(&shared, facts, (asked, model))?;
        let admission = shared.borrow().exchange.admission().ok_or_else(internal)?;
        let requires = admission.requires.and(required.unwrap_or_default());
        let spec = policy.model(model).ok_or_else(internal)?;
        let needs = self.needs(&policy, spec, (client, &facts))?;
        let needs = self.check_ceiling(&shared, client, needs)?;
        let refused = self.refused(&policy, spec, client)?;
        let now = host::now();
        let warm = self.warm((model, admission.key), (&facts, needs.input_tokens), now);
        let asked = Facts {
            model,
            priority,
            pin: admission.pin,
            needs,
            refused: &refused.targets,
            caller: Caller {
                key: Some(admission.key),
                unit: unit(spec),
            },
            part: Part::All,
            requires,
            warm,
        };
        let (decision, knowledge, basis) = chosen(&shared, &policy, (&asked, admission), now);
        let decision = match decision {
            Ok(decision) => decision,
            Err(NoTarget::Refused) if client == Client::CountTokens => return self.estimate(),
            Err(NoTarget::Compliance(demand)) => {
                let unmet = compliance_unmet(&policy, (admission, spec), demand);
                return Err(beyond_rule(&shared, (admission, spec), demand).unwrap_or(unmet));
            }
            Err(why) => return Err(no_target(why, refused, &facts.model)),
        };
        self.read_if_translated(&policy, &decision, client)?;
        let most = most_output_tokens(client, &needs);
        let pending = Pending {
            estimate: estimate_of(&policy, &decision, (model, needs.input_tokens, most)),
            decision,
            knowledge,
            facts,
            input_tokens: needs.input_tokens,
            asked: Facts {
                refused: &[],
                ..asked
            },
            refused: refused.targets,
            basis,
            now,
        };
        self.reserve(&policy, admission.key, pending)?;
        Ok(())
    }

    /// What the request asks for, of whom.
    fn asked_for(
        &self,
        shared: &Shared,
        facts: &RequestFacts,
    ) -> Result<(ModelId, Admission, Rc<Policy>, Client), Reject> {
        let internal = || Reject::new(RejectCode::Internal);
        let mut live = shared.borrow_mut();
        live.foreign_signature = self.has_foreign_signature();
        live.foreign_history = self.has_foreign_history();
        let model = live.exchange.inspected(&facts.model, facts.stream)?;
        let admission = live.exchange.admission().ok_or_else(internal)?;
        let client = live.client.ok_or_else(internal)?;
        let policy = Rc::clone(live.exchange.policy());
        Ok((model, admission, policy, client))
    }

    /// The request may go: the order of its targets goes to the router.
    pub(super) fn go_on(&mut self, policy: &Policy, pending: Pending) -> Result<(), Reject> {
        let shared = self.live.clone();
        let shared = shared.ok_or_else(|| Reject::new(RejectCode::Internal))?;
        let mut live = shared.borrow_mut();
        let (decision, knowledge) = (pending.decision, pending.knowledge);
        live.exchange.decided_by(pending.basis);
        live.exchange
            .decided(decision, knowledge, pending.input_tokens);
        live.exchange
            .answers_at_most(pending.estimate.output_tokens);
        let body_bytes = pending.facts.body_len as u64;
        live.facts = Some(pending.facts);
        live.decided = pending.now;
        drop(live);
        let asked = Facts {
            refused: &pending.refused,
            ..pending.asked
        };
        let order = route_by(policy, &decision, asked.model);
        let internal = || Reject::new(RejectCode::Internal);
        let spec = policy.model(asked.model).ok_or_else(internal)?;
        self.add_extras((spec, &asked), (&decision, &order), body_bytes);
        Ok(())
    }

    /// Where the conversation is warm; notes which one it is, for when its answer has come.
    fn warm(
        &self,
        (model, key): (ModelId, u32),
        (facts, input_tokens): (&RequestFacts, u64),
        now: Nanos,
    ) -> Option<Warm> {
        // Without an opening it is too short for any vendor to cache. What the client calls its
        // conversation says more than how it begins.
        let opening = self.opening?;
        let named = facts.prompt_cache_key.as_deref();
        let opening = named.map_or(opening, |name| vm::with(|vm| vm.opening(name)));
        let live = self.live.as_ref()?;
        let (conversation, warm) = vm::with(|vm| {
            let conversation = vm.conversation(opening, key, model);
            (
                conversation,
                vm.affinity
                    .find(conversation, input_tokens, now / 1_000_000),
            )
        });
        live.borrow_mut().conversation = Some(conversation);
        warm
    }

    /// What a target must be able to do. The content of messages is looked into only where a target
    /// of the model cannot take all of it.
    fn needs(
        &self,
        policy: &Policy,
        spec: &ModelSpec,
        (client, facts): (Client, &RequestFacts),
    ) -> Result<Needs, Reject> {
        let mut needs = Needs {
            tools: facts.tools,
            json_schema: facts.json_schema,
            embeddings: client == Client::Embeddings,
            input_tokens: facts.body_len as u64 / BYTES_PER_TOKEN,
            max_output_tokens: facts.max_tokens,
            ..Needs::default()
        };
        let says_elsewhere = matches!(client, Client::Messages | Client::Responses);
        let any = |lacks: &dyn Fn(Capabilities) -> bool| {
            targets_of(policy, spec).any(|(_, target)| lacks(target.capabilities))
        };
        let bounded = client == Client::Responses && any(&|can| can.max_output_tokens.is_some());
        let picky = any(&|can| {
            !(can.images && can.files && can.audio) || (says_elsewhere && !can.json_schema)
        });
        let looks =
            client != Client::Embeddings && (bounded || (picky && self.may_hold_more_than_text()));
        if looks && let Asked::Chat(request) = self.asked()? {
            let content = request.content();
            needs.images = content.images;
            needs.files = content.files;
            needs.audio = content.audio;
            needs.json_schema = matches!(request.format, Format::JsonSchema { .. });
            needs.max_output_tokens = request.max_tokens;
        }
        Ok(needs)
    }

    /// Targets that cannot be asked this, or would lose what the model's policy allows no loss of.
    pub(super) fn refused(
        &self,
        policy: &Policy,
        spec: &ModelSpec,
        client: Client,
    ) -> Result<Refused, Reject> {
        let mut refused = Refused::default();
        let mut rich = None;
        for (id, target) in targets_of(policy, spec) {
            let Some(provider) = policy.provider(target.provider) else {
                continue;
            };
            let wire = wire_of(provider, target, client);
            if !client.is_served_by(wire) {
                refused.targets.push(id);
                continue;
            }
            if client.is_native_to(wire) && !self.has_foreign_signature() {
                if spec.on_loss == OnLoss::Reject
                    && let Some(loss) = self.loses_reasoning((client, wire), provider)
                {
                    refused.targets.push(id);
                    refused.note(&loss);
                }
                continue;
            }
            let lost = if spec.on_loss == OnLoss::Reject {
                let written = write(&self.asked()?, client, wire, &facts_of(target, provider));
                written.and_then(|w| w.losses.into_iter().find(is_grave))
            } else if *rich.get_or_insert_with(|| self.may_hold_more_than_text()) {
                self.lost_content(client, wire, (target, provider))
            } else {
                None
            };
            if let Some(loss) = lost {
                refused.targets.push(id);
                refused.note(&loss);
            }
        }
        Ok(refused)
    }

    /// An image, document or sound that this target could not be sent, in the form in which the client
    /// sent it: no policy makes that a target for it.
    fn lost_content(
        &self,
        client: Client,
        wire: Wire,
        (target, provider): (&TargetSpec, &ProviderSpec),
    ) -> Option<Loss> {
        // What cannot be read is refused where it must be read.
        let asked = self.asked().ok()?;
        let written = write(&asked, client, wire, &facts_of(target, provider))?;
        written
            .losses
            .into_iter()
            .find(|loss| capability_of(&loss.field).is_some())
    }

    /// A request that its first target cannot take as it is must be readable: now is the time to say
    /// so in a 400.
    fn read_if_translated(
        &self,
        policy: &Policy,
        decision: &Decision,
        client: Client,
    ) -> Result<(), Reject> {
        let first = decision.targets().next().and_then(|t| policy.target(t));
        let first = first.and_then(|t| Some((t, policy.provider(t.provider)?)));
        let native = first.is_none_or(|(target, provider)| {
            client.is_native_to(wire_of(provider, target, client))
        });
        if !native || self.has_foreign_signature() {
            self.asked()?;
        }
        Ok(())
    }

    /// No provider of the model counts tokens: an estimate, that says that it is one.
    fn estimate(&mut self) -> Result<(), Reject> {
        if let Asked::Chat(request) = self.asked()? {
            let tokens = anthropic::estimate_tokens(&request);
            let body = anthropic::count_tokens_body(tokens);
            self.answer_json(
                200,
                &body,
                &[("x-ark-translation", "lossy; estimated=input_tokens")],
            );
        }
        Ok(())
    }
}

/// Decides with what this worker knows; explains it to who may ask.
fn chosen(
    shared: &Shared,
    policy: &Policy,
    (asked, admission): (&Facts<'_>, Admission),
    now: Nanos,
) -> (Result<Decision, NoTarget>, Knowledge, Basis) {
    vm::with(|vm| {
        let draw = vm.draw();
        let (scores, knowledge) = vm.knowledge(policy, now);
        let decision = decide(policy, scores, asked, draw);
        if let Some(words) = explained(admission.explain, policy, scores, (asked, draw)) {
            shared.borrow_mut().explained = Some(words);
        }
        (decision, knowledge, Basis::of(policy, asked, draw))
    })
}

/// The client's bound on what its limits are charged for an answer; none of some endpoints.
fn most_output_tokens(client: Client, needs: &Needs) -> Option<u64> {
    match client {
        Client::Embeddings | Client::CountTokens => Some(0),
        Client::Chat | Client::Completions | Client::Responses | Client::Messages => {
            needs.max_output_tokens
        }
    }
}

/// What the model's canary keeps requests together by, if that is a header and the request has it.
fn unit(spec: &ModelSpec) -> Option<u64> {
    match &spec.rules.canary.as_ref()?.sticky {
        Sticky::Header(name) => {
            let value = host::request_header(name)?;
            Some(unit_of(&String::from_utf8_lossy(&value)))
        }
        Sticky::Tenant | Sticky::Key | Sticky::Request => None,
    }
}

/// What serves the request instead, where a limit is nearly used up and the operator wants that.
fn downgraded(
    shared: &Shared,
    policy: &Policy,
    (model, admission): (ModelId, Admission),
) -> (ModelId, Priority) {
    let same = (model, admission.priority);
    let Some(then) = downgrade(policy, admission.key, model) else {
        return same;
    };
    let mut live = shared.borrow_mut();
    let (chosen, name) = match then {
        Downgrade::Priority(priority) => ((model, priority), priority.as_str()),
        Downgrade::Model(other) => match policy.model(other) {
            // What the rule that let the request pass does not allow does not stand in.
            Some(_) if !live.exchange.stands_in(other) => return same,
            Some(spec) => ((other, admission.priority), spec.name.as_str()),
            None => return same,
        },
    };
    if chosen != same {
        live.downgraded = Some(name.to_owned());
        live.exchange.served_by(chosen.0);
    }
    chosen
}

/// The targets of a model and of its fallbacks.
fn targets_of<'a>(
    policy: &'a Policy,
    spec: &'a ModelSpec,
) -> impl Iterator<Item = (TargetId, &'a TargetSpec)> {
    let others = spec.rules.fallback.iter();
    let others = others.filter_map(|&id| policy.model(id));
    let targets = spec
        .targets
        .iter()
        .chain(others.flat_map(|other| &other.targets));
    targets.filter_map(|&id| policy.target(id).map(|target| (id, target)))
}

/// What the header says, for a client that asked. Nothing is done for who did not.
fn explained(
    wish: Explain,
    policy: &Policy,
    scores: Option<&Scores>,
    (facts, draw): (&Facts<'_>, u64),
) -> Option<String> {
    match wish {
        Explain::No => None,
        Explain::NotAllowed => Some(EXPLAIN_NOT_ALLOWED.to_owned()),
        Explain::Yes => {
            let whole = explain(policy, scores, facts, draw)?;
            let fits = |most: &usize| {
                let text = serde_json::to_string(&Compact::new(&whole, *most)).ok()?;
                (text.len() <= EXPLAIN_LIMIT_BYTES).then_some(text)
            };
            [16, 4, 0].iter().find_map(fits)
        }
    }
}

/// What a writer of requests must know of a target.
pub(crate) fn facts_of<'a>(target: &'a TargetSpec, provider: &'a ProviderSpec) -> TargetFacts<'a> {
    TargetFacts {
        model: &target.model,
        default_max_tokens: target.default_max_tokens.into(),
        account: &provider.account,
    }
}

fn is_grave(loss: &Loss) -> bool {
    loss.severity > Severity::Hint
}

/// The refusal when no provider may have the request: it names what is required, and by whom.
pub(super) fn compliance_unmet(
    policy: &Policy,
    (admission, model): (Admission, &ModelSpec),
    demand: Demand,
) -> Reject {
    let by_key = policy.key(admission.key);
    let by_key = by_key.map_or("", |key| key.requires.words.as_str());
    Reject::compliance_unmet(demand, &[by_key, &model.requires.words], admission.asks)
}

fn no_target(why: NoTarget, refused: Refused, model: &str) -> Reject {
    match (why, refused.field) {
        (NoTarget::Lacking(capability), _) => Reject::unsupported(capability),
        (NoTarget::Refused, Some(field)) => refused
            .lacking
            .map_or_else(|| Reject::lossy_translation(field), Reject::unsupported),
        (NoTarget::Pin, _) => Reject::pin_does_not_serve(model),
        (NoTarget::Refused, None) => Reject::new(RejectCode::Unsupported),
        (NoTarget::Compliance(demand), _) => Reject::compliance_unmet(demand, &[], false),
        (NoTarget::UnknownPrice, _) => Reject::new(RejectCode::PriceUnknown),
        (NoTarget::None, _) => Reject::new(RejectCode::NoTarget),
        (NoTarget::Drained, _) => Reject::new(RejectCode::Drained),
    }
}

/// Hands the ordered targets and the time budgets to the router; the order as the router reads it.
///
/// The targets travel as filter state, not as headers: a header would reach the providers, as what
/// an upstream filter removes at one attempt is missing for the routing of the next. One value,
/// `first|1:second|2:third|`, as each write is a host call.
fn route_by(policy: &Policy, decision: &Decision, model: ModelId) -> String {
    let mut order = String::with_capacity(64);
    for (attempt, target) in decision.targets().enumerate() {
        let provider = policy
            .target(target)
            .and_then(|t| policy.provider(t.provider));
        let Some(provider) = provider else {
            continue;
        };
        if attempt > 0 {
            order.push_str(if attempt == 1 { "1:" } else { "2:" });
        }
        order.push_str(&provider.name);
        order.push('|');
    }
    host::set_filter_state("ark.order", &order);
    let retries = decision.len().saturating_sub(1);
    if retries + 1 != usize::from(policy.snapshot().gateway.max_attempts) {
        host::set_request_header("x-envoy-max-retries", &retries.to_string());
    }
    let Some(model) = policy.model(model) else {
        return order;
    };
    if model.total_timeout_ms != ROUTE_TOTAL_TIMEOUT_MS {
        host::set_request_header(
            "x-envoy-upstream-rq-timeout-ms",
            &model.total_timeout_ms.to_string(),
        );
    }
    if model.first_byte_timeout_ms != ROUTE_FIRST_BYTE_TIMEOUT_MS {
        host::set_request_header(
            "x-envoy-upstream-rq-per-try-timeout-ms",
            &model.first_byte_timeout_ms.to_string(),
        );
    }
    order
}
