// SPDX-License-Identifier: GPL-3.0-or-later
//! What the playbook asks: who takes part, and what to measure.

use std::net::IpAddr;

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

use crate::wire::run_number;

/// The checked options.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Args {
    /// The same for all nodes of one measurement, and for no other: random, so that nobody else can send packets of it.
    pub(crate) run: String,
    /// This node.
    pub(crate) name: String,
    /// All nodes, in the same order everywhere; this one may be among them.
    pub(crate) nodes: Vec<Node>,
    /// Ports that corosync may use.
    pub(crate) udp_ports: Vec<u16>,
    /// Ports of other services that nodes need of each other.
    pub(crate) tcp_ports: Vec<u16>,
    /// Measured packets for each link to each node.
    pub(crate) packets: u32,
    /// How long to wait for nodes that do not answer, in seconds.
    pub(crate) timeout: u32,
}

/// A node that takes part.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// On the management network.
    pub(crate) address: IpAddr,
    pub(crate) links: Vec<Link>,
    /// Its own TCP ports, where they are not those of all.
    pub(crate) tcp_ports: Option<Vec<u16>>,
}

/// A node's address on a corosync link.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Link {
    pub(crate) number: u8,
    pub(crate) address: IpAddr,
}

const MOST_NODES: usize = 128;
const MOST_LINKS: usize = 8;
/// As many as a packet has bits for.
const MOST_UDP_PORTS: usize = 64;
const MOST_TCP_PORTS: usize = 16;

impl Args {
    /// What would take more than a measurement may, in words.
    pub(crate) fn out_of_bounds(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        let mut limit = |what: &str, number: usize, unit: &str, most: usize| {
            if number > most {
                reasons.push(format!("{what} has {number} {unit} (limit {most})"));
            }
        };
        let links = self.nodes.iter().map(|node| node.links.len()).max().unwrap_or(0);
        let own = self.nodes.iter().filter_map(|node| node.tcp_ports.as_ref().map(Vec::len)).max();
        limit("'nodes'", self.nodes.len(), "nodes", MOST_NODES);
        limit("a node", links, "links", MOST_LINKS);
        limit("'udp_ports'", self.udp_ports.len(), "ports", MOST_UDP_PORTS);
        limit("'tcp_ports'", self.tcp_ports.len(), "ports", MOST_TCP_PORTS);
        limit("a node", own.unwrap_or(0), "TCP ports", MOST_TCP_PORTS);
        let mut within = |name: &str, value: u32, most: u32| {
            if !(1..=most).contains(&value) {
                reasons.push(format!("'{name}' is {value}, which is not between 1 and {most}"));
            }
        };
        within("packets", self.packets, 1_000);
        within("timeout", self.timeout, 600);
        if run_number(&self.run).is_none() {
            reasons.insert(0, "'run' is not a number of 32 random hexadecimal digits".to_owned());
        }
        reasons
    }
}

/// The options, as the documentation lists them.
pub(crate) fn spec() -> Spec {
    let links = vec![Opt::new("number", Kind::Int).required(), Opt::new("address", Kind::Str).required()];
    let nodes = vec![
        Opt::new("name", Kind::Str).required(),
        Opt::new("address", Kind::Str).required(),
        Opt::list("links", Kind::Dict).required().suboptions(links),
        Opt::list("tcp_ports", Kind::Int),
    ];
    let corosync: Vec<u16> = (5405..=5412).collect();
    Spec {
        name: "cluster_probe",
        options: vec![
            Opt::new("run", Kind::Str).required(),
            Opt::new("name", Kind::Str).required(),
            Opt::list("nodes", Kind::Dict).required().suboptions(nodes),
            Opt::list("udp_ports", Kind::Int).default(corosync),
            Opt::list("tcp_ports", Kind::Int).default(vec![22, 8006]),
            Opt::new("packets", Kind::Int).default(50),
            Opt::new("timeout", Kind::Int).default(20),
        ],
        ..Spec::default()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn docs_match_the_spec() {
        testkit::assert_docs_match(&super::spec());
    }
}
