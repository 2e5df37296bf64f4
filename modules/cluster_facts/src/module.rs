// SPDX-License-Identifier: GPL-3.0-or-later
//! The module: reads, puts the facts together, changes nothing.

use ansible_module::{Context, Failure, Outcome};
use host::Host;
use serde::Serialize;

use crate::args::Args;
use crate::facts::{Facts, facts};
use crate::observe::observe;

#[derive(Serialize)]
struct AnsibleFacts {
    pve_cluster: Facts,
}

/// Never fails: what could not be read is said in the facts, so that a playbook can decide on it.
#[expect(clippy::unnecessary_wraps, reason = "every module has this signature")]
pub(crate) fn run(args: Args, _: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let facts = AnsibleFacts { pve_cluster: facts(observe(host, &args.gather)) };
    Ok(Outcome::unchanged().with("ansible_facts", facts))
}
