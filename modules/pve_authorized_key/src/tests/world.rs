// SPDX-License-Identifier: GPL-3.0-or-later
//! Machines as the recordings show them, and running the module on them.

use serde_json::{Value, json};
use testkit::{Answer, FakeHost};

use crate::{args, module};

pub(crate) const CLUSTER: &str = "/etc/pve/priv/authorized_keys";
pub(crate) const LOCAL: &str = "/root/.ssh/authorized_keys2";
pub(crate) const NEW: &str = "/etc/pve/priv/authorized_keys.pve-authorized-key";
pub(crate) const LOCK: &str = "/etc/pve/priv/lock/file-priv_authorized_keys";

/// Public keys.
pub(crate) const MINE: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";
pub(crate) const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwH6HJ6TRpLRNy8m5B7gTqTNsGhSOZ3Gm1QCpzHT2kD";
/// Stand for the RSA keys that PVE has made on its nodes.
pub(crate) const PVE1: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB root@pve1";
pub(crate) const PVE2: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC root@pve2";

pub(crate) const BOTH_FILES: &str = "port 22\npermitrootlogin yes\npubkeyauthentication yes\n\
                                     authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n";

/// What the module asks sshd.
pub(crate) fn ask(user: &str) -> String {
    format!("/usr/sbin/sshd -T -C user={user},host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22")
}

pub(crate) fn nodes_keys() -> String {
    format!("{PVE1}\n{PVE2}\n")
}

/// A node of a quorate cluster of two, as in `3-node_quorate--ls_-la_etc_pve_*`.
pub(crate) fn node() -> FakeHost {
    FakeHost::new()
        .with_hostname("pve1")
        .pmxcfs("/etc/pve")
        .link("/etc/pve/local", "nodes/pve1")
        .dir("/etc/pve/nodes/pve1")
        .dir("/etc/pve/nodes/pve2")
        .dir("/etc/pve/priv/lock")
        .file(CLUSTER, nodes_keys())
        .with(|machine| {
            machine.make_dir("/root/.ssh");
            machine.set_mode("/root/.ssh", 0o700);
        })
        .link("/root/.ssh/authorized_keys", CLUSTER)
        .file("/root/.ssh/id_rsa.pub", format!("{PVE1}\n"))
        .dir("/etc/ssh/sshd_config.d")
        .query(&ask("root"), Answer::ok(BOTH_FILES))
        .query_prefix("systemctl show", Answer::ok(corosync("active")))
        .query("corosync-quorumtool -siH", Answer::exit(1, "", "Cannot initialize QUORUM service\n"))
}

/// What systemd says of a node's corosync.
pub(crate) fn corosync(state: &str) -> String {
    format!(
        "Result=success\nExecMainStatus=0\nId=corosync.service\nLoadState=loaded\nActiveState={state}\n\
         UnitFileState=enabled\n"
    )
}

/// A Debian machine without Proxmox VE, with the user alice.
pub(crate) fn debian() -> FakeHost {
    FakeHost::new()
        .with_user("alice", 1000, 1000, "/home/alice")
        .with(|machine| {
            for directory in ["/home/alice", "/home/alice/.ssh"] {
                machine.make_dir(directory);
                machine.set_mode(directory, 0o700);
                machine.set_owner(directory, 1000, 1000);
            }
        })
        .dir("/etc/ssh/sshd_config.d")
        .query(&ask("root"), Answer::ok(BOTH_FILES))
        .query(&ask("alice"), Answer::ok(BOTH_FILES))
}

pub(crate) fn run(host: &FakeHost, args: Value) -> Value {
    ansible_module::answer(&args::spec(), args.to_string().as_bytes(), host, module::run)
}

/// Runs the module and, before that, what it says it would do: that must be the same and change nothing.
pub(crate) fn run_twice_as_said(host: &FakeHost, args: Value) -> Value {
    let mut asked = args.clone();
    asked["_ansible_check_mode"] = json!(true);
    asked["_ansible_diff"] = json!(true);
    let effects = host.effects().len();
    let said = run(host, asked);
    assert_eq!(host.effects().len(), effects, "check mode changed something: {:?}", host.effects());
    let mut asked = args.clone();
    asked["_ansible_diff"] = json!(true);
    let done = run(host, asked);
    assert_eq!(said, done, "check mode said something else");
    if done.get("failed").is_none() {
        let effects = host.effects().len();
        let again = run(host, args);
        assert_eq!(again["changed"], json!(false), "a second run changed something: {again}");
        assert_eq!(host.effects().len(), effects, "a second run did something: {:?}", host.effects());
    }
    done
}

pub(crate) fn msg(answer: &Value) -> &str {
    assert_eq!(answer["failed"], json!(true), "it should have failed: {answer}");
    answer["msg"].as_str().unwrap()
}
