// SPDX-License-Identifier: GPL-3.0-or-later
//! From the task to the answer.

use std::time::Duration;

use ansible_module::{Context, Failure, Outcome};
use host::Host;
use rescue::{Armed, NotArmed, Purpose};

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
    for digest in args.intended.iter().flatten().filter(|digest| !rescue::is_digest(digest)) {
        reasons.push(format!(
            "'intended' has '{digest}', which is no digest as the module corosync_conf returns them"
        ));
    }
    let confirmed = confirmed(&args, &mut reasons);
    if !reasons.is_empty() {
        return Err(failed(verb, NotArmed::Unwell(reasons)));
    }
    let earlier = rescue::armed(host).map_err(|error| failed(verb, error.into()))?;
    let (changed, outcome) = match args.state {
        State::Armed => {
            let intended = args.intended.into_iter().flatten().collect();
            let purpose = Purpose { seconds: after, owner: args.owner, intended };
            let armed = rescue::arm(host, &purpose, !context.check_mode).map_err(|not| failed(verb, not))?;
            (true, described(Outcome::changed(), &armed))
        }
        State::Disarmed => {
            let left = rescue::ha::left(host).map_err(|error| failed(verb, error.into()))?;
            let outcome = Outcome::unchanged().with("ha_armed", left.is_some());
            if context.check_mode {
                let confirmed = confirmed.filter(|_| !args.force);
                rescue::still_confirmed(host, confirmed).map_err(|not| failed(verb, not))?;
                (earlier.is_some() || left.is_some(), outcome)
            } else {
                let deadline = host.elapsed() + Duration::from_secs(timeout);
                // whoever disarmed it may have died before it was armed again
                let armed = rescue::ha::arm_what_is_left(host, deadline)
                    .map_err(|reason| format!("{reason}; {}", rescue::ha::REMEDY));
                match armed {
                    Ok(armed) if !args.force => {
                        let off =
                            rescue::call_off(host, deadline, confirmed).map_err(|not| failed(verb, not))?;
                        (off || armed, outcome)
                    }
                    Err(reason) if !args.force => return Err(failed(verb, NotArmed::Failed(reason))),
                    armed => {
                        let off = rescue::drop_it(host).map_err(|not| failed(verb, not))?;
                        let changed = off || armed.clone().unwrap_or(false);
                        (changed, armed.err().into_iter().fold(outcome, Outcome::warn))
                    }
                }
            }
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
        .with("until", armed.until)
}

/// The version that this node has confirmed; none when the task does not say.
fn confirmed(args: &Args, reasons: &mut Vec<String>) -> Option<u64> {
    let given = args.config_version?;
    if args.state == State::Armed {
        reasons.push(
            "'config_version' is what a node has confirmed: give it with state 'disarmed' only".to_owned(),
        );
    }
    let version = u64::try_from(given).ok().filter(|version| *version > 0);
    if version.is_none() {
        reasons.push(format!("'config_version' is {given} and must be 1 at least"));
    }
    version
}

fn within(value: i64, name: &str, range: std::ops::RangeInclusive<i64>, reasons: &mut Vec<String>) -> u64 {
    if !range.contains(&value) {
        let (least, most) = (range.start(), range.end());
        reasons.push(format!("'{name}' is {value} s and must be from {least} to {most} s"));
    }
    u64::try_from(value).unwrap_or(0)
}

fn failed(verb: &str, not: NotArmed) -> Failure {
    let left = matches!(not, NotArmed::Fired(_));
    let reasons = match not {
        NotArmed::Unwell(reasons) => reasons,
        NotArmed::AtWork => vec![format!(
            "it is at work on this node at this moment; '{}' tells what it does",
            "journalctl -u pve-cluster-rescue.service"
        )],
        NotArmed::Fired(reason) | NotArmed::Failed(reason) => vec![reason],
    };
    Failure::new(format!("cannot {verb} the rescue of '/etc/corosync/corosync.conf': {}", reasons.join("; ")))
        .with("reasons", reasons)
        .with("left", left)
}
