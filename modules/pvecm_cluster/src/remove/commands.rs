// SPDX-License-Identifier: GPL-3.0-or-later
//! PVE's own commands that take a node out of high availability and replication. What they come to is read from the files.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use cluster_state::pmxcfs::read_settled;
use host::{Command, Ending, Host, Waited, is_there, wait_until};
use membership::files::REPLICATION;
use membership::keys::Stopped;
use membership::pmxcfs_service::exits_zero;
use membership::references;

use super::args::Wanted;
use super::decide::staying;
use super::lists::{self, Named, Shortened};
use super::seen::Seen;

/// What a command is given at least: it may wait 10 s for its lock alone.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);

/// Takes the node out of one list, with the nodes that the list has now, and says whether it had to. Nothing is done to one that no longer names the node, or
/// that has no other node any more: the next look says so.
pub(crate) fn shorten(
    host: &dyn Host,
    wanted: &Wanted,
    seen: &Seen,
    list: &Shortened,
    deadline: Duration,
) -> Result<bool, Stopped> {
    let Some(conf) = seen.here.view.conf.conf() else { return Ok(false) };
    let now = || -> Result<Option<Shortened>, Stopped> {
        let text = read(host, &list.path)?;
        let named = lists::ha(&list.path, &text, &wanted.node, &staying(wanted, conf));
        Ok(named.into_iter().find_map(|named| match named {
            Named::Shortened(one) if one.section == list.section => Some(one),
            _ => None,
        }))
    };
    let changed = Cell::new(false);
    until_done(host, deadline, locks::HA, || {
        let Some(list) = now()? else { return Ok(None) };
        changed.set(true);
        let said = run(host, Command::new("ha-manager").args(list.arguments()), deadline);
        Ok(now()?.map(|left| format!("{said}, and '{}' in '{}' still names it", left.section, left.path)))
    })?;
    Ok(changed.get())
}

/// Puts back a list that was shortened; says so when it could not.
pub(crate) fn lengthen(
    host: &dyn Host,
    wanted: &Wanted,
    list: &Shortened,
    deadline: Duration,
) -> Result<(), String> {
    let is = || {
        read(host, &list.path).is_ok_and(|text| lists::has(&list.path, &text, &list.section, &wanted.node))
    };
    let said = run(host, Command::new("ha-manager").args(list.arguments_before()), deadline);
    if is() {
        return Ok(());
    }
    Err(format!(
        "'{}' in '{}' no longer names the node, although it is still in the cluster ({said}): the copy has the list as it was",
        list.section, list.path
    ))
}

/// Deletes a replication job without what it has on its target, which nobody can reach any more.
///
/// Source: pvesr(1), "--force: Will remove the jobconfig entry, but will not cleanup".
pub(crate) fn delete_job(host: &dyn Host, job: &str, deadline: Duration) -> Result<(), Stopped> {
    let has_it = || -> Result<bool, Stopped> {
        Ok(references::jobs(&read(host, REPLICATION)?).iter().any(|one| one == job))
    };
    until_done(host, deadline, locks::REPLICATION, || {
        if !has_it()? {
            return Ok(None);
        }
        let said = run(host, Command::new("pvesr").args(["delete", job, "--force"]), deadline);
        Ok(has_it()?.then(|| format!("{said}, and '{REPLICATION}' still has job '{job}'")))
    })
}

/// Does this, which says what is left, and once more as long as another program holds the lock that the command needs. Of a
/// holder that died, pmxcfs removes it after 120 s when a command asks for it.
fn until_done(
    host: &dyn Host,
    deadline: Duration,
    lock: &str,
    deed: impl Fn() -> Result<Option<String>, Stopped>,
) -> Result<(), Stopped> {
    let lock = locks::path(lock);
    let held = || is_there(host, &lock).unwrap_or(false);
    let waited = wait_until(host, deadline, PAUSE, || {
        // It may have expired while the command was giving up.
        let before = held();
        let left = match deed() {
            Ok(Some(left)) => left,
            Ok(None) => return Ok(Ok(())),
            Err(stopped) => return Ok(Err(stopped)),
        };
        if before || held() { Err(left) } else { Ok(Err(Stopped::Kept(left))) }
    });
    match waited {
        Waited::Done(done) => done,
        Waited::Pending(left) => Err(Stopped::Kept(format!(
            "{left} ('{}' is another program's, and expires 120 s after that has died)",
            lock.display()
        ))),
    }
}

/// A file that PVE renames new ones over.
fn read(host: &dyn Host, path: &str) -> Result<String, Stopped> {
    let bytes = read_settled(host, Path::new(path))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs a command, and says how it ended, in its own words where it had some.
fn run(host: &dyn Host, command: Command, deadline: Duration) -> String {
    let patience = deadline.saturating_sub(host.elapsed()).max(PATIENCE);
    let command = command.timeout(patience);
    match host.run(&command) {
        Err(error) => error.to_string(),
        Ok(output) if output.ending == Ending::TimedOut => {
            format!("'{}' had not ended after {} s and was stopped", command.line(), patience.as_secs())
        }
        Ok(output) => match exits_zero(&command, &output) {
            Err(why) => why,
            Ok(()) => format!("'{}' ended with exit code 0", command.line()),
        },
    }
}
