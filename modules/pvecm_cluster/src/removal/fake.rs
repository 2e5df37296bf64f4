// SPDX-License-Identifier: GPL-3.0-or-later
//! A pve2 whose cluster has a pve3 that is off.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, FakeHost};

use crate::fake::{PAIR, become_member, standalone};
use crate::{args, module};

pub(crate) const DELNODE: &str = "pvecm delnode pve3";
pub(crate) const THREE: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3")];
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";
pub(crate) const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD";
pub(crate) const BACKUP: &str = "/var/backups/pve-cluster-collection";

/// The cluster once pvecm has removed pve3, and nothing else has been done.
pub(crate) fn left_behind() -> FakeHost {
    with_pve3().with(|machine| become_member(machine, 4, PAIR, &[(1, 4), (2, 4)]))
}

/// The cluster with pve3 in it, and a pvecm that removes it as recorded
/// (`captures/delnode_of_a_powered-off_node_pve3--pvecm_delnode_pve3--pve1`): all run the new file a second later.
pub(crate) fn removable() -> FakeHost {
    let killed = "Could not kill node (error = CS_ERR_NOT_EXIST)\n";
    with_pve3().with(|machine| become_member(machine, 3, THREE, &[(1, 3), (2, 3)])).action(
        DELNODE,
        Answer::exit(0, "Killing node 3\n", killed).taking(Duration::from_millis(1460)).doing(|machine| {
            become_member(machine, 4, PAIR, &[(1, 3), (2, 4)]);
            machine.after(Duration::from_secs(1), |machine| {
                become_member(machine, 4, PAIR, &[(1, 4), (2, 4)]);
            });
        }),
    )
}

fn with_pve3() -> FakeHost {
    let off = "ssh: connect to host 10.77.0.13 port 22: No route to host\n";
    standalone()
        .query(&super::reach::command("10.77.0.13").line(), Answer::exit(255, "", off))
        .dir("/var/backups")
        .dir("/etc/pve/nodes/pve1")
        .dir("/etc/pve/nodes/pve3/qemu-server")
        .dir("/etc/pve/nodes/pve3/priv")
        .file("/etc/pve/nodes/pve3/lrm_status", "{}")
        .file("/etc/pve/nodes/pve3/pve-ssl.key", "private")
        .file("/etc/pve/priv/authorized_keys", format!("{OTHER} root@pve1\n{KEY} root@pve3\n"))
        .file("/etc/pve/priv/known_hosts", "pve1 t A\npve3 t C\n10.77.0.13 t C\n")
        .file("/root/.ssh/id_rsa.pub", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ== root@pve2\n")
}

/// The task's answer.
pub(crate) fn answer(host: &FakeHost, given: &Value) -> Value {
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, module::run)
}

pub(crate) fn remove() -> Value {
    json!({"state": "removed", "cluster_name": "prod", "node": "pve3"})
}

/// Whether nothing of pve3 is left.
pub(crate) fn is_clean(host: &FakeHost) -> bool {
    !host.exists("/etc/pve/nodes/pve3")
        && host.text("/etc/pve/priv/authorized_keys") == format!("{OTHER} root@pve1\n")
        && host.text("/etc/pve/priv/known_hosts") == "pve1 t A\n"
        && !host.text("/etc/pve/corosync.conf").contains("pve3")
}
