// SPDX-License-Identifier: GPL-3.0-or-later
//! A pve2 whose cluster has a pve3 that is off.

use std::time::Duration;

use host::Command;
use membership::fake::{PAIR, become_member, standalone};
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, Machine};

use crate::{args, dispatch};

pub(crate) const DELNODE: &str = "pvecm delnode pve3";
pub(crate) const THREE: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3")];
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";
pub(crate) const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD";
pub(crate) const BACKUP: &str = "/var/backups/pve-cluster-collection";

pub(crate) const RULES: &str = "/etc/pve/ha/rules.cfg";
pub(crate) const GROUPS: &str = "/etc/pve/ha/groups.cfg";
pub(crate) const JOBS: &str = "/etc/pve/replication.cfg";
pub(crate) const RULES_BEFORE: &str = "node-affinity: other\n\tnodes pve1\n\tresources vm:7\n\nnode-affinity: r1\n\tnodes \
    pve1:2,pve3:5,pve2\n\tresources vm:100\n\tstrict 1\n\nnode-affinity: r2\n\tnodes pve3,pve2:9\n\tresources vm:8\n";
pub(crate) const RULES_AFTER: &str = "node-affinity: other\n\tnodes pve1\n\tresources vm:7\n\nnode-affinity: r1\n\tnodes \
    pve1:2,pve2\n\tresources vm:100\n\tstrict 1\n\nnode-affinity: r2\n\tnodes pve2:9\n\tresources vm:8\n";
pub(crate) const JOBS_BEFORE: &str =
    "local: 7-0\n\tsource pve3\n\ttarget pve2\n\nlocal: 100-0\n\ttarget pve3\n\trate 10\n";
pub(crate) const JOBS_AFTER: &str = "local: 7-0\n\tsource pve3\n\ttarget pve2\n\n";

/// `captures/3-node_with_pve3_powered_off--corosync-cmapctl_-m_stats_stats.knet.--pve1`, of each link
pub(crate) const NO_LINKS: &str = "stats.knet.node1.link0.connected (u8) = 1\nstats.knet.node3.link0.connected (u8) = 0\nstats.knet.node3.link0.enabled (u8) = 1\n";

/// The same machine, whose rules, group and replication jobs name pve3 with others, and whose programs of PVE take it out.
pub(crate) fn entangled(host: FakeHost) -> FakeHost {
    host.file(RULES, RULES_BEFORE)
        .file(GROUPS, "group: main\n\tnodes pve3:2,pve1\n\tnofailback 1\n")
        .file(JOBS, JOBS_BEFORE)
        .action_prefix("ha-manager rules set node-affinity", Answer::ok("").doing_with(set_nodes(RULES, 3)))
        .action_prefix("ha-manager groupset", Answer::ok("").doing_with(set_nodes(GROUPS, 1)))
        .action(
            "pvesr delete 100-0 --force",
            Answer::ok("").doing(|machine| {
                let text = machine.text(JOBS).unwrap();
                machine.write(JOBS, &text[..text.find("local: 100-0").unwrap_or(text.len())]);
            }),
        )
}

/// Sets the nodes of the section whose id is this argument.
fn set_nodes(path: &'static str, at: usize) -> impl Fn(&mut Machine, &Command) {
    move |machine, command| {
        let text = machine.text(path).unwrap();
        let header = format!(": {}\n", command.args[at]);
        let start = text.find(&header).unwrap() + header.len();
        let line = text[start..].find('\n').unwrap() + start;
        machine.write(path, format!("{}\tnodes {}{}", &text[..start], command.args[at + 2], &text[line..]));
    }
}

/// Whether the lists have the others as they were, and the job to pve3 is gone.
pub(crate) fn is_disentangled(host: &FakeHost) -> bool {
    host.text(RULES) == RULES_AFTER
        && host.text(GROUPS) == "group: main\n\tnodes pve1\n\tnofailback 1\n"
        && host.text(JOBS) == JOBS_AFTER
}

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
        .query(&super::reach::command("10.77.0.13", None).line(), Answer::exit(255, "", off))
        .query(&knock::command(&["10.77.0.13".to_owned(), "10.77.1.13".to_owned()]).line(), "")
        .query("corosync-cmapctl -m stats", NO_LINKS)
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
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, dispatch::run)
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
