// SPDX-License-Identifier: GPL-3.0-or-later
//! From the task to the answer.

use std::time::Duration;

use ansible_module::{Context, Failure, Kind, Opt, Outcome, Spec};
use cluster_state::ha_arming::{self, Arming};
use host::Host;
use serde::Deserialize;

/// How long high availability may take to be disarmed or armed.
const HA: Duration = Duration::from_secs(120);

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
    let mut reasons = rescue::against_restart(host);
    if !(1..=3600).contains(&args.timeout) {
        reasons.push(format!("'timeout' is {} s and must be from 1 to 3600 s", args.timeout));
    }
    let armed = args.ha != "ignore" && matches!(ha_arming::query(host), Ok(Some(Arming::Armed)));
    let can = armed && ha_arming::can_disarm(host).unwrap_or(false);
    if armed && (args.ha == "refuse" || !can) {
        let remedy = if can { "set 'ha' to 'disarm', or" } else { "this Proxmox VE cannot disarm it;" };
        reasons.push(format!("high availability is armed: {remedy} set 'ha' to 'ignore'"));
    }
    if !reasons.is_empty() {
        return Err(failed(reasons));
    }
    let outcome = Outcome::changed().with("ha_disarmed", armed);
    if context.check_mode {
        return Ok(outcome);
    }
    let disarmed = if armed { rescue::ha::disarm(host, host.elapsed() + HA) } else { Ok(()) };
    let restarted = match disarmed {
        Ok(()) => rescue::restart(host, Duration::from_secs(args.timeout.unsigned_abs())),
        Err(reason) => Err((false, vec![reason])),
    };
    let again = if armed { rescue::ha::arm(host, host.elapsed() + HA).map(drop) } else { Ok(()) };
    let (begun, mut reasons) = match restarted {
        Ok(()) => (true, Vec::new()),
        Err(missing) => missing,
    };
    reasons.extend(again.err().map(|reason| format!("{reason}; arm it by 'ha-manager crm-command arm-ha'")));
    if reasons.is_empty() {
        return Ok(outcome);
    }
    let failure = failed(reasons);
    Err(if begun { failure.after_change() } else { failure })
}

fn failed(reasons: Vec<String>) -> Failure {
    Failure::new(format!("cannot restart 'corosync': {}", reasons.join("; "))).with("reasons", reasons)
}
