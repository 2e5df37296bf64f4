// SPDX-License-Identifier: GPL-3.0-or-later
//! The module from top to bottom.

use std::time::Duration;

use ansible_module::{Context, Failure, Outcome};
use cluster_state::pvecm;
use host::{Host, wait_until};

use crate::args::Args;
use crate::observe::{key_files, observe};
use crate::plan::plan;
use crate::request::request;
use crate::{apply, report};

/// The pause between two looks for a pvecm that is at work.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until no pvecm creates or joins a cluster here any more, perhaps one whose run was killed: meanwhile /etc/pve is away, or
/// another one, and without quorum for good reason. One that does not end is named by what fails because of it.
fn await_pvecm(host: &dyn Host, patience: Duration) {
    let _ = wait_until(host, host.elapsed() + patience, PAUSE, || match pvecm::query(host) {
        Ok(Some(_)) => Err(()),
        _ => Ok(()),
    });
}

/// Reads, decides, acts, verifies.
pub(crate) fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let request = request(&args, &key_files(&args, host)?).map_err(Failure::new)?;
    if request.scope.has_cluster() {
        await_pvecm(host, request.timeout);
    }
    let seen = observe(&request, host)?;
    let mut plan = plan(&request, &seen).map_err(|refusals| Failure::new(refusals.join("; ")))?;
    if plan.changes() && !context.check_mode {
        apply::apply(&mut plan, host, request.timeout)?;
    }
    Ok(report::outcome(&request, &plan))
}
