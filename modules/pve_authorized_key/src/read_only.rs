// SPDX-License-Identifier: GPL-3.0-or-later
//! Why /etc/pve is read-only on this node, and what to do about it.

use cluster_state::services;
use host::Host;

/// Why a write was refused that needs quorum. A member whose own corosync does not run is named: nobody has to look for it.
/// Where systemd does not answer, what holds in any case is said.
pub(crate) fn why(host: &dyn Host) -> String {
    let corosync = services::query(host).ok().and_then(|mut services| services.remove("corosync"));
    match (corosync, host.hostname()) {
        (Some(service), Ok(node)) if service.installed && is_stopped(&service.active) => stopped(&node),
        _ => NOT_QUORATE.to_owned(),
    }
}

/// One that is starting or stopping is on its way to something else.
fn is_stopped(active: &str) -> bool {
    matches!(active, "inactive" | "failed")
}

fn stopped(node: &str) -> String {
    let node = node.split('.').next().unwrap_or(node);
    format!(
        "/etc/pve is read-only because corosync is not running on '{node}': run 'systemctl start corosync' there; scope \
         'local' works without quorum"
    )
}

/// What to say when a write needs quorum.
const NOT_QUORATE: &str = "this node is not quorate, so /etc/pve is read-only: run 'systemctl start corosync' where it is stopped \
     ('pvecm status' tells who is missing); scope 'local' works without quorum";
