// SPDX-License-Identifier: GPL-3.0-or-later
//! From the task to the answer.

use std::time::Duration;

use ansible_module::{Context, Failure, Outcome};
use cluster_state::ha_arming::{self, Arming};
use host::Host;
use rescue::{Armed, NotArmed};

use crate::args::{Args, State};

/// A week: a rolling restart of many nodes may take hours.
const LONGEST: i64 = 604_800;

/// Does what the task asks.
pub(crate) fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let mut reasons = Vec::new();
    let after = within(args.after, "after", 10..=LONGEST, &mut reasons);
    let timeout = within(args.timeout, "timeout", 1..=3600, &mut reasons);
    let verb = match args.state {
        State::Armed => "arm",
        State::Disarmed => "call off",
    };
    if !reasons.is_empty() {
        return Err(failed(verb, NotArmed::Unwell(reasons)));
    }
    let earlier = rescue::armed(host).map_err(|error| failed(verb, error.into()))?;
    let (changed, outcome) = match args.state {
        State::Armed => {
            let ha_armed = matches!(ha_arming::query(host), Ok(Some(Arming::Armed)));
            let armed =
                rescue::arm(host, after, ha_armed, !context.check_mode).map_err(|not| failed(verb, not))?;
            (true, described(Outcome::changed(), &armed))
        }
        State::Disarmed if context.check_mode => (earlier.is_some(), Outcome::unchanged()),
        State::Disarmed => {
            let deadline = host.elapsed() + Duration::from_secs(timeout);
            if earlier.as_ref().is_some_and(|earlier| earlier.ha_armed) {
                // whoever disarmed it may have died before it was armed again
                rescue::ha::arm(host, deadline).map_err(|reason| {
                    let told = format!("{reason}; arm it by 'ha-manager crm-command arm-ha'");
                    failed(verb, NotArmed::Failed(told))
                })?;
            }
            (rescue::call_off(host, deadline).map_err(|not| failed(verb, not))?, Outcome::unchanged())
        }
    };
    let mut outcome = outcome.with("armed", args.state == State::Armed);
    outcome.changed = changed;
    Ok(outcome.with("earlier", earlier.is_some()))
}

fn described(outcome: Outcome, armed: &Armed) -> Outcome {
    outcome
        .with("config_version", armed.version)
        .with("restored_version", armed.restored_version)
        .with("after", armed.seconds)
        .with("links", armed.links)
}

fn within(value: i64, name: &str, range: std::ops::RangeInclusive<i64>, reasons: &mut Vec<String>) -> u64 {
    if !range.contains(&value) {
        let (least, most) = (range.start(), range.end());
        reasons.push(format!("'{name}' is {value} s and must be from {least} to {most} s"));
    }
    u64::try_from(value).unwrap_or(0)
}

fn failed(verb: &str, not: NotArmed) -> Failure {
    let reasons = match not {
        NotArmed::Unwell(reasons) => reasons,
        NotArmed::AtWork => vec![format!(
            "it is at work on this node at this moment; '{}' tells what it does",
            "journalctl -u pve-cluster-rescue.service"
        )],
        NotArmed::Failed(reason) => vec![reason],
    };
    Failure::new(format!("cannot {verb} the rescue of '/etc/corosync/corosync.conf': {}", reasons.join("; ")))
        .with("reasons", reasons)
}
