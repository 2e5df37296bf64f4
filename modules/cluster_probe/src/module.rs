// SPDX-License-Identifier: GPL-3.0-or-later
//! The module: opens its sockets, measures with all the others, changes nothing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use ansible_module::{Context, Failure, Outcome};
use host::Host;
use serde::Serialize;

use crate::args::{Args, Link, Node};
use crate::session::{Measured, Session};
use crate::sockets::{Sockets, known_mtu};
use crate::tcp;
use crate::wire::run_number;

/// Sizes of packets that are tried, with all their headers: what tunnels, PPPoE and IPv6 leave, and what a plain network has.
const SIZES: [u16; 6] = [576, 1280, 1400, 1450, 1492, 1500];
/// No larger one is tried.
const LARGEST: u16 = 9_216;

/// What was found out about another node.
#[derive(Debug, Serialize)]
struct PeerFacts {
    name: String,
    /// On any network: it took part at the same time.
    heard: bool,
    links: Vec<LinkFacts>,
    tcp: Vec<TcpFacts>,
}

#[derive(Debug, Serialize)]
struct LinkFacts {
    #[serde(flatten)]
    measured: Measured,
    address: String,
    /// Of this node's interface.
    own_mtu: Option<u32>,
    /// What the system has learned about the way.
    known_mtu: Option<u32>,
}

#[derive(Debug, Serialize)]
struct TcpFacts {
    port: u16,
    /// None when it could be connected to.
    problem: Option<String>,
}

/// Measures. It fails only when what it is asked for is out of bounds, or the list of nodes does not have this one.
pub(crate) fn run(args: Args, _: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let reasons = args.out_of_bounds();
    let Some(run) = run_number(&args.run).filter(|_| reasons.is_empty()) else {
        return Err(Failure::new(format!("cannot measure from '{}': {}", args.name, reasons.join("; ")))
            .with("reasons", reasons));
    };
    let Some(own) = args.nodes.iter().find(|node| node.name == args.name).cloned() else {
        return Err(Failure::new(format!("cannot measure from '{}': it is not among the nodes", args.name)));
    };
    let others: Vec<(usize, Node)> =
        args.nodes.iter().cloned().enumerate().filter(|(_, node)| node.name != args.name).collect();
    let peers: Vec<Node> = others.iter().map(|(_, node)| node.clone()).collect();
    let connecting = tcp::begin(&peers, &args.tcp_ports);
    let mtus = own_mtus(&own, &peers, host);
    let sizes = mtus.iter().map(|(link, mtu)| (*link, sizes(*mtu))).collect();
    let mut sockets = Sockets::open(&own, &args.udp_ports);
    let mut session = Session::new(&args, run, sockets.busy.clone(), &sizes);
    sockets.run(&args, &mut session, host);
    let took = u64::try_from(host.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let insistent = session.insistent(took);
    let insistent = insistent.into_iter().filter_map(|index| args.nodes.get(index));
    let problems: Vec<String> = sockets
        .problems
        .iter()
        .cloned()
        .chain(insistent.map(|node| {
            format!(
                "'{}' never said that it has what it needs, so that this ended after {} s",
                node.name,
                seconds(took)
            )
        }))
        .collect();

    let mut report = session.report();
    let mut facts = Vec::new();
    for ((index, node), connecting) in others.into_iter().zip(connecting) {
        let measured = report.remove(&index).unwrap_or_default();
        let tcp = connecting
            .into_iter()
            .map(|(port, thread)| TcpFacts { port, problem: thread.join().ok().flatten() });
        facts.push(PeerFacts {
            heard: session.has_heard(index),
            links: measured.into_iter().filter_map(|found| link_facts(found, &own, &node, &mtus)).collect(),
            tcp: tcp.collect(),
            name: node.name,
        });
    }
    Ok(Outcome::unchanged().with("peers", facts).with("problems", problems).with("seconds", seconds(took)))
}

/// With one digit behind the point.
fn seconds(nanoseconds: u64) -> f64 {
    (crate::statistics::milliseconds(nanoseconds) / 100.0).round() / 10.0
}

fn link_facts(measured: Measured, own: &Node, node: &Node, mtus: &BTreeMap<u8, u32>) -> Option<LinkFacts> {
    let address =
        |node: &Node| node.links.iter().find(|link| link.number == measured.number).map(|link| link.address);
    let (from, to) = (address(own)?, address(node)?);
    Some(LinkFacts {
        address: to.to_string(),
        own_mtu: mtus.get(&measured.number).copied(),
        known_mtu: known_mtu(from, to),
        measured,
    })
}

/// The MTU of the interface of each link; where sysfs does not show the interface, as in some containers, what a socket to another
/// node knows of it.
fn own_mtus(own: &Node, peers: &[Node], host: &dyn Host) -> BTreeMap<u8, u32> {
    let addresses = host.addresses().unwrap_or_default();
    let shown = |address: IpAddr| {
        let interface = &addresses.iter().find(|found| found.address == address)?.interface;
        let text = host::read_text(host, &Path::new("/sys/class/net").join(interface).join("mtu")).ok()?;
        text.trim().parse().ok()
    };
    let known = |link: &Link| {
        let others = peers.iter().flat_map(|node| &node.links).filter(|other| other.number == link.number);
        others.filter_map(|other| known_mtu(link.address, other.address)).max()
    };
    let of = |link: &Link| Some((link.number, shown(link.address).or_else(|| known(link))?));
    own.links.iter().filter_map(of).collect()
}

/// Those that the interface can send, and the largest that it can.
fn sizes(mtu: u32) -> Vec<u16> {
    let mtu = u16::try_from(mtu).unwrap_or(LARGEST).min(LARGEST);
    let smaller = SIZES.into_iter().filter(|size| *size < mtu);
    smaller.chain([mtu]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use testkit::FakeHost;

    #[test]
    fn sizes_up_to_the_interfaces_own() {
        assert_eq!(sizes(1500), [576, 1280, 1400, 1450, 1492, 1500]);
        assert_eq!(sizes(1300), [576, 1280, 1300]);
        assert_eq!(sizes(65_536).last(), Some(&9_216));
    }

    #[test]
    fn a_node_that_is_not_among_the_nodes() {
        let given = json!({"run": "0".repeat(32), "name": "x", "nodes": [{"name": "a", "address": "::1", "links": []}]});
        let answer =
            ansible_module::answer(&crate::args::spec(), given.to_string().as_bytes(), &FakeHost::new(), run);
        assert_eq!(answer["msg"], "cannot measure from 'x': it is not among the nodes");
    }

    #[test]
    fn what_is_out_of_bounds_is_told_at_once() {
        let link = json!({"number": 0, "address": "10.0.0.1"});
        let node = |name: usize, links: usize| json!({"name": name.to_string(), "address": "10.0.0.1", "links": vec![link.clone(); links], "tcp_ports": vec![1; 17]});
        let nodes: Vec<_> = (0..129).map(|name| node(name, 9)).collect();
        let given = json!({"run": "prod pve1 pve2", "name": "0", "nodes": nodes, "udp_ports": vec![1; 65], "packets": 1001, "timeout": 601});
        let answer =
            ansible_module::answer(&crate::args::spec(), given.to_string().as_bytes(), &FakeHost::new(), run);
        assert_eq!(
            answer["msg"],
            "cannot measure from '0': 'run' is not a number of 32 random hexadecimal digits; 'nodes' has 129 nodes (limit 128); a node has 9 \
             links (limit 8); 'udp_ports' has 65 ports (limit 64); a node has 17 TCP ports (limit 16); 'packets' is 1001, which is not \
             between 1 and 1000; 'timeout' is 601, which is not between 1 and 600"
        );
        let node = |name: usize| json!({"name": name.to_string(), "address": "10.0.0.1", "links": vec![link.clone(); 8], "tcp_ports": vec![1; 16]});
        let nodes: Vec<_> = (0..128).map(node).collect();
        let given = json!({"run": "0".repeat(32), "name": "x", "nodes": nodes, "udp_ports": vec![1; 64], "packets": 1000, "timeout": 600});
        let answer =
            ansible_module::answer(&crate::args::spec(), given.to_string().as_bytes(), &FakeHost::new(), run);
        assert_eq!(answer["msg"], "cannot measure from 'x': it is not among the nodes");
    }
}
