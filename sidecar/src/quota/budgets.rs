//! Budgets for people and their tools: what is limited, what is left of it, and until when.

use std::collections::BTreeSet;

use ark_gateway_core::quota::{Mode, QuotaSpec, Span, Unit};
use serde::{Deserialize, Serialize};

use super::Shown;
use crate::config::{Config, LimitConfig, Stretch, WindowConfig};
use crate::moment;

/// Budgets in one answer at most.
const MOST_ROWS: usize = 10_000;

/// One budget: a limit's counter in the window that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Name of the limit.
    pub limit: String,
    /// Whose it is, where the limit counts per tenant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// The same for the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// The same for the model.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What is limited, and the unit of the five amounts: `micro_usd`, `tokens`, `requests` and so on.
    pub unit: String,
    /// How much.
    pub amount: u64,
    /// Used by requests that have ended.
    pub spent: u64,
    /// Held by requests in flight.
    pub reserved: u64,
    /// What is left.
    pub remaining: u64,
    /// Spent and reserved, percent of the amount.
    pub percent: u64,
    /// `second` to `month`, or `always`.
    pub window: String,
    /// Where its days begin, for days, weeks and months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The beginning of the window, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When it begins anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets_at: Option<String>,
    /// `lease` or `strict`.
    pub mode: String,
    /// It refuses nothing.
    pub dry_run: bool,
    /// The shares at which the webhook is told, percent.
    pub alerts: Vec<u8>,
    /// Those that were reached in this window.
    pub alerted: Vec<u8>,
    /// When this sidecar last heard of it; never, as nobody has used it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard_at: Option<String>,
}

/// The answer to a question.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    /// The scarcest first.
    pub budgets: Vec<Budget>,
    /// There are more.
    pub truncated: bool,
}

/// Which budgets are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetsQuestion {
    tenant: Option<String>,
    key: Option<String>,
    model: Option<String>,
    limit: Option<String>,
    of: Of,
}

/// What kind of limit is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Of {
    /// Of money.
    #[default]
    Money,
    Any,
    Unit(Unit),
}

impl BudgetsQuestion {
    /// Sets one parameter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let place = match name {
            "tenant" => &mut self.tenant,
            "key" => &mut self.key,
            "model" => &mut self.model,
            "limit" => &mut self.limit,
            "of" => {
                self.of = of(value)?;
                return Ok(());
            }
            _ => return Err("is not known; there are tenant, key, model, limit and of".to_owned()),
        };
        *place = Some(value.to_owned());
        Ok(())
    }

    fn wants(&self, budget: &Budget, unit: Unit) -> bool {
        let is = |asked: &Option<String>, it: &String| asked.as_ref().is_none_or(|name| name == it);
        let of = match self.of {
            Of::Money => unit == Unit::MicroUsd,
            Of::Any => true,
            Of::Unit(asked) => unit == asked,
        };
        of && is(&self.tenant, &budget.tenant)
            && is(&self.key, &budget.key)
            && is(&self.model, &budget.model)
            && is(&self.limit, &budget.limit)
    }

    /// The budgets of a configuration that are meant: those that were heard of as they are, and the
    /// others as nobody has used them.
    #[must_use]
    pub fn answer(
        &self,
        (config, spec): (&Config, &QuotaSpec),
        shown: &[Shown],
        now_s: u64,
    ) -> Budgets {
        let mut budgets: Vec<Budget> = Vec::new();
        for limit in &config.limits {
            let compiled = spec.limits.iter().find(|s| s.name == limit.name);
            let heard = shown.iter().filter(|shown| shown.limit == limit.name);
            let mut rows: Vec<Budget> = heard.map(|shown| of_counter(limit, shown)).collect();
            if let Some(compiled) = compiled {
                let span = compiled.window.at(now_s, &spec.calendars);
                let names = rows.iter().map(|b| (b.tenant.clone(), b.key.clone()));
                let known: BTreeSet<(String, String)> = names.collect();
                let others = unheard(config, limit).into_iter();
                let others = others.filter(|name| !known.contains(name));
                rows.extend(others.map(|name| unused(limit, name, span)));
            }
            budgets.extend(rows.into_iter().filter(|row| self.wants(row, limit.of)));
        }
        budgets.sort_by(|a, b| {
            b.percent
                .cmp(&a.percent)
                .then_with(|| a.name().cmp(&b.name()))
        });
        let truncated = budgets.len() > MOST_ROWS;
        budgets.truncate(MOST_ROWS);
        Budgets { budgets, truncated }
    }
}

impl Budget {
    fn name(&self) -> (&str, &str, &str, &str) {
        (&self.limit, &self.tenant, &self.key, &self.model)
    }
}

/// Counters that a limit has for certain, by tenant and key. Those per model come to be with use.
fn unheard(config: &Config, limit: &LimitConfig) -> Vec<(String, String)> {
    if limit.per.model {
        return Vec::new();
    }
    let wanted = |names: &[String], name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let tenants = config
        .tenants
        .iter()
        .filter(|t| wanted(&limit.tenants, &t.name));
    match (limit.per.tenant, limit.per.key) {
        (false, false) => vec![(String::new(), String::new())],
        (true, false) => tenants.map(|t| (t.name.clone(), String::new())).collect(),
        (by_tenant, true) => tenants
            .flat_map(|tenant| {
                let keys = tenant
                    .keys
                    .iter()
                    .filter(|key| wanted(&limit.keys, &key.id));
                keys.map(move |key| match by_tenant {
                    true => (tenant.name.clone(), key.id.clone()),
                    false => (String::new(), key.id.clone()),
                })
            })
            .collect(),
    }
}

fn of_counter(limit: &LimitConfig, shown: &Shown) -> Budget {
    let span = Span {
        start_s: shown.start_s,
        end_s: shown.end_s,
    };
    let whose = (shown.tenant.clone(), shown.key.clone());
    let alerted = limit.alerts.iter().filter(|share| **share <= shown.alerted);
    Budget {
        model: shown.model.clone(),
        spent: shown.settled,
        reserved: shown.used.saturating_sub(shown.settled),
        remaining: limit.limit.saturating_sub(shown.used),
        percent: percent(shown.used, limit.limit),
        alerted: alerted.copied().collect(),
        heard_at: Some(moment::format(signed(shown.heard_ms))),
        ..unused(limit, whose, span)
    }
}

fn unused(limit: &LimitConfig, (tenant, key): (String, String), span: Span) -> Budget {
    let (window, zone) = match &limit.window {
        WindowConfig::Second => ("second", None),
        WindowConfig::Minute => ("minute", None),
        WindowConfig::Hour => ("hour", None),
        WindowConfig::Calendar(Stretch::Day, zone) => ("day", Some(zone)),
        WindowConfig::Calendar(Stretch::Week, zone) => ("week", Some(zone)),
        WindowConfig::Calendar(Stretch::Month, zone) => ("month", Some(zone)),
        WindowConfig::Always => ("always", None),
    };
    let ends = limit.window != WindowConfig::Always && span.end_s < u64::MAX;
    let at = |second: u64| ends.then(|| moment::format(signed(second.saturating_mul(1_000))));
    Budget {
        limit: limit.name.clone(),
        tenant,
        key,
        model: String::new(),
        unit: match limit.of {
            Unit::MicroUsd => "micro_usd".to_owned(),
            Unit::Requests
            | Unit::Tokens
            | Unit::InputTokens
            | Unit::OutputTokens
            | Unit::Concurrency => limit.of.as_str().to_owned(),
        },
        amount: limit.limit,
        spent: 0,
        reserved: 0,
        remaining: limit.limit,
        percent: 0,
        window: window.to_owned(),
        zone: zone.cloned(),
        since: at(span.start_s),
        resets_at: at(span.end_s),
        mode: match limit.mode {
            Mode::Lease => "lease".to_owned(),
            Mode::Strict => "strict".to_owned(),
        },
        dry_run: limit.dry_run,
        alerts: limit.alerts.clone(),
        alerted: Vec::new(),
        heard_at: None,
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

fn of(word: &str) -> Result<Of, String> {
    const UNITS: [Unit; 6] = [
        Unit::Requests,
        Unit::Tokens,
        Unit::InputTokens,
        Unit::OutputTokens,
        Unit::Concurrency,
        Unit::MicroUsd,
    ];
    if word == "any" {
        return Ok(Of::Any);
    }
    let unit = UNITS.into_iter().find(|unit| unit.as_str() == word);
    unit.map(Of::Unit)
        .ok_or_else(|| "is any, or one of the words of limits.of, such as usd or tokens".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Date};

    const NOW_S: u64 = 1_800_000_030;

    fn answer(question: &[(&str, &str)], shown: &[Shown]) -> Vec<Budget> {
        let text = include_str!("../../../ark.yaml").to_owned()
            + "
limits:
  - {name: money, per: [tenant], of: usd, limit: 10, window: month, zone: Europe/Berlin, alerts: [50, 80]}
  - {name: pair, per: [tenant, model], of: usd, limit: 1, window: day}
  - {name: all, per: [], of: tokens, limit: 100, window: minute}
";
        let config = config::parse(&text).unwrap();
        let missing = std::collections::BTreeSet::new();
        let snapshot = config::compile(&config, &missing, Date::parse("2027-01-15").unwrap());
        let mut asked = BudgetsQuestion::default();
        for (name, value) in question {
            asked.set(name, value).unwrap();
        }
        let answered = asked.answer((&config, &snapshot.quota), shown, NOW_S);
        assert!(!answered.truncated);
        answered.budgets
    }

    fn shown(limit: &str, model: &str, (settled, used): (u64, u64)) -> Shown {
        Shown {
            limit: limit.to_owned(),
            tenant: "demo".to_owned(),
            key: String::new(),
            model: model.to_owned(),
            of: "usd",
            start_s: NOW_S - 30,
            end_s: NOW_S + 3_600,
            used,
            of_limit: 10_000_000,
            settled,
            alerted: 50,
            heard_ms: NOW_S * 1_000,
        }
    }

    #[test]
    fn a_budget_says_what_is_left_and_until_when() {
        let used = [
            shown("money", "", (5_000_000, 6_000_000)),
            shown("pair", "gpt", (0, 0)),
        ];
        let budgets = answer(&[], &used);
        let money = &budgets[0];
        assert_eq!(
            (money.limit.as_str(), money.tenant.as_str()),
            ("money", "demo")
        );
        assert_eq!((money.amount, money.spent), (10_000_000, 5_000_000));
        assert_eq!(
            (money.reserved, money.remaining, money.percent),
            (1_000_000, 4_000_000, 60)
        );
        assert_eq!(
            (money.unit.as_str(), money.window.as_str()),
            ("micro_usd", "month")
        );
        assert_eq!(money.zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(money.resets_at.as_deref(), Some("2027-01-15T09:00:30Z"));
        assert_eq!(
            (&money.alerts[..], &money.alerted[..]),
            (&[50, 80][..], &[50][..])
        );
        assert!(money.heard_at.is_some());
        assert!(budgets.iter().all(|budget| budget.unit == "micro_usd"));
        assert_eq!(answer(&[("of", "any")], &used).len(), budgets.len() + 1);
        assert_eq!(answer(&[("model", "gpt")], &used).len(), 1);
        assert_eq!(answer(&[("tenant", "nobody")], &used), []);
    }

    #[test]
    fn a_budget_that_nobody_has_used_is_there_too() {
        let budgets = answer(&[("limit", "money")], &[]);
        assert!(!budgets.is_empty(), "one for each tenant");
        assert!(
            budgets
                .iter()
                .all(|b| b.spent == 0 && b.remaining == 10_000_000)
        );
        assert!(budgets.iter().all(|b| b.heard_at.is_none()));
        let minute = answer(&[("of", "tokens")], &[]);
        assert_eq!(minute[0].resets_at.as_deref(), Some("2027-01-15T08:01:00Z"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let mut question = BudgetsQuestion::default();
        let problem = question.set("tenat", "x").unwrap_err();
        assert!(problem.contains("there are tenant"), "{problem}");
        assert!(question.set("of", "colour").unwrap_err().contains("usd"));
    }
}
