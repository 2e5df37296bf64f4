// SPDX-License-Identifier: GPL-3.0-or-later
//! The process itself: arguments file in, one line of JSON out.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "this is the edge that the ban protects"
)]

use std::process::ExitCode;

use host::{Host, RealHost};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{Context, Failure, Outcome, Spec, arguments};

/// A module's whole `main`: reads the arguments file named by the first argument, checks it against the spec,
/// calls the module and prints exactly one JSON object on one line, panics included. Exits 1 when it failed.
pub fn main<A: DeserializeOwned>(
    spec: &Spec,
    module: fn(A, &Context, &dyn Host) -> Result<Outcome, Failure>,
) -> ExitCode {
    let path = std::env::args().nth(1).unwrap_or_default();
    let given = std::fs::read(path).unwrap_or_default();
    let answer = answer(spec, &given, &RealHost::new(), module);
    println!("{answer}");
    if answer.get("failed").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The answer to an arguments file: [`main`] without the process, for tests on a fake host.
pub fn answer<A: DeserializeOwned>(
    spec: &Spec,
    given: &[u8],
    host: &dyn Host,
    module: fn(A, &Context, &dyn Host) -> Result<Outcome, Failure>,
) -> Value {
    let given: Map<String, Value> = serde_json::from_slice(given).unwrap_or_default();
    let result = arguments::check(spec, &given).map_err(Failure::new).and_then(|checked| {
        let args = serde_json::from_value(Value::Object(checked.options))
            .map_err(|error| Failure::new(error.to_string()))?;
        module(args, &checked.context, host)
    });
    match result {
        Ok(outcome) => {
            let mut answer = outcome.data;
            answer.insert("changed".into(), outcome.changed.into());
            answer.insert("diff".into(), json!(outcome.diff));
            Value::Object(answer)
        }
        Err(failure) => {
            let mut answer = failure.data;
            answer.insert("failed".into(), true.into());
            answer.insert("changed".into(), failure.changed.into());
            answer.insert("msg".into(), failure.msg.into());
            Value::Object(answer)
        }
    }
}
