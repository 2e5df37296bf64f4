// SPDX-License-Identifier: GPL-3.0-or-later
//! What the timer starts.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf::{self, LOCAL};
use cluster_state::pmxcfs;
use corosync_document::Document;
use host::{Attributes, Command, Host, Waited, is_there, replace_file, wait_until};

use crate::arm::{remove, run};
use crate::cluster_file::{self, LOCKED, locked};
use crate::decide::{Deed, Patience, decide, restored};
use crate::ha;
use crate::look::{Asked, Look, look};
use crate::proof;
use crate::record::Record;
use crate::units::{COPY, RECORD, THIS_BOOT};

/// The word by which the program is told to do this.
pub const WORD: &str = "fire";

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// What is not well must stay so for this long: a machine with other work may take a link for dead for a moment.
const SETTLE: Duration = Duration::from_secs(10);
/// How long a node leaves to each one before it in the order of the nodeids.
const TURN: Duration = Duration::from_secs(3);
/// How long to wait in vain before something else is tried.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long until the same is done once more.
const AGAIN: Duration = Duration::from_secs(20);
/// How long a whole site may take to start.
const SITE: Duration = Duration::from_secs(900);
/// How long to wait for other nodes at all.
const END: Duration = Duration::from_secs(4 * 3600);
/// How long a reload may take: it is a message to every node.
const RELOAD: Duration = Duration::from_secs(15);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// The cluster is well; nothing of the rescue is left.
    Well(String),
    /// Not all is well, and the rescue could or should not repair it; nothing of it is left.
    Left(String),
    /// It is not over yet; the rescue stays, and looks again in a minute.
    Waiting(String),
}

/// Looks, and puts back what was lost. `tell` is given what is done, line by line, for the journal.
///
/// # Errors
/// In words, when there is nothing to go back to, or nothing can be done about it.
pub fn fire(host: &dyn Host, tell: &dyn Fn(&str)) -> Result<Came, String> {
    let text = host.read(Path::new(RECORD)).map_err(|error| error.to_string())?;
    let record =
        Record::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| format!("'{RECORD}' is not whole"))?;
    let copy = Document::parse(&host.read(Path::new(COPY)).map_err(|error| error.to_string())?);
    if copy.config_version() != Some(record.version) || !record.intends(&copy) {
        return Err(format!("'{COPY}' is not whole"));
    }
    let came = repair(host, &record, &copy, tell);
    // with a node missing that may be a matter of hours; a watchdog is not to wait so long
    if let Err(reason) = arm_again(host, &came, tell) {
        return Ok(Came::Waiting(reason));
    }
    // that all was well here is a proof for those that look later, when something else may be wrong
    if matches!(came, Came::Well(_))
        && let Err(reason) = note_proof(host)
    {
        return Ok(Came::Waiting(format!(
            "that all is well could not be noted for the other nodes: {reason}"
        )));
    }
    if !matches!(came, Came::Waiting(_)) {
        remove(host, false).map_err(|error| format!("the rescue could not be removed: {error}"))?;
    }
    Ok(came)
}

fn note_proof(host: &dyn Host) -> Result<(), String> {
    let text = corosync_conf::cluster(host).map_err(|error| error.to_string())?;
    text.map_or(Ok(()), |text| proof::write(host, &text)).map_err(|error| error.to_string())
}

/// Arms high availability that is marked as disarmed by us. The rescue is not removed before that is known to be so.
fn arm_again(host: &dyn Host, came: &Came, tell: &dyn Fn(&str)) -> Result<(), String> {
    // the marker is in /etc/pve, which may be on its way
    let patience = if matches!(came, Came::Waiting(_)) { Duration::ZERO } else { ha::PATIENCE };
    let known = wait_until(host, host.elapsed() + patience, PAUSE, || match pmxcfs::query(host) {
        Ok(found) if found.is_mounted() => ha::left(host).map_err(|error| error.to_string()),
        Ok(_) => {
            Err("'/etc/pve' is not mounted, so whether high availability is armed is not known".to_owned())
        }
        Err(error) => Err(error.to_string()),
    });
    match known {
        Waited::Done(None) => Ok(()),
        Waited::Done(Some(_)) => {
            ha::arm_what_is_left(host, host.elapsed() + LOCKED + ha::PATIENCE)?;
            tell("high availability is armed again");
            Ok(())
        }
        Waited::Pending(reason) => Err(reason),
    }
}

/// Whether a deed of this kind is the one start of a stopped corosync that comes before the copy is put back.
pub(crate) fn starts_alone(what: u8, quorate: bool) -> bool {
    what == RESTART && !quorate
}

fn repair(host: &dyn Host, record: &Record, copy: &Document, tell: &dyn Fn(&str)) -> Came {
    let rebooted = rebooted(host);
    let expired = record.has_expired(host.unix_time());
    let rank = rank(copy, record.nodeid);
    let mut since = host.elapsed();
    let mut asked = Asked::default();
    // what was done last, and when
    let mut acted: Option<(u8, Duration)> = None;
    let (mut restarted, mut started) = (false, false);
    let mut pictured = None;
    let mut last = Deed::Done("");
    let mut decided = host.elapsed();
    loop {
        let now = host.elapsed();
        let seen = look(host, &mut asked);
        // patience is with one picture: what has just changed may change further
        let picture = (seen.quorate, seen.writable, seen.members.clone());
        if pictured.as_ref().is_none_or(|before| *before != picture) {
            pictured = Some(picture);
            since = now;
        }
        let waited = now.saturating_sub(since);
        let (over, long_over) = (waited >= PATIENCE, waited >= SITE);
        let patience = Patience { over, long_over, rebooted, expired, restarted, started };
        let deed = decide(record, copy, &seen, patience);
        if kind(&deed) != kind(&last) {
            decided = now;
            if let Deed::Wait(reason) = &deed {
                tell(&format!("waiting: {reason}"));
            }
        }
        last = deed.clone();
        let order = TURN * rank + if acted.is_some() { Duration::ZERO } else { SETTLE };
        let again = acted.is_some_and(|(what, when)| what == kind(&deed) && now < when + AGAIN);
        let due = now.saturating_sub(decided) >= order && !again;
        match deed {
            Deed::Done(how) => return Came::Well(how.to_owned()),
            Deed::Wait(_) => {}
            _ if !due => {}
            Deed::Leave(reason) => return Came::Left(reason),
            Deed::Later(reason) => return Came::Waiting(reason),
            deed => {
                let told = describe(&deed);
                let what = kind(&deed);
                tell(&told);
                // also where it fails: without quorum that is no reason to try nothing else
                started |= starts_alone(what, seen.quorate);
                match act(host, record, copy, &seen, deed) {
                    Ok(()) => restarted |= what == RESTART && seen.quorate,
                    Err(reason) => tell(&format!("{told}: failed: {reason}")),
                }
                // doing the same again is no reason for more patience
                if acted.is_none_or(|(before, _)| before != what) {
                    since = host.elapsed();
                }
                acted = Some((what, host.elapsed()));
                last = Deed::Done("");
            }
        }
        if now >= END {
            return Came::Waiting(match last {
                Deed::Wait(reason) => reason,
                _ => "it could not be put back".to_owned(),
            });
        }
        host.sleep(PAUSE);
    }
}

fn act(host: &dyn Host, record: &Record, copy: &Document, seen: &Look, deed: Deed) -> Result<(), String> {
    let deadline = host.elapsed() + LOCKED;
    match deed {
        Deed::PutBack(_) => {
            let text = restored(record, copy).ok_or("the version of the copy cannot be raised")?;
            put(host, &text)?;
            restart(host)
        }
        Deed::Restart(_) if seen.quorate => locked(host, deadline, |lock| {
            // a watchdog that still counts from an outage before must not see another one
            let own = own_name(record);
            ha::wait_until_renewed(host, &own, host.elapsed() + ha::PATIENCE, &|| lock.renew(host))?;
            // the lock and the watchdog may have taken minutes, and another node may be gone by now
            let now = look(host, &mut Asked::default());
            if !now.quorate || !now.spare {
                return Err("the others would not be quorate without this node".to_owned());
            }
            restart(host)
        }),
        Deed::Restart(_) => restart(host),
        Deed::Follow(text) => locked(host, deadline, |_| {
            put(host, &text)?;
            reload(host)
        }),
        Deed::Reload(_) => reload(host),
        Deed::Write(text, _) | Deed::Raise(text) => match &seen.cluster {
            Some(now) => cluster_file::write(host, now, &text),
            None => Err("/etc/pve is not mounted".to_owned()),
        },
        Deed::Done(_) | Deed::Leave(_) | Deed::Wait(_) | Deed::Later(_) => Ok(()),
    }
}

fn own_name(record: &Record) -> Vec<String> {
    let own = record.nodes.iter().filter(|(nodeid, _)| *nodeid == record.nodeid);
    own.map(|(_, name)| name.clone()).collect()
}

/// Puts a text where corosync starts from.
fn put(host: &dyn Host, text: &Document) -> Result<(), String> {
    let attributes = Attributes::Exactly { mode: 0o644, uid: 0, gid: 0 };
    replace_file(host, Path::new(LOCAL), &text.to_bytes(), attributes).map_err(|error| error.to_string())
}

pub(crate) fn restart(host: &dyn Host) -> Result<(), String> {
    // one that failed too often is not started any more
    let _ = host.run(&Command::new("systemctl").args(["reset-failed", "corosync.service"]));
    run(host, Command::new("systemctl").args(["restart", "corosync.service"]))
        .map_err(|error| error.to_string())?;
    Ok(())
}

/// Has corosync on every node load its file once more.
fn reload(host: &dyn Host) -> Result<(), String> {
    let command = Command::new("corosync-cfgtool").arg("-R").timeout(RELOAD);
    let output = host.run(&command).map_err(|error| error.to_string())?;
    if output.exited_zero() {
        return Ok(());
    }
    Err(format!("'{}' says: {}", command.line(), output.first_words().unwrap_or("nothing")))
}

/// Whether the node was started since the rescue was armed.
fn rebooted(host: &dyn Host) -> bool {
    is_there(host, Path::new(THIS_BOOT)).is_ok_and(|there| !there)
}

/// How many nodes have a lower nodeid.
fn rank(copy: &Document, own: u32) -> u32 {
    let lower =
        copy.nodes().into_iter().filter(|node| node.nodeid.is_some_and(|nodeid| nodeid < own)).count();
    u32::try_from(lower).unwrap_or(u32::MAX)
}

pub(crate) const RESTART: u8 = 4;

fn kind(deed: &Deed) -> u8 {
    match deed {
        Deed::Done(_) => 0,
        Deed::Leave(_) => 1,
        Deed::Wait(_) => 2,
        Deed::PutBack(_) => 3,
        Deed::Restart(_) => RESTART,
        Deed::Write(..) => 5,
        Deed::Raise(_) => 6,
        Deed::Follow(_) => 7,
        Deed::Reload(_) => 8,
        Deed::Later(_) => 9,
    }
}

fn describe(deed: &Deed) -> String {
    match deed {
        Deed::PutBack(reasons) => format!("putting the copy back on this node: {}", reasons.join("; ")),
        Deed::Restart(reason) => format!("restarting corosync: {reason}"),
        Deed::Write(text, reasons) => format!(
            "putting the copy back in the cluster, under config_version {}: {}",
            text.config_version().unwrap_or(0),
            reasons.join("; ")
        ),
        Deed::Raise(text) => format!(
            "giving the cluster its own file under config_version {}, because members run different versions",
            text.config_version().unwrap_or(0)
        ),
        Deed::Follow(_) => "taking the cluster's file, which this node lacks".to_owned(),
        Deed::Reload(reason) => format!("reloading corosync's file on every node: {reason}"),
        Deed::Done(_) | Deed::Leave(_) | Deed::Wait(_) | Deed::Later(_) => String::new(),
    }
}
