// SPDX-License-Identifier: GPL-3.0-or-later
//! Arming the rescue on this node, and calling it off.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::time::Duration;

use host::{Attributes, Command, Host, HostError, Waited, if_there, is_there, replace_file, wait_until};

use corosync_document::Document;

use crate::look::{Asked, Look, connected, look};
use crate::record::{Record, digest, nodes};
use crate::units::{
    COPY, DIRECTORY, PROGRAM, RECORD, SERVICE, SERVICE_FILE, THIS_BOOT, TIMER, TIMER_FILE, service, timer,
};
use crate::{note, proof};

/// How long systemd may take.
const SYSTEMD: Duration = Duration::from_secs(60);
/// The answer of a program that can be run from where it is.
pub const READY: &str = "ready";

/// An armed rescue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// The name of the node in its cluster.
    pub node: String,
    /// The version of the copy.
    pub version: u64,
    /// The version under which the copy would go back.
    pub restored_version: u64,
    /// Seconds after which it looks.
    pub seconds: u64,
    /// How many links to other nodes were connected.
    pub links: usize,
    /// Until when it may act, in seconds since 1970.
    pub until: u64,
    /// Who armed it.
    pub owner: String,
    /// The digests of the texts that the change may bring.
    pub intended: BTreeSet<String>,
}

impl Armed {
    /// Whether it would undo this text, because the change brings it.
    #[must_use]
    pub fn guards(&self, text: &Document) -> bool {
        self.intended.contains(&digest(text))
    }
}

/// Why it could not be armed, or called off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotArmed {
    /// The node is in no state that could be gone back to.
    Unwell(Vec<String>),
    /// The rescue of an earlier run is putting the file back at this moment.
    AtWork,
    /// This node does not have the change in use any more that it has confirmed.
    Fired(String),
    /// A step failed.
    Failed(String),
}

impl Display for NotArmed {
    /// The reasons alone, as a part of a sentence.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unwell(reasons) => formatter.write_str(&reasons.join("; ")),
            Self::AtWork => formatter.write_str("it is at work on this node at this moment"),
            Self::Fired(reason) | Self::Failed(reason) => formatter.write_str(reason),
        }
    }
}

impl From<HostError> for NotArmed {
    fn from(error: HostError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Whether a rescue is armed on this node.
///
/// # Errors
/// When its files cannot be read.
pub fn armed(host: &dyn Host) -> Result<Option<Armed>, HostError> {
    Ok(local(host)?.map(|record| told(&record)))
}

/// The record of the rescue that is armed on this node. One that cannot be understood is an empty one.
pub(crate) fn local(host: &dyn Host) -> Result<Option<Record>, HostError> {
    if !is_there(host, Path::new(TIMER_FILE))? {
        return Ok(None);
    }
    let text = if_there(host.read(Path::new(RECORD)))?.unwrap_or_default();
    Ok(Some(Record::parse(&String::from_utf8_lossy(&text)).unwrap_or_default()))
}

fn told(record: &Record) -> Armed {
    Armed {
        node: record.name().unwrap_or_default().to_owned(),
        version: record.version,
        restored_version: record.restored_version(),
        seconds: record.seconds,
        links: record.connected.len(),
        until: record.until(),
        owner: record.owner.clone(),
        intended: record.intended.clone(),
    }
}

/// What a rescue is armed for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purpose {
    /// Seconds after which it looks.
    pub seconds: u64,
    /// Who arms it, for people.
    pub owner: String,
    /// The digests of the texts that the change may bring, see [`digest`]. That of the file as it is counts always.
    pub intended: BTreeSet<String>,
}

/// Arms the rescue with what this node runs now; an earlier one is replaced. With `act` false it only says what would be.
///
/// # Errors
/// When the node is not in a state that is worth keeping, or a step fails; then nothing is armed.
pub fn arm(host: &dyn Host, purpose: &Purpose, act: bool) -> Result<Armed, NotArmed> {
    let seen = look(host, &mut Asked::default());
    let record = record(&seen, purpose, host.unix_time()).map_err(NotArmed::Unwell)?;
    if at_work(host)? {
        return Err(NotArmed::AtWork);
    }
    if act {
        remove(host, true)?;
        place(host, &seen, &record).inspect_err(|_| {
            // the first error is the one to tell
            let _ = remove(host, true);
        })?;
    }
    Ok(told(&record))
}

/// What there is to go back to; or why it is not worth it.
pub(crate) fn record(seen: &Look, purpose: &Purpose, now: u64) -> Result<Record, Vec<String>> {
    let mut reasons = seen.unknown.clone();
    if !reasons.is_empty() {
        return Err(reasons);
    }
    if !seen.runs {
        reasons.push("corosync does not run on this node".to_owned());
    } else if !seen.quorate || !seen.writable {
        reasons.push("this node is not quorate".to_owned());
    }
    let local = seen.local.as_ref();
    match (local, &seen.cluster) {
        (Some(local), Some(cluster)) if !crate::decide::same(local, cluster) => {
            reasons.push("this node's '/etc/corosync/corosync.conf' is not the cluster's file".to_owned());
        }
        (None, _) => reasons.push("this node has no '/etc/corosync/corosync.conf'".to_owned()),
        _ => {}
    }
    if let Some(refusal) = &seen.refusal {
        reasons.push(format!("corosync would not start from its file: {refusal}"));
    }
    let version = local.and_then(Document::config_version);
    if reasons.is_empty() && (version.is_none() || seen.version != version) {
        reasons.push("corosync does not run the config_version of its file".to_owned());
    }
    let Purpose { seconds, owner, intended } = purpose;
    match (seen.nodeid, version, local.and_then(nodes)) {
        (Some(nodeid), Some(version), Some(nodes)) if reasons.is_empty() => Ok(Record {
            nodeid,
            version,
            seconds: *seconds,
            armed: now,
            owner: owner.clone(),
            nodes,
            intended: intended.iter().cloned().chain(local.map(digest)).collect(),
            connected: connected(seen),
        }),
        _ if reasons.is_empty() => Err(vec!["this node's nodeid is not known".to_owned()]),
        _ => Err(reasons),
    }
}

fn place(host: &dyn Host, seen: &Look, record: &Record) -> Result<(), NotArmed> {
    let own = |path: &str, content: &[u8], mode: u32| {
        replace_file(host, Path::new(path), content, Attributes::Exactly { mode, uid: 0, gid: 0 })
    };
    for directory in [Path::new(DIRECTORY).parent(), Some(Path::new(DIRECTORY))].into_iter().flatten() {
        if !is_there(host, directory)? {
            host.make_dir(directory, 0o700)?;
        }
    }
    own(PROGRAM, &host.read(Path::new("/proc/self/exe"))?, 0o700)?;
    // a directory from which nothing may be run would be noticed too late
    let ready = run(host, Command::new(PROGRAM).arg(READY))?;
    if ready.trim() != READY {
        return Err(NotArmed::Failed(format!("'{PROGRAM}' does not run: it says '{}'", ready.trim())));
    }
    own(COPY, &seen.local.as_ref().map(corosync_document::Document::to_bytes).unwrap_or_default(), 0o600)?;
    own(RECORD, record.to_text().as_bytes(), 0o600)?;
    own(THIS_BOOT, b"", 0o600)?;
    note::write(host, record)?;
    own(SERVICE_FILE, service(crate::fire::WORD).as_bytes(), 0o644)?;
    own(TIMER_FILE, timer(record.seconds).as_bytes(), 0o644)?;
    run(host, Command::new("systemctl").arg("daemon-reload"))?;
    run(host, Command::new("systemctl").args(["--quiet", "enable", "--now", TIMER]))?;
    run(host, Command::new("systemctl").args(["is-active", TIMER]))?;
    Ok(())
}

/// Calls the rescue off and removes all of it, because every node has proved that the cluster's file is in use. That is written down first, for
/// the rescues that are not called off yet. One that is at work is waited for until `deadline`. Where the node has `confirmed` a version, it must
/// still have it.
///
/// Says whether there was one.
///
/// # Errors
/// When it is at work for longer, has fired meanwhile, the other nodes cannot be told, or a step fails.
pub fn call_off(host: &dyn Host, deadline: Duration, confirmed: Option<u64>) -> Result<bool, NotArmed> {
    let waited = wait_until(host, deadline, Duration::from_millis(500), || match at_work(host) {
        Ok(true) => Err(()),
        Ok(false) => Ok(Ok(())),
        Err(error) => Ok(Err(error)),
    });
    match waited {
        Waited::Done(done) => done?,
        Waited::Pending(()) => return Err(NotArmed::AtWork),
    }
    still_confirmed(host, confirmed)?;
    if local(host)?.is_some_and(|record| !record.has_expired(host.unix_time())) {
        prove(host, deadline)?;
    }
    let removed = remove(host, true)?;
    // one that began to fire meanwhile was not kept from that
    still_confirmed(host, confirmed)?;
    Ok(removed)
}

/// Sees that this node's file still has the version that the node has confirmed: a rescue that has fired leaves another one behind, and nothing else.
///
/// # Errors
/// When it has another one, or that is not known.
pub fn still_confirmed(host: &dyn Host, confirmed: Option<u64>) -> Result<(), NotArmed> {
    let Some(confirmed) = confirmed else { return Ok(()) };
    let file =
        cluster_state::corosync_conf::local(host).map_err(|error| NotArmed::Failed(error.to_string()))?;
    let found = file.as_ref().and_then(Document::config_version);
    if found == Some(confirmed) {
        return Ok(());
    }
    Err(NotArmed::Fired(format!(
        "this node has confirmed config_version {confirmed}, and its '{}' has {} now: its rescue has fired meanwhile, or somebody has changed \
         the file; 'journalctl -u {SERVICE}' tells which, and the change has to be made again",
        cluster_state::corosync_conf::LOCAL,
        crate::decide::number(found)
    )))
}

/// Removes the rescue, even one that is at work, without a proof and without telling the others: each of them goes on. For a person who knows
/// more than the nodes do. Says whether there was one.
///
/// # Errors
/// When a step fails.
pub fn drop_it(host: &dyn Host) -> Result<bool, NotArmed> {
    if at_work(host)? {
        run(host, Command::new("systemctl").args(["stop", SERVICE]))?;
    }
    remove(host, true)
}

/// Writes down that every node has proved the cluster's file.
fn prove(host: &dyn Host, deadline: Duration) -> Result<(), NotArmed> {
    let waited = wait_until(host, deadline, Duration::from_millis(500), || {
        let text = cluster_state::corosync_conf::cluster(host).map_err(|error| error.to_string())?;
        // a node that has left its cluster has nobody to tell
        let Some(text) = text else { return Ok(()) };
        // what was proved may be in use no more: the call may come late
        let seen = look(host, &mut Asked::default());
        let version = text.config_version();
        let own = seen.local.as_ref().is_some_and(|local| crate::decide::same(local, &text));
        if !own || seen.version != version || seen.members.values().any(|runs| Some(*runs) != version) {
            return Err("not every member runs the cluster's file now".to_owned());
        }
        proof::write(host, &text).map_err(|error| error.to_string())
    });
    match waited {
        Waited::Done(()) => Ok(()),
        Waited::Pending(reason) => Err(NotArmed::Failed(format!(
            "the rescues of the other nodes cannot be told that the change is proved, and would undo it: {reason}"
        ))),
    }
}

/// Whether the service runs at this moment.
fn at_work(host: &dyn Host) -> Result<bool, NotArmed> {
    let command = Command::new("systemctl").args(["is-active", SERVICE]).timeout(SYSTEMD);
    let output = host.run(&command)?;
    Ok(matches!(output.stdout.trim(), "active" | "activating" | "reloading" | "deactivating"))
}

/// Takes everything away, the timer first. Says whether there was anything.
///
/// The service itself lets systemd forget its units by itself (`forget` false): one whose file is gone is given a limit of
/// 90 s when the files are read again, and the service may have run for longer.
pub(crate) fn remove(host: &dyn Host, forget: bool) -> Result<bool, NotArmed> {
    if let Some(node) = noted_as(host) {
        match note::remove(host, &node) {
            // without quorum it stays, and expires
            Err(error) if !error.is_denied() => return Err(error.into()),
            _ => {}
        }
    }
    let unit = is_there(host, Path::new(TIMER_FILE))?;
    if unit {
        run(host, Command::new("systemctl").args(["--quiet", "disable", "--now", TIMER]))?;
    }
    let mut any = unit;
    for path in [TIMER_FILE, SERVICE_FILE, RECORD, COPY, PROGRAM, THIS_BOOT] {
        any |= if_there(host.remove_file(Path::new(path)))?.is_some();
    }
    if is_there(host, Path::new(DIRECTORY))? {
        // what an interrupted arming left
        for name in host.list(Path::new(DIRECTORY))? {
            host.remove_file(&Path::new(DIRECTORY).join(name))?;
        }
        host.remove_dir(Path::new(DIRECTORY))?;
        any = true;
    }
    if unit && forget {
        run(host, Command::new("systemctl").arg("daemon-reload"))?;
    }
    Ok(any)
}

/// Runs a program that must succeed; what it printed.
pub(crate) fn run(host: &dyn Host, command: Command) -> Result<String, NotArmed> {
    let command = command.timeout(SYSTEMD);
    let output = host.run(&command)?;
    if output.exited_zero() {
        return Ok(output.stdout);
    }
    Err(NotArmed::Failed(format!(
        "'{}' ended with {}: {}",
        command.line(),
        output.rc(),
        output.first_words().unwrap_or("it said nothing")
    )))
}

/// Under which name this node has noted its rescue for the others.
fn noted_as(host: &dyn Host) -> Option<String> {
    let record = local(host).ok().flatten();
    let named = record.as_ref().and_then(Record::name).map(str::to_owned);
    named.or_else(|| crate::pending::own_name(host).ok())
}
