// SPDX-License-Identifier: GPL-3.0-or-later
//! The module: reads, puts the facts together, changes nothing.

use std::time::Duration;

use ansible_module::{Context, Failure, Outcome};
use cluster_state::pvecm;
use host::{Host, Waited, wait_until};
use serde::Serialize;

use crate::args::Args;
use crate::facts::{Facts, facts};
use crate::observe::observe;

#[derive(Serialize)]
struct AnsibleFacts {
    pve_cluster: Facts,
}

/// The most that a task may ask to look again, in seconds.
const LONGEST: i64 = 600;
const PAUSE: Duration = Duration::from_millis(250);

/// Fails only for what was asked: what could not be read is said in the facts, so that a playbook can decide on it.
pub(crate) fn run(args: Args, _: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    if !(0..=LONGEST).contains(&args.settle) {
        let settle = args.settle;
        return Err(Failure::new(format!(
            "'settle' is {settle}, which is not between 0 and {LONGEST} seconds"
        )));
    }
    let deadline = host.elapsed() + Duration::from_secs(args.settle.unsigned_abs());
    let waited = wait_until(host, deadline, PAUSE, || {
        // What an earlier run began may still be under way, although that run was killed. Looked for first: what it does meanwhile is
        // then seen half done.
        let busy = matches!(pvecm::query(host), Ok(Some(_)));
        let facts = Box::new(facts(observe(host, &args.gather)));
        if busy || facts.passes() { Err(facts) } else { Ok(facts) }
    });
    let (Waited::Done(pve_cluster) | Waited::Pending(pve_cluster)) = waited;
    Ok(Outcome::unchanged().with("ansible_facts", AnsibleFacts { pve_cluster: *pve_cluster }))
}
