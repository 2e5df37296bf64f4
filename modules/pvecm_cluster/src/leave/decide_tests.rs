// SPDX-License-Identifier: GPL-3.0-or-later
//! Every refusal by itself and all at once, in its whole words.

use membership::fake::{self, become_member, standalone};
use testkit::{FakeHost, Machine};

use super::fake::*;

type Change = fn(&mut Machine);

fn with(change: Change) -> FakeHost {
    let host = leaver();
    host.change(change);
    host
}

/// The refusal without the words that all of them begin with; no effect is allowed.
fn refused(host: &FakeHost, force: bool) -> Option<String> {
    let mut given = leave();
    given["force"] = force.into();
    given["timeout"] = 4.into();
    given["_ansible_check_mode"] = true.into();
    let answer = answer(host, &given);
    assert_eq!(host.effects(), Vec::<String>::new());
    let text = answer["msg"].as_str().unwrap();
    text.strip_prefix("cannot leave cluster 'prod': ").map(str::to_owned)
}

#[test]
fn each_reason_has_its_words_and_its_remedy() {
    let table: [(Change, bool, &str); 15] = [
        (
            |m| m.unmount("/etc/pve"),
            false,
            "'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'",
        ),
        (
            |m| m.write("/etc/pve/corosync.conf", fake::conf(3, THREE).replace("prod", "prod-2")),
            false,
            "this node is a member of cluster 'prod-2'",
        ),
        (
            |m| m.write("/etc/pve/corosync.conf", ""),
            true,
            "'/etc/pve/corosync.conf' of this node cannot be understood: it has no cluster_name",
        ),
        (
            |m| become_member(m, 3, THREE, &[(1, 3), (2, 3)]),
            true,
            "the others ('pve1') would not be quorate without it (1 of the 2 votes needed): start more nodes first, or, \
             if they are to leave too or you will run 'pvecm expected 1' on one of them, use 'force: true'",
        ),
        (
            |m| {
                let device = "provider: corosync_votequorum\n  device {\n    model: net\n    votes: 1\n  }";
                let conf = fake::conf(3, THREE).replace("provider: corosync_votequorum", device);
                m.write("/etc/pve/corosync.conf", conf);
            },
            true,
            "the cluster has a QDevice, whose vote counts by its nodes: take it out first with 'cluster_qdevice_state: absent' \
             (playbooks/cluster-qdevice.yml) or 'pvecm qdevice remove', or use 'force: true' if the whole cluster is taken apart",
        ),
        (
            |m| m.write("/etc/pve/nodes/pve2/lrm_status", r#"{"state": "active"}"#),
            false,
            "high availability is active on this node, and its watchdog would reset it when it loses quorum: stop or remove \
             the resources on it first ('ha-manager status', 'ha-manager remove SID') and wait until the node is idle there",
        ),
        (
            |m| {
                m.write(
                    "/etc/pve/nodes/pve2/lrm_status",
                    r#"{"mode": "maintenance", "state": "maintenance"}"#,
                )
            },
            false,
            "high availability has the watchdog of this node open ('maintenance'), which would reset it when it loses quorum: end \
             the maintenance with 'ha-manager crm-command node-maintenance disable NODE', or wait until its services have \
             moved, and wait until '/etc/pve/local/lrm_status' says 'wait_for_agent_lock'",
        ),
        (
            |m| m.write("/etc/pve/nodes/pve2/lrm_status", r#"{"state": "lost_agent_lock"}"#),
            false,
            "high availability has the watchdog of this node open ('lost_agent_lock'), which would reset it when it loses \
             quorum: see 'journalctl -u pve-ha-lrm', and wait until '/etc/pve/local/lrm_status' says 'wait_for_agent_lock'",
        ),
        (
            |m| m.write("/etc/pve/nodes/pve2/lrm_status", r#"{"state": "fencing"}"#),
            false,
            "'/etc/pve/local/lrm_status' does not say whether high availability has the watchdog of this node open (its state \
             is 'fencing'): run 'systemctl restart pve-ha-lrm', and see 'journalctl -u pve-ha-lrm' if that changes nothing",
        ),
        (
            |m| m.write("/etc/pve/nodes/pve2/lrm_status", ""),
            false,
            "'/etc/pve/local/lrm_status' does not say whether high availability has the watchdog of this node open (its state \
             is ''): run 'systemctl restart pve-ha-lrm', and see 'journalctl -u pve-ha-lrm' if that changes nothing",
        ),
        (
            |m| m.write("/etc/pve/ha/resources.cfg", "vm: 100\n\nvm: 101\n"),
            false,
            "high availability keeps guests of this node running (vm:100): remove them there first with 'ha-manager remove \
             SID'",
        ),
        (
            |m| {
                m.write(
                    "/etc/pve/replication.cfg",
                    "local: 100-0\n\ttarget pve1\n\nlocal: 101-0\n\ttarget pve3\n",
                )
            },
            false,
            "replication job '100-0' is from or to this node, and could not be removed properly afterwards: delete it first \
             with 'pvesr delete 100-0' and wait until it is gone",
        ),
        (
            |m| m.write("/etc/pve/replication.cfg", "local: 101-0\n\ttarget pve2\n"),
            false,
            "replication job '101-0' is from or to this node, and could not be removed properly afterwards: delete it first \
             with 'pvesr delete 101-0' and wait until it is gone",
        ),
        (
            |m| {
                m.write("/etc/pve/ceph.conf", "[mon.pve2]\n\tpublic_addr = 10.0.0.2\n");
                m.query("ceph --connect-timeout 10 osd ls-tree pve2", "4\n");
            },
            true,
            "Ceph runs on this node (mon.pve2, osd.4): destroy its daemons first, or use 'force: true', which leaves them \
             with a copy of '/etc/pve/ceph.conf' that no other node keeps up to date",
        ),
        (
            |m| m.make_dir("/etc/pve/priv/lock/pvecm_cluster-join"),
            false,
            "another node is joining or leaving the cluster ('/etc/pve/priv/lock/pvecm_cluster-join', which expires 120 s \
             after an interruption)",
        ),
    ];
    for (change, forcible, words) in table {
        assert_eq!(refused(&with(change), false).as_deref(), Some(words));
        assert_eq!(refused(&with(change), true).is_none(), forcible, "{words}");
    }
}

#[test]
fn all_reasons_are_told_at_once() {
    let host = with(|m| {
        become_member(m, 3, THREE, &[(1, 3), (2, 3)]);
        m.write("/etc/pve/nodes/pve2/lrm_status", r#"{"state": "active"}"#);
        m.write("/etc/pve/replication.cfg", "local: 101-0\n\ttarget pve2\n");
    });
    let text = refused(&host, false).unwrap();
    assert!(text.matches("; ").count() >= 2, "{text}");
    for part in ["high availability is active", "replication job '101-0'", "the others ('pve1')"] {
        assert!(text.contains(part), "{text}");
    }
}

/// Nodes that nobody would miss leave as they are: cut off, put out, the last one, or with the others off.
#[test]
fn a_node_that_takes_no_quorum_from_others_may_leave() {
    let cases: [Change; 5] = [
        |m| become_member(m, 3, THREE, &[(2, 3)]),
        |m| become_member(m, 3, THREE, &[]),
        |m| m.write("/etc/pve/corosync.conf", fake::conf(4, &[(1, "pve1"), (3, "pve3")])),
        |m| become_member(m, 3, &[(2, "pve2")], &[(2, 3)]),
        |m| m.write("/etc/pve/nodes/pve2/lrm_status", r#"{"state": "wait_for_agent_lock"}"#),
    ];
    for change in cases {
        let host = with(change);
        host.change(|machine| {
            machine.query(
                "journalctl --unit=corosync.service --boot --lines=60 --output=cat --no-pager --quiet",
                "",
            )
        });
        assert_eq!(refused(&host, false), None);
    }
}

#[test]
fn what_is_forced_and_what_is_shared_is_told() {
    let host = with(|m| {
        become_member(m, 3, THREE, &[(1, 3), (2, 3)]);
        m.write("/etc/pve/storage.cfg", "nfs: nas\n\tserver 10.0.0.9\n\texport /x\n");
    });
    let mut given = leave();
    given["force"] = true.into();
    given["_ansible_check_mode"] = true.into();
    let answer = answer(&host, &given);
    let warnings: Vec<&str> =
        answer["warnings"].as_array().unwrap().iter().filter_map(|w| w.as_str()).collect();
    assert_eq!(
        warnings[0],
        "storage 'nas' is shared with the nodes that stay, and this node keeps its definition: two guests of one number would \
         use the same volumes. Give this node a storage or a part of it of its own, and remove the definition here"
    );
    assert!(
        warnings[1].starts_with("done by 'force: true' all the same: the others ('pve1') would"),
        "{answer}"
    );
}

#[test]
fn a_machine_without_proxmox_ve_is_refused() {
    let host = standalone().with(|machine| {
        machine.unmount("/etc/pve");
        machine.remove("/etc/pve");
    });
    assert_eq!(
        refused(&host, true).unwrap(),
        "Proxmox VE is not installed on this node: there is no '/etc/pve'"
    );
}

/// A node that has no vote yet leaves whatever the others are; the only one that has a vote does not.
#[test]
fn a_node_that_has_no_vote_yet_takes_none_with_it() {
    for (without, reason) in [
        (2, None),
        (
            1,
            Some(
                "would not be quorate without it (0 of the 1 votes needed): give them their votes first (playbooks/cluster-init.yml)",
            ),
        ),
    ] {
        let host = leaver();
        host.change(|m| {
            let conf = m.text("/etc/pve/corosync.conf").unwrap();
            let (before, own) = conf.split_at(conf.find(&format!("name: pve{without}")).unwrap());
            let mut conf = before.to_owned() + &own.replacen("quorum_votes: 1", "quorum_votes: 0", 1);
            if without == 1 {
                let (before, own) = conf.split_at(conf.find("name: pve3").unwrap());
                conf = before.to_owned() + &own.replacen("quorum_votes: 1", "quorum_votes: 0", 1);
            }
            m.write("/etc/pve/corosync.conf", conf);
            m.query("corosync-quorumtool -siH", membership::fake::quorum(2, &[2], 1));
        });
        let mut given = leave();
        given["_ansible_check_mode"] = true.into();
        let answer = answer(&host, &given);
        assert_eq!(answer["failed"] == true, reason.is_some(), "{answer}");
        assert!(reason.is_none_or(|reason| answer["msg"].as_str().unwrap().contains(reason)), "{answer}");
    }
}
