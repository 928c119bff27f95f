//! How wrong the forecasts of a trace's demand are: prints the errors of both horizons.
//!
//! `cargo run --release -p ark-sidecar --example forecast_trace -- TRACE`

#![expect(clippy::print_stdout, reason = "it says what it measured")]

use std::path::Path;

use ark_sidecar::forecast::{Forecaster, Horizon};
use ark_sidecar::replay::trace;

fn main() -> Result<(), String> {
    let file = std::env::args().nth(1).ok_or("which trace?")?;
    let arrivals = trace::read(Path::new(&file))?;
    let mut forecaster = Forecaster::new(0);
    for arrival in &arrivals {
        let tokens = u64::from(arrival.input_tokens) + u64::from(arrival.output_tokens);
        forecaster.add(tokens, arrival.at / 1_000);
    }
    println!("{} requests", arrivals.len());
    println!("minutes ahead   MAPE   WAPE  pinball at 0.9  at or below the upper bound");
    for horizon in Horizon::ALL {
        if let Some(errors) = forecaster.errors(horizon) {
            println!(
                "{:13}  {:5.2}  {:5.2}  {:14.0}  {:26.1} %",
                horizon.minutes(),
                errors.mape,
                errors.wape,
                errors.pinball_tokens,
                errors.covered * 100.0,
            );
        }
    }
    Ok(())
}
