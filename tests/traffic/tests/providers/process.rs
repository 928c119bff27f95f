//! The binary: what it prints, how it stops, what it exits with.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_ark-traffic");

/// Providers that are killed when the test is over, however it ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Running, BufReader<ChildStdout>) {
    let mut command = Command::new(BINARY);
    command
        .arg("providers")
        .args(arguments)
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    (Running(child), stdout)
}

fn run(arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).output().unwrap()
}

#[test]
fn the_demo_announces_itself_serves_and_stops() {
    let (mut running, stdout) = start(&["--demo", "--port-base", "0", "--control-port", "0"]);
    let mut urls = Vec::new();
    for line in stdout.lines() {
        let line = line.unwrap();
        if line == "ready" {
            break;
        }
        let (name, url) = line
            .strip_prefix("listening ")
            .unwrap()
            .split_once(' ')
            .unwrap();
        urls.push((name.to_owned(), url.to_owned()));
    }
    let names: Vec<&str> = urls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["official", "azure", "optimized", "domestic", "control"]
    );

    let key = [
        "--requests",
        "2",
        "--key",
        "key-official",
        "--header",
        "x-demo-script: *=ok+slow:1",
    ];
    let load = run(&[&["load", "--url", &urls[0].1][..], &key[..]].concat());
    let report: Value = serde_json::from_slice(&load.stdout).unwrap();
    assert!(load.status.success());
    assert_eq!(report["ok"], 2);
    let failing = run(&[
        "load",
        "--url",
        &urls[0].1,
        "--requests",
        "1",
        "--key",
        "wrong",
    ]);
    assert_eq!(failing.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&failing.stdout).unwrap();
    assert_eq!(report["errors"]["status"]["401"], 1);

    let pid = running.0.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn a_port_in_use_ends_it_with_a_message() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = run(&["providers", "--demo", "--port-base", &port]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains(&format!("port {port} (official) is in use")),
        "{message}"
    );
}

#[test]
fn a_bad_file_ends_it_with_a_message() {
    let output = run(&["providers", "--config", "/nonexistent/providers.json"]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("/nonexistent/providers.json"), "{message}");
}
