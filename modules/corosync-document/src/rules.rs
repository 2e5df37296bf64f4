// SPDX-License-Identifier: GPL-3.0-or-later
//! What a cluster's file must obey beyond its grammar: PVE's own rules, corosync's, and what experience adds.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::Document;
use crate::edit::interface_link;
use crate::view::{Node, link_of_key, number};
use crate::vocabulary;

/// The most links corosync has, and PVE too.
const LINKS: u8 = 8;
/// knet has 16 bits for it.
const LARGEST_NODEID: u32 = 65535;
/// In bytes, of a key in the file.
const SHORTEST_KEY: usize = 128;
/// knet's clock ticks every 200 ms; it refuses a link that should be declared dead sooner.
const KNET_TICK: u64 = 200;
/// The shortest time that corosync takes anywhere, in milliseconds.
const SHORTEST_TIME: u64 = 30;
/// The smallest packet every IPv4 network carries; corosync takes less and then has no room for data.
const LEAST_MTU: u64 = 576;

/// A rule that a document breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// Something every cluster has is not there.
    Missing(&'static str),
    /// A value that its option does not take, and why.
    Value {
        /// The section and the key.
        key: String,
        /// Its value.
        value: String,
        /// What it must be.
        must: String,
    },
    /// Two nodes of one name: PVE sees one of them.
    NameTwice(String),
    /// A node without a name.
    Nameless,
    /// A node without a name of its own, where there are several links: corosync does not start.
    NamelessLinks(String),
    /// A nodeid that knet does not take.
    LargeNodeid {
        /// The node.
        node: String,
        /// Its nodeid.
        nodeid: u32,
    },
    /// Addresses of one link that are of IPv4 and of IPv6.
    Families {
        /// The link.
        link: u8,
        /// One address of it.
        one: String,
        /// One of the other family.
        other: String,
    },
    /// An address that is none, nor a name.
    Address {
        /// The node.
        node: String,
        /// What stands in its place.
        address: String,
    },
    /// An address that `ip_version` excludes.
    IpVersion {
        /// The address.
        address: String,
        /// `ip_version`.
        version: &'static str,
    },
    /// Only multicast has a time to live.
    Ttl(u8),
    /// A key in the file that is too short.
    ShortKey,
    /// A token in which so many retransmits have no room.
    Retransmits {
        /// The token in use, in milliseconds.
        token: u64,
        /// `token_retransmits_before_loss_const`.
        count: u64,
    },
    /// A node without a valid nodeid.
    NoNodeid(String),
    /// Two nodes with one nodeid: corosync does not start.
    NodeidTwice(u32),
    /// Two addresses that are one.
    AddressTwice(String),
    /// A node that lacks a link that others have.
    LinkMissing {
        /// The node.
        node: String,
        /// The link.
        link: u8,
    },
    /// A link with addresses and without an interface section, while other links have one.
    InterfaceMissing(u8),
    /// An interface section for a link that no node has.
    InterfaceUnused(u8),
    /// Two interface sections for one link.
    InterfaceTwice(u8),
    /// A link number that does not exist.
    LinkNumber(String),
    /// Only knet has several links.
    ManyLinks(String),
    /// Only knet encrypts.
    Crypto(String),
    /// A cipher needs a hash.
    CipherWithoutHash,
    /// `two_node` is for exactly two nodes.
    TwoNode(usize),
    /// No node has a vote: there is never a quorum.
    NoVotes,
    /// `expected_votes` is not what the nodes have: it went stale when one joined or left.
    StaleVotes {
        /// `expected_votes`.
        expected: u64,
        /// The votes of the nodes.
        counted: u64,
    },
    /// Two features of votequorum that exclude each other.
    Together(&'static str, &'static str),
    /// One of a pair of keys without the other.
    Pair {
        /// The link.
        link: u8,
        /// The key that is there.
        there: &'static str,
        /// The key that is not.
        missing: &'static str,
    },
    /// The join timeout is longer than consensus.
    Consensus {
        /// `consensus`, in milliseconds.
        consensus: u64,
        /// `join`, in milliseconds.
        join: u64,
    },
    /// A token so short that knet cannot time its links.
    ShortToken(u64),
    /// A packet size that leaves no room for data.
    SmallMtu(u64),
    /// Log settings that name no subsystem.
    NoSubsys,
    /// Log settings that name no daemon.
    NoDaemonName,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) => write!(f, "there is no {what}"),
            Self::Value { key, value, must } => write!(f, "'{key}' is '{value}' and {must}"),
            Self::NameTwice(name) => write!(f, "two nodes are named '{name}'"),
            Self::Nameless => f.write_str("a node has neither a name nor an address on link 0"),
            Self::NamelessLinks(address) => write!(
                f,
                "the node with '{address}' on link 0 has no 'name', and corosync wants one of every node where there are several links"
            ),
            Self::LargeNodeid { node, nodeid } => write!(
                f,
                "node '{node}' has nodeid {nodeid}, and knet takes 1 to {LARGEST_NODEID}: corosync would not start on any node"
            ),
            Self::Families { link, one, other } => write!(
                f,
                "link {link} has '{one}' and '{other}', one of IPv4 and one of IPv6: corosync would not start"
            ),
            Self::Address { node, address } => write!(
                f,
                "'{address}' of node '{node}' is neither an IP address without anything behind it nor a name"
            ),
            Self::IpVersion { address, version } => {
                write!(f, "'ip_version' is '{version}', which excludes the address '{address}'")
            }
            Self::Ttl(link) => {
                write!(f, "link {link} has a 'ttl' other than 1, which only transport 'udp' takes")
            }
            Self::ShortKey => write!(f, "'key' in totem is shorter than {SHORTEST_KEY} bytes"),
            Self::Retransmits { token, count } => write!(
                f,
                "a token of {token} ms has no room for {count} retransmits before loss: each takes 30 ms at least"
            ),
            Self::NoNodeid(node) => write!(f, "node '{node}' has no valid nodeid"),
            Self::NodeidTwice(nodeid) => write!(f, "two nodes have nodeid {nodeid}"),
            Self::AddressTwice(address) => write!(f, "the address '{address}' is used twice"),
            Self::LinkMissing { node, link } => {
                write!(f, "node '{node}' has no address on link {link}, which other nodes have")
            }
            Self::InterfaceMissing(link) => {
                write!(f, "link {link} has addresses and no interface section, unlike other links")
            }
            Self::InterfaceUnused(link) => {
                write!(f, "link {link} has an interface section and no node has an address on it")
            }
            Self::InterfaceTwice(link) => write!(f, "link {link} has two interface sections"),
            Self::LinkNumber(text) => write!(f, "'{text}' is no link number: links are 0 to 7"),
            Self::ManyLinks(transport) => {
                write!(f, "transport '{transport}' has one link only, and the file has several")
            }
            Self::Crypto(transport) => {
                write!(f, "transport '{transport}' cannot encrypt, and encryption is on")
            }
            Self::CipherWithoutHash => f.write_str("'crypto_cipher' needs a 'crypto_hash' other than none"),
            Self::TwoNode(nodes) => write!(f, "'two_node' is for two nodes, and the nodelist has {nodes}"),
            Self::NoVotes => f.write_str("no node has a vote"),
            Self::StaleVotes { expected, counted } => write!(
                f,
                "'expected_votes' is {expected} and the nodes have {counted} votes: remove it, and they are counted"
            ),
            Self::Together(one, two) => write!(f, "'{one}' and '{two}' exclude each other"),
            Self::Pair { link, there, missing } => {
                write!(f, "link {link} has '{there}' and not '{missing}': they belong together")
            }
            Self::Consensus { consensus, join } => {
                write!(f, "'consensus' is {consensus} ms, shorter than 'join' with {join} ms")
            }
            Self::ShortToken(token) => {
                write!(f, "a token of {token} ms is too short for knet to tell a dead link (400 ms at least)")
            }
            Self::SmallMtu(bytes) => {
                write!(
                    f,
                    "'knet_mtu' is {bytes} bytes: it must be 0, which finds the size out, or at least {LEAST_MTU}"
                )
            }
            Self::NoSubsys => f.write_str("a logger_subsys section has no 'subsys'"),
            Self::NoDaemonName => f.write_str("a logging_daemon section has no 'name'"),
        }
    }
}

/// Every rule that a document breaks. It does not look at the grammar: see [`crate::disagreements`].
#[must_use]
pub fn validate(document: &Document) -> Vec<Violation> {
    let mut broken = Vec::new();
    required(document, &mut broken);
    values(document, &mut broken);
    nodes(&document.nodes(), &mut broken);
    named(document, &mut broken);
    addresses(document, &mut broken);
    links(document, &mut broken);
    transport(document, &mut broken);
    quorum(document, &mut broken);
    timing(document, &mut broken);
    broken.sort();
    broken.dedup();
    broken
}

fn required(document: &Document, broken: &mut Vec<Violation>) {
    if document.nodes().is_empty() {
        broken.push(Violation::Missing("node in the nodelist"));
    }
    for (path, what) in [
        ("totem.version", "'version' in totem"),
        ("totem.cluster_name", "'cluster_name' in totem"),
        ("quorum.provider", "'provider' in quorum"),
    ] {
        if document.get(path).is_none() {
            broken.push(Violation::Missing(what));
        }
    }
    if document.config_version().unwrap_or(0) == 0 {
        broken.push(Violation::Missing("'config_version' in totem that is a number above 0"));
    }
    if document.sections(&["logging", "logger_subsys"]).any(|section| section.value("subsys").is_none()) {
        broken.push(Violation::NoSubsys);
    }
    if document.sections(&["logging", "logging_daemon"]).any(|section| section.value("name").is_none()) {
        broken.push(Violation::NoDaemonName);
    }
    if document.get("totem.key").is_some_and(|key| key.len() < SHORTEST_KEY) {
        broken.push(Violation::ShortKey);
    }
}

fn values(document: &Document, broken: &mut Vec<Violation>) {
    let sections = &document.tree.sections;
    for (section, path) in sections.iter().zip(vocabulary::paths(&document.tree)) {
        let Some(path) = path else { continue };
        for item in &section.items {
            let objection = vocabulary::key(path, &item.key).and_then(|key| key.objection(&item.value));
            // 0 stands for the default wherever corosync wants a time or a count
            let default = path == "totem" && item.value == "0";
            if let (Some(must), false) = (objection, default) {
                let (key, value) = (format!("{path}.{}", item.key), item.value.clone());
                broken.push(Violation::Value { key, value, must });
            }
        }
    }
}

fn nodes(nodes: &[Node], broken: &mut Vec<Violation>) {
    let mut names = BTreeMap::new();
    let mut nodeids = BTreeMap::new();
    let mut addresses = BTreeMap::new();
    for node in nodes {
        if node.name.is_empty() {
            broken.push(Violation::Nameless);
        } else if names.insert(node.name.as_str(), ()).is_some() {
            broken.push(Violation::NameTwice(node.name.clone()));
        }
        match node.nodeid {
            Some(nodeid) if nodeid > 0 => {
                if nodeids.insert(nodeid, ()).is_some() {
                    broken.push(Violation::NodeidTwice(nodeid));
                }
            }
            _ => broken.push(Violation::NoNodeid(node.name.clone())),
        }
        for address in node.addresses.values() {
            // the same address may be spelled in several ways
            let spelled = address.parse::<IpAddr>().map_or_else(|_| address.clone(), |ip| ip.to_string());
            if addresses.insert(spelled, ()).is_some() {
                broken.push(Violation::AddressTwice(address.clone()));
            }
        }
    }
}

/// What several links, and knet, want of the nodes.
fn named(document: &Document, broken: &mut Vec<Violation>) {
    let several = document.nodes().iter().any(|node| node.addresses.len() > 1);
    for section in document.sections(&["nodelist", "node"]) {
        if let (None, true) = (section.value("name"), several) {
            let address = section.value("ring0_addr").unwrap_or_default();
            broken.push(Violation::NamelessLinks(address.to_owned()));
        }
    }
    if document.transport() == "knet" {
        for node in document.nodes() {
            if let Some(nodeid) = node.nodeid.filter(|nodeid| *nodeid > LARGEST_NODEID) {
                broken.push(Violation::LargeNodeid { node: node.name, nodeid });
            }
        }
    }
}

fn addresses(document: &Document, broken: &mut Vec<Violation>) {
    let mut families: BTreeMap<u8, String> = BTreeMap::new();
    for node in document.nodes() {
        for (link, address) in &node.addresses {
            let Ok(ip) = address.parse::<IpAddr>() else {
                let name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                if !address.bytes().all(name) {
                    broken.push(Violation::Address { node: node.name.clone(), address: address.clone() });
                }
                continue;
            };
            let excluded = match document.get("totem.ip_version") {
                Some("ipv4") if ip.is_ipv6() => Some("ipv4"),
                Some("ipv6") if ip.is_ipv4() => Some("ipv6"),
                _ => None,
            };
            broken.extend(excluded.map(|version| Violation::IpVersion { address: address.clone(), version }));
            let first = families.entry(*link).or_insert_with(|| address.clone());
            if first.contains(':') != ip.is_ipv6() {
                let (link, one, other) = (*link, first.clone(), address.clone());
                broken.push(Violation::Families { link, one, other });
            }
        }
    }
}

fn links(document: &Document, broken: &mut Vec<Violation>) {
    let nodes = document.nodes();
    let addressed: Vec<u8> =
        (0..LINKS).filter(|link| nodes.iter().any(|n| n.addresses.contains_key(link))).collect();
    for node in &nodes {
        for link in addressed.iter().filter(|link| !node.addresses.contains_key(link)) {
            broken.push(Violation::LinkMissing { node: node.name.clone(), link: *link });
        }
    }
    for section in document.sections(&["nodelist", "node"]) {
        for item in &section.items {
            let is_link = item.key.starts_with("ring") && item.key.ends_with("_addr");
            if is_link && link_of_key(&item.key).is_none_or(|link| link >= LINKS) {
                broken.push(Violation::LinkNumber(item.key.clone()));
            }
        }
    }
    let mut interfaces: BTreeMap<u8, usize> = BTreeMap::new();
    for section in document.sections(&["totem", "interface"]) {
        match interface_link(section) {
            Some(link) if link < LINKS => *interfaces.entry(link).or_default() += 1,
            _ => {
                let text = section.value("linknumber").unwrap_or_default();
                broken.push(Violation::LinkNumber(text.to_owned()));
            }
        }
    }
    broken.extend(
        interfaces.iter().filter(|(_, count)| **count > 1).map(|(link, _)| Violation::InterfaceTwice(*link)),
    );
    if !interfaces.is_empty() {
        let missing = addressed.iter().filter(|link| !interfaces.contains_key(link));
        broken.extend(missing.map(|link| Violation::InterfaceMissing(*link)));
        let unused = interfaces.keys().filter(|link| !addressed.contains(link));
        broken.extend(unused.map(|link| Violation::InterfaceUnused(*link)));
    }
}

fn transport(document: &Document, broken: &mut Vec<Violation>) {
    let is_on = |path: &str| document.get(path).is_some_and(|value| value != "none" && value != "off");
    if document.transport() != "knet" {
        let transport = document.transport().to_owned();
        if document.links().len() > 1 {
            broken.push(Violation::ManyLinks(transport.clone()));
        }
        if ["totem.secauth", "totem.crypto_cipher", "totem.crypto_hash"].into_iter().any(is_on) {
            broken.push(Violation::Crypto(transport));
        }
    }
    let hash = is_on("totem.crypto_hash")
        || document.get("totem.crypto_hash").is_none() && document.get("totem.secauth") == Some("on");
    if is_on("totem.crypto_cipher") && !hash {
        broken.push(Violation::CipherWithoutHash);
    }
}

fn quorum(document: &Document, broken: &mut Vec<Violation>) {
    let on = |key: &str| document.get(&format!("quorum.{key}")).is_some_and(|value| value != "0");
    let nodes = document.nodes().len();
    let counted: u64 = document.nodes().iter().map(|node| u64::from(node.votes)).sum();
    if counted == 0 && nodes > 0 {
        broken.push(Violation::NoVotes);
    }
    let expected = document.get("quorum.expected_votes").and_then(number::<u64>);
    if let (Some(expected), None) = (expected, document.device())
        && expected != counted
    {
        broken.push(Violation::StaleVotes { expected, counted });
    }
    if on("two_node") && nodes != 2 {
        broken.push(Violation::TwoNode(nodes));
    }
    if document.device().is_some() {
        for key in ["two_node", "last_man_standing", "auto_tie_breaker", "allow_downscale"] {
            if on(key) {
                broken.push(Violation::Together(key, "device"));
            }
        }
    }
}

fn timing(document: &Document, broken: &mut Vec<Violation>) {
    let time = |key: &str| document.get(&format!("totem.{key}")).and_then(number::<u64>).filter(|ms| *ms > 0);
    let token = document.token();
    let consensus = document.consensus();
    let join = time("join").unwrap_or(50);
    if consensus < join {
        broken.push(Violation::Consensus { consensus, join });
    }
    let count = time("token_retransmits_before_loss_const").unwrap_or(4);
    // a retransmit is due after the token divided by 0.2 more than their count
    let room =
        token.saturating_mul(10) >= SHORTEST_TIME.saturating_mul(count.saturating_mul(10).saturating_add(2));
    if !room && time("token_retransmit").is_none() {
        broken.push(Violation::Retransmits { token, count });
    }
    if let Some(bytes) = time("knet_mtu").filter(|bytes| *bytes < LEAST_MTU) {
        broken.push(Violation::SmallMtu(bytes));
    }
    for interface in document.interfaces() {
        let ttl = interface.keys.get("ttl");
        if ttl.is_some_and(|ttl| ttl != "1") && document.transport() != "udp" {
            broken.push(Violation::Ttl(interface.link));
        }
        let has = |key: &str| interface.keys.contains_key(key);
        for (there, missing) in
            [("knet_ping_interval", "knet_ping_timeout"), ("knet_ping_timeout", "knet_ping_interval")]
        {
            if has(there) && !has(missing) {
                broken.push(Violation::Pair { link: interface.link, there, missing });
            }
        }
    }
    if document.transport() == "knet" {
        let token = time("token").unwrap_or(3000);
        // a link is declared dead after the token timeout divided by knet_pong_count, 2 when it is not set
        if token < 2 * KNET_TICK {
            broken.push(Violation::ShortToken(token));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "nodelist {\n  node {\n    name: pve1\n    nodeid: 1\n    ring0_addr: 10.0.0.1\n  }\n  node {\n    name: pve2\n    nodeid: 2\n    ring0_addr: 10.0.0.2\n  }\n}\nquorum {\n  provider: corosync_votequorum\n}\ntotem {\n  cluster_name: lab\n  config_version: 3\n  interface {\n    linknumber: 0\n  }\n  secauth: on\n  version: 2\n}\n";

    fn broken(text: &str) -> Vec<String> {
        validate(&Document::parse(text.as_bytes())).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_file_breaks_no_rule() {
        assert_eq!(broken(GOOD), [""; 0]);
        assert_eq!(broken(&GOOD.replace("provider", "two_node: 1\n  provider")), [""; 0]);
    }

    #[test]
    fn each_rule_is_told_in_words() {
        for (from, to, expected) in [
            ("  version: 2\n", "", "there is no 'version' in totem"),
            (
                "config_version: 3",
                "config_version: 0",
                "there is no 'config_version' in totem that is a number above 0",
            ),
            ("name: pve2", "name: pve1", "two nodes are named 'pve1'"),
            ("nodeid: 2", "nodeid: 1", "two nodes have nodeid 1"),
            ("    nodeid: 2\n", "", "node 'pve2' has no valid nodeid"),
            ("10.0.0.2", "10.0.0.1", "the address '10.0.0.1' is used twice"),
            (
                "    ring0_addr: 10.0.0.2\n",
                "",
                "node 'pve2' has no address on link 0, which other nodes have",
            ),
            (
                "10.0.0.2\n",
                "10.0.0.2\n    ring8_addr: x\n",
                "'ring8_addr' is no link number: links are 0 to 7",
            ),
            (
                "linknumber: 0",
                "linknumber: 0\n  }\n  interface {\n    linknumber: 1",
                "link 1 has an interface section and no node has an address on it",
            ),
            (
                "linknumber: 0",
                "linknumber: 0\n  }\n  interface {\n    linknumber: 0",
                "link 0 has two interface sections",
            ),
            (
                "linknumber: 0",
                "linknumber: 0\n    knet_ping_timeout: 500",
                "link 0 has 'knet_ping_timeout' and not 'knet_ping_interval': they belong together",
            ),
            (
                "secauth: on",
                "secauth: on\n  transport: udpu",
                "transport 'udpu' cannot encrypt, and encryption is on",
            ),
            ("secauth: on", "crypto_cipher: aes256", "'crypto_cipher' needs a 'crypto_hash' other than none"),
            (
                "secauth: on",
                "token: 300",
                "a token of 300 ms is too short for knet to tell a dead link (400 ms at least)",
            ),
            (
                "secauth: on",
                "knet_mtu: 100",
                "'knet_mtu' is 100 bytes: it must be 0, which finds the size out, or at least 576",
            ),
            (
                "provider",
                "expected_votes: 3\n  provider",
                "'expected_votes' is 3 and the nodes have 2 votes: remove it, and they are counted",
            ),
            ("secauth: on", "consensus: 40", "'consensus' is 40 ms, shorter than 'join' with 50 ms"),
            (
                "secauth: on",
                "link_mode: bogus",
                "'totem.link_mode' is 'bogus' and must be one of: passive, active, rr",
            ),
            ("secauth: on", "join: 3601", "'consensus' is 3600 ms, shorter than 'join' with 3601 ms"),
            (
                "nodeid: 2",
                "nodeid: 65536",
                "node 'pve2' has nodeid 65536, and knet takes 1 to 65535: corosync would not start on any node",
            ),
            (
                "10.0.0.2",
                "fd00::2",
                "link 0 has '10.0.0.1' and 'fd00::2', one of IPv4 and one of IPv6: corosync would not start",
            ),
            (
                "10.0.0.2",
                "10.0.0.2/24",
                "'10.0.0.2/24' of node 'pve2' is neither an IP address without anything behind it nor a name",
            ),
            (
                "secauth: on",
                "ip_version: ipv6\n  hold: 0",
                "'ip_version' is 'ipv6', which excludes the address '10.0.0.1'",
            ),
            (
                "linknumber: 0",
                "linknumber: 0\n    ttl: 2",
                "link 0 has a 'ttl' other than 1, which only transport 'udp' takes",
            ),
            ("secauth: on", "key: 0123456789", "'key' in totem is shorter than 128 bytes"),
            (
                "secauth: on",
                "token_retransmits_before_loss_const: 100",
                "a token of 3000 ms has no room for 100 retransmits before loss: each takes 30 ms at least",
            ),
            (
                "nodelist {",
                "logging {\n  logging_daemon {\n    debug: on\n  }\n}\nnodelist {",
                "a logging_daemon section has no 'name'",
            ),
            (
                "provider",
                "two_node: 1\n  device {\n    model: net\n  }\n  provider",
                "'two_node' and 'device' exclude each other",
            ),
        ] {
            let text = GOOD.replacen(from, to, 1);
            assert_ne!(text, GOOD, "{from}");
            let mut found = broken(&text);
            assert_eq!(found.remove(0), expected, "{text}");
            // an address of each node
            assert!(found.is_empty() || expected.starts_with("'ip_version'"), "{found:?}");
        }
    }

    #[test]
    fn values_at_the_bounds_break_no_rule() {
        let third = "}\nquorum {";
        let three = GOOD.replacen(
            third,
            "  node {\n    name: pve3\n    nodeid: 65535\n    ring0_addr: pve3.example.com\n  }\n}\nquorum {",
            1,
        );
        for (from, to) in [
            // 1.2 times the token of 3000 ms and 650 ms for the third node
            ("secauth: on", "join: 4380"),
            ("secauth: on", "join: 3000\n  token_coefficient: 0"),
            ("secauth: on", "token: 0\n  join: 4380"),
            ("secauth: on", "token_retransmits_before_loss_const: 121"),
            ("secauth: on", "token_retransmits_before_loss_const: 200\n  token_retransmit: 50"),
            ("secauth: on", "ip_version: ipv4"),
            ("linknumber: 0", "linknumber: 0\n    ttl: 1"),
            // a key of a node that only looks like a link's
            ("nodeid: 2", "nodeid: 2\n    ring_of: pve\n    other_addr: x"),
            ("secauth: on", "crypto_cipher: aes256\n  crypto_hash: sha256"),
            ("secauth: on", "transport: udpu\n  secauth: off\n  crypto_cipher: none\n  crypto_hash: none"),
            ("secauth: on", "knet_mtu: 576"),
            ("secauth: on", "token: 400"),
        ] {
            let text = three.replacen(from, to, 1);
            assert_ne!(text, three);
            assert_eq!(broken(&text), [""; 0], "{text}");
        }
        let of_ipv6 = GOOD.replace("10.0.0.", "fd00::").replace("secauth: on", "ip_version: ipv6");
        assert_eq!(broken(&of_ipv6), [""; 0]);
        assert_eq!(
            broken(&of_ipv6.replace("ip_version: ipv6", "ip_version: ipv4")),
            [
                "'ip_version' is 'ipv4', which excludes the address 'fd00::1'",
                "'ip_version' is 'ipv4', which excludes the address 'fd00::2'",
            ]
        );
        assert_eq!(broken(&three.replace("secauth: on", "join: 4381")).len(), 1);
        assert_eq!(
            broken(&three.replace("secauth: on", "token_retransmits_before_loss_const: 122")).len(),
            1
        );
        let key = |length: usize| three.replace("secauth: on", &format!("key: {}", "k".repeat(length)));
        assert_eq!((broken(&key(128)).len(), broken(&key(127)).len()), (0, 1));
        let udpu = three.replace("65535", "65536").replace("secauth: on", "transport: udpu");
        assert_eq!(broken(&udpu), [""; 0], "only knet has 16 bits for a nodeid");
        let udp = three
            .replace("secauth: on", "transport: udp")
            .replace("linknumber: 0", "linknumber: 0\n    ttl: 2");
        assert_eq!(broken(&udp), [""; 0]);
    }

    #[test]
    fn a_file_without_a_node_lacks_only_that() {
        let (_, rest) = GOOD.split_once("quorum {").unwrap();
        let text = format!("quorum {{{}", rest.replace("  interface {\n    linknumber: 0\n  }\n", ""));
        assert_eq!(broken(&text), ["there is no node in the nodelist"]);
    }

    #[test]
    fn a_number_beyond_its_range_is_also_none() {
        let second = "linknumber: 0\n  }\n  interface {\n    linknumber: 8";
        for (from, to, expected) in [
            (
                "nodeid: 2",
                "nodeid: 0",
                [
                    "'nodelist.node.nodeid' is '0' and must be a number from 1 to 4294967295",
                    "node 'pve2' has no valid nodeid",
                ],
            ),
            (
                "linknumber: 0",
                second,
                [
                    "'totem.interface.linknumber' is '8' and must be a number from 0 to 7",
                    "'8' is no link number: links are 0 to 7",
                ],
            ),
        ] {
            assert_eq!(broken(&GOOD.replace(from, to)), expected, "{to}");
        }
    }

    #[test]
    fn only_knet_takes_several_links() {
        let two = GOOD
            .replace("10.0.0.1\n", "10.0.0.1\n    ring1_addr: fd00::1\n")
            .replace("10.0.0.2\n", "10.0.0.2\n    ring1_addr: fd00::2\n")
            .replace("linknumber: 0", "linknumber: 0\n  }\n  interface {\n    linknumber: 1");
        assert_eq!(broken(&two), [""; 0]);
        let several = |text: &str| {
            broken(&text.replace("secauth: on", "transport: udpu"))
                .iter()
                .filter(|said| said.contains("link"))
                .count()
        };
        assert_eq!((several(&two), several(GOOD)), (1, 0));
    }

    #[test]
    fn several_links_want_names() {
        let text = GOOD.replace("    name: pve2\n", "");
        assert_eq!(broken(&text), [""; 0]);
        let two = text
            .replace("10.0.0.1\n", "10.0.0.1\n    ring1_addr: fd00::1\n")
            .replace("10.0.0.2\n", "10.0.0.2\n    ring1_addr: fd00::2\n")
            .replace("linknumber: 0", "linknumber: 0\n  }\n  interface {\n    linknumber: 1");
        assert_eq!(
            broken(&two),
            [
                "the node with '10.0.0.2' on link 0 has no 'name', and corosync wants one of every node where there are several links"
            ]
        );
    }

    #[test]
    fn someone_has_a_vote() {
        let text = GOOD.replace("    ring0", "    quorum_votes: 0\n    ring0");
        assert_eq!(broken(&text), ["no node has a vote"]);
        assert_eq!(broken(&GOOD.replace("provider", "expected_votes: 2\n  provider")), [""; 0]);
    }

    #[test]
    fn a_second_link_needs_all_of_it() {
        let text = GOOD.replace("10.0.0.1\n", "10.0.0.1\n    ring1_addr: 10.1.0.1\n");
        assert_eq!(
            broken(&text),
            [
                "node 'pve2' has no address on link 1, which other nodes have",
                "link 1 has addresses and no interface section, unlike other links",
            ]
        );
    }

    #[test]
    fn two_node_is_for_two() {
        let third =
            "node {\n    name: pve3\n    nodeid: 3\n    ring0_addr: 10.0.0.3\n  }\n  node {\n    name: pve1";
        let text =
            GOOD.replace("node {\n    name: pve1", third).replace("provider", "two_node: 1\n  provider");
        assert_eq!(broken(&text), ["'two_node' is for two nodes, and the nodelist has 3"]);
    }

    #[test]
    fn an_address_is_compared_by_meaning() {
        let text = GOOD.replace("10.0.0.1", "fe80::1").replace("10.0.0.2", "fe80:0::1");
        assert_eq!(broken(&text), ["the address 'fe80:0::1' is used twice"]);
    }
}
