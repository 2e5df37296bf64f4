// SPDX-License-Identifier: GPL-3.0-or-later
//! A pve2 in a cluster of three that it is to leave, with services that behave as recorded
//! (`captures/removed_node_pve3_was_online_at_delnode--documented_cleanup_pmxcfs_-l_rm_corosync.conf_on_the_removed_node--pve3`).

use std::path::Path;

use host::Host as _;
use membership::fake::{become_member, conf, members, standalone};
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, Machine};

use crate::{args, dispatch};

pub(crate) const THREE: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3")];
pub(crate) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";
pub(crate) const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD";
pub(crate) const BACKUPS: &str = "/var/backups/pve-cluster-collection";
pub(crate) const RECORD: &str = "/var/backups/pve-cluster-collection/leaving.json";
pub(crate) const PKILL: &str = "pkill --ns 1 --nslist pid --exact pmxcfs";
/// There while a pmxcfs runs that no service started.
const LOCAL: &str = "/run/local-pmxcfs";

/// There while corosync-qdevice is enabled.
pub(crate) const QDEVICE: &str = "/etc/systemd/system/multi-user.target.wants/corosync-qdevice.service";

/// A member with guests, users and storages of its own, and much of the others.
pub(crate) fn leaver() -> FakeHost {
    with_services(
        standalone()
            .dir("/var/backups")
            .file("/var/lib/pve-cluster/config.db", "database")
            .file("/etc/pve/user.cfg", "user:root@pam:1:0::::::\n")
            .file("/etc/pve/storage.cfg", "dir: local\n\tpath /var/lib/vz\n")
            .file("/etc/pve/nodes/pve2/qemu-server/100.conf", "cores: 1\n")
            .file("/etc/pve/nodes/pve1/qemu-server/101.conf", "cores: 2\n")
            .file("/etc/pve/nodes/pve1/pve-ssl.key", "private")
            .dir("/etc/pve/nodes/pve3/lxc")
            .file("/etc/pve/ha/manager_status", "{}")
            .file("/etc/pve/ha/resources.cfg", "vm: 101\n\tstate started\n")
            .file("/etc/pve/replication.cfg", "local: 101-0\n\ttarget pve3\n")
            .file("/etc/pve/.vmlist", vmlist())
            .file("/etc/pve/priv/authorized_keys", format!("{KEY} admin\n{OTHER} root@pve1\n"))
            .file("/etc/pve/priv/known_hosts", "pve1 t A\npve2 t B\n10.77.0.11 t A\n")
            .file("/root/.ssh/id_rsa.pub", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ== root@pve2\n")
            .dir("/etc/corosync/uidgid.d")
            .file("/etc/corosync/qdevice/net/nssdb/cert8.db", "")
            .file("/var/lib/corosync/ringid_2", "")
            .with(|machine| become_member(machine, 3, THREE, &[(1, 3), (2, 3), (3, 3)])),
    )
}

/// The services and programs that take a node out of its cluster.
pub(crate) fn with_services(host: FakeHost) -> FakeHost {
    host.action(
        "systemctl stop pve-cluster corosync",
        Answer::ok("").doing(|machine| {
            if !machine.exists(LOCAL) && machine.exists("/etc/pve/local") {
                machine.unmount("/etc/pve");
            }
            services(machine, "inactive", "inactive");
        }),
    )
    .action("systemctl stop corosync-qdevice", "")
    .action("systemctl start corosync-qdevice", "")
    .action(
        "systemctl disable corosync-qdevice",
        Answer::ok("").doing(|machine| {
            machine.remove(QDEVICE);
            services(machine, "inactive", "active");
        }),
    )
    .action("systemctl start corosync", "")
    .action("systemctl reset-failed pve-cluster corosync", "")
    .action("pmxcfs -l", Answer::ok("").doing(local))
    .action(
        PKILL,
        Answer::ok("").doing(|machine| {
            if machine.exists(LOCAL) {
                machine.remove(LOCAL);
                machine.unmount("/etc/pve");
            }
        }),
    )
    .action("systemctl start pve-cluster", Answer::ok("").doing(start))
    .action_with(|command| {
        let copy = command.args.get(1)?.strip_prefix(".backup '")?.strip_suffix('\'')?.to_owned();
        Some(Answer::ok("").doing(move |machine| {
            let database = machine.text("/var/lib/pve-cluster/config.db").unwrap_or_default();
            machine.write(&copy, database);
        }))
    })
    .query_with(|command| {
        let checks = command.args.get(1).is_some_and(|arg| arg == "PRAGMA quick_check");
        checks.then(|| Answer::ok("ok\n"))
    })
}

/// Starts it in local mode: the cluster's files are there, the cluster is not.
fn local(machine: &mut Machine) {
    machine.mount_pmxcfs("/etc/pve");
    machine.set_quorate(true);
    machine.write("/etc/pve/.members", members("pve2", 0, &[], true));
    machine.write(LOCAL, "");
}

fn start(machine: &mut Machine) {
    if !machine.exists("/etc/pve/local") {
        machine.mount_pmxcfs("/etc/pve");
    }
    if machine.exists("/etc/pve/corosync.conf") {
        become_member(machine, 3, THREE, &[(1, 3), (2, 3), (3, 3)]);
        services(machine, "active", "active");
        return;
    }
    machine.set_quorate(true);
    machine.write("/etc/pve/.members", members("pve2", 0, &[], true));
    let corosync = if machine.exists("/etc/corosync/corosync.conf") { "active" } else { "inactive" };
    services(machine, corosync, "active");
}

/// What systemd says from now on.
pub(crate) fn services(machine: &mut Machine, corosync: &str, pve_cluster: &str) {
    let unit = |name: &str, state: &str, enabled: bool| {
        let enabled = if enabled { "enabled" } else { "disabled" };
        format!(
            "Result=success\nExecMainStatus=0\nId={name}.service\nLoadState=loaded\nActiveState={state}\n\
             UnitFileState={enabled}\n"
        )
    };
    let text = format!(
        "{}\n{}\n{}",
        unit("corosync", corosync, true),
        unit("pve-cluster", pve_cluster, true),
        unit("corosync-qdevice", corosync, machine.exists(QDEVICE)),
    );
    machine.query(&membership::fake::services_line(), text);
}

fn vmlist() -> String {
    "{\n\"version\": 4,\n\"ids\": {\n\"100\": { \"node\": \"pve2\", \"type\": \"qemu\", \"version\": 3 },\n\"101\": { \"node\": \
     \"pve1\", \"type\": \"qemu\", \"version\": 2 }}\n\n}\n"
        .to_owned()
}

/// The task's answer.
pub(crate) fn answer(host: &FakeHost, given: &Value) -> Value {
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, dispatch::run)
}

pub(crate) fn leave() -> Value {
    json!({"state": "absent", "cluster_name": "prod"})
}

/// Whether the node is standalone with all that is its own, and nothing of the cluster is left.
pub(crate) fn assert_left(host: &FakeHost, when: &str) {
    for gone in [
        "/etc/pve/corosync.conf",
        "/etc/corosync/corosync.conf",
        "/etc/corosync/authkey",
        "/etc/corosync/qdevice",
        "/var/lib/corosync/ringid_2",
        "/etc/pve/nodes/pve1",
        "/etc/pve/nodes/pve3",
        "/etc/pve/ha/resources.cfg",
        "/etc/pve/replication.cfg",
        RECORD,
        LOCAL,
    ] {
        assert!(!host.exists(gone), "{when}: {gone} is there");
    }
    assert_eq!(host.text("/etc/pve/nodes/pve2/qemu-server/100.conf"), "cores: 1\n", "{when}");
    assert_eq!(host.text("/etc/pve/user.cfg"), "user:root@pam:1:0::::::\n", "{when}");
    assert_eq!(host.text("/etc/pve/priv/authorized_keys"), format!("{KEY} admin\n"), "{when}");
    assert_eq!(host.text("/etc/pve/priv/known_hosts"), "pve2 t B\n", "{when}");
    assert!(host.exists("/etc/corosync/uidgid.d"), "{when}");
    let mut left = host.list(Path::new(locks::DIRECTORY)).unwrap_or_default();
    left.retain(|name| name.starts_with(locks::MEMBERSHIP));
    assert_eq!(left, Vec::<String>::new(), "{when}");
}

/// Whether the node is the member that it was.
pub(crate) fn assert_member(host: &FakeHost, when: &str) {
    assert_eq!(host.text("/etc/pve/corosync.conf"), conf(3, THREE), "{when}");
    assert!(
        host.exists("/etc/corosync/authkey") && host.exists("/etc/pve/nodes/pve1/qemu-server/101.conf"),
        "{when}"
    );
    assert!(!host.exists(RECORD), "{when}: the record is there");
}
