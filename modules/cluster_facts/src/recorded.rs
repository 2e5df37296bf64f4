// SPDX-License-Identifier: GPL-3.0-or-later
//! The facts of every node of which `pvecm status` was recorded, in every situation: `tests/recorded.json` has them, by situation
//! and node, a line each. When the facts have changed for good, the test's own words are the new file:
//! `cargo test -p cluster_facts --lib recorded 2>&1 | sed -n '/^the file is now:$/,/^$/p' | sed '1d;$d'`. The health of a cluster is tested over these, too (`tests/unit/plugins/filter/test_health_recorded.py`).
//!
//! Of some situations little more than that was recorded. What is missing is as in the situation that they began with, with the
//! members, votes and config_version that `pvecm status` shows.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Map, Value, json};
use testkit::{Answer, FakeHost};

use crate::golden::facts;
use crate::recording::Recording;
use crate::situations::{CERTIFICATE, HOST_KEY};

macro_rules! file {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/lab/replay/recordings/",
            $name,
            ".txt"
        ))
    };
}

const TWO: &str = file!("2-node_cluster");
const THREE: &str = file!("3-node_quorate");
const TWO_LINKS: &str = file!("two_links_3-node_quorate");
const QDEVICE: &str = file!("qdevice_pve1+pve2_cluster_qnetd_on_pve4");
const REMOVED: &str = file!("delnode_of_an_online_node_pve3_from_3-node");

/// A node in a situation: its name, the recordings of the situation, those that fill its gaps, one before the other.
type Recorded = (&'static str, &'static str, &'static str, &'static [&'static str]);

macro_rules! situations {
    ($($name:literal: $($node:literal),+; $base:expr)*) => { &[$($(($name, $node, file!($name), $base)),+),*] };
}

const SITUATIONS: &[Recorded] = situations! {
    "1-node_cluster": "pve1"; &[]
    "2-node_cluster": "pve1", "pve2"; &[]
    "3-node_quorate": "pve1", "pve2", "pve3"; &[]
    "3-node_with_pve3_powered_off": "pve1", "pve2"; &[]
    "3-node_majority_side_while_pve1_is_cut_off": "pve2"; &[]
    "inquorate_pve1_cut_off_from_3-node_corosync_net": "pve1"; &[]
    "3-node_corosync_stopped_on_pve1": "pve2"; &[THREE]
    "API_join_while_the_peer_is_inquorate": "pve1"; &[TWO]
    "delnode_in_a_2-node_cluster_with_the_other_node_off": "pve1"; &[TWO]
    "delnode_of_an_online_node_pve3_from_3-node": "pve1"; &[THREE]
    "delnode_of_a_powered-off_node_pve3": "pve1"; &[REMOVED, THREE]
    "re-join_of_the_cleaned_node_pve3": "pve1"; &[THREE]
    "two_links_3-node_quorate": "pve1", "pve3"; &[]
    "two_links_link_0_of_pve3_cut": "pve1", "pve3"; &[TWO_LINKS]
    "two_links_link_1_mgmt_of_pve3_cut": "pve1", "pve3"; &[TWO_LINKS]
    "two_links_both_links_of_pve3_cut": "pve1", "pve3"; &[TWO_LINKS]
    "qdevice_pve1+pve2_cluster_qnetd_on_pve4": "pve1", "pve2"; &[TWO]
    "qdevice_qnetd_stopped": "pve1"; &[QDEVICE, TWO]
    "qdevice_pve2_off": "pve1"; &[QDEVICE, TWO]
};

/// The first recording of this command on the node, in the first file that has one.
fn pick(files: &[&str], node: &str, command: &str) -> Option<Recording> {
    let wanted = format!("\nCOMMAND: {command}\nNODE: {node} | ");
    files
        .iter()
        .flat_map(|file| file.split("RECORDING: "))
        .find(|part| part.contains(&wanted))
        .map(Recording::parse)
}

/// Nodeids of the members that `pvecm status` lists.
fn members(status: &str) -> Vec<u32> {
    let ids = status.lines().filter_map(|line| line.split_whitespace().next()?.strip_prefix("0x"));
    let ids =
        ids.filter(|id| id.len() == 8).map(|id| u32::from_str_radix(id, 16).expect("a hexadecimal number"));
    ids.filter(|id| *id != 0).collect()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field that is always there");
    line.trim_start_matches(':').trim()
}

/// The values of the running corosync that follow from what `pvecm status` shows.
fn cmap(own: u32, version: &str, members: &[u32]) -> String {
    let mut said =
        format!("runtime.votequorum.this_node_id (u32) = {own}\ntotem.config_version (u64) = {version}\n");
    for id in members {
        let _ = write!(
            said,
            "runtime.members.{id}.config_version (u64) = {version}\nruntime.members.{id}.status (str) = joined\n"
        );
    }
    said
}

/// pmxcfs's list with those online that corosync has as members.
fn online(text: &str, members: &[u32]) -> String {
    let mut list: Value = serde_json::from_str(text).expect("JSON");
    for node in list["nodelist"].as_object_mut().expect("nodes by name").values_mut() {
        let id = node["id"].as_u64().expect("a nodeid");
        node["online"] = json!(u8::from(members.iter().any(|member| u64::from(*member) == id)));
    }
    list.to_string()
}

fn with_version(conf: &str, version: &str) -> String {
    let line = |line: &str| {
        let text = if line.trim_start().starts_with("config_version:") {
            format!("  config_version: {version}")
        } else {
            line.to_owned()
        };
        text + "\n"
    };
    conf.lines().map(line).collect()
}

fn host(node: &str, own: &str, base: &[&str]) -> FakeHost {
    let files: Vec<&str> = [own].into_iter().chain(base.iter().copied()).collect();
    let status = pick(&[own], node, "pvecm status").expect("it is what makes the situation");
    let (_, quorum) = status.stdout.split_once("Quorum information\n").expect("two parts");
    let (quorum, _) = quorum.split_once("\nlogging {").unwrap_or((quorum, ""));
    let version = field(&status.stdout, "Config Version");
    let members = members(quorum);
    let id = u32::from_str_radix(field(quorum, "Node ID").trim_start_matches("0x"), 16).expect("a nodeid");
    let text = |command: &str| pick(&files, node, command).expect("the base has it").stdout;
    let conf = with_version(&text("cat /etc/pve/corosync.conf"), version);
    let links = match pick(&[own], node, "corosync-cfgtool -n") {
        Some(links) => links.stdout,
        // a node alone lists no one
        None if members.len() == 1 => format!("Local node ID {id}, transport knet\n"),
        None => text("corosync-cfgtool -n"),
    };
    let device = pick(&files, node, "corosync-qdevice-tool -s")
        .map_or(Answer::not_installed(), |said| Answer::exit(said.rc, &said.stdout, &said.stderr));
    let services =
        ["pve-cluster", "corosync", "pvedaemon", "pveproxy", "pvestatd", "pve-ha-lrm", "pve-ha-crm"];
    let services: String = services
        .iter()
        .map(|name| {
            format!(
                "Result=success\nExecMainStatus=0\nId={name}.service\nLoadState=loaded\nActiveState=active\n\
                 UnitFileState=enabled\n\n"
            )
        })
        .collect();
    let host = FakeHost::new()
        .with_hostname(node)
        .dir("/etc/pve")
        .file("/var/lib/pve-cluster/config.db", "")
        .file("/etc/ssh/ssh_host_ed25519_key.pub", HOST_KEY)
        .file("/root/.ssh/id_rsa.pub", HOST_KEY)
        .link("/root/.ssh/authorized_keys", "/etc/pve/priv/authorized_keys")
        .file("/usr/share/perl5/PVE/Cluster/Setup.pm", "use constant JOIN_API_VERSION => 1;\n")
        .pmxcfs("/etc/pve")
        .link("/etc/pve/local", &format!("nodes/{node}"))
        .file(&format!("/etc/pve/nodes/{node}/pve-ssl.pem"), CERTIFICATE)
        .file("/etc/pve/pve-root-ca.pem", CERTIFICATE)
        .file("/etc/pve/priv/authorized_keys", HOST_KEY)
        .file("/etc/pve/.members", online(&text("cat /etc/pve/.members"), &members))
        .file("/etc/pve/.vmlist", text("cat /etc/pve/.vmlist"))
        .file("/etc/pve/corosync.conf", &conf)
        .file("/etc/corosync/corosync.conf", &conf)
        .file_as("/etc/corosync/authkey", "never read", 0o400, 0, 0)
        .query_prefix("systemctl show ", services)
        .query_prefix("dpkg-query ", "corosync 3.1.9-pve1 installed\npve-manager 9.2.11 installed\n")
        .query_prefix("journalctl ", "")
        .query("timedatectl show", "NTP=yes\nNTPSynchronized=yes\n")
        .query("corosync-quorumtool -siH", Answer::exit(status.rc, quorum, ""))
        .query("corosync-cfgtool -n", links)
        .query("corosync-cmapctl", cmap(id, version, &members))
        .query("corosync-cmapctl -m stats", "")
        .query("corosync -t", "")
        .query("corosync-qdevice-tool -s", device);
    host.change(|machine| {
        machine.set_quorate(status.rc == 0);
        let shortly_after = 1_800_000_000;
        machine.advance(Duration::from_secs(shortly_after - machine.unix_time()));
    });
    host
}

#[test]
fn every_recorded_status_has_its_facts() {
    let mut found: Map<String, Value> = Map::new();
    let mut tell = |situation: &str, node: &str, host: &FakeHost| {
        let told = facts(host, &json!({"gather": ["health"]}));
        found.entry(situation).or_insert_with(|| json!({}))[node] = told;
    };
    for (situation, node, own, base) in SITUATIONS {
        tell(situation, node, &host(node, own, base));
    }
    // Here `pvecm status` could not read the file; corosync ran on as before. `state_afterwards` has the versions and the words.
    let broken = host("pve1", THREE, &[]);
    let conf = with_version(&broken.text("/etc/pve/corosync.conf"), "8");
    let conf = conf.trim_end().trim_end_matches('}').to_owned();
    let refusal = "parser error: /etc/corosync/corosync.conf:42: Missing closing brace\n";
    let broken = broken
        .query("corosync-cmapctl", cmap(1, "7", &[1, 2, 3]))
        .query("corosync -t", Answer::exit(8, "", refusal));
    let broken = broken.file("/etc/pve/corosync.conf", &conf).file("/etc/corosync/corosync.conf", &conf);
    tell("config_change_broken_syntax_missing_brace_version_8", "pve1", &broken);
    // Here one command printed the status, the file and more.
    let more = "; cat /etc/pve/corosync.conf; systemctl is-active corosync; journalctl -u corosync --no-pager | tail -8\n";
    let clash = file!("nodeid_clash").replace(more, "\n");
    for node in ["pve1", "pve2"] {
        let said = pick(&[&clash], node, "pvecm status").expect("it is there").stdout;
        let (_, conf) = said.split_once("\nlogging {").expect("the file follows");
        let (conf, _) = conf.split_once("\nactive\n").expect("the service's state follows");
        let conf = format!("logging {{{conf}\n");
        let clashing = host(node, &clash, &[TWO]);
        let clashing =
            clashing.file("/etc/pve/corosync.conf", &conf).file("/etc/corosync/corosync.conf", &conf);
        tell("nodeid_clash", node, &clashing);
    }
    let mut shown = String::from("{\n");
    for (place, (situation, nodes)) in found.iter().enumerate() {
        let end = |last: bool| if last { "\n" } else { ",\n" };
        let nodes = nodes.as_object().expect("facts by node");
        let _ = writeln!(shown, "{}: {{", json!(situation));
        for (number, (node, facts)) in nodes.iter().enumerate() {
            let _ = write!(shown, "{}: {facts}{}", json!(node), end(number + 1 == nodes.len()));
        }
        let _ = write!(shown, "}}{}", end(place + 1 == found.len()));
    }
    shown.push_str("}\n");
    let golden = include_str!("../tests/recorded.json");
    assert!(shown == golden, "the file is now:\n{shown}");
}
