use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::config::{ClientTlsConfig, Endpoint};

fn webhook(host: Host, port: u16) -> Webhook {
    Webhook::new(LimitAlertsConfig {
        webhook: Endpoint {
            scheme: Scheme::Http,
            host,
            port,
            base_path: "/hook".to_owned(),
        },
        tls: ClientTlsConfig::default(),
    })
}

/// What a webhook makes of an answer, and the request line that was seen.
async fn answered(host: &str, answer: &str) -> (Result<(), String>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = match host.parse() {
        Ok(ip) => Host::Ip(ip),
        Err(_) => Host::Name(host.to_owned()),
    };
    let mut webhook = webhook(host, port);
    let serving = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"{}") {
            seen.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        let seen = String::from_utf8(seen).unwrap();
        seen.lines().next().unwrap_or_default().to_owned()
    };
    tokio::join!(webhook.post("{}".into()), serving)
}

#[tokio::test]
async fn success_is_the_only_success_and_no_redirection_is_followed() {
    let good = "HTTP/1.1 204 No Content\r\n\r\n";
    for host in ["127.0.0.1", "localhost"] {
        let (result, line) = answered(host, good).await;
        assert_eq!((result, line.as_str()), (Ok(()), "POST /hook HTTP/1.1"));
    }
    let moved = "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/\r\n\
                 content-length: 0\r\n\r\n";
    let (result, _) = answered("127.0.0.1", moved).await;
    assert_eq!(result, Err("it answers 307 Temporary Redirect".to_owned()));
}

#[test]
fn addresses_where_clouds_keep_credentials() {
    for (ip, is) in [
        ("169.254.169.254", true),
        ("169.254.170.2", true),
        ("::ffff:169.254.169.254", true),
        ("fe80::1", true),
        ("fd00:ec2::254", true),
        ("127.0.0.1", false),
        ("10.0.0.1", false),
        ("fd00::1", false),
    ] {
        assert_eq!(is_metadata(ip.parse().unwrap()), is, "{ip}");
    }
}
