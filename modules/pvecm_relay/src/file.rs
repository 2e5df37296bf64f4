// SPDX-License-Identifier: GPL-3.0-or-later
//! The cluster's file on the member that works for the others: locked, replaced as a whole, and seen to be in use.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf::{self, CLUSTER};
use cluster_state::pmxcfs::Mount;
use corosync_document::Document;
use host::{Host, HostError, Waited, if_there, wait_until};
use locks::{COROSYNC_CONF, Deed, Holder, Lock, NoLock, Owner};
use membership::files::COPIES;
use membership::observe;
use membership::pmxcfs_service::make_dirs;
use membership::probe::{self, Errand};
use membership::reason;
use membership::seen::{Peer, behind, spread, versions};

use crate::words::AGAIN;

/// Prepared here, because every write to the file itself reaches every node at once.
const NEW: &str = "/etc/pve/corosync.conf.new";
/// How long another program may have PVE's lock of the file.
const LOCKED: Duration = Duration::from_secs(10);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// The node that the cluster is reserved for: the first of these, or the one that an earlier run of the round had.
pub(crate) fn reserved_for(host: &dyn Host, names: &[String]) -> Result<String, HostError> {
    match locks::holder(host, locks::MEMBERSHIP)? {
        Holder::Named(owner) if names.contains(&owner.node) && owner == Owner::reservation(&owner.node) => {
            Ok(owner.node)
        }
        _ => Ok(names.first().cloned().unwrap_or_default()),
    }
}

/// Looks at the cluster, and locks it for the round where it `acts`.
///
/// # Errors
/// In words.
pub(crate) fn look(host: &dyn Host, node: &str, hold: u64, acts: bool) -> Result<Peer, String> {
    let errand = if acts { Errand::Claim { keep: hold } } else { Errand::Look };
    probe::ask_here(host, errand, node).map(|(_, peer)| peer)
}

/// Gives the cluster free; says why it could not.
pub(crate) fn release(host: &dyn Host, node: &str) -> Option<String> {
    membership::lock::unlock_of(host, &|owner| *owner == Owner::reservation(node))
}

/// The cluster's file.
///
/// # Errors
/// In words, also when there is none.
pub(crate) fn read(host: &dyn Host) -> Result<Document, String> {
    match corosync_conf::cluster(host) {
        Ok(Some(document)) => Ok(document),
        Ok(None) => Err(format!("'{CLUSTER}' is gone")),
        Err(error) => Err(error.to_string()),
    }
}

/// Puts `after` in the place of `before`, behind PVE's own lock of the file, and keeps a copy of `before`. `still` is asked at the last
/// moment what is against it. Answers with the copy's path.
///
/// # Errors
/// In words: then the file is as it was.
pub(crate) fn replace(
    host: &dyn Host,
    node: &str,
    before: &Document,
    after: &Document,
    still: &dyn Fn() -> Option<String>,
) -> Result<String, String> {
    let words = |error: HostError| error.to_string();
    let until = host.elapsed() + LOCKED;
    let lock = Lock::take(host, COROSYNC_CONF, Deed::Change, until).map_err(|why| no_lock(&why))?;
    let written = copy(host, before).map_err(words).and_then(|copy| {
        write(host, node, before, after, &lock, still)?;
        Ok(copy)
    });
    // One that cannot be removed expires.
    let _ = lock.release(host);
    written
}

fn no_lock(why: &NoLock) -> String {
    match why {
        NoLock::Held(_) => format!(
            "another program is changing the cluster{}: it has held the lock '{}' all the time; {AGAIN}",
            why.by(),
            locks::path(COROSYNC_CONF).display()
        ),
        NoLock::ReadOnly => "this node is no longer quorate, so '/etc/pve' is read-only".to_owned(),
        NoLock::Host(error) => error.to_string(),
    }
}

fn copy(host: &dyn Host, before: &Document) -> Result<String, HostError> {
    make_dirs(host, Path::new(COPIES))?;
    let version = before.config_version().unwrap_or(0);
    let path = format!("{COPIES}/corosync.conf-{}-v{version}", host.unix_time());
    if !host::is_there(host, Path::new(&path))? {
        host.create(Path::new(&path), &before.to_bytes(), 0o600)?;
    }
    Ok(path)
}

fn write(
    host: &dyn Host,
    node: &str,
    before: &Document,
    after: &Document,
    lock: &Lock,
    still: &dyn Fn() -> Option<String>,
) -> Result<(), String> {
    let words = |error: HostError| error.to_string();
    let new = Path::new(NEW);
    let bytes = after.to_bytes();
    if let Some(prepared) = if_there(host.read(new)).map_err(words)? {
        if !bytes.starts_with(&prepared) {
            return Err(format!("'{NEW}' was made by someone else: remove it if nobody edits the file"));
        }
        host.remove_file(new).map_err(words)?;
    }
    host.create(new, &bytes, 0o640).map_err(words)?;
    if let Some(reason) = against(host, node, before, lock).or_else(still) {
        let left =
            if_there(host.remove_file(new)).err().map(|error| format!("; and {error}")).unwrap_or_default();
        return Err(format!("{reason}{left}"));
    }
    let Err(error) = host.rename(new, Path::new(CLUSTER)) else { return Ok(()) };
    // pmxcfs answers a rename only when its copies are made; an error need not mean that nothing happened
    if read(host).is_ok_and(|now| now == *after) {
        return Ok(());
    }
    let left = if_there(host.remove_file(new)).err().map(|left| format!("; and {left}")).unwrap_or_default();
    Err(format!("{error}{left}"))
}

/// What is against the write, right before it.
fn against(host: &dyn Host, node: &str, before: &Document, lock: &Lock) -> Option<String> {
    match read(host) {
        Ok(now) if now != *before => {
            return Some(format!("'{CLUSTER}' was changed by someone else in the meantime; {AGAIN}"));
        }
        Ok(_) => {}
        Err(why) => return Some(why),
    }
    let uncertain = |name: &str, why: &str| {
        format!("the lock '{}' is no longer certain: {why}; {AGAIN}", locks::path(name).display())
    };
    match locks::holder(host, locks::MEMBERSHIP) {
        Ok(holder) if holder == Holder::Named(Owner::reservation(node)) => {}
        Ok(_) => return Some(uncertain(locks::MEMBERSHIP, "it is another's, or nobody's")),
        Err(error) => return Some(uncertain(locks::MEMBERSHIP, &error.to_string())),
    }
    // In a cluster of one node PVE takes a lock of that node alone, and not the one of the file.
    match observe::here(host) {
        Ok(here) if here.pvecm_busy => return Some(format!("{}; {AGAIN}", reason::pvecm_busy().text)),
        Ok(_) => {}
        Err(error) => return Some(error.to_string()),
    }
    match rescue::against_change(host) {
        Some(armed) => Some(armed),
        None => lock.check(host).err().map(|lost| uncertain(COROSYNC_CONF, &lost.to_string())),
    }
}

/// Waits until every member that is seen runs this version, and this node is quorate. Says what is missing at the deadline.
///
/// # Errors
/// What is missing.
pub(crate) fn wait_in_use(host: &dyn Host, version: u64, deadline: Duration) -> Result<(), Vec<String>> {
    let waited = wait_until(host, deadline, PAUSE, || {
        let missing = match observe::here(host) {
            Ok(here) => not_in_use(&here.view, version),
            Err(error) => vec![error.to_string()],
        };
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    });
    match waited {
        Waited::Done(()) => Ok(()),
        Waited::Pending(missing) => Err(missing),
    }
}

/// What is missing before a version is in use on all that are seen. Pure.
pub(crate) fn not_in_use(view: &membership::seen::View, version: u64) -> Vec<String> {
    let mut missing = Vec::new();
    if view.mount != Mount::Writable {
        missing.push("'/etc/pve' is read-only on this node".to_owned());
    }
    let (Some(conf), Some(running)) = (view.conf.conf(), &view.corosync) else {
        missing.push("corosync is not running on this node".to_owned());
        return missing;
    };
    if conf.config_version != version {
        missing.push(format!("'{CLUSTER}' has config_version {}, not {version}", conf.config_version));
    }
    if !running.quorate {
        missing.push(format!(
            "this node is not quorate ({} of {} votes)",
            running.votes, running.expected_votes
        ));
    }
    let running_versions = versions(running);
    if running_versions.len() > 1 {
        missing.push(format!(
            "corosync runs config_version {}: {} are behind",
            spread(conf, running),
            membership::seen::quoted(behind(conf, running))
        ));
    } else if !running_versions.contains(&version) {
        missing.push(format!("corosync does not run config_version {version} yet"));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use membership::fake;
    use testkit::{Answer, FakeHost};

    const PVECM: &str = "/var/lock/pvecm.lock";
    const FLOCK: &str = "flock --exclusive --nonblock /var/lock/pvecm.lock true";

    /// pve2, a member that has reserved the cluster for pve3, and what is against its next version.
    fn against_next(host: &FakeHost, after: &Document, still: Option<&str>) -> Result<String, String> {
        let before = read(host).unwrap();
        replace(host, "pve3", &before, after, &|| still.map(str::to_owned))
    }

    fn reserved() -> (FakeHost, Document) {
        let host = fake::member().with(|machine| fake::lock(machine, &Owner::reservation("pve3")));
        let mut after = read(&host).unwrap();
        after.set_config_version(3).unwrap();
        (host, after)
    }

    /// The run that was interrupted had reserved the cluster for pve3, which has come in since.
    #[test]
    fn a_round_goes_on_with_the_reservation_of_a_node_that_is_in_already() {
        let (host, _) = reserved();
        let wanted = crate::args::Wanted {
            offers: vec![crate::plan_tests::offer("pve4", 14)],
            inside: vec!["pve3".to_owned()],
            ..crate::enter_tests::wanted()
        };
        assert_eq!(reserved_for(&host, &wanted.round()).unwrap(), "pve3");
        // one of somebody else's round is not taken up
        let others = crate::args::Wanted { inside: Vec::new(), ..wanted };
        assert_eq!(reserved_for(&host, &others.round()).unwrap(), "pve4");
    }

    #[test]
    fn a_version_is_written_as_a_whole_and_its_predecessor_kept() {
        let (host, after) = reserved();
        let before = host.text(CLUSTER);
        let copy = against_next(&host, &after, None).unwrap();
        assert_eq!((host.text(CLUSTER), host.text(&copy)), (after.to_text(), before));
        assert!(!host.exists(NEW) && !host.exists(&locks::path(COROSYNC_CONF).to_string_lossy()));
    }

    /// In a cluster of one node PVE takes `/var/lock/pvecm.lock` alone: FACTS O28.
    #[test]
    fn nothing_is_written_beside_a_pvecm_of_this_node() {
        for (code, writes) in [(0, true), (1, false)] {
            let (host, after) = reserved();
            let host = host.file(PVECM, "").query(FLOCK, Answer::exit(code, "", ""));
            let before = host.text(CLUSTER);
            let done = against_next(&host, &after, None);
            if writes {
                done.unwrap();
                continue;
            }
            assert_eq!(
                done.unwrap_err(),
                format!("another pvecm is at work on this node, perhaps of a run that was killed; {AGAIN}")
            );
            assert_eq!(host.text(CLUSTER), before);
            assert!(!host.exists(NEW));
        }
    }

    #[test]
    fn nothing_is_written_without_the_reservation_or_against_the_last_word() {
        let (host, after) = reserved();
        host.change(|machine| machine.remove(fake::LOCK));
        assert_eq!(
            against_next(&host, &after, None).unwrap_err(),
            format!("the lock '{}' is no longer certain: it is another's, or nobody's; {AGAIN}", fake::LOCK)
        );
        let (host, after) = reserved();
        assert_eq!(against_next(&host, &after, Some("pve3 has gone")).unwrap_err(), "pve3 has gone");
        assert!(!host.exists(NEW));
        assert_eq!(read(&host).unwrap().config_version(), Some(2));
    }

    #[test]
    fn what_somebody_else_prepared_is_left() {
        let (host, after) = reserved();
        let host = host.file(NEW, "totem {\n}\n");
        assert_eq!(
            against_next(&host, &after, None).unwrap_err(),
            format!("'{NEW}' was made by someone else: remove it if nobody edits the file")
        );
        assert_eq!(host.text(NEW), "totem {\n}\n");
        let (host, after) = reserved();
        let half = after.to_text()[..40].to_owned();
        let host = host.file(NEW, half);
        against_next(&host, &after, None).unwrap();
        assert_eq!(host.text(CLUSTER), after.to_text());
    }
}
