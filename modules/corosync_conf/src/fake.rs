// SPDX-License-Identifier: GPL-3.0-or-later
//! A cluster of three nodes as one of them sees it, whose pmxcfs and corosync act as the real ones were recorded to.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

use corosync_document::{Document, disagreements};
use testkit::{Answer, FakeHost, Machine};

pub(crate) const CLUSTER: &str = "/etc/pve/corosync.conf";
pub(crate) const LOCAL: &str = "/etc/corosync/corosync.conf";
pub(crate) const LOCK: &str = "/etc/pve/priv/lock/file-corosync_conf";

/// When corosync on this node was started.
pub(crate) const STARTED: &str =
    "systemctl show --property=ExecMainStartTimestampMonotonic --value corosync.service";

/// What the cluster does otherwise than a healthy one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble {
    /// Nodes that are not members.
    pub(crate) offline: Vec<u32>,
    /// Nodes that never follow a change.
    pub(crate) deaf: Vec<u32>,
    /// Nodes that did not follow the last change, and follow the next.
    pub(crate) late: Vec<u32>,
    /// corosync does not run here.
    pub(crate) down: bool,
    /// From this version on corosync reports an error of its reload.
    pub(crate) refuses: Option<u64>,
    /// A change to this version breaks this link to node 2.
    pub(crate) link_lost: Option<u64>,
    /// A change to this version loses quorum.
    pub(crate) quorum_lost: Option<u64>,
    /// Addresses that begin so never answer.
    pub(crate) dead: Option<&'static str>,
}

/// What corosync runs: the text it has loaded last, and since when it has each link.
#[derive(Debug, Default)]
struct Loaded {
    text: String,
    links: BTreeMap<u8, Duration>,
}

/// How long a new link takes until the other node answers.
const CONNECTS: Duration = Duration::from_millis(1700);

/// The cluster's file, as PVE writes it.
pub(crate) fn conf(version: u64) -> String {
    testkit::corosync_conf(version, &[(1, "pve1"), (2, "pve2"), (3, "pve3")])
}

/// The same cluster with a second link.
pub(crate) fn two_links(version: u64) -> String {
    let mut text = conf(version).replace(
        "    linknumber: 0\n  }\n",
        "    linknumber: 0\n  }\n  interface {\n    linknumber: 1\n  }\n",
    );
    for node in 1..=3 {
        let address = format!("    ring0_addr: 10.77.1.1{node}\n");
        text = text.replace(&address, &format!("{address}    ring1_addr: 10.77.0.1{node}\n"));
    }
    text
}

/// A node `pve1` of the quorate cluster.
pub(crate) fn node(text: &str, trouble: Trouble) -> FakeHost {
    let links = Document::parse(text.as_bytes()).links().into_iter().map(|link| (link, Duration::ZERO));
    let loaded = Rc::new(RefCell::new(Loaded { text: text.to_owned(), links: links.collect() }));
    let down = trouble.down;
    let clock = Rc::new(Cell::new(Duration::ZERO));
    let now = Rc::clone(&clock);
    let for_votes = Rc::clone(&loaded);
    let mut versions = [Document::parse(text.as_bytes()).config_version().unwrap_or(0); 4];
    for nodeid in &trouble.late {
        if let Some(runs) = versions.get_mut(*nodeid as usize) {
            *runs = runs.saturating_sub(1);
        }
    }
    let members = Rc::new(RefCell::new(versions));
    let (for_cmap, members_of, in_cmap) = (Rc::clone(&loaded), Rc::clone(&members), trouble.clone());
    let (in_links, for_links) = (trouble.clone(), Rc::clone(&loaded));
    FakeHost::new()
        .with_hostname("pve1")
        .pmxcfs("/etc/pve")
        .dir("/etc/pve/nodes/pve1")
        .dir("/etc/pve/priv/lock")
        .link("/etc/pve/local", "nodes/pve1")
        .file(CLUSTER, text)
        .file(LOCAL, text)
        .dir("/var/backups")
        .with(|machine| process(machine, 100))
        .with_address("eth0", "10.77.0.11", 24)
        .with_address("eth1", "10.77.1.11", 24)
        .with_address("eth2", "10.77.5.11", 24)
        .at(Duration::ZERO, move |machine| watch(machine, text_of(machine), loaded, members, trouble, clock))
        .action("corosync-cfgtool -R", Answer::ok("Reloading corosync.conf...\nDone\n"))
        .file("/proc/uptime", "9000.00 1.00\n")
        .query_with(move |command| match command.line().as_str() {
            STARTED => Some(Answer::ok("1000000000\n")),
            line if down && line.starts_with("corosync-") => {
                Some(Answer::exit(1, "", "Cannot initialize CMAP service\n"))
            }
            "corosync-cmapctl" => {
                Some(Answer::ok(cmap(&for_cmap.borrow().text, &members_of.borrow(), &in_cmap)))
            }
            "corosync-cfgtool -n" => Some(Answer::ok(cfgtool(&for_links.borrow(), &in_links, now.get()))),
            "corosync-quorumtool -siH" => Some(Answer::ok(quorumtool(&for_votes.borrow().text))),
            "corosync -t -c /dev/stdin" => Some(corosync_t(&command.stdin)),
            _ => None,
        })
}

/// The module's process has this number.
pub(crate) fn process(machine: &mut Machine, pid: u32) {
    machine.set_process(pid);
}

fn text_of(machine: &Machine) -> String {
    machine.text(CLUSTER).unwrap_or_default()
}

/// pmxcfs looks for changes of the file every 10 ms, copies it, and has corosync load it a second later.
fn watch(
    machine: &mut Machine,
    known: String,
    loaded: Rc<RefCell<Loaded>>,
    members: Rc<RefCell<[u64; 4]>>,
    trouble: Trouble,
    clock: Rc<Cell<Duration>>,
) {
    clock.set(machine.now());
    let now = text_of(machine);
    let version = |text: &str| Document::parse(text.as_bytes()).config_version().unwrap_or(0);
    if now != known && version(&now) >= version(&known) && version(&now) > 0 {
        machine.write(LOCAL, &now);
        let (text, loaded, members, trouble) =
            (now.clone(), Rc::clone(&loaded), Rc::clone(&members), trouble.clone());
        machine.after(Duration::from_secs(1), move |machine| {
            let document = Document::parse(text.as_bytes());
            if !disagreements(&document).is_empty() {
                return; // a file that cannot be read leaves corosync as it was
            }
            let mut loaded = loaded.borrow_mut();
            if !loaded.takes(&document) {
                return;
            }
            loaded.links.retain(|link, _| document.links().contains(link));
            for link in document.links() {
                loaded.links.entry(link).or_insert(machine.now());
            }
            let version = document.config_version().unwrap_or(0);
            for nodeid in 1..=3 {
                if !trouble.deaf.contains(&nodeid)
                    && let Some(runs) = members.borrow_mut().get_mut(nodeid as usize)
                {
                    *runs = version;
                }
            }
            if trouble.quorum_lost == Some(version) {
                machine.set_quorate(false);
            }
            loaded.text = text;
        });
    }
    machine.after(Duration::from_millis(10), move |machine| {
        watch(machine, now, loaded, members, trouble, clock)
    });
}

impl Loaded {
    /// corosync changes no address of a link that it has, and refuses the whole file then.
    fn takes(&self, new: &Document) -> bool {
        let old = Document::parse(self.text.as_bytes());
        new.nodes().into_iter().zip(old.nodes()).all(|(new, old)| {
            new.addresses
                .iter()
                .all(|(link, address)| old.addresses.get(link).is_none_or(|old| old == address))
        })
    }
}

/// `corosync-cmapctl` of a corosync that has loaded this file.
fn cmap(loaded: &str, members: &[u64; 4], trouble: &Trouble) -> String {
    let document = Document::parse(loaded.as_bytes());
    let mut text = "config.reload_status (i32) = 1\n".to_owned();
    if trouble.refuses.is_some_and(|version| document.config_version() == Some(version)) {
        text.push_str("config.reload_error_message (str) = Failed to set knet ping timers(2)\n");
    }
    for section in ["logging", "quorum", "totem"] {
        let inside = loaded.split_once(&format!("{section} {{\n")).map_or("", |(_, rest)| rest);
        for line in inside.lines().take_while(|line| *line != "}") {
            let own = line.strip_prefix("  ").filter(|line| !line.starts_with([' ', '}', '#']));
            if let Some((key, value)) = own.and_then(|line| line.split_once(": ")) {
                let _ = writeln!(text, "{section}.{key} (str) = {value}");
            }
        }
    }
    for interface in document.interfaces() {
        for (key, value) in interface.keys.iter().filter(|(key, _)| *key != "linknumber") {
            let _ = writeln!(text, "totem.interface.{}.{key} (u8) = {value}", interface.link);
        }
    }
    for nodeid in 1..=3_u32 {
        let status = if trouble.offline.contains(&nodeid) { "left" } else { "joined" };
        let version = members.get(nodeid as usize).copied().unwrap_or(0);
        let _ = write!(
            text,
            "runtime.members.{nodeid}.config_version (u64) = {version}\nruntime.members.{nodeid}.ip (str) = r(0) \
             ip(10.77.1.1{nodeid}) \nruntime.members.{nodeid}.status (str) = {status}\n"
        );
    }
    text
}

fn cfgtool(loaded: &Loaded, trouble: &Trouble, now: Duration) -> String {
    let document = Document::parse(loaded.text.as_bytes());
    let lost = trouble.link_lost.is_some() && trouble.link_lost == document.config_version();
    let nodes = document.nodes();
    let mut text = "Local node ID 1, transport knet\n".to_owned();
    for nodeid in [2, 3].into_iter().filter(|nodeid| !trouble.offline.contains(nodeid)) {
        let _ = writeln!(text, "nodeid: {nodeid} reachable");
        for (link, since) in &loaded.links {
            let address = |nodeid: u32| {
                let node = nodes.iter().find(|node| node.nodeid == Some(nodeid));
                node.and_then(|node| node.addresses.get(link)).cloned().unwrap_or_default()
            };
            let dead = trouble.dead.is_some_and(|dead| address(nodeid).starts_with(dead));
            let up = *since == Duration::ZERO || now >= *since + CONNECTS;
            let connected = if dead || !up || lost && nodeid == 2 { "" } else { " connected" };
            let _ = writeln!(
                text,
                "   LINK: {link} udp ({}->{}) enabled{connected} mtu: 1397",
                address(1),
                address(nodeid)
            );
        }
        text.push('\n');
    }
    text
}

/// `corosync-quorumtool -siH` with the votes of the nodes.
fn quorumtool(loaded: &str) -> String {
    let mut text = "Quorum information\n------------------\nDate:             Fri Nov 20 21:39:03 2026\nQuorum provider:  \
                    corosync_votequorum\nNodes:            3\nNode ID:          1\nRing ID:          1.d\nQuorate:          \
                    Yes\n\nVotequorum information\n----------------------\nExpected votes:   4\nHighest expected: 4\nTotal \
                    votes:      4\nQuorum:           3  \nFlags:            Quorate \n\nMembership \
                    information\n----------------------\n    Nodeid      Votes Name\n"
        .to_owned();
    for node in Document::parse(loaded.as_bytes()).nodes() {
        let local = if node.nodeid == Some(1) { " (local)" } else { "" };
        let _ = writeln!(text, "{:>10} {:>10} {}{local}", node.nodeid.unwrap_or(0), node.votes, node.name);
    }
    text
}

/// corosync's own opinion of a file, as far as the tests need it.
fn corosync_t(text: &[u8]) -> Answer {
    let document = Document::parse(text);
    if document.get("totem.max_messages") == Some("4000000000") {
        let said = "Nov 20 18:15:07.146 error   [MAIN  ] parse error in config: The max_messages is too high.\nNov 20 \
                    18:15:07.146 error   [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1428.\n";
        return Answer::exit(8, "", said);
    }
    Answer::exit(0, "", "Nov 20 18:14:19.138 notice  [MAIN  ] Corosync Cluster Engine exiting normally\n")
}
