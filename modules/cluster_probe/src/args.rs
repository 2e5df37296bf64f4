// SPDX-License-Identifier: GPL-3.0-or-later
//! What the playbook asks: who takes part, and what to measure.

use std::net::IpAddr;

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

/// The checked options.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Args {
    /// The same for all nodes of one measurement, and for no other.
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
