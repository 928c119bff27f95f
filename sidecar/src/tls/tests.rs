//! Both sides of a connection, over memory.

use std::path::PathBuf;

use base64::Engine as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::config::{CertificateFiles, ClientTlsConfig};
use crate::testing::TempDir;

/// RFC 7468, but on one line, which readers take.
fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// PEM of a certificate for this name, and of its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let issuer: &Issuer<'_, KeyPair> = &self.0;
        let cert = params.signed_by(&key, issuer).unwrap();
        (
            pem("CERTIFICATE", cert.der()),
            pem("PRIVATE KEY", &key.serialize_der()),
        )
    }
}

struct Place {
    dir: TempDir,
    authority: Authority,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: TempDir::new(),
            authority: Authority::new(),
        };
        place.write("ca.pem", &place.authority.pem());
        place
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.dir.path().join(name);
        std::fs::write(&file, content).unwrap();
        file
    }

    fn trusting(&self) -> ClientTlsConfig {
        ClientTlsConfig {
            ca_file: Some(self.dir.path().join("ca.pem")),
            ..ClientTlsConfig::default()
        }
    }

    fn certified(&self) -> ClientTlsConfig {
        let (cert, key) = self.authority.issue("client");
        ClientTlsConfig {
            certificate: Some(CertificateFiles {
                cert_file: self.write("client.crt", &cert),
                key_file: self.write("client.key", &key),
            }),
            ..self.trusting()
        }
    }
}

/// What comes of it when a client asks `host` for a word, as the client sees it.
async fn meet(
    server: Arc<rustls::ServerConfig>,
    client: &ClientTlsConfig,
    host: &str,
) -> Result<String, String> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let serving = async {
        let mut stream = TlsAcceptor::from(server).accept(far).await?;
        stream.write_all(b"word").await?;
        stream.shutdown().await
    };
    let asking = async {
        let mut stream = Client::of(client)?.connect(near, host).await?;
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        read.map(|_| answer).map_err(|error| words(&error))
    };
    let (_, answer) = tokio::join!(serving, asking);
    answer
}

fn shown(place: &Place, clients: Option<bool>, oldest: TlsVersion) -> Arc<rustls::ServerConfig> {
    let (cert, key) = place.authority.issue("ark.test");
    let authorities = place.authority.pem();
    let clients = clients.map(|required| (authorities.as_str(), required));
    server((&cert, &key), clients, oldest).unwrap()
}

#[tokio::test]
async fn a_server_proves_its_name() {
    let (place, other) = (Place::new(), Place::new());
    let server = shown(&place, None, TlsVersion::V1_3);
    let meet = |client, host| meet(Arc::clone(&server), client, host);
    let trusting = place.trusting();
    assert_eq!(meet(&trusting, "ark.test").await.unwrap(), "word");
    let named = ClientTlsConfig {
        server_name: Some("ark.test".to_owned()),
        ..place.trusting()
    };
    assert_eq!(meet(&named, "127.0.0.1").await.unwrap(), "word");
    let error = meet(&trusting, "evil.test").await.unwrap_err();
    assert!(error.contains("for another name"), "{error}");
    let others = other.trusting();
    let error = meet(&others, "ark.test").await.unwrap_err();
    assert!(error.contains("not of an authority"), "{error}");
    let error = meet(&trusting, "not a name").await.unwrap_err();
    assert!(error.contains("is no name"), "{error}");
}

#[tokio::test]
async fn a_client_proves_who_it_is_where_it_must() {
    let (place, other) = (Place::new(), Place::new());
    let required = shown(&place, Some(true), TlsVersion::V1_3);
    let welcome = shown(&place, Some(false), TlsVersion::V1_3);
    let anonymous = place.trusting();
    for server in [&required, &welcome] {
        let answer = meet(Arc::clone(server), &place.certified(), "ark.test").await;
        assert_eq!(answer.unwrap(), "word");
        // The authority of the server, and a certificate of somebody else's.
        let forged = ClientTlsConfig {
            certificate: other.certified().certificate,
            ..place.trusting()
        };
        let error = meet(Arc::clone(server), &forged, "ark.test").await;
        let error = error.unwrap_err();
        assert!(error.contains("does not take the certificate"), "{error}");
    }
    let error = meet(required, &anonymous, "ark.test").await.unwrap_err();
    assert!(error.contains("wants a certificate"), "{error}");
    assert_eq!(meet(welcome, &anonymous, "ark.test").await.unwrap(), "word");
}

#[tokio::test]
async fn tls_1_2_is_spoken_where_both_name_it() {
    let place = Place::new();
    let (old, new) = (TlsVersion::V1_2, TlsVersion::V1_3);
    // A server that has nothing but 1.2.
    let (cert, key) = place.authority.issue("ark.test");
    let chain = CertificateDer::from_pem_slice(cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let only_old = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    let only_old = Arc::new(only_old);
    let named = ClientTlsConfig {
        min_version: old,
        ..place.trusting()
    };
    let strict = place.trusting();
    let answer = meet(Arc::clone(&only_old), &named, "ark.test").await;
    assert_eq!(answer.unwrap(), "word");
    let error = meet(only_old, &strict, "ark.test").await.unwrap_err();
    assert!(
        error.contains("1.2 is spoken only where it is named"),
        "{error}"
    );
    for (server, client) in [(new, &named), (old, &strict), (old, &named)] {
        let answer = meet(shown(&place, None, server), client, "ark.test").await;
        assert_eq!(answer.unwrap(), "word");
    }
}

#[test]
fn files_that_are_no_good_are_named() {
    let place = Place::new();
    let missing = ClientTlsConfig {
        ca_file: Some(place.dir.path().join("none.pem")),
        ..ClientTlsConfig::default()
    };
    let error = Client::of(&missing).err().unwrap();
    assert!(error.contains("none.pem"), "{error}");
    let empty = ClientTlsConfig {
        ca_file: Some(place.write("empty.pem", "nothing")),
        ..ClientTlsConfig::default()
    };
    let error = Client::of(&empty).err().unwrap();
    assert!(error.contains("holds no certificate"), "{error}");
    let mixed = ClientTlsConfig {
        certificate: Some(CertificateFiles {
            cert_file: place.write("a.crt", &place.authority.issue("a").0),
            key_file: place.write("b.key", &place.authority.issue("b").1),
        }),
        ..place.trusting()
    };
    let error = Client::of(&mixed).err().unwrap();
    assert!(error.contains("b.key"), "{error}");
}

#[test]
fn a_source_reads_again_what_has_changed_and_nothing_else() {
    let place = Place::new();
    let mut source = Source::new(place.trusting());
    let first = source.client().unwrap();
    assert!(Arc::ptr_eq(
        first.config(),
        source.client().unwrap().config()
    ));
    let other = Authority::new();
    let new = place.write("ca.new", &other.pem());
    std::fs::rename(new, place.dir.path().join("ca.pem")).unwrap();
    let second = source.client().unwrap();
    assert!(!Arc::ptr_eq(first.config(), second.config()));
    std::fs::remove_file(place.dir.path().join("ca.pem")).unwrap();
    assert!(source.client().is_err());
}

#[test]
fn what_is_deep_within_is_said() {
    let inner = std::io::Error::other(rustls::Error::AlertReceived(
        rustls::AlertDescription::CertificateRequired,
    ));
    let outer = std::io::Error::other(inner);
    assert!(words(&outer).contains("wants a certificate"));
    assert_eq!(words(&std::io::Error::other("plain")), "plain");
}
