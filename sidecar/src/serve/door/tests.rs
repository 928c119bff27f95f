use super::*;
use crate::config::AdminConfig;

fn known(of: CertifiedAs) -> Vec<AdminCertificateConfig> {
    vec![AdminCertificateConfig {
        id: "it".to_owned(),
        of,
        role: Role::Viewer,
    }]
}

#[test]
fn a_certificate_is_who_its_names_say() {
    let names = Names {
        uris: vec!["spiffe://a.test/ns/x/sa/y".to_owned()],
        dns: vec!["prometheus.test".to_owned()],
    };
    for (of, is_found) in [
        (
            CertifiedAs::Uri("spiffe://a.test/ns/x/sa/y".to_owned()),
            true,
        ),
        (
            CertifiedAs::Uri("spiffe://a.test/ns/x/sa".to_owned()),
            false,
        ),
        (
            CertifiedAs::UriPrefix("spiffe://a.test/ns/x/".to_owned()),
            true,
        ),
        (
            CertifiedAs::UriPrefix("spiffe://a.test/ns/x/sa/y".to_owned()),
            false,
        ),
        (CertifiedAs::UriPrefix("spiffe://b.test/".to_owned()), false),
        (CertifiedAs::Dns("prometheus.test".to_owned()), true),
        (CertifiedAs::Dns("test".to_owned()), false),
    ] {
        let known = known(of);
        assert_eq!(names.find(&known).is_some(), is_found, "{known:?}");
        assert!(Names::default().find(&known).is_none());
    }
    let up = Names {
        uris: vec!["spiffe://a.test/ns/x/../z".to_owned()],
        dns: Vec::new(),
    };
    let below = known(CertifiedAs::UriPrefix("spiffe://a.test/ns/x/".to_owned()));
    assert!(up.find(&below).is_none());
    assert_eq!(names_of(b"no certificate"), Names::default());
}

#[test]
fn a_port_that_others_reach_needs_tls_and_callers_with_names_or_the_operators_word() {
    let with = |admin: &str| {
        let text = crate::testing::config_yaml(&["a"]) + admin;
        crate::config::parse(&text).unwrap()
    };
    let digest = "ab".repeat(32);
    let tokens = format!("tokens: [{{id: t, sha256: {digest}, role: viewer}}]");
    let tls = "tls: {cert_file: /c, key_file: /k, client_certificates: {ca_file: /a}}";
    let certificates = "certificates: [{id: c, dns: c.test, role: viewer}]";
    let near = "127.0.0.1:8081".parse().unwrap();
    let far = "0.0.0.0:8081".parse().unwrap();
    for (admin, paths) in [
        (String::new(), &["admin.tokens", "admin.tls"][..]),
        (format!("admin: {{{tokens}}}\n"), &["admin.tls"]),
        (format!("admin: {{{tls}}}\n"), &["admin.tokens"]),
        (format!("admin: {{{tls}, {tokens}}}\n"), &[]),
        (format!("admin: {{{tls}, {certificates}}}\n"), &[]),
    ] {
        let config = with(&admin);
        let found = forbids(far, false, &config);
        let found: Vec<&str> = found.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(found, paths, "{admin}");
        assert!(forbids(far, true, &config).is_empty());
        assert!(forbids(near, false, &config).is_empty());
    }
    assert_eq!(AdminConfig::default().tls, None);
}
