// SPDX-License-Identifier: GPL-3.0-or-later
//! Lets any number of nodes join a Proxmox VE cluster at once: the control node carries what they need, sealed, from a member to each.
//!
//! All newcomers are listed in one new version of corosync.conf, with no vote, so that nothing they do can cost the members their quorum.
//! Votes are given in one more version, to those that are there. Recordings: `captures/newcomers_without_a_vote_*`.

mod admit;
mod args;
mod decide;
#[cfg(test)]
mod decide_tests;
mod enfranchise;
mod enter;
#[cfg(test)]
mod enter_tests;
mod file;
mod look;
mod material;
mod offer;
mod plan;
#[cfg(test)]
mod plan_tests;
mod words;

use std::process::ExitCode;

use ansible_module::{Context, Failure, Outcome};
use host::Host;

use crate::args::{Args, State, Wanted};

/// The module as a process: see [`ansible_module::main`].
pub fn main() -> ExitCode {
    ansible_module::main(&args::spec(), run)
}

/// Does what the task asks.
fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let wanted =
        Wanted::check(&args).map_err(|wrong| words::refused(args.state, &args.cluster_name, &wrong))?;
    match args.state {
        State::Offered => offer::run(&wanted, context, host),
        State::Admitted => admit::run(&wanted, context, host),
        State::Entered => enter::run(&wanted, context, host),
        State::Enfranchised => enfranchise::run(&wanted, context, host),
    }
}
