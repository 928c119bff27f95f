//! What travels in clear text, or to where nobody means it to.

use std::net::IpAddr;

use super::{
    Config, Host, LedgerStore, LimitAlertsConfig, PostgresTls, Problem, Scheme, StorePlace,
};
use crate::quota::is_metadata;

/// Connections of the sidecar's that others on the network can read.
pub(super) fn warn_of_clear_text(config: &Config, warnings: &mut Vec<Problem>) {
    if let StorePlace::Redis { url, tls: None, .. } = &config.limits_store.place
        && !is_here(url)
    {
        warnings.push(Problem {
            path: "limits_store.redis.url".to_owned(),
            message: "counters, and the password, travel in clear text".to_owned(),
            hint: Some("use rediss:// unless the network between is yours".to_owned()),
        });
    }
    if let Some(alerts) = &config.limit_alerts {
        warn_of_webhook(alerts, warnings);
    }
    if let Some(LedgerStore::Postgres(place)) = &config.ledger.store
        && place.tls == PostgresTls::Off
        && !place.is_here()
    {
        warnings.push(Problem {
            path: "ledger.store".to_owned(),
            message: "what is spent travels in clear text".to_owned(),
            hint: Some("remove sslmode=disable unless the network between is yours".to_owned()),
        });
    }
}

fn warn_of_webhook(LimitAlertsConfig { webhook, .. }: &LimitAlertsConfig, to: &mut Vec<Problem>) {
    let path = "limit_alerts.webhook".to_owned();
    if webhook.scheme == Scheme::Http && !webhook.is_loopback() {
        to.push(Problem {
            path: path.clone(),
            message: "what tenants have used travels in clear text".to_owned(),
            hint: Some("use https:// unless the network between is yours".to_owned()),
        });
    }
    if matches!(webhook.host, Host::Ip(ip) if is_metadata(ip)) {
        to.push(Problem {
            path,
            message: "is an address of the link, where clouds keep credentials".to_owned(),
            hint: Some("name another, unless something of yours listens there".to_owned()),
        });
    }
}

/// Whether a `redis://` leads no further than this machine.
fn is_here(url: &str) -> bool {
    let rest = url.strip_prefix("redis://").unwrap_or_default();
    let place = rest.split(['/', '?']).next().unwrap_or_default();
    let name = match place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((ip, _)) => ip,
        None => place.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::{Date, parse, warnings};
    use crate::testing::config_yaml;

    fn warned(more: &str) -> Vec<String> {
        let config = parse(&(config_yaml(&["a"]) + more)).unwrap();
        let all = warnings(&config, Date::of(std::time::SystemTime::now()));
        let paths = all.into_iter().map(|w| w.path);
        paths.filter(|path| !path.starts_with("models")).collect()
    }

    #[test]
    fn what_others_can_read_is_named() {
        let redis = |url: &str| format!("limits_store: {{redis: {{url: \"{url}\"}}}}\n");
        let hook = |url: &str| format!("limit_alerts: {{webhook: \"{url}\"}}\n");
        let ledger = |url: &str| format!("ledger: {{store: \"{url}\"}}\n");
        for (more, path) in [
            (
                redis("redis://cache:6379/0"),
                Some("limits_store.redis.url"),
            ),
            (redis("redis://10.0.0.1"), Some("limits_store.redis.url")),
            (redis("redis://[::1]:6379/0"), None),
            (redis("redis://localhost/0"), None),
            (redis("rediss://cache:6379/0"), None),
            (hook("http://hooks.test/x"), Some("limit_alerts.webhook")),
            (
                hook("https://169.254.169.254/x"),
                Some("limit_alerts.webhook"),
            ),
            (hook("https://hooks.test/x"), None),
            (hook("http://127.0.0.1:9/x"), None),
            (
                ledger("postgresql://ark@db/ark?sslmode=disable"),
                Some("ledger.store"),
            ),
            (ledger("postgresql://ark@localhost/ark"), None),
            (ledger("postgresql://ark@db/ark"), None),
        ] {
            let paths: Vec<String> = path.into_iter().map(str::to_owned).collect();
            assert_eq!(warned(&more), paths, "{more}");
        }
    }
}
