//! Counters that several sidecars share, in Redis or Valkey.
//!
//! A counter is one value. It is computed here, by the same code as in the embedded store, and put
//! back by a script that compares and sets: another sidecar that was faster makes us compute again. All
//! counters of an exchange travel together, so it takes one round trip where nobody was faster.

use std::collections::BTreeMap;

use ark_gateway_core::quota::Counter;
use redis::aio::MultiplexedConnection;

use super::redis_tls::Protected;
use super::{Outcome, Turn};
use crate::config::{ClientTlsConfig, CredentialConfig};
use crate::credential;

/// Rounds of compare-and-set before giving up: each lost one means that another sidecar succeeded.
const MOST_ROUNDS: usize = 64;
/// Values that are remembered at most.
const MOST_REMEMBERED: usize = 50_000;
/// A value lives for so long after its window, and at most so long after it was last written, seconds.
const KEEP_S: u64 = 3_600;
const MOST_KEEP_S: u64 = 40 * 86_400;

/// Sets a key to ARGV[2], for ARGV[3] seconds, if it still is ARGV[1] (empty: absent); else returns it.
const COMPARE_AND_SET: &str = r"
local now = redis.call('GET', KEYS[1]) or ''
if now == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
  return false
end
return now";

/// The store in Redis.
pub(super) struct RedisStore {
    client: redis::Client,
    /// How to get there by TLS, where that is configured.
    tls: Option<Protected>,
    connection: Option<MultiplexedConnection>,
    /// The last value that was seen of each counter.
    seen: BTreeMap<String, String>,
}

impl RedisStore {
    pub(super) fn new(
        url: &str,
        password: Option<&CredentialConfig>,
        tls: Option<&ClientTlsConfig>,
    ) -> Result<Self, String> {
        use redis::IntoConnectionInfo as _;
        // The driver's own TLS takes whatever version there is: it is given streams instead.
        let plain = match url.strip_prefix("rediss://") {
            Some(rest) => format!("redis://{rest}"),
            None => url.to_owned(),
        };
        let mut info = plain.into_connection_info().map_err(|e| e.to_string())?;
        if let Some(password) = password {
            let secret = credential::resolve_one(password).map_err(|e| e.to_string())?;
            if let Some(secret) = secret {
                let settings = info.redis_settings().clone();
                info = info.set_redis_settings(settings.set_password(secret.expose()));
            }
        }
        let tls = match tls {
            Some(tls) => Some(Protected::new(&info, tls)?),
            None => None,
        };
        Ok(Self {
            tls,
            client: redis::Client::open(info).map_err(|e| e.to_string())?,
            connection: None,
            seen: BTreeMap::new(),
        })
    }

    /// Connects anew at the next exchange.
    pub(super) fn forget_connection(&mut self) {
        self.connection = None;
    }

    pub(super) async fn exchange(
        &mut self,
        worker: &str,
        turns: &[&Turn<'_>],
        now_ms: u64,
    ) -> Result<Vec<Outcome>, String> {
        let result = self.rounds(worker, turns, now_ms).await;
        if result.is_err() {
            self.connection = None;
        }
        result
    }

    async fn rounds(
        &mut self,
        worker: &str,
        turns: &[&Turn<'_>],
        now_ms: u64,
    ) -> Result<Vec<Outcome>, String> {
        let mut done: Vec<Option<Outcome>> = turns.iter().map(|_| None).collect();
        for _ in 0..MOST_ROUNDS {
            let open: Vec<usize> = (0..turns.len())
                .filter(|at| done.get(*at).is_some_and(Option::is_none))
                .collect();
            if open.is_empty() {
                return Ok(done.into_iter().flatten().collect());
            }
            let mut pipe = redis::pipe();
            let mut tried = Vec::with_capacity(open.len());
            for at in open {
                let Some(turn) = turns.get(at) else {
                    continue;
                };
                let old = self.seen.get(&turn.name).cloned().unwrap_or_default();
                let mut counter: Counter = serde_json::from_str(&old).unwrap_or_default();
                let outcome = turn.play(&mut counter, worker, now_ms);
                let new = serde_json::to_string(&counter).map_err(|e| e.to_string())?;
                let rest_s = turn.end_s.saturating_sub(now_ms / 1_000);
                pipe.cmd("EVAL")
                    .arg(COMPARE_AND_SET)
                    .arg(1)
                    .arg(format!("ark:limit:{}", turn.name))
                    .arg(&old)
                    .arg(&new)
                    .arg(rest_s.saturating_add(KEEP_S).min(MOST_KEEP_S));
                tried.push((at, turn.name.clone(), new, outcome));
            }
            let mut connection = self.connected().await?;
            let found: Vec<Option<String>> = pipe
                .query_async(&mut connection)
                .await
                .map_err(|error| error.to_string())?;
            for ((at, name, new, outcome), found) in tried.into_iter().zip(found) {
                match found {
                    None => {
                        self.remember(name, new);
                        if let Some(place) = done.get_mut(at) {
                            *place = Some(outcome);
                        }
                    }
                    Some(found) => self.remember(name, found),
                }
            }
        }
        Err("other sidecars were always faster".to_owned())
    }

    async fn connected(&mut self) -> Result<MultiplexedConnection, String> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let connection = match &mut self.tls {
            Some(tls) => tls.connect().await?,
            None => {
                let connection = self.client.get_multiplexed_async_connection().await;
                connection.map_err(|error| error.to_string())?
            }
        };
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    fn remember(&mut self, name: String, value: String) {
        if self.seen.len() >= MOST_REMEMBERED && !self.seen.contains_key(&name) {
            self.seen.clear();
        }
        self.seen.insert(name, value);
    }
}
