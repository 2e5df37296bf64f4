// SPDX-License-Identifier: GPL-3.0-or-later
//! Nodes that are off during a change, and their way back.

use std::time::Duration;

use ansible_module::answer;
use corosync_document::Document;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, at_every_effect};

use crate::fake::{CLUSTER, LOCAL, Trouble, conf, node};
use crate::returned::{Cure, Node, decide};
use crate::{args, module};

fn run(host: &FakeHost, args: &Value) -> Value {
    let mut args = args.clone();
    args["rescue_after"] = 0.into();
    answer(&args::spec(), args.to_string().as_bytes(), host, module::run)
}

#[test]
fn a_named_node_may_be_off() {
    let trouble = || Trouble { offline: vec![3], ..Trouble::default() };
    let host = node(&conf(6), trouble());
    let answer = run(&host, &json!({"totem": {"token": 5000}, "allow_offline": ["pve3"], "timeout": 5}));
    assert_eq!((&answer["changed"], &answer["offline"]), (&json!(true), &json!(["pve3"])), "{answer}");
    assert_eq!(answer["members"].as_array().unwrap().len(), 2);
    assert_eq!(
        answer["warnings"],
        json!([
            "node 'pve3' is off and keeps the old file, with which its corosync ends when it starts: bring it back with \
                'state: returned' on it, which gives it the new one"
        ])
    );
    assert!(host.text(CLUSTER).contains("token: 5000"));
    let again = run(&host, &json!({"totem": {"token": 5000}, "allow_offline": ["pve3"], "timeout": 5}));
    assert_eq!(again["changed"], false, "{again}");
    for (allowed, expected) in [
        ("pve2", "node 'pve3' is offline: it would miss the change; start it, or remove it from the cluster"),
        ("pve9", "'allow_offline' names 'pve9', which is no node of this cluster"),
    ] {
        let host = node(&conf(6), trouble());
        let answer = run(&host, &json!({"totem": {"token": 5000}, "allow_offline": [allowed], "timeout": 5}));
        assert!(answer["reasons"].as_array().unwrap().contains(&json!(expected)), "{answer}");
        assert_eq!(host.text(CLUSTER), conf(6));
    }
}

#[test]
fn votes_of_nodes_that_are_off_do_not_count() {
    let host = node(&conf(6), Trouble { offline: vec![3], ..Trouble::default() });
    let answer =
        run(&host, &json!({"nodes": {"pve3": {"quorum_votes": 3}}, "allow_offline": ["pve3"], "timeout": 5}));
    assert_eq!(
        answer["reasons"],
        json!(["the cluster would lose quorum: with 'pve3' off there are 2 of 5 votes, and 3 are needed"])
    );
}

/// The node as it came back: with the old file, its corosync ended.
fn came_back() -> FakeHost {
    let old = conf(6);
    FakeHost::new()
        .with_hostname("pve3.example.com")
        .pmxcfs("/etc/pve")
        .with(|machine| machine.set_quorate(false))
        .dir("/etc/pve/nodes/pve3")
        .link("/etc/pve/local", "nodes/pve3")
        .file(CLUSTER, &old)
        .file(LOCAL, &old)
        .dir("/var/backups")
        .query("corosync -t -c /dev/stdin", Answer::ok(""))
        .action("systemctl reset-failed corosync.service", Answer::ok(""))
        .action(
            "systemctl restart corosync.service",
            Answer::ok("").doing(|machine| {
                let text = machine.text(LOCAL).unwrap_or_default();
                machine.after(Duration::from_secs(2), move |machine| {
                    machine.set_quorate(true);
                    machine.write(CLUSTER, &text);
                });
            }),
        )
}

#[test]
fn the_node_is_brought_back_with_the_file_of_the_others() {
    let ask = json!({"state": "returned", "content": conf(7), "timeout": 5});
    let host = came_back().query("corosync-cmapctl", Answer::ok("totem.config_version (u64) = 7\n"));
    let check = run(&host, &json!({"state": "returned", "content": conf(7), "_ansible_check_mode": true}));
    assert_eq!((&check["changed"], host.effects().len()), (&json!(true), 0), "{check}");
    let answer = run(&host, &ask);
    assert_eq!((&answer["changed"], &answer["restarted"]), (&json!(true), &json!(true)), "{answer}");
    assert_eq!((host.text(LOCAL), host.text(CLUSTER)), (conf(7), conf(7)));
    assert_eq!(run(&host, &ask)["changed"], false);
}

/// The state alone chooses what is done.
#[test]
fn without_the_file_there_is_nothing_to_come_back_to() {
    let host = came_back();
    let answer = run(&host, &json!({"state": "returned"}));
    assert_eq!(answer["msg"], "state is returned but all of the following are missing: content");
    let answer = run(&host, &json!({"state": "returned", "content": conf(7), "totem": {"token": 5000}}));
    assert_eq!(answer["msg"], "parameters are mutually exclusive: content|totem");
    assert_eq!(host.steps().len(), 0);
}

#[test]
fn a_node_that_does_not_come_back_is_no_success() {
    let host = came_back().query(
        "corosync-cmapctl",
        Answer::exit(1, "", "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n"),
    );
    let answer = run(&host, &json!({"state": "returned", "content": conf(7), "timeout": 5}));
    assert_eq!(
        (&answer["msg"], &answer["changed"]),
        (&json!("cannot bring this node back: after 5 s corosync does not run on this node"), &json!(true))
    );
}

#[test]
fn a_fault_at_any_step_is_no_success() {
    let build = || came_back().query("corosync-cmapctl", Answer::ok("totem.config_version (u64) = 7\n"));
    at_every_effect(build, 5, |host, number| {
        let answer = run(host, &json!({"state": "returned", "content": conf(7), "timeout": 5}));
        let whole = host.text(LOCAL) == conf(7) && host.text(CLUSTER) == conf(7);
        assert!(whole || answer["failed"] == true, "effect {number}: {answer}");
        assert!([conf(6), conf(7)].contains(&host.text(LOCAL)), "effect {number}");
    });
}

#[test]
fn what_is_decided_of_each_node() {
    let document = |version| Some(Document::parse(conf(version).as_bytes()));
    let back = || Node {
        name: "pve3".into(),
        quorate: false,
        mounted: true,
        cluster: document(6),
        local: document(6),
        runs: None,
    };
    let current = Document::parse(conf(7).as_bytes());
    let whole = Cure { write: true, restart: true };
    assert_eq!(decide(&current, &back()), Ok(Some(whole)));
    let broken = Document::parse(b"totem {\n");
    assert_eq!(decide(&current, &Node { local: Some(broken.clone()), ..back() }), Ok(Some(whole)));
    assert_eq!(
        decide(&current, &Node { local: document(7), ..back() }),
        Ok(Some(Cure { write: false, restart: true }))
    );
    let quorate =
        || Node { quorate: true, cluster: document(7), local: document(7), runs: Some(7), ..back() };
    assert_eq!(decide(&current, &quorate()), Ok(None));
    assert_eq!(
        decide(&current, &Node { local: Some(broken), ..quorate() }),
        Ok(Some(Cure { write: true, restart: false }))
    );
    let refused = |node: Node| decide(&current, &node).unwrap_err().join("; ");
    for (node, expected) in [
        (
            Node { cluster: document(8), ..quorate() },
            "this node is quorate, and its '/etc/pve/corosync.conf' is another text than 'content'",
        ),
        (
            Node { name: "pve4".into(), ..back() },
            "'content' does not list this node, 'pve4': it is no member of that cluster",
        ),
        (Node { cluster: None, local: None, ..back() }, "this node is standalone: it belongs to no cluster"),
        (
            Node { mounted: false, cluster: None, ..back() },
            "/etc/pve is not mounted: start the service 'pve-cluster' on this node",
        ),
        (
            Node { local: document(9), ..back() },
            "'/etc/corosync/corosync.conf' on this node has config_version 9, above the 7 of 'content': take the file from a quorate member",
        ),
        (
            Node { local: document(7), runs: Some(7), ..back() },
            "it runs the current file and is not quorate all the same: see to its links to the others",
        ),
    ] {
        assert_eq!(refused(node), expected);
    }
    let other = Document::parse(conf(7).replace("prod", "test").as_bytes());
    assert_eq!(
        decide(&other, &back()).unwrap_err(),
        ["this node belongs to cluster 'prod', and 'content' is of 'test'"]
    );
    let bad = Document::parse(conf(7).replace("secauth: on", "secauth: on # x").as_bytes());
    assert_eq!(
        decide(&bad, &back()).unwrap_err(),
        ["'content', line 39: the comment behind the value of 'secauth' is part of the value for corosync"]
    );
}
