// SPDX-License-Identifier: GPL-3.0-or-later
//! A pve1 of a cluster of some nodes, whose pvecm, corosync and daemon act as the real ones were recorded to
//! (`captures/qdevice_pve1+pve2_cluster_qnetd_on_pve4--*`).

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use corosync_document::Document;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, Machine};

use crate::observe::PVECM;
use crate::{args, module};

pub(crate) const CONF: &str = "/etc/pve/corosync.conf";
pub(crate) const STORE: &str = "/etc/corosync/qdevice";
pub(crate) const SETUP: &str = "pvecm qdevice setup 10.77.0.31";
pub(crate) const REMOVE: &str = "pvecm qdevice remove";
pub(crate) const CLEAR: &str = "rm -rf -- /etc/corosync/qdevice";

/// What the cluster is like, besides its files.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Nodes that are off.
    pub(crate) offline: Vec<u32>,
    /// Nodes that stay at this version.
    pub(crate) deaf: Option<(u32, u64)>,
    pub(crate) active: &'static str,
    pub(crate) enabled: &'static str,
    pub(crate) installed: bool,
    /// Nodes to whom the QNetd host does not answer.
    pub(crate) unconnected: Vec<u32>,
    /// What the login at the QNetd host answers: exit code, stdout, stderr.
    pub(crate) login: (i32, String, String),
    /// What a connection to its port answers.
    pub(crate) port: (i32, &'static str),
    /// Another pvecm is at work.
    pub(crate) busy: bool,
    /// Where pvecm stops: before the certificates, the file, or the daemons.
    pub(crate) stops: Option<Stop>,
}

/// Where pvecm stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Copy,
    File,
    Daemons,
    Removal,
    RemovalsDaemons,
}

impl Default for World {
    fn default() -> Self {
        Self {
            offline: Vec::new(),
            deaf: None,
            active: "inactive",
            enabled: "disabled",
            installed: true,
            unconnected: Vec::new(),
            login: (0, qnetd("/usr/bin/corosync-qnetd-certutil", "active", "", ""), String::new()),
            port: (0, ""),
            busy: false,
            stops: None,
        }
    }
}

/// The answer of a QNetd host.
pub(crate) fn qnetd(certutil: &str, service: &str, cluster: &str, clients: &str) -> String {
    format!(
        "\n@@ certutil\n{certutil}\n\n@@ service\n{service}\n\n@@ cluster\n{cluster}\n\n@@ clients\n{clients}\n\n@@ end\n"
    )
}

/// corosync.conf of so many nodes, as PVE writes it.
pub(crate) fn conf(nodes: u32, version: u64, device: Option<&str>) -> String {
    let mut text = "logging {\n  debug: off\n  to_syslog: yes\n}\n\nnodelist {\n".to_owned();
    for node in 1..=nodes {
        let _ = write!(
            text,
            "  node {{\n    name: pve{node}\n    nodeid: {node}\n    quorum_votes: 1\n    ring0_addr: 10.77.1.1{node}\n  }}\n"
        );
    }
    text.push_str("}\n\nquorum {\n");
    if let Some(algorithm) = device {
        let votes = if algorithm == "ffsplit" { "    votes: 1\n" } else { "" };
        let _ = write!(
            text,
            "  device {{\n    model: net\n    net {{\n      algorithm: {algorithm}\n      host: 10.77.0.31\n      tls: on\n    \
             }}\n{votes}  }}\n"
        );
    }
    let _ = write!(
        text,
        "  provider: corosync_votequorum\n}}\n\ntotem {{\n  cluster_name: prod\n  config_version: {version}\n  version: 2\n}}\n"
    );
    text
}

/// The cluster without a QDevice.
pub(crate) fn without(nodes: u32, world: World) -> FakeHost {
    node(nodes, None, world)
}

/// The cluster with one in use.
pub(crate) fn with(nodes: u32, world: World) -> FakeHost {
    with_daemon(nodes, World { active: "active", enabled: "enabled", ..world })
}

/// The cluster with one, whose daemon on this node is as `world` has it.
pub(crate) fn with_daemon(nodes: u32, world: World) -> FakeHost {
    node(nodes, Some(algorithm(nodes)), world).file(&format!("{STORE}/net/nssdb/cert9.db"), "")
}

fn algorithm(nodes: u32) -> &'static str {
    if nodes.is_multiple_of(2) { "ffsplit" } else { "lms" }
}

fn node(nodes: u32, device: Option<&'static str>, world: World) -> FakeHost {
    let text = conf(nodes, 3, device);
    let world = Rc::new(RefCell::new(world));
    let file = Rc::new(RefCell::new(text.clone()));
    let (asked, seen) = (Rc::clone(&world), Rc::clone(&file));
    let acting = Rc::clone(&world);
    FakeHost::new()
        .with_hostname("pve1")
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/nodes/pve1")
        .dir("/etc/pve/priv/lock")
        .link("/etc/pve/local", "nodes/pve1")
        .file(CONF, &text)
        .file("/etc/pve/.members", members(nodes, &world.borrow().offline))
        .with_address("eth0", "10.77.0.11", 24)
        .with_address("eth1", "10.77.1.11", 24)
        .at(Duration::ZERO, move |machine| watch(machine, Rc::clone(&file)))
        .query_with(move |command| {
            let world = asked.borrow();
            let document = Document::parse(seen.borrow().as_bytes());
            let line = command.line();
            Some(match line.as_str() {
                "corosync-cmapctl" => Answer::ok(cmap(&document, &world)),
                "corosync-quorumtool -siH" => quorumtool(&document, &world),
                "corosync-qdevice-tool -s" => connection(&world),
                _ if command.program == "pgrep" && command.args == ["-f", PVECM] => {
                    Answer::exit(i32::from(!world.busy), "", "")
                }
                _ if line.starts_with("systemctl show") => Answer::ok(service(&world)),
                _ if line.starts_with("bash -c") => Answer::exit(world.port.0, "", world.port.1),
                _ if line.starts_with("ssh -T") => {
                    let (code, stdout, stderr) = world.login.clone();
                    Answer::exit(code, stdout, stderr)
                }
                _ => return None,
            })
        })
        .action_with(move |command| {
            let world = Rc::clone(&acting);
            let line = command.line();
            let set = move |active, enabled| {
                let mut world = world.borrow_mut();
                world.active = active;
                world.enabled = enabled;
            };
            let stops = acting.borrow().stops;
            Some(match line.as_str() {
                "systemctl stop corosync-qdevice" | "systemctl reset-failed corosync-qdevice" => {
                    let enabled = acting.borrow().enabled;
                    Answer::ok("").doing(move |_| set("inactive", enabled))
                }
                "systemctl start corosync-qdevice" => {
                    let enabled = acting.borrow().enabled;
                    Answer::ok("").doing(move |_| set("active", enabled))
                }
                "systemctl disable corosync-qdevice" => {
                    let active = acting.borrow().active;
                    Answer::ok("").doing(move |_| set(active, "disabled"))
                }
                "systemctl enable corosync-qdevice" => {
                    let active = acting.borrow().active;
                    Answer::ok("").doing(move |_| set(active, "enabled"))
                }
                CLEAR => Answer::ok("").doing(|machine| machine.remove(STORE)),
                REMOVE => removal(stops, set),
                _ if line.starts_with(SETUP) => setup(nodes, stops, set),
                _ => return None,
            })
        })
}

/// corosync runs the file a second after it was written.
fn watch(machine: &mut Machine, loaded: Rc<RefCell<String>>) {
    let now = machine.text(CONF).unwrap_or_default();
    if now != *loaded.borrow() {
        let loaded = Rc::clone(&loaded);
        machine.after(Duration::from_secs(1), move |_| *loaded.borrow_mut() = now);
    }
    machine.after(Duration::from_millis(200), move |machine| watch(machine, loaded));
}

fn setup(nodes: u32, stops: Option<Stop>, set: impl Fn(&'static str, &'static str) + 'static) -> Answer {
    let done = "INFO: start and enable corosync qdevice daemon on node 'pve2'...\nReloading corosync.conf...\nDone\n";
    let answer = match stops {
        Some(Stop::Copy) => Answer::exit(
            1,
            "",
            "command 'ssh-copy-id -i /root/.ssh/id_rsa root@10.77.0.31' failed: exit code 1\n",
        ),
        Some(Stop::File) => Answer::exit(
            255,
            "INFO: add QDevice to cluster configuration\n",
            "got lock timeout - aborting command\n",
        ),
        Some(Stop::Daemons) => Answer::exit(
            255,
            done,
            "command 'ssh -o BatchMode=yes -lroot 10.77.0.12 systemctl start corosync-qdevice' failed: exit code 255\n",
        ),
        _ => Answer::ok(done),
    };
    answer.taking(Duration::from_millis(4930)).doing(move |machine| {
        if stops == Some(Stop::Copy) {
            return;
        }
        machine.write(format!("{STORE}/net/nssdb/cert9.db"), "");
        if stops == Some(Stop::File) {
            machine.write("/etc/pve/qdevice-net-node.p12", "private");
            return;
        }
        let version = Document::parse(machine.text(CONF).unwrap().as_bytes()).config_version().unwrap();
        machine.write(CONF, conf(nodes, version + 1, Some(algorithm(nodes))));
        set("active", "enabled");
    })
}

fn removal(stops: Option<Stop>, set: impl Fn(&'static str, &'static str) + 'static) -> Answer {
    let answer = match stops {
        Some(Stop::Removal) => Answer::exit(255, "", "got lock timeout - aborting command\n"),
        Some(Stop::RemovalsDaemons) => Answer::exit(
            255,
            "",
            "command 'ssh -o BatchMode=yes -lroot 10.77.0.12 systemctl stop corosync-qdevice' failed: exit code 255\n",
        ),
        _ => Answer::exit(0, "Reloading corosync.conf...\nDone\n\nRemoved Qdevice.\n", ""),
    };
    answer.taking(Duration::from_millis(2750)).doing(move |machine| {
        if stops == Some(Stop::Removal) {
            return;
        }
        let mut document = Document::parse(machine.text(CONF).unwrap().as_bytes());
        let version = document.config_version().unwrap() + 1;
        let _ = document.remove_section(&corosync_document::Place::section("quorum.device"));
        let _ = document.set_config_version(version);
        machine.write(CONF, document.to_bytes());
        machine.remove(STORE);
        if stops != Some(Stop::RemovalsDaemons) {
            set("inactive", "disabled");
        }
    })
}

fn members(nodes: u32, offline: &[u32]) -> String {
    let list: serde_json::Map<String, Value> = (1..=nodes)
        .map(|id| {
            let online = u8::from(!offline.contains(&id));
            (format!("pve{id}"), json!({"id": id, "online": online, "ip": format!("10.77.0.1{id}")}))
        })
        .collect();
    let cluster = json!({"name": "prod", "version": 3, "nodes": nodes, "quorate": 1});
    json!({"nodename": "pve1", "version": 5, "cluster": cluster, "nodelist": list}).to_string()
}

fn cmap(document: &Document, world: &World) -> String {
    let version = document.config_version().unwrap_or(0);
    let mut text = format!("totem.config_version (u64) = {version}\n");
    if document.device().is_some() {
        text.push_str("quorum.device.model (str) = net\n");
    }
    for node in document.nodes() {
        let id = node.nodeid.unwrap_or(0);
        let status = if world.offline.contains(&id) { "left" } else { "joined" };
        let runs = world.deaf.filter(|(deaf, _)| *deaf == id).map_or(version, |(_, version)| version);
        let _ = write!(
            text,
            "runtime.members.{id}.config_version (u64) = {runs}\nruntime.members.{id}.ip (str) = r(0) ip(10.77.1.1{id}) \
             \nruntime.members.{id}.status (str) = {status}\n"
        );
    }
    text
}

fn quorumtool(document: &Document, world: &World) -> Answer {
    let nodes = document.nodes();
    let device = document.device();
    let active = world.active == "active";
    let votes = match device.as_ref().and_then(|device| device.algorithm.as_deref()) {
        Some("lms") => u32::try_from(nodes.len()).unwrap() - 1,
        Some(_) => 1,
        None => 0,
    };
    let connected = |id: u32| active && !world.unconnected.contains(&id);
    let expected = u32::try_from(nodes.len()).unwrap() + votes;
    let cast = if votes > 0 && connected(1) { votes } else { 0 };
    let online: Vec<u32> =
        nodes.iter().filter_map(|node| node.nodeid).filter(|id| !world.offline.contains(id)).collect();
    let total = u32::try_from(online.len()).unwrap() + cast;
    let quorum = expected / 2 + 1;
    let yes = if total >= quorum { "Yes" } else { "No" };
    let heading =
        if device.is_some() { "    Nodeid      Votes    Qdevice Name" } else { "    Nodeid      Votes Name" };
    let mut text = format!(
        "Node ID:          0x00000001\nRing ID:          1.9\nQuorate:          {yes}\nExpected votes:   {expected}\nHighest \
         expected: {expected}\nTotal votes:      {total}\nQuorum:           {quorum}  \nFlags:            \n{heading}\n"
    );
    for id in online {
        let flags = match (&device, connected(id)) {
            (None, _) => "",
            (Some(_), true) => "A,V,NMW ",
            (Some(_), false) => "NA,NV,NMW ",
        };
        let local = if id == 1 { " (local)" } else { "" };
        let _ = writeln!(text, "0x0000000{id}          1 {flags}10.77.1.1{id}{local}");
    }
    if device.is_some() {
        let withheld = if cast == 0 { format!(" (votes {votes})") } else { String::new() };
        let _ = writeln!(text, "0x00000000          {cast}            Qdevice{withheld}");
    }
    Answer::exit(if yes == "Yes" { 0 } else { 2 }, text, "")
}

fn connection(world: &World) -> Answer {
    let state = if world.unconnected.contains(&1) { "Connect failed" } else { "Connected" };
    Answer::ok(format!(
        "QNetd host:\t\t10.77.0.31:5403\nAlgorithm:\t\tFifty-Fifty split\nState:\t\t\t{state}\n"
    ))
}

fn service(world: &World) -> String {
    let load = if world.installed { "loaded" } else { "not-found" };
    format!(
        "Id=corosync-qdevice.service\nLoadState={load}\nActiveState={}\nUnitFileState={}\n",
        world.active, world.enabled
    )
}

/// The task's answer.
pub(crate) fn answer(host: &FakeHost, given: &Value) -> Value {
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, module::run)
}

pub(crate) fn present() -> Value {
    json!({"cluster_name": "prod", "address": "10.77.0.31"})
}

pub(crate) fn absent() -> Value {
    json!({"cluster_name": "prod", "state": "absent"})
}

/// Whether nothing of a QDevice is left.
pub(crate) fn is_clean(host: &FakeHost) -> bool {
    !host.text(CONF).contains("device")
        && !host.exists(STORE)
        && !host.exists("/etc/pve/qdevice-net-node.p12")
}
