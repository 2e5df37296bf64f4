// SPDX-License-Identifier: GPL-3.0-or-later
//! What the timer starts.

use std::path::Path;
use std::time::Duration;

use cluster_state::corosync_conf::LOCAL;
use corosync_document::Document;
use host::{Attributes, Command, Host, is_there, replace_file};

use crate::arm::{remove, run};
use crate::cluster_file::{self, locked};
use crate::decide::{Deed, Patience, decide, restored};
use crate::ha;
use crate::look::{Asked, Look, look};
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
/// How long a whole site may take to start.
const SITE: Duration = Duration::from_secs(900);
/// How long to wait for other nodes at all.
const END: Duration = Duration::from_secs(4 * 3600);
/// How long high availability may take to be armed.
const HA: Duration = Duration::from_secs(120);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// The cluster is well; nothing of the rescue is left.
    Well(String),
    /// Not all is well, and the rescue could or should not mend it; nothing of it is left.
    Left(String),
    /// The other nodes did not come back; the rescue stays and tries again at the next start.
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
    if copy.config_version() != Some(record.version) {
        return Err(format!("'{COPY}' is not whole"));
    }
    let came = mend(host, &record, &copy, tell)?;
    if matches!(came, Came::Waiting(_)) {
        return Ok(came);
    }
    if record.ha_armed {
        match ha::arm(host, host.elapsed() + HA) {
            Ok(true) => tell("high availability is armed again"),
            Ok(false) => {}
            Err(reason) => tell(&format!("high availability could not be armed again: {reason}")),
        }
    }
    remove(host, false).map_err(|error| format!("the rescue could not be removed: {error:?}"))?;
    Ok(came)
}

fn mend(host: &dyn Host, record: &Record, copy: &Document, tell: &dyn Fn(&str)) -> Result<Came, String> {
    let rebooted = rebooted(host);
    let rank = rank(copy, record.nodeid);
    let mut since = host.elapsed();
    let mut asked = Asked::default();
    let mut acted = false;
    let mut last = Deed::Done("");
    let mut decided = host.elapsed();
    loop {
        let now = host.elapsed();
        let waited = now.saturating_sub(since);
        let patience = Patience { over: waited >= PATIENCE, long_over: waited >= SITE, rebooted };
        let seen = look(host, &mut asked);
        let deed = decide(record, copy, &seen, patience);
        if kind(&deed) != kind(&last) {
            decided = now;
            if let Deed::Wait(reason) = &deed {
                tell(&format!("waiting: {reason}"));
            }
        }
        last = deed.clone();
        let order = TURN * rank + if acted { Duration::ZERO } else { SETTLE };
        let due = now.saturating_sub(decided) >= order;
        match deed {
            Deed::Done(how) => return Ok(Came::Well(how.to_owned())),
            Deed::Wait(reason) if now >= END => return Ok(Came::Waiting(reason)),
            Deed::Wait(_) => {}
            _ if !due => {}
            Deed::Leave(reason) => return Ok(Came::Left(reason)),
            deed => {
                let told = describe(&deed);
                tell(&told);
                if let Err(reason) = act(host, record, copy, &seen, deed) {
                    tell(&format!("{told}: failed: {reason}"));
                }
                acted = true;
                since = host.elapsed();
                last = Deed::Done("");
            }
        }
        if now >= END {
            return Ok(Came::Waiting("it could not be put back".to_owned()));
        }
        host.sleep(PAUSE);
    }
}

fn act(host: &dyn Host, record: &Record, copy: &Document, seen: &Look, deed: Deed) -> Result<(), String> {
    match deed {
        Deed::PutBack(_) => {
            let text = restored(record, copy).ok_or("the version of the copy cannot be raised")?;
            put(host, &text)?;
            restart(host)
        }
        Deed::Restart(_) if seen.quorate && !seen.spare => {
            Err("the others would not be quorate without this node".to_owned())
        }
        Deed::Restart(_) if seen.quorate => locked(host, |_| restart(host)),
        Deed::Restart(_) => restart(host),
        Deed::Adopt(text) if seen.spare => locked(host, |_| {
            put(host, &text)?;
            restart(host)
        }),
        Deed::Adopt(_) => Err("the others would not be quorate without this node".to_owned()),
        Deed::Write(text, _) => match &seen.cluster {
            Some(now) => cluster_file::write(host, now, &text),
            None => Err("/etc/pve is not mounted".to_owned()),
        },
        Deed::Done(_) | Deed::Leave(_) | Deed::Wait(_) => Ok(()),
    }
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
        .map_err(|error| format!("{error:?}"))?;
    Ok(())
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

fn kind(deed: &Deed) -> u8 {
    match deed {
        Deed::Done(_) => 0,
        Deed::Leave(_) => 1,
        Deed::Wait(_) => 2,
        Deed::PutBack(_) => 3,
        Deed::Restart(_) => 4,
        Deed::Write(..) => 5,
        Deed::Adopt(_) => 6,
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
        Deed::Adopt(_) => "taking the file that the other members run".to_owned(),
        Deed::Done(_) | Deed::Leave(_) | Deed::Wait(_) => String::new(),
    }
}
