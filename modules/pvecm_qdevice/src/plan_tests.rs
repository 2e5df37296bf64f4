// SPDX-License-Identifier: GPL-3.0-or-later
//! Every refusal in its words, before anything is done.

use serde_json::{Value, json};
use testkit::FakeHost;

use crate::fake::{CONF, STORE, World, absent, answer, conf, present, qnetd, with, without};

fn msg(answer: &Value) -> String {
    answer["msg"].as_str().unwrap().to_owned()
}

/// The refusal's reasons; nothing was done.
fn refused(host: &FakeHost, given: &Value) -> Vec<String> {
    let answer = answer(host, given);
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(false)), "{answer}");
    assert_eq!(host.effects(), Vec::<String>::new());
    serde_json::from_value(answer["reasons"].clone()).unwrap()
}

fn with_option(mut given: Value, name: &str, value: impl Into<Value>) -> Value {
    given[name] = value.into();
    given
}

#[test]
fn what_keeps_a_node_from_having_one() {
    let two = |world: World| without(2, world);
    let table = [
        (
            two(World { installed: false, ..World::default() }),
            "corosync-qdevice is not installed on this node: run 'apt install corosync-qdevice' on every node",
        ),
        (
            without(3, World::default()),
            "the cluster has an odd number of nodes (3): a QDevice would have 2 votes of 5, and without it not one node may be \
             lost; Proxmox VE advises against it, and 'force: true' has it all the same",
        ),
        (without(1, World::default()), "the cluster has a single node, for which a QDevice is of no use"),
        (
            two(World { offline: vec![2], ..World::default() }).with(|machine| machine.set_quorate(false)),
            "node 'pve2' is not online, and pvecm needs all of them: start what is off, or remove it from the cluster",
        ),
        (
            two(World { deaf: Some((2, 2)), ..World::default() }),
            "the members do not run the config_version of corosync.conf (pve1: 3, pve2: 2, file: 3): a change is under way",
        ),
        (
            two(World::default())
                .file(CONF, conf(2, 3, None).replace("  provider", "  two_node: 1\n  provider")),
            "'two_node' is set in corosync.conf, which a QDevice cannot be combined with: remove it first (module \
             corosync_conf)",
        ),
        (two(World { busy: true, ..World::default() }), "a 'pvecm qdevice' is at work on this node"),
        (
            two(World::default()).with(|machine| machine.unmount("/etc/pve")),
            "'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'",
        ),
    ];
    for (host, reason) in table {
        let reasons = refused(&host, &present());
        assert!(reasons.contains(&reason.to_owned()), "{reason}\n{reasons:?}");
    }
}

#[test]
fn what_keeps_a_qnetd_host_from_being_one() {
    let world = |login: (i32, String, String)| without(2, World { login, ..World::default() });
    let says = |stdout: String| world((0, stdout, String::new()));
    let certutil = "/usr/bin/corosync-qnetd-certutil";
    let clients = "    Node ID 1:\n        Client address:\t\t::ffff:192.0.2.7:40534";
    let table = [
        (
            says(qnetd("", "inactive", "", "")),
            "corosync-qnetd is not installed on '10.77.0.31': run 'apt install corosync-qnetd' there",
        ),
        (
            says(qnetd(certutil, "failed", "", "")),
            "corosync-qnetd on '10.77.0.31' is failed: run 'systemctl enable --now corosync-qnetd' there",
        ),
        (
            says(qnetd(certutil, "active", "prod", "")),
            "'10.77.0.31' is a node of this cluster itself: a QDevice needs a host outside of the cluster",
        ),
        (
            says(qnetd(certutil, "active", "", clients)),
            "another cluster of this name, or a node that was removed from this one and runs again, uses '10.77.0.31' already (from \
             192.0.2.7): QNetd tells clusters apart by their names alone",
        ),
        (
            world((255, String::new(), "Host key verification failed.\r\n".to_owned())),
            "the ssh host key of '10.77.0.31' is not known to root on this node under exactly this name: add it to \
             '/root/.ssh/known_hosts'",
        ),
        (
            world((255, String::new(), "REMOTE HOST IDENTIFICATION HAS CHANGED\r\n".to_owned())),
            "the ssh host key of '10.77.0.31' is another one than root on this node knows: make sure that it is the right host \
             and replace it in '/root/.ssh/known_hosts'",
        ),
        (
            world((255, String::new(), "root@10.77.0.31: Permission denied (publickey).\r\n".to_owned())),
            "'10.77.0.31' does not accept the ssh key of root on this node: add '/root/.ssh/id_rsa.pub' to \
             '/root/.ssh/authorized_keys' there",
        ),
        (
            world((
                255,
                String::new(),
                "Warning: Identity file /root/.ssh/id_rsa not accessible: No such file.\n".to_owned(),
            )),
            "'/root/.ssh/id_rsa' is missing on this node: it is the key that pvecm logs in with",
        ),
        (
            world((
                255,
                String::new(),
                "ssh: connect to host 10.77.0.31 port 22: No route to host\r\n".to_owned(),
            )),
            "cannot reach '10.77.0.31' over ssh: ssh: connect to host 10.77.0.31 port 22: No route to host",
        ),
    ];
    for (host, reason) in table {
        assert_eq!(refused(&host, &present()), [reason]);
    }
    let closed = World { port: (1, "bash: connect: Connection refused\n"), ..World::default() };
    assert_eq!(
        refused(&without(2, closed), &present()),
        [
            "'10.77.0.31' does not answer on TCP 5403 (Connection refused): see to it that corosync-qnetd is installed and runs \
             there and that no firewall is between"
        ]
    );
}

#[test]
fn a_node_of_the_cluster_is_no_qnetd_host() {
    for (address, node) in [("10.77.0.12", "pve2"), ("10.77.1.12", "pve2"), ("10.77.0.11", "pve1")] {
        let reasons = refused(&without(2, World::default()), &with_option(present(), "address", address));
        let reason = format!(
            "'{address}' is node '{node}' of this cluster itself: a QDevice needs a host outside of the cluster"
        );
        assert_eq!(reasons, [reason]);
    }
}

#[test]
fn a_qdevice_that_is_not_the_wanted_one() {
    let other = with_option(present(), "address", "10.77.0.32");
    assert_eq!(
        refused(&with(2, World::default()), &other),
        ["the cluster has another QDevice ('10.77.0.31'): remove it first, with state 'absent'"]
    );
    // A node joined beside it.
    let grown = with(3, World::default()).file(CONF, conf(3, 3, Some("ffsplit")));
    assert_eq!(
        refused(&grown, &with_option(present(), "force", true)),
        ["the QDevice was set up with algorithm 'ffsplit', and 3 nodes need 'lms': set it up again with \
             'cluster_qdevice_renew: true' (playbooks/cluster-qdevice.yml), or with state 'absent' and then 'present'"]
    );
    let stripped = with(2, World::default()).with(|machine| machine.remove(STORE));
    assert_eq!(
        refused(&stripped, &present()),
        [
            "the certificates of the QDevice are not on this node ('/etc/corosync/qdevice' is missing): set it up again with \
             'cluster_qdevice_renew: true' (playbooks/cluster-qdevice.yml), or with state 'absent' and then 'present'"
        ]
    );
}

#[test]
fn what_keeps_one_from_being_removed() {
    let off = || with(4, World { offline: vec![4], ..World::default() });
    assert_eq!(
        refused(&off(), &absent()),
        [
            "node 'pve4' is not online, and pvecm needs all of them: start what is off, or, when it is off for good, set \
             'offline' to 'ignore'"
        ]
    );
    let halved = with(2, World { offline: vec![2], ..World::default() });
    assert_eq!(
        refused(&halved, &with_option(absent(), "offline", "ignore")),
        ["without the QDevice the cluster would not be quorate (1 of 2 votes): start more nodes first"]
    );
    let other = with_option(absent(), "cluster_name", "test");
    assert_eq!(refused(&off(), &other), ["this node is a member of cluster 'prod'"]);
}

#[test]
fn reasons_that_may_pass_are_waited_for() {
    let host = without(2, World { deaf: Some((2, 2)), ..World::default() });
    let said = msg(&answer(&host, &present()));
    assert!(said.ends_with("a change is under way (for 30 s)"), "{said}");
    let lock = "/etc/pve/priv/lock/file-corosync_conf";
    let host = without(2, World::default())
        .dir(lock)
        .at(std::time::Duration::from_secs(40), move |machine| machine.remove(lock));
    assert_eq!(answer(&host, &present())["failed"], Value::Null);
}

#[test]
fn options_are_checked_by_themselves() {
    let given = json!({"cluster_name": "a b", "address": "qnetd", "network": "10.0.0.0", "offline": "ignore", "timeout": 0});
    assert_eq!(
        msg(&answer(&without(2, World::default()), &given)),
        "cannot set up the QDevice of cluster 'a b': 'a b' is not a cluster name (letters, digits and hyphens inside); 'timeout' \
         is 0, which is not between 1 and 3600; 'offline' is for state 'absent': a QDevice is set up on all nodes; '10.0.0.0' is \
         not a network such as 192.0.2.0/24; 'qnetd' is not an IP address, and pvecm takes nothing else"
    );
    let given = json!({"cluster_name": "prod", "state": "absent", "address": "10.0.0.1", "force": true});
    assert_eq!(
        msg(&answer(&without(2, World::default()), &given)),
        "cannot remove the QDevice of cluster 'prod': 'address' is for state 'present'; 'force' is for state 'present'"
    );
}

#[test]
fn the_documentation_is_that_of_the_code() {
    testkit::assert_docs_match(&crate::args::spec());
}

/// A node that has left keeps the lock of its leave, which it cannot remove any more.
#[test]
fn the_lock_of_a_node_that_has_left_is_in_nobodys_way() {
    let locked = |world: World, lock: &'static str, owner: &str| {
        let path = format!("/etc/pve/priv/lock/{lock}");
        let name = format!("{path}-by-{owner}.1767225600");
        with(4, world).with(move |machine| {
            machine.make_dir(&path);
            machine.set_mtime(&path, 1_767_225_600);
            machine.make_dir(&name);
        })
    };
    let remove = with_option(with_option(absent(), "offline", "ignore"), "timeout", 4);
    let off = || World { offline: vec![4], ..World::default() };
    let (member, conf) = ("pvecm_cluster-join", "file-corosync_conf");
    let (leaves, joins) = ("leave.pve4.7.8.ab", "join.pve4.7.8.ab");
    let host = locked(off(), member, leaves);
    let said = answer(&host, &remove);
    assert_eq!(said["failed"], Value::Null, "{said}");
    for (world, lock, owner, case) in [
        (World::default(), member, leaves, "it is still leaving"),
        (off(), member, joins, "it joins, and is no member yet"),
        (off(), conf, leaves, "pvecm itself would wait for this one"),
        (off(), member, "unnamed", "nobody knows whose it is"),
    ] {
        let host = locked(world, lock, owner);
        let said = msg(&answer(&host, &remove));
        let path = format!("the cluster is locked ('/etc/pve/priv/lock/{lock}', which expires");
        assert!(said.contains(&path), "{case}: {said}");
    }
}

/// Its algorithm follows from the number of nodes, which is not yet that of those that vote.
#[test]
fn nodes_that_have_no_vote_yet_keep_it_out() {
    let two = |first: usize| {
        let file = conf(2, 3, None);
        let parts: Vec<&str> = file.split("quorum_votes: 1").collect();
        let votes = |at: usize| if at >= first { "quorum_votes: 0" } else { "quorum_votes: 1" };
        format!("{}{}{}{}{}", parts[0], votes(0), parts[1], votes(1), parts[2])
    };
    let host = |first: usize| without(2, World::default()).file(CONF, two(first));
    assert_eq!(
        refused(&host(1), &present()),
        ["node 'pve2' has no vote yet: playbooks/cluster-init.yml ends it"]
    );
    assert_eq!(
        refused(&host(0), &present()),
        ["nodes 'pve1', 'pve2' have no vote yet: playbooks/cluster-init.yml ends it"]
    );
}
