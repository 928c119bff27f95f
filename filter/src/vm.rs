//! What one VM, that is one Envoy worker, holds: shared by both roles, bounded, gone after a trap.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;

use ark_dialect::translate::{Asked, Client, Wire};
use ark_gateway_core::affinity::{Affinity, Left, PromptCache, Warm};
use ark_gateway_core::exchange::{End, Exchange, Knowledge};
use ark_gateway_core::limit::Nanos;
use ark_gateway_core::overload::Overload;
use ark_gateway_core::policy::{BadSnapshot, Policy};
use ark_gateway_core::quota::Book;
use ark_gateway_core::record::{Outcome, Record, UsageSource};
use ark_gateway_core::score::Scores;
use ark_gateway_core::shadow::Skip;
use ark_gateway_core::snapshot::{ModelId, TargetId};
use ark_gateway_core::sync::Faults;
use ark_wire::request::{Params, RequestFacts};

use crate::host;
use crate::incoming::Incoming;
use crate::quota::Held;

/// Records that wait for the sidecar at most; more are dropped and counted.
pub(crate) const RECORD_LIMIT: usize = 8_192;

/// A request in flight, as both roles see it.
pub(crate) struct Live {
    /// The state machine.
    pub(crate) exchange: Exchange,
    /// What the client speaks; `None` for what calls no model.
    pub(crate) client: Option<Client>,
    /// What its body said, for rewriting it per attempt.
    pub(crate) facts: Option<RequestFacts>,
    /// Its body in no one's dialect, once an attempt, or the decision, needed that.
    pub(crate) asked: Option<Asked>,
    /// The conversation holds another maker's signatures: it is translated even to its own dialect.
    pub(crate) foreign_signature: bool,
    /// The conversation may hold what Ark put there when another maker's model answered: OpenAI itself
    /// refuses it.
    pub(crate) foreign_history: bool,
    /// What `x-ark-translation` says, for the attempts whose translation lost something.
    pub(crate) lossy: Vec<(usize, String)>,
    /// What it holds of its limits.
    pub(crate) held: Option<Held>,
    /// What serves it instead of what it asked for, as a limit is nearly used up.
    pub(crate) downgraded: Option<String>,
    /// The conversation that it belongs to, hashed.
    pub(crate) conversation: Option<u64>,
    /// What `x-ark-explain` says, for who may ask.
    pub(crate) explained: Option<String>,
    /// When its targets were put in order, which is when its first attempt begins.
    pub(crate) decided: Nanos,
    /// The client's path, query included.
    pub(crate) path: String,
    /// The client's `anthropic-version`.
    pub(crate) anthropic_version: Option<String>,
    /// The client's `anthropic-beta`.
    pub(crate) anthropic_beta: Option<String>,
    /// The request said how long its body is, so a rewrite must say so too.
    pub(crate) has_content_length: bool,
    /// The bound on output tokens that a rule of `access` puts on a request that states none.
    pub(crate) bound: Option<Bound>,
    /// Bytes of its body, as far as they are counted to [`Vm::body_bytes`].
    pub(crate) body_bytes: u64,
}

/// A bound on output tokens that is to be written.
#[derive(Clone)]
pub(crate) struct Bound {
    /// The most tokens.
    pub(crate) tokens: u64,
    /// What the body says by itself.
    pub(crate) said: Params,
}

impl Live {
    /// Whether bytes pass between the two: they speak the same, and no other maker's signature is in
    /// the way.
    pub(crate) fn passes(&self, client: Client, wire: Wire) -> bool {
        client.is_native_to(wire) && !self.foreign_signature
    }

    /// The same request once more, for a target whose answer nobody gets.
    pub(crate) fn copy_to(&mut self, target: TargetId, now: Nanos) -> Self {
        Self {
            exchange: self.exchange.copy_to(target, now),
            client: self.client,
            facts: self.facts.clone(),
            asked: self.asked.clone(),
            foreign_signature: self.foreign_signature,
            foreign_history: self.foreign_history,
            lossy: Vec::new(),
            held: None,
            downgraded: None,
            conversation: None,
            explained: None,
            decided: now,
            path: self.path.clone(),
            anthropic_version: self.anthropic_version.clone(),
            anthropic_beta: self.anthropic_beta.clone(),
            has_content_length: self.has_content_length,
            bound: self.bound.clone(),
            body_bytes: 0,
        }
    }
}

/// A request in flight, shared by the contexts of its two roles.
pub(crate) type Shared = Rc<RefCell<Live>>;

/// One worker's state.
pub(crate) struct Vm {
    pub(crate) worker: String,
    pub(crate) policy: Option<Rc<Policy>>,
    /// What is not running yet.
    pub(crate) incoming: Incoming,
    pub(crate) scores: Option<Scores>,
    /// The last successful exchange with the sidecar; `None` when there is no sidecar by design.
    pub(crate) heard: Option<Nanos>,
    pub(crate) records: VecDeque<Record>,
    pub(crate) faults: Faults,
    /// Leases of limits.
    pub(crate) book: Book,
    /// The sidecar's cluster.
    pub(crate) sidecar: Option<String>,
    pub(crate) said_unchecked: bool,
    /// Where conversations are warm.
    pub(crate) affinity: Affinity,
    /// Whether it keeps up.
    pub(crate) overload: Overload,
    /// Bytes of the bodies of requests in flight.
    pub(crate) body_bytes: u64,
    pub(crate) said_full: bool,
    live: HashMap<String, Shared>,
    /// Of those in flight, the shadow copies.
    copies: usize,
    draw: u64,
    /// Records made, dropped ones too.
    made: u64,
    /// Requests of which the sidecar was told while they ran.
    pub(crate) opened: u64,
    /// Keys the hashes of conversations; drawn at this VM's start, and nowhere else.
    hashing: RandomState,
}

/// How the mirrored request is told from its original: Envoy puts this before its `x-request-id`.
const COPY: &str = "shadow:";

thread_local! {
    static VM: RefCell<Vm> = RefCell::new(Vm::new());
}

/// Runs `f` on this worker's state. Never nests: no host call that runs Wasm happens inside.
pub(crate) fn with<R>(f: impl FnOnce(&mut Vm) -> R) -> R {
    VM.with_borrow_mut(f)
}

/// A limit could not be checked: said once until it can be again.
pub(crate) fn say_unchecked() {
    let first = with(|vm| !std::mem::replace(&mut vm.said_unchecked, true));
    if first {
        host::warn("the store of limits does not answer; requests pass as on_store_down says");
    }
}

impl Vm {
    fn new() -> Self {
        // The only source of randomness: the standard library's hash seed, from WASI `random_get`.
        let hashing = RandomState::new();
        let seed = hashing.build_hasher().finish() | 1;
        Self {
            worker: format!("{seed:016x}"),
            policy: None,
            incoming: Incoming::default(),
            scores: None,
            heard: None,
            records: VecDeque::new(),
            faults: Faults::default(),
            book: Book::default(),
            sidecar: None,
            said_unchecked: false,
            affinity: Affinity::default(),
            overload: Overload::default(),
            body_bytes: 0,
            said_full: false,
            live: HashMap::new(),
            copies: 0,
            draw: seed,
            made: 0,
            opened: 0,
            hashing,
        }
    }

    /// Starts anew with the same snapshot, as the policy knows too many callers.
    pub(crate) fn renew(&mut self) {
        host::warn("many callers of tokens and certificates: they are forgotten and counted anew");
        let Some(policy) = &self.policy else {
            return;
        };
        match policy.renewed() {
            Ok(policy) => drop(self.install(policy)),
            Err(bad) => self.refuse(bad),
        }
    }

    /// Runs another snapshot from here on; the one that it ran before.
    pub(crate) fn install(&mut self, policy: Policy) -> Option<Rc<Policy>> {
        self.affinity.clear();
        self.policy.replace(Rc::new(policy))
    }

    /// Goes on with what it runs, as a new snapshot is no good.
    pub(crate) fn refuse(&mut self, bad: BadSnapshot) {
        self.faults.snapshots_refused += 1;
        host::warn(&format!("snapshot refused: {bad}"));
    }

    /// What may be trusted at `now`: fresh scores, or none.
    pub(crate) fn knowledge(&self, policy: &Policy, now: Nanos) -> (Option<&Scores>, Knowledge) {
        let max_age = policy.snapshot().gateway.snapshot_max_age_ms * 1_000_000;
        let stale = self
            .heard
            .is_some_and(|heard| now.saturating_sub(heard) > max_age);
        let scores = self.scores.as_ref().filter(|_| !stale);
        let knowledge = Knowledge {
            scores: scores.map_or(0, |s| s.sequence),
            stale,
        };
        (scores, knowledge)
    }

    /// A uniformly random number (xorshift64*, Vigna 2016); decides ties, not secrets.
    pub(crate) fn draw(&mut self) -> u64 {
        self.draw ^= self.draw >> 12;
        self.draw ^= self.draw << 25;
        self.draw ^= self.draw >> 27;
        self.draw.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A hash of what a conversation begins with.
    pub(crate) fn opening(&self, bytes: &[u8]) -> u64 {
        self.hashing.hash_one(bytes)
    }

    /// The conversation with this opening, of one key and one model.
    pub(crate) fn conversation(&self, opening: u64, key: u32, model: ModelId) -> u64 {
        self.hashing.hash_one((opening, key, model.0))
    }

    /// Registers a request in flight. `false` when its id is taken: two requests must never share.
    pub(crate) fn register(&mut self, id: &str, live: &Shared) -> bool {
        match self.live.entry(id.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(Rc::clone(live));
                true
            }
        }
    }

    /// The request in flight with this id.
    pub(crate) fn find(&self, id: &str) -> Option<Shared> {
        self.live.get(id).map(Rc::clone)
    }

    /// Ends a request: its record is queued, once.
    pub(crate) fn settle(&mut self, live: &Shared, end: End, now: Nanos) {
        let Ok(mut live) = live.try_borrow_mut() else {
            return;
        };
        self.live.remove(live.exchange.id());
        self.body_bytes = self
            .body_bytes
            .saturating_sub(std::mem::take(&mut live.body_bytes));
        if live.exchange.is_copied() && self.forget_unsent_copy(live.exchange.id()) {
            live.exchange.was_not_copied();
        }
        let conversation = live.conversation.take();
        if let Some(record) = live.exchange.settle(end, now) {
            if let Some(held) = live.held.take() {
                let spend = live.exchange.spend(&record);
                self.book.settle(held.reservation, &spend);
            }
            if let Some(conversation) = conversation {
                self.warmed(conversation, &live.exchange, &record, now);
            }
            self.queue(record);
        }
    }

    /// Shadow copies in flight.
    pub(crate) fn copies(&self) -> usize {
        self.copies
    }

    /// Registers a shadow copy of the request with this id. `false` when there is one.
    pub(crate) fn register_copy(&mut self, id: &str, copy: Live) -> bool {
        let is_new = self.register(&format!("{COPY}{id}"), &Rc::new(RefCell::new(copy)));
        self.copies += usize::from(is_new);
        is_new
    }

    /// Ends a shadow copy: its record is queued, once.
    pub(crate) fn settle_copy(&mut self, copy: &Shared, now: Nanos) {
        let Ok(mut copy) = copy.try_borrow_mut() else {
            return;
        };
        if let Some(record) = copy.exchange.settle_copy(now) {
            self.forget_copy(&format!("{COPY}{}", copy.exchange.id()));
            self.queue(record);
        }
    }

    /// Envoy mirrors a request when it sends it, so a copy that has not been seen by its end never
    /// will be.
    fn forget_unsent_copy(&mut self, id: &str) -> bool {
        let key = format!("{COPY}{id}");
        let is_unsent = self.live.get(&key).is_some_and(|copy| {
            copy.try_borrow()
                .is_ok_and(|copy| copy.exchange.is_untried())
        });
        if is_unsent {
            self.forget_copy(&key);
            self.faults.shadows.count(Skip::NotSent);
        }
        is_unsent
    }

    fn forget_copy(&mut self, key: &str) {
        if self.live.remove(key).is_some() {
            self.copies = self.copies.saturating_sub(1);
        }
    }

    /// Remembers what an answer has left in its provider's prompt cache.
    fn warmed(&mut self, conversation: u64, exchange: &Exchange, record: &Record, now: Nanos) {
        let policy = exchange.policy();
        let is_current = self
            .policy
            .as_ref()
            .is_some_and(|own| Rc::ptr_eq(own, policy));
        if !is_current
            || record.outcome != Outcome::Ok
            || record.usage_source != UsageSource::Reported
        {
            return;
        }
        let target = exchange.current_target();
        let spec = target.and_then(|t| policy.target(t));
        let provider = spec.and_then(|s| policy.provider(s.provider));
        let cache = provider.and_then(|p| PromptCache::of(p.kind));
        if let (Some(target), Some(cache)) = (target, cache) {
            let tokens = cache.warmed_by(&record.usage);
            if tokens > 0 {
                let basis = record.basis.as_ref();
                let left = Left {
                    warm: Warm { target, tokens },
                    prompt_tokens: basis.map_or(0, |basis| basis.input_tokens),
                    found_tokens: record.usage.cached_tokens,
                    keeps_ms: cache.keeps_ms,
                };
                self.affinity.warmed(conversation, &left, now / 1_000_000);
            }
        }
    }

    fn queue(&mut self, mut record: Record) {
        self.made += 1;
        record.sequence = self.made;
        if self.records.len() >= RECORD_LIMIT {
            self.faults.records_dropped += 1;
            return;
        }
        self.records.push_back(record);
    }

    /// Puts records back that did not reach the sidecar, oldest first.
    pub(crate) fn requeue(&mut self, records: Vec<Record>) {
        for record in records.into_iter().rev() {
            if self.records.len() >= RECORD_LIMIT {
                self.faults.records_dropped += 1;
            } else {
                self.records.push_front(record);
            }
        }
    }

    /// Requests in flight.
    pub(crate) fn live(&self) -> impl ExactSizeIterator<Item = &Shared> {
        self.live.values()
    }
}
