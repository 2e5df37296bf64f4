// SPDX-License-Identifier: GPL-3.0-or-later
//! Which nodes a watchdog would reset if they lost quorum, and whether high availability is disarmed, from the files of its own programs.
//!
//! The files are read and not the API: a call of `pvesh` takes seconds on a busy node, and what it calls `standby` is also said while the
//! master is dead and watchdogs of resource managers run. The exit code of `ha-manager` says nothing (recordings `HA_*`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use host::{Command, Ending, Host, Waited, wait_until};
use serde::Deserialize;
use serde_json::Value;

use crate::ha::MANAGER;
use crate::read::text_if_there;
use crate::{ParseError, StateError};

/// Commands that wait for the manager.
pub const QUEUE: &str = "/etc/pve/ha/crm_commands";
/// A file of these may be away, or half of it, for a moment while it is written.
const WRITING: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);
/// How long `ha-manager help` may take: a program in Perl on a busy node.
const SLOW: Duration = Duration::from_secs(30);

/// What would reset nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fencing {
    /// What the manager has written last; none where it was never used.
    pub manager: Option<Manager>,
    /// The commands that wait for it, the oldest first.
    pub queue: Vec<String>,
    /// The local resource managers by the name of their node. One that has never written its state is not in it.
    pub lrms: BTreeMap<String, Lrm>,
}

/// The manager's record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manager {
    /// When it was written, by the clock of the node that did.
    pub timestamp: u64,
    /// How far it was disarmed; none when it is armed.
    pub disarm: Option<Disarm>,
    /// The nodes that have services in its care.
    pub busy: BTreeSet<String>,
}

/// How far high availability is disarmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disarm {
    /// Watchdogs may run still.
    Underway,
    /// Every watchdog is released.
    Complete,
}

/// A node's local resource manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lrm {
    /// Its state: with `active` its node's watchdog runs.
    pub state: String,
    /// When it was written, by the clock of its node: each time the watchdog was renewed, too.
    pub timestamp: u64,
}

/// The command that waits and decides what the manager will do with watchdogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queued {
    /// It will disarm.
    Disarm,
    /// It will arm.
    Arm,
}

impl Fencing {
    /// Which of the two commands the manager will have carried out last, when it comes to them.
    #[must_use]
    pub fn queued(&self) -> Option<Queued> {
        self.queue.iter().rev().find_map(|command| {
            if command.starts_with("disarm-ha") {
                Some(Queued::Disarm)
            } else if command.starts_with("arm-ha") {
                Some(Queued::Arm)
            } else {
                None
            }
        })
    }

    /// How far it is disarmed; none when it is armed.
    #[must_use]
    pub fn disarm(&self) -> Option<&Disarm> {
        self.manager.as_ref().and_then(|manager| manager.disarm.as_ref())
    }

    /// The nodes whose watchdog would reset them.
    ///
    /// # Errors
    /// In words, when a resource manager is in a state that is not known.
    pub fn guarded(&self) -> Result<Vec<String>, String> {
        if self.disarm() == Some(&Disarm::Complete) {
            return Ok(Vec::new());
        }
        let mut guarded = Vec::new();
        for (node, lrm) in &self.lrms {
            let holds = match lrm.state.as_str() {
                "active" | "lost_agent_lock" => true,
                // it releases its watchdog when its last service has gone
                "maintenance" => self.manager.as_ref().is_none_or(|manager| manager.busy.contains(node)),
                "wait_for_agent_lock" | "startup" => false,
                other => {
                    return Err(format!(
                        "the resource manager of '{node}' is in the state '{other}', which is not known"
                    ));
                }
            };
            if holds {
                guarded.push(node.clone());
            }
        }
        Ok(guarded)
    }
}

#[derive(Deserialize)]
struct ManagerFile {
    timestamp: Option<u64>,
    disarm: Option<Value>,
    #[serde(default)]
    service_status: BTreeMap<String, ServiceFile>,
}

#[derive(Deserialize)]
struct ServiceFile {
    node: Option<String>,
}

#[derive(Deserialize)]
struct LrmFile {
    state: Option<String>,
    timestamp: Option<u64>,
}

/// Reads it all. A file that is half written is read again for some seconds.
///
/// # Errors
/// When one cannot be read or understood, so that nothing is known.
pub fn query(host: &dyn Host, nodes: &[String]) -> Result<Fencing, StateError> {
    match wait_until(host, host.elapsed() + WRITING, PAUSE, || look(host, nodes)) {
        Waited::Done(found) => Ok(found),
        Waited::Pending(error) => Err(error),
    }
}

fn look(host: &dyn Host, nodes: &[String]) -> Result<Fencing, StateError> {
    let manager = file(host, MANAGER, parse_manager)?;
    let queue = text_if_there(host, Path::new(QUEUE))?.unwrap_or_default();
    let mut lrms = BTreeMap::new();
    for node in nodes {
        if let Some(lrm) = file(host, &format!("/etc/pve/nodes/{node}/lrm_status"), parse_lrm)? {
            lrms.insert(node.clone(), lrm);
        }
    }
    Ok(Fencing { manager, queue: parse_queue(&queue), lrms })
}

/// Reads the manager's record, `/etc/pve/ha/manager_status`. An empty one is one that is being written.
///
/// # Errors
/// When it is no such record.
pub fn parse_manager(text: &str) -> Result<Manager, ParseError> {
    let file: ManagerFile = json(text)?;
    Ok(Manager {
        timestamp: file.timestamp.unwrap_or(0),
        disarm: file.disarm.filter(|disarm| !disarm.is_null()).map(|disarm| {
            let complete = disarm.get("state").and_then(Value::as_str) == Some("disarmed");
            if complete { Disarm::Complete } else { Disarm::Underway }
        }),
        busy: file.service_status.into_values().filter_map(|service| service.node).collect(),
    })
}

/// Reads the record of a node's local resource manager, `/etc/pve/nodes/NAME/lrm_status`.
///
/// # Errors
/// When it is no such record, or names no state.
pub fn parse_lrm(text: &str) -> Result<Lrm, ParseError> {
    let file: LrmFile = json(text)?;
    let state = file.state.ok_or(ParseError::Missing { field: "state" })?;
    Ok(Lrm { state, timestamp: file.timestamp.unwrap_or(0) })
}

/// Reads the commands that wait, the oldest first.
#[must_use]
pub fn parse_queue(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What a file holds; none when there is no such file.
fn file<T>(
    host: &dyn Host,
    path: &str,
    parse: impl Fn(&str) -> Result<T, ParseError>,
) -> Result<Option<T>, StateError> {
    let text = text_if_there(host, Path::new(path))?;
    text.map(|text| parse(&text)).transpose().map_err(StateError::unexpected(path))
}

fn json<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, ParseError> {
    serde_json::from_str(text).map_err(|error| ParseError::Json { reason: error.to_string() })
}

/// Whether this Proxmox VE can disarm, by the usage that its program prints; asked again until `deadline` when it does not answer.
///
/// # Errors
/// When it did not answer all the time, so that it is not known.
pub fn can_disarm(host: &dyn Host, deadline: Duration) -> Result<bool, StateError> {
    let asked = wait_until(host, deadline, PAUSE, || {
        let command = Command::new("ha-manager").arg("help").timeout(SLOW);
        let output = host.run(&command)?;
        // any release prints its commands, and one that was killed may have printed some of them
        let said = [output.stdout.as_str(), output.stderr.as_str()].concat();
        let can = said.split_whitespace().any(|word| word == "disarm-ha");
        let whole = matches!(output.ending, Ending::Exited(_)) && said.contains("crm-command");
        if can || whole { Ok(can) } else { Err(StateError::failed(&command, &output)) }
    });
    match asked {
        Waited::Done(can) => Ok(can),
        Waited::Pending(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::{Answer, FakeHost};

    /// What the files hold in the recordings `HA_3-node_*`.
    fn recorded(text: &crate::recording::Recording) -> Fencing {
        let mut host = FakeHost::new();
        let mut file: Option<String> = None;
        for line in text.stdout.lines() {
            match line.strip_prefix("== ") {
                Some(path) => file = Some(path.to_owned()),
                None => {
                    if let Some(path) = file.take() {
                        host = host.file(&path, line);
                    }
                }
            }
        }
        let nodes = ["pve1", "pve2", "pve3"].map(str::to_owned);
        look(&host, &nodes).unwrap()
    }

    #[test]
    fn the_recorded_states() {
        let disarmed = recorded(&recording!(
            "HA_3-node_disarmed_freeze--",
            "for_f_in_etc_pve_ha_etc_pve_nodes_lrm_status_do_echo_f_cat_f_echo_done--pve1"
        ));
        assert_eq!(disarmed.disarm(), Some(&Disarm::Complete));
        assert_eq!(disarmed.guarded().unwrap(), Vec::<String>::new());
        let armed = recorded(&recording!(
            "HA_3-node_armed_again--",
            "for_f_in_etc_pve_ha_etc_pve_nodes_lrm_status_do_echo_f_cat_f_echo_done--pve1"
        ));
        assert_eq!((armed.disarm(), armed.queued()), (None, None));
        assert_eq!(armed.guarded().unwrap(), ["pve3"]);
        assert_eq!(armed.lrms["pve3"].timestamp, 1_796_048_430);
        let maintenance = recorded(&recording!(
            "HA_3-node_node_pve3_in_maintenance--",
            "for_f_in_etc_pve_ha_etc_pve_nodes_lrm_status_do_echo_f_cat_f_echo_done--pve1"
        ));
        assert_eq!(maintenance.guarded().unwrap(), ["pve1", "pve2", "pve3"]);
    }

    fn lrm(state: &str, manager: Option<Manager>) -> Fencing {
        let lrm = Lrm { state: state.to_owned(), timestamp: 1 };
        Fencing { manager, queue: Vec::new(), lrms: BTreeMap::from([("pve2".to_owned(), lrm)]) }
    }

    #[test]
    fn every_state_of_a_resource_manager() {
        let with = |busy: &[&str], disarm: Option<Disarm>| {
            Some(Manager { timestamp: 1, disarm, busy: busy.iter().map(|node| (*node).to_owned()).collect() })
        };
        for (state, manager, holds) in [
            ("active", None, true),
            ("lost_agent_lock", None, true),
            ("wait_for_agent_lock", with(&["pve2"], None), false),
            ("startup", None, false),
            ("maintenance", None, true),
            ("maintenance", with(&["pve2"], None), true),
            ("maintenance", with(&["pve1"], None), false),
            ("active", with(&[], Some(Disarm::Underway)), true),
            ("active", with(&[], Some(Disarm::Complete)), false),
        ] {
            let guarded = lrm(state, manager.clone()).guarded().unwrap();
            assert_eq!(!guarded.is_empty(), holds, "{state} {manager:?}");
        }
        assert_eq!(
            lrm("asleep", None).guarded().unwrap_err(),
            "the resource manager of 'pve2' is in the state 'asleep', which is not known"
        );
    }

    #[test]
    fn of_the_commands_that_wait_the_last_one_counts() {
        let queued = |lines: &[&str]| {
            Fencing { queue: lines.iter().map(|line| (*line).to_owned()).collect(), ..Fencing::default() }
                .queued()
        };
        assert_eq!(queued(&[]), None);
        assert_eq!(queued(&["stop vm:100 0"]), None);
        assert_eq!(queued(&["disarm-ha freeze", "migrate vm:100 pve2"]), Some(Queued::Disarm));
        assert_eq!(queued(&["disarm-ha freeze", "arm-ha"]), Some(Queued::Arm));
        assert_eq!(queued(&["arm-ha", "disarm-ha ignore"]), Some(Queued::Disarm));
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        let nodes = ["pve1".to_owned()];
        let node = || FakeHost::new().dir("/etc/pve/nodes/pve1").dir("/etc/pve/ha");
        let lrm = "/etc/pve/nodes/pve1/lrm_status";
        assert_eq!(query(&node(), &nodes).unwrap(), Fencing::default());
        for text in ["", "{", "[]", "{}", r#"{"mode": "active"}"#] {
            assert!(query(&node().file(lrm, text), &nodes).is_err(), "{text}");
        }
        for text in ["", "{", "7"] {
            assert!(query(&node().file(MANAGER, text), &nodes).is_err(), "{text}");
        }
        let host = node().file(MANAGER, r#"{"disarm": {"mode": "freeze"}}"#);
        assert_eq!(query(&host, &nodes).unwrap().disarm(), Some(&Disarm::Underway));
        let host = node().file(MANAGER, r#"{"disarm": null}"#);
        assert_eq!(query(&host, &nodes).unwrap().disarm(), None);
    }

    #[test]
    fn a_program_that_does_not_answer_says_nothing_of_what_it_can() {
        let help = "ha-manager help";
        let old = "ha-manager crm-command migrate <sid> <node>\n";
        let new = "ha-manager crm-command migrate\n ha-manager crm-command disarm-ha <resource-mode>\n";
        let asked =
            |answer: Answer| can_disarm(&FakeHost::new().query(help, answer), Duration::from_secs(60));
        assert!(asked(Answer::ok(new)).unwrap());
        assert!(asked(Answer::exit(255, "", new)).unwrap());
        assert!(!asked(Answer::ok(old)).unwrap());
        assert!(asked(Answer::exit(1, "", "")).is_err());
        let host = FakeHost::new().query(help, Answer::ok(new).taking(Duration::from_secs(29)));
        assert!(can_disarm(&host, Duration::ZERO).unwrap());
        // half of its words say nothing against it
        let host = FakeHost::new().query(help, Answer::ok(old).taking(Duration::from_secs(31)));
        assert!(can_disarm(&host, Duration::from_secs(60)).is_err());
    }
}
