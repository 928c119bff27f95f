//! `cargo xtask up`: everything that a person needs to send a first request.

mod choice;
pub(crate) mod ports;
mod real;
pub(crate) mod stack;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::console::{self, Colour};
use crate::failure::{Failure, Outcome};
use crate::service::{Fleet, Logs};
use crate::setup::build::{self, Profile};
use crate::setup::{envoy, llm};
use crate::workspace::Workspace;
use crate::{http, stop};

use choice::Choice;
use ports::Ports;
use stack::Stack;

/// How long the gateway may take to be ready; it takes about two seconds.
const READY_DEADLINE: Duration = Duration::from_secs(60);

/// How long one question to a local server may take.
const ASK: Duration = Duration::from_secs(2);

/// Options of `up`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct UpArgs {
    /// The configuration to run [default: ark.yaml, or a real one when provider keys are set]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run the demo even when real provider keys are in the environment
    #[arg(long, conflicts_with = "config")]
    demo: bool,
    /// Also run SmolLM2 in llama.cpp, a real model, as one provider
    #[arg(long, conflicts_with = "config")]
    with_llm: bool,
    /// Envoy worker threads
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Build profile of the sidecar and the demo providers
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Envoy's log level: trace, debug, info, warning or error
    #[arg(long, value_name = "LEVEL", default_value = "warning")]
    envoy_log: String,
    #[command(flatten)]
    ports: Ports,
}

/// Runs until Ctrl-C.
pub(crate) fn run(workspace: &Workspace, args: &UpArgs) -> Outcome<()> {
    let choice = Choice::make(workspace, args)?;
    console::step(&choice.said);
    // The build comes last: nobody should wait for it to be told of a port in use or no Python.
    args.ports.check(choice.demo, choice.llm)?;
    let envoy = envoy::find(workspace)?;
    let model = if choice.llm {
        Some(llm::ready(workspace)?)
    } else {
        None
    };
    let artefacts = build::all(workspace, args.profile)?;

    let started = Instant::now();
    let stack = Stack::lay(workspace, &artefacts, envoy, &args.ports)?;
    let config = choice.place(&stack, &args.ports)?;
    let mut fleet = Fleet::default();
    if choice.demo {
        let providers = stack.providers(args.ports.providers())?;
        fleet.start("providers", providers, Logs::Stream)?;
    }
    if let Some(python) = model {
        let model = llm::serve(workspace, &python, args.ports.llm())?;
        fleet.start("llm", model, Logs::Stream)?;
        wait_for(&mut fleet, args.ports.llm(), "/health", "the model")?;
    }
    let mut sidecar = stack.sidecar(&config)?;
    sidecar.envs(choice.demo_keys());
    fleet.start("ark", sidecar, Logs::Stream)?;
    let logging = ["--log-level", &args.envoy_log, "--log-format", "%L %n: %v"];
    let proxy = stack.envoy(args.concurrency, &logging)?;
    fleet.start("envoy", proxy, Logs::Stream)?;
    wait_for(&mut fleet, args.ports.gateway(), "/readyz", "the gateway")?;

    greet(args.ports.gateway(), &choice, started.elapsed());
    let ended = watch(&mut fleet);
    console::step("stopping");
    fleet.end();
    match ended {
        Err(failure) if failure.is_interrupt() => {
            console::step("all stopped");
            Ok(())
        }
        other => other,
    }
}

/// Polls until the server answers 200, saying every few seconds what it says instead.
pub(crate) fn wait_for(fleet: &mut Fleet, port: u16, path: &str, what: &str) -> Outcome<()> {
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    let started = Instant::now();
    let mut next_word = Duration::from_secs(3);
    loop {
        let state = match http::get(server, path, ASK) {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) => format!("{path} says {} {}", answer.status, brief(&answer.body)),
            Err(error) => format!("{server}: {error}"),
        };
        fleet.check()?;
        // A look at a gateway that is not ready is a line in its log: no more than a few a second.
        for _ in 0..4 {
            stop::pause()?;
        }
        let waited = started.elapsed();
        if waited > READY_DEADLINE {
            return Err(Failure::new(format!(
                "{what} was not ready within {} s: {state}",
                READY_DEADLINE.as_secs()
            ))
            .fix("see the log above; --envoy-log info shows more"));
        }
        if waited > next_word {
            console::step(&format!("waiting for {what}: {state}"));
            next_word += Duration::from_secs(3);
        }
    }
}

/// The start of a body, on one line.
fn brief(body: &str) -> String {
    let line: String = body.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(160).collect()
}

fn greet(port: u16, choice: &Choice, took: Duration) {
    let base = format!("http://127.0.0.1:{port}");
    let ready = format!("ark is ready on {base}");
    console::line(&console::paint(&ready, Colour::Green));
    console::line(&format!("  (started in {})", console::seconds(took)));
    let key = choice.client_key();
    let model = choice.model();
    console::line(&format!(
        "try:\n  curl {base}/v1/chat/completions -H 'authorization: Bearer {key}' \\\n    \
         -H 'content-type: application/json' \\\n    \
         -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\
         streamed:\n  curl -N {base}/v1/chat/completions -H 'authorization: Bearer {key}' \\\n    \
         -H 'content-type: application/json' \\\n    \
         -d '{{\"model\": \"{model}\", \"stream\": true, \"messages\": [{{\"role\": \"user\", \"content\": \"Hello\"}}]}}'\n\
         Ctrl-C stops everything."
    ));
}

fn watch(fleet: &mut Fleet) -> Outcome<()> {
    loop {
        let checked = fleet.check();
        stop::pause()?;
        if checked.is_err() {
            // Who stops all processes at once, as service managers do, stops this one too.
            stop::pause()?;
            return checked;
        }
    }
}
