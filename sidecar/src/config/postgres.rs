//! Where a PostgreSQL database is, and how it is spoken to.

use std::path::PathBuf;
use std::str::FromStr as _;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::CredentialConfig;

/// A PostgreSQL database. Never holds a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    url: String,
    /// How the connection is protected.
    pub tls: PostgresTls,
    /// Where its password is; `None` for that of the environment (`PGPASSWORD`), if there is one.
    pub password: Option<CredentialConfig>,
}

/// How a connection to a database is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresTls {
    /// Not at all: `sslmode=disable`, and what is on this machine.
    Off,
    /// TLS 1.3, and the server must prove its name: `sslmode=verify-full`.
    Verified {
        /// PEM certificates of who may vouch for it; `None` for those of the system.
        roots: Option<PathBuf>,
    },
}

impl PostgresConfig {
    /// Whether a text is the URL of such a database.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("postgresql://") || text.starts_with("postgres://")
    }

    /// Reads `postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE`; several
    /// hosts with commas, and libpq's other parameters as far as they are known.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence. It is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let authority = place.split_once("://").map_or("", |(_, rest)| rest);
        let user = authority.rsplit_once('@').map_or("", |(user, _)| user);
        if user.contains(':') {
            return Err(SECRET.to_owned());
        }
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(PathBuf::from(value)),
                Some((name, _)) if name.contains("password") => return Err(SECRET.to_owned()),
                Some(_) | None => others.push(pair),
            }
        }
        let url = match others.is_empty() {
            true => place.to_owned(),
            false => format!("{place}?{}", others.join("&")),
        };
        let config = Config::from_str(&url)
            .map_err(|_unsaid| "is no URL of a PostgreSQL database".to_owned())?;
        if config.get_hosts().is_empty() {
            return Err("names no host".to_owned());
        }
        let tls = match (mode, config.get_hosts().iter().all(is_here)) {
            (None, true) | (Some("disable"), _) => PostgresTls::Off,
            (None | Some("verify-full"), _) => PostgresTls::Verified { roots },
            (Some(_), _) => {
                return Err(
                    "has an sslmode other than disable and verify-full: the others speak \
                            to whoever answers"
                        .to_owned(),
                );
            }
        };
        Ok(Self {
            url,
            tls,
            password: None,
        })
    }

    /// The same place, entered by a password that is kept there.
    #[must_use]
    pub fn with_password(mut self, password: Option<CredentialConfig>) -> Self {
        self.password = password;
        self
    }

    /// The place for the driver, without a password.
    ///
    /// # Errors
    /// Never, as it was read before.
    pub fn driver(&self) -> Result<Config, String> {
        Config::from_str(&self.url).map_err(|error| error.to_string())
    }
}

const SECRET: &str = "holds a password: it belongs in ledger.password, or in PGPASSWORD";

impl std::fmt::Display for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.url)
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_elsewhere_is_spoken_to_by_verified_tls() {
        let read = |text: &str| PostgresConfig::parse(text).unwrap();
        let verified = |roots: Option<&str>| PostgresTls::Verified {
            roots: roots.map(PathBuf::from),
        };
        for (url, tls) in [
            ("postgresql://ark@db.example.com/ark", verified(None)),
            (
                "postgresql://ark@db/ark?sslmode=verify-full",
                verified(None),
            ),
            (
                "postgres://ark@a:1,b:2/ark?sslrootcert=/ca.pem&target_session_attrs=read-write",
                verified(Some("/ca.pem")),
            ),
            ("postgresql://ark@db/ark?sslmode=disable", PostgresTls::Off),
            ("postgresql://ark@127.0.0.1:5433/ark", PostgresTls::Off),
            (
                "postgresql://ark@localhost,db/ark?connect_timeout=3",
                verified(None),
            ),
        ] {
            assert_eq!(read(url).tls, tls, "{url}");
        }
        let shown = read("postgresql://ark@db/ark?sslmode=disable").to_string();
        assert_eq!(shown, "postgresql://ark@db/ark");
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in [
            "postgresql://ark:hunter2@db/ark",
            "postgresql://ark@db/ark?password=hunter2",
            "postgresql://ark@db/ark?sslpassword=hunter2",
        ] {
            let problem = PostgresConfig::parse(url).unwrap_err();
            assert!(problem.contains("holds a password"), "{problem}");
            assert!(!problem.contains("hunter2"));
        }
        for (url, part) in [
            ("postgresql://ark@db/ark?sslmode=require", "whoever answers"),
            ("postgresql://ark@db/ark?sslmode=prefer", "whoever answers"),
            ("postgresql://ark@db:x/ark", "is no URL"),
            ("postgresql://ark@db/ark?colour=red", "is no URL"),
            ("postgresql:///ark", "names no host"),
        ] {
            let problem = PostgresConfig::parse(url).unwrap_err();
            assert!(problem.contains(part), "{url}: {problem}");
        }
    }
}
