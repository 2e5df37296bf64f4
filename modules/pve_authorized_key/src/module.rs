// SPDX-License-Identifier: GPL-3.0-or-later
//! The module from top to bottom.

use ansible_module::{Context, Failure, Outcome};
use host::Host;

use crate::args::Args;
use crate::observe::{key_files, observe};
use crate::plan::plan;
use crate::request::request;
use crate::{apply, report};

/// Reads, decides, acts, verifies.
pub(crate) fn run(args: Args, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let request = request(&args, &key_files(&args, host)?).map_err(Failure::new)?;
    let seen = observe(&request, host)?;
    let mut plan = plan(&request, &seen).map_err(|refusals| Failure::new(refusals.join("; ")))?;
    if plan.changes() && !context.check_mode {
        apply::apply(&mut plan, host, request.timeout)?;
    }
    Ok(report::outcome(&request, &plan))
}
