// SPDX-License-Identifier: GPL-3.0-or-later
//! Doing what was planned, each step with its own verification.

use std::time::Duration;

use ansible_module::Failure;
use host::{Host, HostError};
use locks::NoLock;

use crate::observe::CLUSTER_FILE;
use crate::plan::{Plan, too_large};
use crate::{cluster_file, drop_in, local_file, read_only};

/// Does it. The plan then holds what really was before and after, which others may have changed since it was made.
pub(crate) fn apply(plan: &mut Plan, host: &dyn Host, timeout: Duration) -> Result<(), Failure> {
    let mut done: Vec<String> = Vec::new();
    let result = steps(plan, host, timeout, &mut done);
    result.map_err(|failure| {
        let failure = failure.with("changed_files", &done);
        if done.is_empty() {
            return failure;
        }
        let msg = format!("{}; changed before that: '{}'", failure.msg, done.join("', '"));
        Failure { msg, ..failure }.after_change()
    })
}

fn steps(plan: &mut Plan, host: &dyn Host, timeout: Duration, done: &mut Vec<String>) -> Result<(), Failure> {
    let deadline = host.elapsed() + timeout;
    if let Some(change) = &mut plan.cluster {
        let changed = cluster_file::change(&change.edit, host, deadline).map_err(|not| {
            if not.written {
                done.push(CLUSTER_FILE.to_owned());
            }
            Failure::new(of_cluster(not.why, timeout, host))
        })?;
        // nothing when another run of this module has done it meanwhile
        if let Some(changed) = changed {
            (change.before, change.after) = (changed.before, changed.after);
            plan.warnings.extend(changed.warnings);
            done.push(CLUSTER_FILE.to_owned());
        } else {
            change.before.clone_from(&change.after);
        }
    }
    for change in &mut plan.local {
        let (before, after) = local_file::change(change, &plan.user, host, deadline)
            .map_err(|why| Failure::new(of_local(&change.path.display().to_string(), why)))?;
        (change.before, change.after) = (before, after);
        done.push(change.path.display().to_string());
    }
    if let Some(drop_in) = &plan.drop_in {
        drop_in::put(drop_in, &plan.user, host)?;
        done.push(drop_in.path.display().to_string());
    }
    Ok(())
}

fn of_cluster(why: cluster_file::Why, timeout: Duration, host: &dyn Host) -> String {
    use cluster_file::Why;
    let cause = match why {
        Why::NoLock(ref no @ NoLock::Held(_)) => format!(
            "another program has held the lock '{}' for {} s{}",
            locks::path(locks::AUTHORIZED_KEYS).display(),
            timeout.as_secs(),
            no.by()
        ),
        Why::NoLock(NoLock::ReadOnly) => read_only::why(host),
        Why::NoLock(NoLock::Host(error)) | Why::Host(error) => of_pmxcfs(&error, host),
        Why::TooLarge(bytes) => return too_large(bytes).unwrap_or_default(),
        Why::Undone => {
            "another program has undone it each time; find out which one writes this file".to_owned()
        }
        Why::LockLost(lost) => format!(
            "the lock '{}' is no longer certain: {lost}; run this task again",
            locks::path(locks::AUTHORIZED_KEYS).display()
        ),
    };
    format!("cannot change '{CLUSTER_FILE}': {cause}")
}

/// pmxcfs says "permission denied" for having no quorum, to root too. While it is restarted, nothing of its files is there.
fn of_pmxcfs(error: &HostError, host: &dyn Host) -> String {
    if error.is_denied() {
        read_only::why(host)
    } else if error.is_not_found() {
        format!(
            "{error}: '/etc/pve' has gone away meanwhile: see that pve-cluster runs here, then run this task again"
        )
    } else {
        error.to_string()
    }
}

fn of_local(path: &str, why: local_file::Why) -> String {
    use local_file::Why;
    match why {
        Why::Busy => format!("cannot change '{path}': another program is changing it all the time"),
        Why::NotAsWritten => format!("cannot change '{path}': another program has undone it"),
        Why::Host(error) => format!("cannot change '{path}': {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use testkit::FakeHost;

    use super::*;

    #[test]
    fn a_pmxcfs_that_is_started_anew_meanwhile() {
        let host = FakeHost::new();
        let gone = host.make_dir(Path::new("/etc/pve/priv/lock"), 0o700).unwrap_err();
        assert_eq!(
            of_cluster(cluster_file::Why::NoLock(NoLock::Host(gone)), Duration::from_secs(30), &host),
            "cannot change '/etc/pve/priv/authorized_keys': cannot make the directory '/etc/pve/priv/lock': No such file or \
             directory (os error 2): '/etc/pve' has gone away meanwhile: see that pve-cluster runs here, then run this task again"
        );
    }
}
