// SPDX-License-Identifier: GPL-3.0-or-later
//! A pve1 of three nodes, of which some are not seen, with a corosync that takes expected votes as the real one does.

use std::cell::Cell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, FakeHost};

use crate::{args, module};

/// The cluster's file, as PVE writes it.
fn conf() -> String {
    let mut text = "nodelist {\n".to_owned();
    for node in 1..=3 {
        let _ = write!(
            text,
            "  node {{\n    name: pve{node}\n    nodeid: {node}\n    quorum_votes: 1\n    ring0_addr: 10.77.1.1{node}\n  }}\n"
        );
    }
    text.push_str("}\n\nquorum {\n  provider: corosync_votequorum\n}\n\ntotem {\n  cluster_name: prod\n  config_version: 4\n}\n");
    text
}

fn members() -> String {
    let node = |id: u32| json!({"id": id, "online": u8::from(id == 1), "ip": format!("10.77.0.1{id}")});
    let cluster = json!({"name": "prod", "version": 4, "nodes": 3, "quorate": 0});
    let nodes = json!({"pve1": node(1), "pve2": node(2), "pve3": node(3)});
    json!({"nodename": "pve1", "version": 5, "cluster": cluster, "nodelist": nodes}).to_string()
}

/// A node that sees these members; `answering` is what the script that asks the others prints.
pub(crate) fn node(members_seen: &'static [u32], answering: &'static str) -> FakeHost {
    let seen = u32::try_from(members_seen.len()).unwrap();
    let expected = Rc::new(Cell::new(3));
    let set = Rc::clone(&expected);
    let quorate = seen >= 2;
    FakeHost::new()
        .with_hostname("pve1")
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/nodes/pve1")
        .link("/etc/pve/local", "nodes/pve1")
        .file("/etc/pve/corosync.conf", conf())
        .file("/etc/pve/.members", members())
        .with(|machine| machine.set_quorate(quorate))
        .query_with(move |command| {
            let line = command.line();
            Some(match line.as_str() {
                "corosync-cmapctl" => Answer::ok(cmap(members_seen)),
                "corosync-cfgtool -n" => Answer::ok(links(members_seen)),
                "corosync-quorumtool -siH" => quorumtool(members_seen, expected.get()),
                _ if line.starts_with("sh -s") => Answer::ok(answering),
                _ => return None,
            })
        })
        .action_with(move |command| {
            let line = command.line();
            if line.starts_with("logger") {
                return Some(Answer::ok(""));
            }
            let votes: u32 = line.strip_prefix("pvecm expected ")?.parse().ok()?;
            let quorum = votes / 2 + 1;
            // captures/3-node_quorate--pvecm_expected_1--pve1, captures/1-node_cluster--pvecm_expected_3--pve1
            if quorum > seen || quorum < seen / 2 {
                return Some(Answer::exit(1, "", "Unable to set expected votes: CS_ERR_INVALID_PARAM\n"));
            }
            let set = Rc::clone(&set);
            Some(Answer::ok("").doing(move |machine| {
                set.set(votes);
                machine.after(Duration::from_millis(400), |machine| machine.set_quorate(true));
            }))
        })
}

fn cmap(seen: &[u32]) -> String {
    let mut text = "totem.config_version (u64) = 4\n".to_owned();
    for id in 1..=3 {
        let status = if seen.contains(&id) { "joined" } else { "left" };
        let _ = write!(
            text,
            "runtime.members.{id}.config_version (u64) = 4\nruntime.members.{id}.ip (str) = r(0) ip(10.77.1.1{id}) \
             \nruntime.members.{id}.status (str) = {status}\n"
        );
    }
    text
}

/// The links to these nodes.
pub(crate) fn links(connected: &[u32]) -> String {
    let mut text = "Local node ID 1, transport knet\n".to_owned();
    for id in connected.iter().filter(|id| **id != 1) {
        let _ = write!(
            text,
            "nodeid: {id} reachable\n   LINK: 0 udp (10.77.1.11->10.77.1.1{id}) enabled connected mtu: 1397\n\n"
        );
    }
    text
}

fn quorumtool(seen: &[u32], expected: u32) -> Answer {
    let total = u32::try_from(seen.len()).unwrap();
    let quorum = expected / 2 + 1;
    let quorate = total >= quorum;
    let yes = if quorate { "Yes" } else { "No" };
    let mut text = format!(
        "Node ID:          0x00000001\nRing ID:          1.9\nQuorate:          {yes}\nExpected votes:   {expected}\nHighest \
         expected: {expected}\nTotal votes:      {total}\nQuorum:           {quorum} Activity blocked\nFlags:            \n    \
         Nodeid      Votes Name\n"
    );
    for id in seen {
        let local = if *id == 1 { " (local)" } else { "" };
        let _ = writeln!(text, "0x0000000{id}          1 10.77.1.1{id}{local}");
    }
    Answer::exit(if quorate { 0 } else { 2 }, text, "")
}

/// The task's answer.
pub(crate) fn answer(host: &FakeHost, given: &Value) -> Value {
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, module::run)
}

pub(crate) fn given() -> Value {
    json!({"cluster_name": "prod", "offline_nodes": ["pve2", "pve3"]})
}
