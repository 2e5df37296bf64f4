// SPDX-License-Identifier: GPL-3.0-or-later
//! Disarming and arming high availability, proved by its own files and never by an exit code.
//!
//! `ha-manager crm-command` only puts a command into a queue that the manager works off when there is one. So a command that
//! was given is ours until it is seen done or undone. Before it is given a marker is written into /etc/pve, and it is removed only
//! when high availability is proved to be armed: whoever of ours comes next finds it, whatever has died meanwhile.
//!
//! Both are done under the lock of corosync.conf. Who has the lock and finds a marker has found one that nobody is at work on.

use std::path::Path;
use std::time::Duration;

use cluster_state::fencing::{self, Disarm, Fencing, Queued};
use host::{Command, Host, HostError, Waited, if_there, is_there, wait_until};
use serde_json::{Value, json};

use crate::cluster_file::locked;
use crate::pending;

/// That high availability was disarmed by this collection, and not armed again yet.
pub const MARKER: &str = "/etc/pve/priv/pve-cluster-ha.json";
/// What a person does where it stays disarmed.
pub const REMEDY: &str = "run 'ha-manager crm-command arm-ha' when a manager is there again, or any run of this collection that changes the cluster";
/// How long high availability may take to be disarmed or armed; it takes a few rounds of some seconds on every node.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// How long `ha-manager` may take. It is in Perl, and tries for its lock nine times. The lock is not renewed meanwhile, and must be certain then.
const COMMAND: Duration = Duration::from_secs(30);
/// After this long a command that shows nowhere is given again.
const AGAIN: Duration = Duration::from_secs(20);
/// A manager that has written nothing for this long takes up no command that it has read before.
const SILENT: Duration = Duration::from_secs(30);
/// How long it is asked whether this Proxmox VE can disarm.
const ASKED: Duration = Duration::from_secs(60);

/// What is wanted where high availability is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Have it disarmed for the time.
    Disarm,
    /// Do nothing then.
    Refuse,
    /// Go on.
    Ignore,
}

/// What high availability is to a piece of work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The nodes whose watchdog would reset them.
    pub guarded: Vec<String>,
    /// Who has left it disarmed; none when nobody of ours has.
    pub left: Option<String>,
    /// Whether this Proxmox VE can disarm it. Only asked where a node is guarded.
    pub disarms: bool,
}

/// Looks what high availability is to these nodes.
///
/// # Errors
/// In words, when it is not known. What is not known is a reason to refuse.
pub fn standing(host: &dyn Host, nodes: &[String]) -> Result<Standing, String> {
    let unknown =
        |error: &dyn ToString| format!("what high availability would do is not known: {}", error.to_string());
    let fencing = fencing::query(host, nodes).map_err(|error| unknown(&error))?;
    let guarded = fencing.guarded().map_err(|error| unknown(&error))?;
    let left = left(host).map_err(|error| unknown(&error))?;
    let asked = || fencing::can_disarm(host, host.elapsed() + ASKED).map_err(|error| unknown(&error));
    let disarms = !guarded.is_empty() && asked()?;
    Ok(Standing { guarded, left, disarms })
}

/// Who has left high availability disarmed, as the marker says; none when there is no marker.
///
/// # Errors
/// When it is there and cannot be read.
pub fn left(host: &dyn Host) -> Result<Option<String>, HostError> {
    let Some(text) = if_there(host.read(Path::new(MARKER)))? else { return Ok(None) };
    let marker: Value = serde_json::from_slice(&text).unwrap_or_default();
    let node = marker.get("node").and_then(Value::as_str).filter(|node| is_name(node));
    let since = marker.get("since").and_then(Value::as_u64);
    Ok(Some(match (node, since) {
        (Some(node), Some(since)) => {
            let minutes = host.unix_time().saturating_sub(since) / 60;
            format!("a run on '{node}' {minutes} minutes ago")
        }
        (Some(node), None) => format!("a run on '{node}'"),
        (None, _) => "an earlier run".to_owned(),
    }))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Has every watchdog of the cluster released, with a marker that says so. Guests stay as they are, and what is asked of them waits.
/// To be called under the lock, which `tick` renews.
///
/// # Errors
/// In words, when it is not so by the deadline. It may become so later: [`arm`] undoes that.
pub fn disarm(host: &dyn Host, deadline: Duration, tick: &dyn Fn()) -> Result<(), String> {
    let before = fencing::query(host, &[]).map_err(|error| error.to_string())?;
    let ours = left(host).map_err(|error| error.to_string())?.is_some();
    if !ours && (before.disarm().is_some() || before.queued() == Some(Queued::Disarm)) {
        return Err(
            "somebody else is disarming high availability at this moment: try again when that is done"
                .to_owned(),
        );
    }
    mark(host).map_err(|error| format!("no note of it could be made: {error}"))?;
    let mut sent = None;
    until(host, deadline, tick, "disarmed", "disarm-ha freeze", |seen, now| {
        let step = disarming(seen, sent, now);
        if step == Step::Send {
            sent = Some(now);
        }
        step
    })
}

/// Arms high availability again where the marker says that it was disarmed by us, and removes the marker when that is proved. Says
/// whether there was anything to do. To be called under the lock, which `tick` renews.
///
/// # Errors
/// In words, when it is not armed for certain by the deadline; then the marker stays for whoever comes next.
pub fn arm(host: &dyn Host, deadline: Duration, tick: &dyn Fn()) -> Result<bool, String> {
    let told = |error: HostError| format!("whether high availability is armed is not known: {error}");
    if !is_there(host, Path::new(MARKER)).map_err(told)? {
        return Ok(false);
    }
    let mut watch = Watch::default();
    until(host, deadline, tick, "armed", "arm-ha", |seen, now| {
        let step = watch.step(seen, now);
        if step == Step::Send {
            watch.sent = Some(now);
        }
        step
    })?;
    if_there(host.remove_file(Path::new(MARKER)))
        .map_err(|error| format!("high availability is armed, and its note could not be removed: {error}"))?;
    Ok(true)
}

/// The same for what an earlier run has left, by whoever does not have the lock.
///
/// # Errors
/// In words, when it is not armed for certain by the deadline.
pub fn arm_what_is_left(host: &dyn Host, deadline: Duration) -> Result<bool, String> {
    match left(host) {
        Ok(None) => Ok(false),
        Ok(Some(_)) => locked(host, deadline, |lock| arm(host, deadline, &|| lock.renew(host))),
        Err(error) => Err(format!("whether high availability is armed is not known: {error}")),
    }
}

/// Waits until the resource manager of each of these nodes has written its state once more, and so has its watchdog renewed: outages of a node
/// add up for a watchdog that was not renewed between them. Says which nodes were waited for.
///
/// # Errors
/// In words, when one has not by the deadline.
pub fn wait_until_renewed(
    host: &dyn Host,
    nodes: &[String],
    deadline: Duration,
    tick: &dyn Fn(),
) -> Result<Vec<String>, String> {
    let look = || {
        let fencing = fencing::query(host, nodes).map_err(|error| error.to_string())?;
        let guarded = fencing.guarded()?;
        Ok::<_, String>((fencing, guarded))
    };
    let (before, guarded) = look()?;
    let waited = wait_until(host, deadline, PAUSE, || {
        tick();
        let (now, still) = look()?;
        let silent = silent(&before, &now, &guarded, &still);
        if silent.is_empty() { Ok(()) } else { Err(silent.join("', '")) }
    });
    match waited {
        Waited::Done(()) => Ok(guarded),
        Waited::Pending(silent) => Err(format!(
            "the resource manager of '{silent}' has not renewed its watchdog, so an outage now would add to an earlier one: see 'systemctl \
             status pve-ha-lrm' there"
        )),
    }
}

/// The nodes that had a watchdog and have one still, without having renewed it.
pub(crate) fn silent(before: &Fencing, now: &Fencing, guarded: &[String], still: &[String]) -> Vec<String> {
    let time = |fencing: &Fencing, node: &String| fencing.lrms.get(node).map(|lrm| lrm.timestamp);
    let lasting = guarded.iter().filter(|node| still.contains(node));
    lasting.filter(|node| time(now, node) <= time(before, node)).cloned().collect()
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    Send,
    Wait(&'static str),
}

/// On the way to disarmed, after the command was given at `sent`.
pub(crate) fn disarming(seen: &Fencing, sent: Option<Duration>, now: Duration) -> Step {
    match (seen.queued(), seen.disarm()) {
        (None, Some(Disarm::Complete)) => Step::Done,
        (Some(Queued::Arm), _) => Step::Wait("it is being armed by somebody"),
        (Some(Queued::Disarm), _) => {
            Step::Wait("the command waits for the manager, which does not take it up")
        }
        (None, Some(Disarm::Underway)) => Step::Wait("it is disarming"),
        (None, None) if sent.is_none_or(|sent| now >= sent + AGAIN) => Step::Send,
        (None, None) => Step::Wait("the manager has not begun"),
    }
}

/// On the way to armed.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) sent: Option<Duration>,
    /// Whether it was seen disarmed, so that it being armed is the proof that a command was carried out.
    pub(crate) disarmed: bool,
    /// When nothing of a disarming was seen first, and what the manager's time was then. It may have read a command and not said so yet.
    pub(crate) clean: Option<(Duration, Option<u64>)>,
}

impl Watch {
    pub(crate) fn step(&mut self, seen: &Fencing, now: Duration) -> Step {
        let due = self.sent.is_none_or(|sent| now >= sent + AGAIN);
        match (seen.queued(), seen.disarm()) {
            (Some(Queued::Arm), _) => {
                self.clean = None;
                Step::Wait("the command waits for the manager, which does not take it up")
            }
            (Some(Queued::Disarm), _) | (None, Some(_)) => {
                self.clean = None;
                self.disarmed |= seen.disarm().is_some();
                if due { Step::Send } else { Step::Wait("the manager has not armed it yet") }
            }
            (None, None) => {
                let time = seen.manager.as_ref().map(|manager| manager.timestamp);
                let (since, first) = *self.clean.get_or_insert((now, time));
                if self.disarmed || time != first || now >= since + SILENT {
                    Step::Done
                } else {
                    Step::Wait("the manager may still have a command to carry out")
                }
            }
        }
    }
}

/// Looks again and again, and gives the command when it is time. A look that fails is no answer, and the next one may be.
fn until(
    host: &dyn Host,
    deadline: Duration,
    tick: &dyn Fn(),
    wanted: &str,
    command: &str,
    mut step: impl FnMut(&Fencing, Duration) -> Step,
) -> Result<(), String> {
    let mut said = None;
    let waited = wait_until(host, deadline, PAUSE, || {
        tick();
        let seen = fencing::query(host, &[]).map_err(|error| error.to_string())?;
        let reason = match step(&seen, host.elapsed()) {
            Step::Done => return Ok(()),
            Step::Wait(reason) => reason,
            Step::Send => {
                said = give(host, command).err();
                "the manager has not begun"
            }
        };
        Err(said.iter().cloned().chain([reason.to_owned()]).collect::<Vec<_>>().join("; "))
    });
    match waited {
        Waited::Done(()) => Ok(()),
        Waited::Pending(reason) => Err(format!("high availability is not {wanted} for certain: {reason}")),
    }
}

/// Gives a command. Whether it was taken shows in the files alone; why it was not may only be said here.
fn give(host: &dyn Host, words: &str) -> Result<(), String> {
    let command = Command::new("ha-manager").arg("crm-command").args(words.split(' ')).timeout(COMMAND);
    let output = host.run(&command).map_err(|error| error.to_string())?;
    if output.exited_zero() {
        return Ok(());
    }
    Err(format!("'{}' says: {}", command.line(), output.first_words().unwrap_or("nothing")))
}

/// Writes the marker; one that is there stays, because it says since when.
fn mark(host: &dyn Host) -> Result<(), HostError> {
    let marker = Path::new(MARKER);
    if is_there(host, marker)? {
        return Ok(());
    }
    let node = pending::own_name(host)?;
    let text = json!({"node": node, "since": host.unix_time(), "lock": locks::COROSYNC_CONF}).to_string();
    host.create(marker, format!("{text}\n").as_bytes(), 0o600)
}
