// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether the cluster itself says that this node is a member: the only success there is.

use std::path::Path;
use std::time::Duration;

use cluster_state::pmxcfs::Mount;
use host::{Host, HostError, Waited, wait_until};

use crate::observe;
use crate::plan::spread;
use crate::seen::{Conf, ConfFile, Here};

/// The pause between two looks: a look takes about 0.1 s itself.
const PAUSE: Duration = Duration::from_millis(250);
/// Everything pmxcfs keeps there it also removes again when nobody renews it.
const LOCKS: &str = "/etc/pve/priv/lock";

/// A membership that the cluster confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) nodeid: u32,
    pub(crate) conf: Conf,
    /// The nodeids of the members seen now.
    pub(crate) members: Vec<u32>,
}

/// A membership that was not confirmed: what is missing, and how the node was at the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unconfirmed {
    pub(crate) missing: Vec<String>,
    pub(crate) here: Option<Here>,
}

/// Decides whether this node is a member, by what it sees.
pub(crate) fn membership(cluster_name: &str, here: &Here) -> Result<Membership, Vec<String>> {
    let view = &here.view;
    let conf = match (&view.mount, &view.conf) {
        (Mount::ReadOnly | Mount::Writable, ConfFile::Read(conf)) => conf,
        (Mount::ReadOnly | Mount::Writable, ConfFile::Absent) => {
            return Err(vec!["'/etc/pve/corosync.conf' is missing".to_owned()]);
        }
        (Mount::ReadOnly | Mount::Writable, ConfFile::Broken(why)) => {
            return Err(vec![format!("'/etc/pve/corosync.conf' cannot be understood: {why}")]);
        }
        (Mount::NoDirectory | Mount::NotMounted | Mount::Dead { .. }, _) => {
            return Err(vec!["'/etc/pve' is not mounted".to_owned()]);
        }
    };
    let mut missing = Vec::new();
    if conf.cluster_name != cluster_name {
        missing.push(format!("this node is a member of cluster '{}'", conf.cluster_name));
    }
    let Some((nodeid, _)) = conf.node(&view.node) else {
        missing.push(format!("'/etc/pve/corosync.conf' does not list this node ('{}')", view.node));
        return Err(missing);
    };
    match &view.corosync {
        None => missing.push(format!("corosync is not running on this node ({})", here.corosync_service)),
        Some(running) => {
            if running.nodeid != nodeid {
                missing
                    .push(format!("corosync on this node runs as nodeid {}, not {nodeid}", running.nodeid));
            } else if !running.versions.contains_key(&nodeid) {
                missing.push(format!("corosync does not count nodeid {nodeid} among its members"));
            }
            if !running.quorate {
                missing.push(format!(
                    "this node is not quorate ({} of {} votes)",
                    running.votes, running.expected_votes
                ));
            }
            let first = running.versions.values().next();
            if running.versions.values().any(|version| Some(version) != first) {
                missing.push(format!("corosync runs config_version {}", spread(conf, running)));
            }
        }
    }
    if view.mount == Mount::ReadOnly {
        missing.push("'/etc/pve' takes no writes on this node".to_owned());
    }
    if !here.certificate {
        missing.push(format!("the node certificate '{}' is missing", observe::certificate_path(&view.node)));
    }
    match &view.corosync {
        Some(running) if missing.is_empty() => Ok(Membership {
            nodeid,
            conf: (**conf).clone(),
            members: running.versions.keys().copied().collect(),
        }),
        _ => Err(missing),
    }
}

/// Whether waiting is of no use: corosync has given up, and nothing is going to start it.
pub(crate) fn is_hopeless(here: &Here) -> bool {
    here.view.corosync.is_none()
        && (here.corosync_service == "failed" || (here.corosync_service == "inactive" && !here.booting))
}

/// Waits until this node is a member, at most until `deadline`. `proves_writes` also lets it make and remove a
/// directory in /etc/pve, which no mode bit can stand in for: after a join pmxcfs can show them and refuse all the same.
pub(crate) fn wait(
    host: &dyn Host,
    cluster_name: &str,
    deadline: Duration,
    proves_writes: bool,
) -> Result<Membership, Unconfirmed> {
    let outcome = wait_until(host, deadline, PAUSE, || {
        let here = match observe::here(host) {
            Ok(here) => here,
            // Files come and go while pmxcfs and corosync restart.
            Err(error) => return Err(Unconfirmed { missing: vec![error.to_string()], here: None }),
        };
        let found = membership(cluster_name, &here).and_then(|membership| {
            if proves_writes {
                prove_writes(host, &here.view.node).map_err(|error| vec![error.to_string()])?;
            }
            Ok(membership)
        });
        match found {
            Ok(membership) => Ok(Ok(membership)),
            Err(missing) => {
                let hopeless = is_hopeless(&here);
                let unconfirmed = Unconfirmed { missing, here: Some(here) };
                if hopeless { Ok(Err(unconfirmed)) } else { Err(unconfirmed) }
            }
        }
    });
    match outcome {
        Waited::Done(found) => found,
        Waited::Pending(unconfirmed) => Err(unconfirmed),
    }
}

/// Makes a directory in /etc/pve and removes it.
///
/// It lies where the locks are: one that a killed run leaves behind is in nobody's way and is taken up by the next.
fn prove_writes(host: &dyn Host, node: &str) -> Result<(), HostError> {
    let probe = format!("{LOCKS}/pvecm_cluster-{node}");
    let probe = Path::new(&probe);
    match host.make_dir(probe, 0o700) {
        Err(error) if error.errno() == Some(EEXIST) => {}
        made => made?,
    }
    host.remove_dir(probe)
}

const EEXIST: i32 = 17;
