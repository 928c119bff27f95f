//! The files of the connections that the sidecar makes.

use super::{pem, read_file, read_pair, taken};
use crate::config::{ClientTlsConfig, Problem};

/// Looks at all of them; `at` is their place in the file. They are read again for each connection.
pub(super) fn check(tls: &ClientTlsConfig, at: &str, problems: &mut Vec<Problem>) {
    if let Some(file) = &tls.ca_file {
        let read = read_file(file).and_then(|text| {
            pem::check_authorities(&text)?;
            Ok(text)
        });
        taken(read, format!("{at}.ca_file"), problems);
    }
    if let Some(files) = &tls.certificate {
        read_pair(files, at, problems);
    }
}
