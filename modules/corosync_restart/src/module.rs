// SPDX-License-Identifier: GPL-3.0-or-later
//! From the task to the answer.

use std::time::Duration;

use ansible_module::{Context, Failure, Kind, Opt, Outcome, Spec};
use host::Host;
use rescue::ha::Wish;
use serde::Deserialize;

/// The module's options.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Args {
    pub(crate) ha: String,
    pub(crate) timeout: i64,
}

/// The options as `plugins/modules/corosync_restart.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "corosync_restart",
        options: vec![
            Opt::new("ha", Kind::Str).choices(&["disarm", "refuse", "ignore"]).default("disarm"),
            Opt::new("timeout", Kind::Int).default(120),
        ],
        ..Spec::default()
    }
}

/// Does what the task asks.
pub(crate) fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let wish = match args.ha.as_str() {
        "ignore" => Wish::Ignore,
        "disarm" => Wish::Disarm,
        _ => Wish::Refuse,
    };
    let (mut reasons, standing) = rescue::against_restart(host, wish);
    if !(1..=3600).contains(&args.timeout) {
        reasons.push(format!("'timeout' is {} s and must be from 1 to 3600 s", args.timeout));
    }
    if !reasons.is_empty() {
        return Err(failed(reasons));
    }
    let disarms = wish == Wish::Disarm && !standing.guarded.is_empty();
    let outcome = Outcome::changed().with("ha_disarmed", disarms);
    if context.check_mode {
        return Ok(outcome.with("waited_for", Vec::<String>::new()));
    }
    match rescue::restart(host, Duration::from_secs(args.timeout.unsigned_abs()), wish) {
        Ok(done) => {
            let outcome = outcome.with("ha_disarmed", done.ha_disarmed).with("waited_for", &done.waited_for);
            Ok(done.waited_for.iter().fold(outcome, |outcome, node| {
                outcome.warn(format!(
                    "high availability is active on '{node}': its resource manager was waited for, because two outages one after the other \
                     would have counted as one"
                ))
            }))
        }
        Err((begun, reasons)) => {
            let failure = failed(reasons);
            Err(if begun { failure.after_change() } else { failure })
        }
    }
}

fn failed(reasons: Vec<String>) -> Failure {
    Failure::new(format!("cannot restart 'corosync': {}", reasons.join("; "))).with("reasons", reasons)
}
