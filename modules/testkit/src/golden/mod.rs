// SPDX-License-Identifier: GPL-3.0-or-later
//! Golden cases: a machine before, a task's arguments, the machine afterwards and the answer, all as files.

#![expect(clippy::disallowed_methods, reason = "cases are files of the machine that runs the tests")]

mod case;
mod files;
mod setup;

use std::path::Path;

use ansible_module::{Context, Failure, Outcome, Spec};
use host::Host;
use serde::de::DeserializeOwned;

/// A module's function, as [`ansible_module::main`] takes it.
type Module<A> = fn(A, &Context, &dyn Host) -> Result<Outcome, Failure>;

/// Runs every case in a directory, each a directory of its own:
///
/// | file | what it holds |
/// |---|---|
/// | `args.json` | the task's arguments |
/// | `machine.json` | host name, addresses, users, links, modes, whether `/etc/pve` is mounted; may be missing |
/// | `before/` | the machine's files; may be missing |
/// | `answers/` | recordings of commands (`COMMAND:` for one that reads, `ACTION:` for one that changes something), in the order of their names; several of one command are given one after the other |
/// | `answers/NAME.then/` | what the action recorded in `NAME` does: `files/` it writes, paths listed in `removed`, `answers/` that replace earlier ones |
/// | `effects.txt` | every change the module makes, in order |
/// | `after/` | the machine's files afterwards |
/// | `result.json` | the answer |
/// | `check.json` | the answer in check mode, only where it may differ |
///
/// Each case is run in check mode, where nothing may be changed and the answer must be the same as for real; for
/// real; and once more on what that left, where it must report no change and make none (after a refusal: the same
/// answer, and no change).
///
/// With `UPDATE_GOLDEN=1` in the environment `effects.txt`, `after/`, `result.json` and existing `check.json` are
/// rewritten; the other promises are checked all the same.
///
/// # Panics
/// When a case differs, with every difference of every case; when there is no case.
pub fn golden<A: DeserializeOwned>(directory: impl AsRef<Path>, spec: &Spec, module: Module<A>) {
    let directory = directory.as_ref();
    let update = std::env::var("UPDATE_GOLDEN").is_ok_and(|value| !value.is_empty() && value != "0");
    let problems = golden_problems(directory, spec, module, update);
    assert!(problems.is_empty(), "golden cases differ:\n{}", problems.join("\n"));
}

/// The differences between the cases in a directory and what the module does.
///
/// # Panics
/// When a case cannot be read; when there is no case.
#[must_use]
pub fn golden_problems<A: DeserializeOwned>(
    directory: &Path,
    spec: &Spec,
    module: Module<A>,
    update: bool,
) -> Vec<String> {
    let cases = files::directories(directory);
    assert!(!cases.is_empty(), "no case in '{}'", directory.display());
    cases.iter().flat_map(|case| case::problems(case, spec, module, update)).collect()
}
