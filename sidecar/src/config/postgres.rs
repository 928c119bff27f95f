//! Where a PostgreSQL database is, and how it is spoken to.

use std::path::PathBuf;
use std::str::FromStr as _;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::CredentialConfig;
use super::identity::CertificateFiles;
use super::shape::TlsVersion;
use super::tls::ClientTlsConfig;

/// A PostgreSQL database. Never holds a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresConfig {
    url: String,
    /// How the connection is protected.
    pub tls: PostgresTls,
    /// Where its password is; `None` for that of the environment (`PGPASSWORD`), if there is one.
    pub password: Option<CredentialConfig>,
    /// PostgreSQL's own file of passwords, where the URL names one (`passfile`).
    pub passfile: Option<PathBuf>,
}

/// How a connection to a database is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostgresTls {
    /// Not at all: `sslmode=disable`, and what is on this machine.
    Off,
    /// TLS, and the server must prove its name: `sslmode=verify-full`.
    Verified(ClientTlsConfig),
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
        let (mut mode, mut tls, mut others) = (None, Tls::default(), Vec::new());
        let mut passfile = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("passfile", value)) => passfile = Some(PathBuf::from(value)),
                Some((name, value)) if tls.take(name, value)? => {}
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
            (None, true) if tls == Tls::default() => PostgresTls::Off,
            (Some("disable"), _) => PostgresTls::Off,
            (None | Some("verify-full"), _) => PostgresTls::Verified(tls.config()?),
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
            passfile,
        })
    }

    /// Whether it is on this machine, as far as its name says.
    #[must_use]
    pub fn is_here(&self) -> bool {
        let driver = self.driver();
        driver.is_ok_and(|driver| driver.get_hosts().iter().all(is_here))
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

/// What a URL says of TLS, in libpq's words:
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>.
#[derive(Default, PartialEq, Eq)]
struct Tls {
    roots: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    min_version: TlsVersion,
}

impl Tls {
    /// Whether the parameter is one of these.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match (name, value) {
            ("sslrootcert", "system") => self.roots = None,
            ("sslrootcert", file) => self.roots = Some(PathBuf::from(file)),
            ("sslcert", file) => self.cert_file = Some(PathBuf::from(file)),
            ("sslkey", file) => self.key_file = Some(PathBuf::from(file)),
            ("ssl_min_protocol_version", "TLSv1.2") => self.min_version = TlsVersion::V1_2,
            ("ssl_min_protocol_version", "TLSv1.3") => self.min_version = TlsVersion::V1_3,
            ("ssl_min_protocol_version", _) => {
                let why = "has an ssl_min_protocol_version other than TLSv1.3 and TLSv1.2";
                return Err(why.to_owned());
            }
            (_, _) => return Ok(false),
        }
        Ok(true)
    }

    fn config(self) -> Result<ClientTlsConfig, String> {
        let certificate = match (self.cert_file, self.key_file) {
            (Some(cert_file), Some(key_file)) => Some(CertificateFiles {
                cert_file,
                key_file,
            }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err("has one of sslcert and sslkey without the other".to_owned());
            }
        };
        Ok(ClientTlsConfig {
            min_version: self.min_version,
            ca_file: self.roots,
            server_name: None,
            certificate,
        })
    }
}

const SECRET: &str = "holds a password: it belongs in ledger.password, in PGPASSWORD, or in a file \
                      that PGPASSFILE or the URL's passfile names";

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
        let verified = |roots: Option<&str>| {
            PostgresTls::Verified(ClientTlsConfig {
                ca_file: roots.map(PathBuf::from),
                ..ClientTlsConfig::default()
            })
        };
        let mine = PostgresTls::Verified(ClientTlsConfig {
            min_version: TlsVersion::V1_2,
            certificate: Some(CertificateFiles {
                cert_file: "/c".into(),
                key_file: "/k".into(),
            }),
            ..ClientTlsConfig::default()
        });
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
            (
                "postgresql://ark@localhost/ark?sslrootcert=/ca.pem",
                verified(Some("/ca.pem")),
            ),
            ("postgresql://ark@db/ark?sslrootcert=system", verified(None)),
            (
                "postgresql://ark@db/ark?sslcert=/c&sslkey=/k&ssl_min_protocol_version=TLSv1.2",
                mine,
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
        let named = read("postgresql://ark@db/ark?passfile=/etc/ark/pgpass");
        assert_eq!(named.passfile, Some(PathBuf::from("/etc/ark/pgpass")));
        assert_eq!(named.to_string(), "postgresql://ark@db/ark");
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
            ("postgresql://ark@db/ark?sslcert=/c", "without the other"),
            (
                "postgresql://ark@db/ark?ssl_min_protocol_version=TLSv1.1",
                "other than TLSv1.3",
            ),
            ("postgresql://ark@db:x/ark", "is no URL"),
            ("postgresql://ark@db/ark?colour=red", "is no URL"),
            ("postgresql:///ark", "names no host"),
        ] {
            let problem = PostgresConfig::parse(url).unwrap_err();
            assert!(problem.contains(part), "{url}: {problem}");
        }
    }
}
