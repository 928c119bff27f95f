//! The gateway's own keys and certificates, and issuers' keys: read from the files that `ark.yaml` names,
//! judged before anything uses them, shown nowhere.

mod admin;
mod jwks;
mod outgoing;
mod pem;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::config::{CertificateFiles, Config, JwksConfig, Problem};
use crate::credential::Secret;

pub use admin::AdminTls;
use pem::Pair;

/// Largest file that is read, in bytes: a bundle of all public authorities is a quarter of it.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;

/// What was read. Has no `Debug`: it holds private keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Material {
    /// Keys of the issuers that have them in a file, by the issuer's name.
    pub jwks: BTreeMap<String, Secret>,
    /// Certificates of the listener, each with its private key, PEM.
    pub certificates: Vec<(Secret, Secret)>,
    /// The authorities of client certificates, PEM.
    pub clients: Option<Secret>,
    /// What the admin port shows and asks for.
    pub admin: Option<AdminTls>,
}

/// Reads all files of a configuration.
///
/// # Errors
/// Everything that cannot be used: unreadable, not PEM, a key of another certificate, keys of no use.
pub fn read(config: &Config) -> Result<Material, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut material = Material::default();
    for (i, jwt) in config.identity.jwt.iter().enumerate() {
        if let JwksConfig::File(path) = &jwt.jwks {
            let keys = read_file(path).and_then(|text| {
                jwks::check(&text, &jwt.algorithms)?;
                Ok(text)
            });
            let at = format!("identity.jwt[{i}].jwks.file");
            if let Some(keys) = taken(keys, at, &mut problems) {
                material.jwks.insert(jwt.name.clone(), keys);
            }
        }
    }
    if let Some(tls) = &config.gateway.tls {
        for (i, files) in tls.certificates.iter().enumerate() {
            let at = format!("gateway.tls.certificates[{i}]");
            let pair = read_pair(files, &at, &mut problems);
            material.certificates.extend(pair);
        }
        if let Some(clients) = &tls.clients {
            let at = "gateway.tls.client_certificates.ca_file".to_owned();
            let read = read_file(&clients.ca_file).and_then(|text| {
                pem::check_authorities(&text)?;
                Ok(text)
            });
            material.clients = taken(read, at, &mut problems);
        }
    }
    if let Some(tls) = &config.admin.tls {
        material.admin = admin::read(tls, &mut problems);
    }
    for (at, tls) in config.outgoing_tls() {
        outgoing::check(tls, at, &mut problems);
    }
    match problems.is_empty() {
        true => Ok(material),
        false => Err(problems),
    }
}

/// What clients will not take of the certificates of a configuration at `now_s`, seconds since the Unix
/// epoch: expired, or not valid yet. What cannot be read is [`read`]'s to tell.
#[must_use]
pub fn out_of_time(config: &Config, now_s: i64) -> Vec<Problem> {
    let files = config.gateway.tls.iter().flat_map(|tls| &tls.certificates);
    let gateways = files
        .enumerate()
        .map(|(i, files)| (format!("gateway.tls.certificates[{i}]"), files));
    let admins = config.admin.tls.iter();
    let admins = admins.map(|tls| ("admin.tls".to_owned(), &tls.files));
    let outgoing = config
        .outgoing_tls()
        .filter_map(|(at, tls)| Some((at.to_owned(), tls.certificate.as_ref()?)));
    let of = |(at, files): (String, &CertificateFiles)| {
        let text = read_file(&files.cert_file).ok()?;
        Some(Problem {
            path: format!("{at}.cert_file"),
            message: pem::out_of_time(&text, now_s)?,
            hint: Some("have it renewed: whoever is shown it refuses it".to_owned()),
        })
    };
    let all = gateways.chain(admins).chain(outgoing);
    all.filter_map(of).collect()
}

fn read_pair(
    files: &CertificateFiles,
    at: &str,
    problems: &mut Vec<Problem>,
) -> Option<(Secret, Secret)> {
    let cert = read_file(&files.cert_file);
    let key = read_file(&files.key_file);
    let cert = taken(cert, format!("{at}.cert_file"), problems);
    let key = taken(key, format!("{at}.key_file"), problems);
    let (cert, key) = (cert?, key?);
    match pem::check_pair(cert.expose(), key.expose()) {
        Ok(()) => Some((cert, key)),
        Err((of, wrong)) => {
            let file = match of {
                Pair::Certificate => "cert_file",
                Pair::Key => "key_file",
            };
            taken(Err(wrong), format!("{at}.{file}"), problems).map(|cert| (cert, key))
        }
    }
}

/// Why a file is no good, and what to do about it. Never holds any of its content.
pub(crate) type Wrong = (String, &'static str);

fn taken(
    read: Result<Zeroizing<String>, Wrong>,
    path: String,
    problems: &mut Vec<Problem>,
) -> Option<Secret> {
    match read {
        Ok(text) => Some(Secret::new(text.to_string())),
        Err((message, hint)) => {
            problems.push(Problem {
                path,
                message,
                hint: Some(hint.to_owned()),
            });
            None
        }
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, Wrong> {
    let unreadable = |error: std::io::Error| {
        (
            format!("cannot be read: {error}"),
            "the file must be there, and readable for the user that Ark runs as",
        )
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(FILE_LIMIT_BYTES + 1).read_to_string(&mut text);
    if read.map_err(unreadable)? as u64 > FILE_LIMIT_BYTES {
        let message = format!("is larger than {FILE_LIMIT_BYTES} bytes");
        return Err((message, "it is something else than keys or certificates"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
