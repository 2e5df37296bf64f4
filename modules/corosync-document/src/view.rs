// SPDX-License-Identifier: GPL-3.0-or-later
//! What the file says, by its meaning.

use std::collections::{BTreeMap, BTreeSet};

use crate::Document;
use crate::edit::interface_link;
use crate::tree::Section;

/// A node of the nodelist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name; where the file has none, the address of its link 0, as for PVE.
    pub name: String,
    /// Its nodeid, if it has a valid one.
    pub nodeid: Option<u32>,
    /// Its votes: 1 unless the file says otherwise.
    pub votes: u32,
    /// Its address on each link, by link number.
    pub addresses: BTreeMap<u8, String>,
}

/// Settings of one link, from an `interface` section of `totem`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The link number; 0 when the section has none, as for corosync.
    pub link: u8,
    /// `knet_link_priority`: the highest number wins. None when the file has none.
    pub priority: Option<u8>,
    /// All keys of the section with their values.
    pub keys: BTreeMap<String, String>,
}

/// A quorum device, from the `device` section of `quorum`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The device's model: `net` for QNetd.
    pub model: String,
    /// The votes it adds, if the file says.
    pub votes: Option<u32>,
    /// The QNetd server's address.
    pub host: Option<String>,
    /// `ffsplit` or `lms`.
    pub algorithm: Option<String>,
}

impl Document {
    /// The cluster's name.
    #[must_use]
    pub fn cluster_name(&self) -> Option<&str> {
        self.get("totem.cluster_name")
    }

    /// The version of the file; none when it is missing or not a number.
    #[must_use]
    pub fn config_version(&self) -> Option<u64> {
        number(self.get("totem.config_version")?)
    }

    /// The transport: knet unless the file says otherwise.
    #[must_use]
    pub fn transport(&self) -> &str {
        self.get("totem.transport").unwrap_or("knet")
    }

    /// The token timeout in use, in milliseconds: corosync adds `token_coefficient` for each node from the third on.
    #[must_use]
    pub fn token(&self) -> u64 {
        let own = |key: &str| self.get(&format!("totem.{key}")).and_then(number::<u64>);
        let token = own("token").filter(|token| *token > 0).unwrap_or(3000);
        let more = u64::try_from(self.nodes().len().saturating_sub(2)).unwrap_or(0);
        token.saturating_add(self.token_coefficient().saturating_mul(more))
    }

    /// How long it takes the members that are left to agree on being so, in milliseconds: 1.2 times the token unless the file says
    /// otherwise.
    #[must_use]
    pub fn consensus(&self) -> u64 {
        let own = self.get("totem.consensus").and_then(number::<u64>).filter(|time| *time > 0);
        own.unwrap_or(self.token().saturating_mul(6) / 5)
    }

    /// What corosync adds to the token for each node from the third on, in milliseconds.
    #[must_use]
    pub fn token_coefficient(&self) -> u64 {
        self.get("totem.token_coefficient").and_then(number::<u64>).unwrap_or(650)
    }

    /// Whether what corosync sends is encrypted or signed: by a cipher or a hash of its own, or by `secauth`.
    #[must_use]
    pub fn protects(&self) -> bool {
        let own = |key: &str| self.get(key).map(|value| value != "none");
        let secauth = self.get("totem.secauth") == Some("on");
        let one = |key: &str| own(key).unwrap_or(secauth);
        self.transport() == "knet" && (one("totem.crypto_cipher") || one("totem.crypto_hash"))
    }

    /// The nodes of the nodelist, in the file's order.
    #[must_use]
    pub fn nodes(&self) -> Vec<Node> {
        self.sections(&["nodelist", "node"]).map(node).collect()
    }

    /// The settings of links, in the file's order. A link without settings need not have any.
    #[must_use]
    pub fn interfaces(&self) -> Vec<Interface> {
        self.sections(&["totem", "interface"]).map(interface).collect()
    }

    /// The numbers of all links that a node or an interface section names.
    #[must_use]
    pub fn links(&self) -> BTreeSet<u8> {
        let nodes = self.nodes().into_iter().flat_map(|node| node.addresses.into_keys());
        // Not collected: that would sort first, by code of its own in every module.
        let mut links = BTreeSet::new();
        links.extend(nodes.chain(self.interfaces().into_iter().map(|interface| interface.link)));
        links
    }

    /// The quorum device, if the file has one.
    #[must_use]
    pub fn device(&self) -> Option<Device> {
        Some(Device {
            model: self.get("quorum.device.model")?.to_owned(),
            votes: self.get("quorum.device.votes").and_then(number),
            host: self.get("quorum.device.net.host").map(str::to_owned),
            algorithm: self.get("quorum.device.net.algorithm").map(str::to_owned),
        })
    }

    /// Every key of the file with the path of its section and its value, in the file's order; of the sections of a list,
    /// which have one path, all.
    #[must_use]
    pub fn all_keys(&self) -> Vec<(String, &str, &str)> {
        let mut paths: Vec<String> = Vec::new();
        let mut found = Vec::new();
        for section in &self.tree.sections {
            let path = match (section.open, paths.get(section.parent).map(String::as_str)) {
                (None, _) => String::new(),
                (Some(_), None | Some("")) => section.name.clone(),
                (Some(_), Some(outer)) => format!("{outer}.{}", section.name),
            };
            for item in &section.items {
                found.push((path.clone(), item.key.as_str(), item.value.as_str()));
            }
            paths.push(path);
        }
        found
    }

    pub(crate) fn sections(&self, path: &[&str]) -> impl Iterator<Item = &Section> {
        self.tree.at(path).into_iter().filter_map(|index| self.tree.sections.get(index))
    }
}

/// The link number in a key such as `ring0_addr`.
pub(crate) fn link_of_key(key: &str) -> Option<u8> {
    number(key.strip_prefix("ring")?.strip_suffix("_addr")?)
}

/// A number in plain decimal digits.
pub(crate) fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn node(section: &Section) -> Node {
    // Not collected: that would sort first, by code of its own.
    let mut addresses = BTreeMap::new();
    addresses
        .extend(section.items.iter().filter_map(|item| Some((link_of_key(&item.key)?, item.value.clone()))));
    let name = section.value("name").or_else(|| section.value("ring0_addr"));
    Node {
        name: name.unwrap_or_default().to_owned(),
        nodeid: section.value("nodeid").and_then(number),
        votes: section.value("quorum_votes").and_then(number).unwrap_or(1),
        addresses,
    }
}

fn interface(section: &Section) -> Interface {
    Interface {
        link: interface_link(section).unwrap_or(0),
        priority: section.value("knet_link_priority").and_then(number),
        keys: section.items.iter().map(|item| (item.key.clone(), item.value.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    const THREE: &[u8] = b"logging {\n  debug: off\n  to_syslog: yes\n}\n\nnodelist {\n  node {\n    name: pve1\n    nodeid: 1\n    quorum_votes: 1\n    ring0_addr: 10.77.1.11\n    ring1_addr: 10.77.0.11\n  }\n  node {\n    name: pve2\n    nodeid: 2\n    quorum_votes: 2\n    ring0_addr: 10.77.1.12\n    ring1_addr: 10.77.0.12\n  }\n  node {\n    nodeid: 3\n    ring0_addr: 10.77.1.13\n    ring1_addr: 10.77.0.13\n  }\n}\n\nquorum {\n  device {\n    model: net\n    net {\n      algorithm: ffsplit\n      host: 10.77.0.14\n      tls: on\n    }\n    votes: 1\n  }\n  provider: corosync_votequorum\n}\n\ntotem {\n  cluster_name: labcluster\n  config_version: 3\n  interface {\n    linknumber: 0\n  }\n  interface {\n    knet_link_priority: 20\n    linknumber: 1\n  }\n  ip_version: ipv4-6\n  link_mode: passive\n  secauth: on\n  token_coefficient: 125\n  version: 2\n}\n\n";

    #[test]
    fn the_typed_view_of_a_cluster() {
        let document = Document::parse(THREE);
        assert_eq!(document.to_bytes(), THREE);
        assert_eq!(document.cluster_name(), Some("labcluster"));
        assert_eq!(document.config_version(), Some(3));
        assert_eq!(document.transport(), "knet");
        assert_eq!(document.links(), BTreeSet::from([0, 1]));
        let nodes = document.nodes();
        assert_eq!(nodes.len(), 3);
        assert_eq!(
            nodes[1],
            Node {
                name: "pve2".into(),
                nodeid: Some(2),
                votes: 2,
                addresses: BTreeMap::from([(0, "10.77.1.12".into()), (1, "10.77.0.12".into())]),
            }
        );
        assert_eq!((nodes[2].name.as_str(), nodes[2].votes), ("10.77.1.13", 1));
        let interfaces = document.interfaces();
        assert_eq!((interfaces[0].link, interfaces[0].priority), (0, None));
        assert_eq!((interfaces[1].link, interfaces[1].priority), (1, Some(20)));
        assert_eq!(
            document.device(),
            Some(Device {
                model: "net".into(),
                votes: Some(1),
                host: Some("10.77.0.14".into()),
                algorithm: Some("ffsplit".into()),
            })
        );
        assert_eq!(document.get("logging.to_syslog"), Some("yes"));
        assert_eq!(document.get("logging.logfile"), None);
    }

    #[test]
    fn heuristics_subsystems_and_what_nobody_knows_are_there_too() {
        let text = b"logging {\n  logger_subsys {\n    subsys: QDEVICE\n    debug: on\n  }\n}\nquorum {\n  device {\n    model: net\n    heuristics {\n      mode: on\n      exec_ping: /bin/ping -c 1 10.0.0.1\n    }\n  }\n}\nmine {\n  own: 1\n}\n";
        let document = Document::parse(text);
        assert_eq!(document.get("quorum.device.heuristics.mode"), Some("on"));
        assert_eq!(document.get("quorum.device.heuristics.exec_ping"), Some("/bin/ping -c 1 10.0.0.1"));
        assert_eq!(document.value(&Place::Logger("QDEVICE".into()), "debug"), Some("on"));
        assert_eq!(document.value(&Place::Logger("QUORUM".into()), "debug"), None);
        assert_eq!(document.get("mine.own"), Some("1"));
        assert_eq!(document.to_bytes(), text);
    }

    #[test]
    fn the_token_grows_with_the_cluster() {
        for (nodes, totem, expected) in [
            (0, "", 3000),
            (2, "", 3000),
            (3, "", 3650),
            (28, "", 19_900),
            (28, "token_coefficient: 125", 6250),
            (28, "token_coefficient: 0", 3000),
            (3, "token: 10000", 10_650),
            (3, "token: 0", 3650),
        ] {
            let list = "node {\n }\n".repeat(nodes);
            let text = format!("nodelist {{\n{list}}}\ntotem {{\n {totem}\n}}\n");
            assert_eq!(Document::parse(text.as_bytes()).token(), expected, "{nodes} {totem}");
        }
        for (totem, expected) in
            [("", 3600), ("token: 1001", 1201), ("consensus: 5000", 5000), ("consensus: 0", 3600)]
        {
            let text = format!("totem {{\n {totem}\n}}\n");
            assert_eq!(Document::parse(text.as_bytes()).consensus(), expected, "{totem}");
        }
    }

    #[test]
    fn corosync_knows_no_ringnumber() {
        let text = "totem {\n interface {\n  ringnumber: 1\n }\n interface {\n  linknumber: 2\n }\n}\n";
        let links: Vec<u8> = Document::parse(text.as_bytes()).interfaces().iter().map(|i| i.link).collect();
        assert_eq!(links, [0, 2]);
    }

    #[test]
    fn what_protects_the_cluster() {
        for (totem, expected) in [
            ("secauth: on", true),
            ("secauth: off", false),
            ("", false),
            ("crypto_hash: sha256", true),
            ("secauth: on\n crypto_cipher: none", true),
            ("secauth: on\n crypto_cipher: none\n crypto_hash: none", false),
            ("secauth: on\n transport: udpu", false),
        ] {
            let document = Document::parse(format!("totem {{\n {totem}\n}}\n").as_bytes());
            assert_eq!(document.protects(), expected, "{totem}");
        }
    }

    #[test]
    fn nothing_is_made_up_for_an_empty_file() {
        let document = Document::parse(b"");
        assert_eq!((document.cluster_name(), document.config_version()), (None, None));
        assert!(document.nodes().is_empty() && document.links().is_empty() && document.device().is_none());
    }

    #[test]
    fn a_version_must_be_plain_digits() {
        for (value, expected) in [("3", Some(3)), ("0", Some(0)), ("+3", None), ("3 # x", None), ("", None)] {
            let text = format!("totem {{\n  config_version: {value}\n}}\n");
            assert_eq!(Document::parse(text.as_bytes()).config_version(), expected, "{value}");
        }
    }
}
