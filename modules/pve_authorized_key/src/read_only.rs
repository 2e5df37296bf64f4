// SPDX-License-Identifier: GPL-3.0-or-later
//! Why /etc/pve is read-only on this node, and what to do about it.

use cluster_state::pvecm::{self, Work};
use cluster_state::{corosync_conf, quorumtool, services};
use host::Host;

/// Why a write was refused that needs quorum: this node's own corosync does not run, or members are not seen, which are named so
/// that nobody has to look for them. What cannot be found out is left out.
pub(crate) fn why(host: &dyn Host) -> String {
    if let Ok(Some(Work { pid, what })) = pvecm::query(host) {
        return format!(
            "/etc/pve is read-only while '{what}' of an earlier run is at work on this node (process {pid}): wait until it has \
             ended, then run this task again; scope 'local' works without quorum"
        );
    }
    let what = match stopped_here(host) {
        Some(node) => format!(
            "/etc/pve is read-only because corosync is not running on '{node}': run 'systemctl start corosync' there"
        ),
        None => format!("this node is not quorate, so /etc/pve is read-only: {}", elsewhere(host)),
    };
    format!("{what}; scope 'local' works without quorum")
}

/// This node's name, when its corosync does not run. One that is starting or stopping is on its way to something else.
fn stopped_here(host: &dyn Host) -> Option<String> {
    let service = services::query(host).ok()?.remove("corosync")?;
    let stopped = service.installed && matches!(service.active.as_str(), "inactive" | "failed");
    let node = host.hostname().ok().filter(|_| stopped)?;
    Some(node.split('.').next().unwrap_or_default().to_owned())
}

fn elsewhere(host: &dyn Host) -> String {
    match unseen(host).as_deref() {
        None | Some([]) => {
            "run 'systemctl start corosync' where it is stopped ('pvecm status' tells who is missing)"
                .to_owned()
        }
        Some([node]) => format!(
            "'{node}' is not seen: run 'systemctl start corosync' on '{node}' if it is stopped there, else fix the network between"
        ),
        Some(nodes) => format!(
            "'{}' are not seen: run 'systemctl start corosync' on those where it is stopped, else fix the network between",
            nodes.join("', '")
        ),
    }
}

/// The nodes of the nodelist that corosync on this node does not see.
fn unseen(host: &dyn Host) -> Option<Vec<String>> {
    let seen = quorumtool::query(host).ok()?.nodeids();
    let document = corosync_conf::cluster(host).ok()??;
    let missing =
        document.nodes().into_iter().filter(|node| node.nodeid.is_some_and(|id| !seen.contains(&id)));
    Some(missing.map(|node| node.name).collect())
}
