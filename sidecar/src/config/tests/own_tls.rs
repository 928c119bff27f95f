use super::*;

fn problems(more: &str) -> Vec<String> {
    match parse(&(crate::testing::config_yaml(&["a"]) + more + "\n")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

const ADMIN: &str = "cert_file: /c, key_file: /k";

#[test]
fn the_admin_port_speaks_tls_1_3_and_asks_for_certificates_where_it_is_told() {
    let text = crate::testing::config_yaml(&["a"]);
    let bare = parse(&format!("{text}admin: {{tls: {{{ADMIN}}}}}\n")).unwrap();
    let tls = bare.admin.tls.as_ref().unwrap();
    assert_eq!((tls.min_version, &tls.clients), (TlsVersion::V1_3, &None));
    assert_eq!(bare.admin_files().count(), 2);
    let whole = parse(&format!(
        "{text}admin:\n  tls: {{{ADMIN}, min_version: \"1.2\", client_certificates: {{ca_file: /a}}}}\n  \
         certificates: [{{id: p, dns: p.test, role: viewer}}, {{id: q, spiffe: \"spiffe://x/y/*\", role: admin}}]\n"
    ));
    let whole = whole.unwrap();
    let tls = whole.admin.tls.as_ref().unwrap();
    assert_eq!(tls.min_version, TlsVersion::V1_2);
    assert!(tls.clients.as_ref().unwrap().required);
    assert_eq!(whole.admin_files().count(), 3);
    let of: Vec<_> = whole.admin.certificates.iter().map(|c| &c.of).collect();
    assert_eq!(
        of,
        [
            &CertifiedAs::Dns("p.test".to_owned()),
            &CertifiedAs::UriPrefix("spiffe://x/y/".to_owned())
        ]
    );
}

#[test]
fn what_is_wrong_with_tls_is_named() {
    let asks = format!("tls: {{{ADMIN}, client_certificates: {{ca_file: /a}}}}");
    for (more, expected) in [
        (
            "admin: {tls: {cert_file: c, min_version: \"1.1\"}}".to_owned(),
            &[
                "admin.tls.cert_file: must be an absolute path; such as",
                "admin.tls.key_file: is missing",
                "admin.tls.min_version: \"1.1\" is not known",
            ][..],
        ),
        (
            format!("admin: {{tls: {{{ADMIN}}}, certificates: [{{id: p, dns: p, role: viewer}}]}}"),
            &["admin: has certificates, and nobody is asked for one"],
        ),
        (
            format!(
                "admin: {{{asks}, certificates: [{{id: p, role: viewer}}, {{id: p, dns: \"*.x\", role: root}}]}}"
            ),
            &[
                "admin.certificates[0]: must say which certificates",
                "admin.certificates[1].id: ",
                "admin.certificates[1].dns: must be a DNS name",
                "admin.certificates[1].role: \"root\" is not known",
            ],
        ),
        (
            "limits_store: {redis: {url: \"redis://h/0\", tls: {}}}".to_owned(),
            &["limits_store.redis: has tls, and its url is redis://"],
        ),
        (
            "limits_store: {redis: {url: \"rediss://h/0#insecure\"}}".to_owned(),
            &["limits_store.redis.url: must have no fragment"],
        ),
        (
            "limits_store: {redis: {url: \"rediss://h/0\", tls: {cert_file: /c}}}".to_owned(),
            &["limits_store.redis.tls: must have both of cert_file and key_file"],
        ),
        (
            "limit_alerts: {webhook: \"http://h/x\", tls: {ca_file: /a}}".to_owned(),
            &["limit_alerts: has tls, and its webhook is http://"],
        ),
        (
            "limit_alerts: {webhook: \"https://h/x\", tls: {server_name: \"1.2.3.4\"}}".to_owned(),
            &["limit_alerts.tls.server_name: must be a DNS name"],
        ),
    ] {
        let found = problems(&more);
        let begin = |(found, expected): (&String, &&str)| found.starts_with(expected);
        let all = found.len() == expected.len() && found.iter().zip(expected).all(begin);
        assert!(all, "{more}\n{found:#?}\n{expected:#?}");
    }
}

#[test]
fn rediss_is_tls_also_when_nothing_else_is_said() {
    let text = crate::testing::config_yaml(&["a"]);
    let config = parse(&format!(
        "{text}limits_store: {{redis: {{url: \"rediss://h:6380/0\"}}}}\nlimit_alerts: {{webhook: \"https://h/x\"}}\n"
    ));
    let config = config.unwrap();
    let outgoing: Vec<&str> = config.outgoing_tls().map(|(at, _)| at).collect();
    assert_eq!(outgoing, ["limits_store.redis.tls", "limit_alerts.tls"]);
    assert!(
        config
            .outgoing_tls()
            .all(|(_, tls)| tls.files().count() == 0)
    );
}
