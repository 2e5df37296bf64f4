// SPDX-License-Identifier: GPL-3.0-or-later
//! Every refusal by itself and all at once, in its whole words.

use membership::fake::{self, become_member, set_services};
use testkit::{Answer, FakeHost, Machine};

use super::fake::*;

type Change = fn(&mut Machine);

/// The refusal without the words that all of them begin with; no effect but the lock is allowed.
fn refused(host: &FakeHost, node: &str) -> String {
    let mut given = remove();
    given["node"] = node.into();
    given["timeout"] = 4.into();
    let answer = answer(host, &given);
    assert_eq!((&answer["failed"], &answer["changed"]), (&true.into(), &false.into()), "{answer}");
    assert_eq!(host.effects(), Vec::<String>::new());
    let start = format!("cannot remove node '{node}' from cluster 'prod': ");
    let text = answer["msg"].as_str().unwrap().strip_prefix(&start).unwrap();
    text.to_owned()
}

#[test]
fn each_reason_has_its_words_and_its_remedy() {
    let table: [(Change, &str); 19] = [
        (|m| m.unmount("/etc/pve"), "'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'"),
        (
            |m| m.remove("/etc/pve/corosync.conf"),
            "this node is not a member of a cluster: run this task on one of its members",
        ),
        (
            |m| m.write("/etc/pve/corosync.conf", fake::conf(3, THREE).replace("prod", "prod-2")),
            "this node is a member of cluster 'prod-2'",
        ),
        (
            |m| m.write("/etc/pve/corosync.conf", ""),
            "'/etc/pve/corosync.conf' of this node cannot be understood: it has no cluster_name",
        ),
        (
            |m| become_member(m, 3, THREE, &[(1, 3), (2, 3), (3, 3)]),
            "node 'pve3' is online: shut it down, and see to it that it never starts again as it is (while it is off, \
             reinstall it or clear it)",
        ),
        (
            |m| become_member(m, 3, THREE, &[(2, 3)]),
            "this node is not quorate (1 of 3 votes): start more nodes, or, when all that are missing are off for good, run \
             'pvecm expected 1' here (for 1 s)",
        ),
        (
            |m| m.set_quorate(false),
            "'/etc/pve' is read-only on this node although it is quorate: if that stays so, run 'systemctl restart \
             pve-cluster' (for 1 s)",
        ),
        (
            |m| {
                set_services(m, "inactive");
            },
            "corosync is not running on this node (inactive): start it with 'systemctl start corosync', or run this task \
             on another member",
        ),
        (
            |m| become_member(m, 3, THREE, &[(1, 2), (2, 3)]),
            "the members do not run one config_version (2 on 'pve1' and 3 on 'pve2'): another join or change is under \
             way; where none is, run 'systemctl restart corosync' on 'pve1' (for 1 s)",
        ),
        (
            |m| {
                let five = &[(1, "pve1"), (2, "pve2"), (3, "pve3"), (4, "pve4"), (5, "pve5")];
                become_member(m, 3, five, &[(1, 3), (2, 3)]);
                m.set_quorate(true);
                m.query("corosync-quorumtool -siH", fake::quorum(2, &[1, 2], 2));
            },
            "the cluster would not be quorate afterwards (2 of 4 votes): start more of the nodes that stay first",
        ),
        (
            |m| {
                let conf = fake::conf(3, THREE).replace(
                    "provider: corosync_votequorum",
                    "provider: corosync_votequorum\n  device {\n    model: net\n    votes: 1\n  }",
                );
                m.write("/etc/pve/corosync.conf", conf);
            },
            "the cluster has a QDevice, which must be out of the way while a node leaves: set 'cluster_qdevice_readd: true' \
             (playbooks/cluster-remove-node.yml), or run 'pvecm qdevice remove' before and 'pvecm qdevice setup' afterwards",
        ),
        (
            |m| {
                m.write("/etc/pve/nodes/pve3/qemu-server/100.conf", "");
                m.write("/etc/pve/nodes/pve3/lxc/99.conf", "");
            },
            "guests of it are configured (99, 100): move what is to stay to another node, as with 'mv \
             /etc/pve/nodes/pve3/lxc/99.conf /etc/pve/nodes/pve2/lxc/', and remove the rest; or, if the node has left \
             with 'state: absent' and keeps them itself, use 'separated: true'",
        ),
        (
            |m| m.write("/etc/pve/ha/groups.cfg", "group: main\n\tnodes pve3:2,pve9\n"),
            "'group: main' in '/etc/pve/ha/groups.cfg' names it and no other node of the cluster: give it another one with \
             'ha-manager groupset main --nodes NODE', or remove it with 'ha-manager groupremove main'",
        ),
        (
            |m| m.write("/etc/pve/ha/rules.cfg", "node-affinity: r1\n\tnodes pve3\n\tresources vm:1\n"),
            "'node-affinity: r1' in '/etc/pve/ha/rules.cfg' names it and no other node of the cluster: give it another one \
             with 'ha-manager rules set node-affinity r1 --nodes NODE', or remove it with 'ha-manager rules remove r1'",
        ),
        (
            |m| m.write("/etc/pve/ha/rules.cfg", "future: r1\n\tnodes pve3,pve1\n"),
            "'future: r1' in '/etc/pve/ha/rules.cfg' names it: take it out there first, as with 'ha-manager rules set' or \
             'ha-manager rules remove'",
        ),
        (
            |m| m.write("/etc/pve/ha/fence.cfg", "connect: apc\n\tplug node=pve3\n"),
            "'connect: apc' in '/etc/pve/ha/fence.cfg' names it: take it out there first",
        ),
        (
            |m| m.write("/etc/pve/replication.cfg", "local: --all\n\ttarget pve3\n"),
            "replication job '--all' ends with it and has no name that 'pvesr' takes: take it out of \
             '/etc/pve/replication.cfg' first",
        ),
        (
            |m| {
                m.write("/etc/pve/ceph.conf", "[mon.pve3]\n\tpublic_addr = 10.77.0.13\n");
                m.query(
                    "ceph --connect-timeout 10 osd ls-tree pve3",
                    Answer::exit(2, "", "Error ENOENT: x\n"),
                );
            },
            "'/etc/pve/ceph.conf' has daemons on it (mon.pve3): destroy them first",
        ),
        (
            |m| {
                m.write("/etc/pve/ceph.conf", "[global]\n");
                m.query("ceph --connect-timeout 10 osd ls-tree pve3", "4\n5\n");
            },
            "Ceph has OSDs on it (osd.4, osd.5): destroy them first",
        ),
    ];
    for (change, expected) in table {
        let host = removable();
        host.change(change);
        assert_eq!(refused(&host, "pve3"), expected);
    }
}

#[test]
fn a_node_does_not_remove_itself() {
    let expected = "'pve2' is this node itself: run this task on another member of the cluster";
    assert_eq!(refused(&removable(), "pve2"), expected);
}

#[test]
fn all_reasons_are_told_at_once() {
    let host = removable();
    host.change(|m| {
        become_member(m, 3, THREE, &[(1, 3), (2, 3), (3, 3)]);
        m.write("/etc/pve/nodes/pve3/qemu-server/100.conf", "");
        m.write(
            "/etc/pve/ha/rules.cfg",
            "node-affinity: a\n\tnodes pve3\n\nnode-affinity: b\n\tnodes pve3\n",
        );
    });
    let answer = answer(&host, &remove());
    let reasons: Vec<&str> =
        answer["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    let starts = ["node 'pve3' is online", "guests of it", "'node-affinity: a' in", "'node-affinity: b' in"];
    assert_eq!(reasons.len(), starts.len(), "{reasons:?}");
    for (reason, start) in reasons.iter().zip(starts) {
        assert!(reason.starts_with(start), "{reason}");
    }
}

#[test]
fn what_names_a_node_that_is_gone_is_told_too() {
    let host = left_behind();
    host.change(|m| m.write("/etc/pve/ha/fence.cfg", "connect: apc\n\tplug node=pve3\n"));
    let expected = "'connect: apc' in '/etc/pve/ha/fence.cfg' names it: take it out there first";
    assert_eq!(refused(&host, "pve3"), expected);
}

#[test]
fn a_node_that_is_only_cut_off_is_not_removed() {
    let answers = |words: &str, code: i32, stderr: &str| {
        let host = removable();
        let line = super::reach::command("10.77.0.13", None).line();
        let answer = Answer::exit(code, words, stderr);
        host.change(|machine| machine.query(&line, answer));
        host
    };
    assert_eq!(
        refused(&answers("pve3\nmember\n", 0, ""), "pve3"),
        "node 'pve3' runs and has the cluster's files, although corosync does not see it: it is cut off, and its guests may \
         run. Shut it down, or let it leave with 'state: absent' on it"
    );
    let said = answer(&answers("pve3\nstandalone\n", 0, ""), &remove());
    assert_eq!((&said["changed"], said.get("warnings")), (&true.into(), None), "{said}");
    let host = removable();
    host.change(|m| {
        m.write("/etc/pve/storage.cfg", "nfs: nas\n\tnodes pve1,pve3\n\nnfs: x\n\tnodes pve30\n")
    });
    let said = answer(&host, &remove());
    assert_eq!(
        said["warnings"],
        serde_json::json!([
            "'nfs: nas' in '/etc/pve/storage.cfg' still names it: that has no effect any more, take it out when convenient"
        ]),
        "{said}"
    );
}

/// A cluster that was made by hand knows a node's host keys only under its name, where the node itself has pinned them.
#[test]
fn a_node_is_asked_by_the_host_keys_that_the_cluster_has_pinned() {
    let host = removable().file("/etc/pve/nodes/pve3/ssh_known_hosts", "pve3 ssh-ed25519 AAAA\n");
    host.change(|machine| {
        let unknown = Answer::exit(255, "", "Host key verification failed.\n");
        machine.query(&super::reach::command("10.77.0.13", None).line(), unknown);
        let pinned = super::reach::command("10.77.0.13", Some("pve3")).line();
        assert!(pinned.contains(" -o HostKeyAlias=pve3 "), "{pinned}");
        machine.query(&pinned, "pve3\nstandalone\n");
    });
    let mut given = remove();
    given["separated"] = true.into();
    let said = answer(&host, &given);
    assert_eq!((&said["changed"], said.get("failed")), (&true.into(), None), "{said}");
}

#[test]
fn an_address_that_no_program_can_be_given_is_no_proof_that_a_node_is_off() {
    let host = removable();
    host.change(|machine| {
        let conf = machine.text("/etc/pve/corosync.conf").unwrap().replace("10.77.1.13", "-c");
        machine.write("/etc/pve/corosync.conf", conf);
    });
    assert_eq!(
        refused(&host, "pve3"),
        "it is not known whether node 'pve3' runs: '-c' is not an address. If this machine has no power, and something else has its \
         address, name it in 'known_off'"
    );
}

/// What ssh, a ping, a port, the local network and corosync say of pve3; the reason that follows, and the warning where it is known
/// to be off.
#[test]
fn any_sign_of_life_keeps_a_node_unless_its_machine_is_known_to_be_off() {
    let knocks = knock::command(&["10.77.0.13".to_owned(), "10.77.1.13".to_owned()]).line();
    let denied = "root@10.77.0.13: Permission denied (publickey,password).\n";
    let off = "ssh: connect to host 10.77.0.13 port 22: Connection timed out\n";
    let link = "stats.knet.node3.link0.connected (u8) = 1\n";
    let own = "stats.knet.node1.link0.connected (u8) = 1\n";
    let table = [
        (denied, "", own, "its sshd says 'root@10.77.0.13: Permission denied (publickey,password).'"),
        (off, "10.77.1.13 answers a ping\n", own, "10.77.1.13 answers a ping"),
        (
            "ssh: connect to host 10.77.0.13 port 22: Connection refused\n",
            "10.77.0.13 refuses connections to TCP port 22\n10.77.0.13 refuses connections to TCP port 22\n",
            own,
            "10.77.0.13 refuses connections to TCP port 22",
        ),
        (off, "", link, "corosync reaches it on link 0"),
        (
            denied,
            "10.77.0.13 accepts connections to TCP port 22\n",
            link,
            "its sshd says 'root@10.77.0.13: Permission denied (publickey,password).', 10.77.0.13 accepts connections to TCP \
             port 22, corosync reaches it on link 0",
        ),
    ];
    for (ssh, knock, stats, signs) in table {
        let host = || {
            let host = removable();
            host.change(|machine| {
                machine.query(&super::reach::command("10.77.0.13", None).line(), Answer::exit(255, "", ssh));
                machine.query(&knocks, knock);
                machine.query("corosync-cmapctl -m stats", stats);
            });
            host
        };
        assert_eq!(
            refused(&host(), "pve3"),
            format!(
                "node 'pve3' shows signs of life ({signs}): it may run its guests, cut off from the cluster. Shut it down, or let \
                 it leave with 'state: absent' on it; if it has left, have it accept this node's ssh login, so that this can be \
                 seen. If this machine has no power, and something else has its address, name it in 'known_off'"
            )
        );
        let mut given = remove();
        given["known_off"] = serde_json::json!(["pve3"]);
        let said = answer(&host(), &given);
        assert_eq!(said["changed"], true, "{said}");
        assert_eq!(
            said["warnings"],
            serde_json::json!([format!(
                "node 'pve3' is removed because 'known_off' says that it has no power, although there are signs of life ({signs})"
            )])
        );
    }
}

#[test]
fn what_is_not_known_is_no_proof_that_a_node_is_off() {
    let knocks = knock::command(&["10.77.0.13".to_owned(), "10.77.1.13".to_owned()]).line();
    let host = removable();
    host.change(|machine| machine.query(&knocks, Answer::exit(3, "", "there is no 'ping'\n")));
    let words = "it is not known whether node 'pve3' runs: the program that knocks there ended with 3 (there is no 'ping'). If this \
                 machine has no power, and something else has its address, name it in 'known_off'";
    assert_eq!(refused(&host, "pve3"), words);
    let mut given = remove();
    given["known_off"] = serde_json::json!(["pve3"]);
    assert_eq!(answer(&host, &given)["warnings"], serde_json::json!([words]));
    // one that answers as this cluster's node is not off, whatever is said of it
    let host = removable();
    host.change(|machine| machine.query(&super::reach::command("10.77.0.13", None).line(), "pve3\nmember\n"));
    assert_eq!(answer(&host, &given)["failed"], true);
    given["known_off"] = serde_json::json!(["pve3", "pve9"]);
    assert_eq!(
        answer(&removable(), &given)["msg"],
        "cannot remove node 'pve3' from cluster 'prod': 'pve9' is among 'known_off', and is not the node to remove"
    );
}

#[test]
fn a_name_in_another_case_is_told_and_no_success() {
    assert_eq!(
        refused(&removable(), "PVE3"),
        "the cluster lists no node 'PVE3', but one named 'pve3': name it as the cluster does"
    );
}

#[test]
fn guests_of_a_separated_node_go_with_it() {
    let host = removable();
    host.change(|m| m.write("/etc/pve/nodes/pve3/qemu-server/100.conf", "cores: 1\n"));
    let mut given = remove();
    given["separated"] = true.into();
    host.change(|m| m.write("/etc/pve/ha/resources.cfg", "vm: 100\n\nvm: 7\n"));
    let said = answer(&host, &given);
    assert_eq!(
        said["msg"],
        "cannot remove node 'pve3' from cluster 'prod': high availability keeps guests running that went with the node \
         (vm:100): remove them there first with 'ha-manager remove SID'"
    );
    host.change(|m| m.remove("/etc/pve/ha/resources.cfg"));
    let said = answer(&host, &given);
    assert_eq!((&said["changed"], &said["failed"]), (&true.into(), &serde_json::Value::Null), "{said}");
    assert_eq!(
        said["warnings"],
        serde_json::json!([
            "the configurations of guests 100 go from the cluster, because 'pve3' keeps them itself ('separated: true')"
        ])
    );
    let copy = format!("{}/nodes/pve3/qemu-server/100.conf", said["backup"].as_str().unwrap());
    assert_eq!(host.text(&copy), "cores: 1\n");
    assert!(is_clean(&host));
}

#[test]
fn what_cannot_be_judged_is_a_warning() {
    let host = removable();
    host.change(|m| {
        let four = &[(1, "pve1"), (2, "pve2"), (3, "pve3"), (4, "pve4")];
        become_member(m, 3, four, &[(1, 3), (2, 3)]);
        m.set_quorate(true);
        m.query("corosync-quorumtool -siH", fake::quorum(2, &[1, 2], 2));
        m.write("/etc/pve/ceph.conf", "[global]\n");
        m.query("ceph --connect-timeout 10 osd ls-tree pve3", Answer::not_installed());
        m.write("/root/.ssh/id_ed25519.pub", format!("{KEY} root@pve3\n"));
    });
    let mut given = remove();
    given["_ansible_check_mode"] = true.into();
    let answer = answer(&host, &given);
    assert_eq!(
        answer["warnings"],
        serde_json::json!([
            "not online, and so without the new corosync.conf: 'pve4'; remove what is off for good, and on the others copy \
             '/etc/pve/corosync.conf' of a member to '/etc/corosync/' before corosync starts",
            "Ceph is in use but does not say which OSDs are on 'pve3' ('ceph osd ls-tree pve3' failed): make sure that \
             there are none",
            format!(
                "root still logs in with keys that carry the name of 'pve3' and are another's too: '{KEY}'"
            ),
        ])
    );
}

/// A node that has no vote yet can always be removed: of the others as many are quorate afterwards as before. Without their votes, the same is refused.
#[test]
fn a_node_that_has_no_vote_yet_costs_nobody_quorum() {
    let five = &[(1, "pve1"), (2, "pve2"), (3, "pve3"), (4, "pve4"), (5, "pve5")];
    for (without, refused) in [(&["pve1", "pve3", "pve4", "pve5"][..], false), (&["pve3"], true)] {
        let host = removable();
        host.change(|m| {
            become_member(m, 3, five, &[(2, 3)]);
            m.set_quorate(true);
            m.query("corosync-quorumtool -siH", fake::quorum(2, &[2], 1));
            let mut conf = fake::conf(3, five);
            for name in without {
                let (before, own) = conf.split_at(conf.find(&format!("name: {name}")).unwrap());
                conf = before.to_owned() + &own.replacen("quorum_votes: 1", "quorum_votes: 0", 1);
            }
            m.write("/etc/pve/corosync.conf", conf);
        });
        let mut given = remove();
        given["_ansible_check_mode"] = true.into();
        let answer = answer(&host, &given);
        assert_eq!(answer["failed"] == true, refused, "{answer}");
        if refused {
            let why = "the cluster would not be quorate afterwards (1 of 4 votes)";
            assert!(answer["msg"].as_str().unwrap().contains(why), "{answer}");
        }
    }
}
