// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use std::net::IpAddr;
use std::time::Duration;

use ansible_module::{Kind, Opt, Spec};
use membership::check::{self, number, number_within};
use serde::{Deserialize, Serialize};

/// The step of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Offered,
    Admitted,
    Entered,
    Enfranchised,
}

/// The module's options as they are given.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Args {
    pub(crate) state: State,
    pub(crate) cluster_name: String,
    pub(crate) links: Option<Vec<GivenLink>>,
    pub(crate) nodeid: Option<i64>,
    pub(crate) offers: Option<Vec<GivenOffer>>,
    pub(crate) envelope: Option<String>,
    pub(crate) nodes: Option<Vec<GivenNode>>,
    pub(crate) absent: Absent,
    pub(crate) config_version: Option<i64>,
    pub(crate) hold: i64,
    pub(crate) timeout: i64,
}

/// One corosync link of a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct GivenLink {
    pub(crate) number: i64,
    pub(crate) address: String,
}

/// What a newcomer said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct GivenOffer {
    pub(crate) node: String,
    pub(crate) situation: Situation,
    pub(crate) id: Option<String>,
    pub(crate) expires: Option<i64>,
    pub(crate) certificate: Option<String>,
    pub(crate) links: Option<Vec<GivenLink>>,
    pub(crate) nodeid: Option<i64>,
    pub(crate) pve: Option<String>,
    pub(crate) join_api: Option<i64>,
}

/// A newcomer that is to have votes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct GivenNode {
    pub(crate) name: String,
    pub(crate) votes: i64,
}

/// How a node stands to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Situation {
    /// It belongs to no cluster.
    Standalone,
    /// An earlier round stopped while it entered.
    HalfEntered,
    /// It is in the cluster and has no vote yet.
    Admitted,
    /// It is in the cluster and has its vote.
    Member,
}

/// What becomes of newcomers that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Absent {
    Kept,
    Removed,
}

/// The addresses of a node's links, by number.
// No map: each kind of map is several kilobytes of code in the binary that every node is sent.
pub(crate) type Links = Vec<(u8, IpAddr)>;

/// The votes of nodes, by name.
pub(crate) type Votes = Vec<(String, u32)>;

/// An offer that needs an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) node: String,
    pub(crate) id: String,
    pub(crate) expires: u64,
    pub(crate) certificate: String,
    pub(crate) links: Links,
    pub(crate) nodeid: Option<u32>,
    pub(crate) pve: Option<String>,
    pub(crate) join_api: Option<u32>,
}

/// A checked task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) state: State,
    pub(crate) cluster_name: String,
    pub(crate) links: Links,
    pub(crate) nodeid: Option<u32>,
    /// Of nodes that are not in the cluster yet.
    pub(crate) offers: Vec<Offer>,
    /// The nodes that are in it already.
    pub(crate) inside: Vec<String>,
    pub(crate) envelope: Option<String>,
    /// The votes of each newcomer.
    pub(crate) nodes: Votes,
    pub(crate) absent: Absent,
    pub(crate) config_version: Option<u64>,
    pub(crate) hold: u64,
    pub(crate) timeout: Duration,
}

impl Wanted {
    /// The nodes of this round. An earlier run that was interrupted may have reserved the cluster for any of them, also for one that has come in
    /// meanwhile.
    pub(crate) fn round(&self) -> Vec<String> {
        let offered = self.offers.iter().map(|offer| &offer.node);
        offered.chain(&self.inside).cloned().collect()
    }

    /// Says everything that is wrong with the task itself.
    pub(crate) fn check(args: &Args) -> Result<Self, Vec<String>> {
        let mut wrong: Vec<String> = check::cluster_name(&args.cluster_name).into_iter().collect();
        wrong.extend(misplaced(args));
        let links = links("links", args.links.as_deref().unwrap_or_default(), &mut wrong);
        let nodeid = number("nodeid", args.nodeid, 1, &mut wrong);
        let (mut offers, mut inside) = (Vec::new(), Vec::new());
        for given in args.offers.as_deref().unwrap_or_default() {
            if offers.iter().any(|offer: &Offer| offer.node == given.node) || inside.contains(&given.node) {
                wrong.push(format!("'offers' has '{}' twice", given.node));
            }
            match given.situation {
                Situation::Admitted | Situation::Member => inside.push(given.node.clone()),
                Situation::Standalone | Situation::HalfEntered => offers.extend(offer(given, &mut wrong)),
            }
        }
        let mut nodes: Votes = Vec::new();
        for given in args.nodes.as_deref().unwrap_or_default() {
            if !check::is_node_name(&given.name) {
                wrong.push(format!("'nodes' has '{}', which is not a node name", given.name));
            }
            let votes = number_within("votes", Some(given.votes), (0, 255), &mut wrong).unwrap_or(1);
            if nodes.iter().any(|(name, _)| *name == given.name) {
                wrong.push(format!("'nodes' has '{}' twice", given.name));
            }
            nodes.push((given.name.clone(), votes));
        }
        let hold = number_within("hold", Some(args.hold), (60, 3600), &mut wrong).unwrap_or(600);
        let timeout = number_within("timeout", Some(args.timeout), (1, 3600), &mut wrong).unwrap_or(1);
        let version = args.config_version.and_then(|version| u64::try_from(version).ok());
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            state: args.state,
            cluster_name: args.cluster_name.clone(),
            links,
            nodeid,
            offers,
            inside,
            envelope: args.envelope.clone().filter(|text| !text.is_empty()),
            nodes,
            absent: args.absent,
            config_version: version,
            hold: hold.into(),
            timeout: Duration::from_secs(timeout.into()),
        })
    }
}

/// What is given although it belongs to another state.
fn misplaced(args: &Args) -> Vec<String> {
    let given = [
        ("links", State::Offered, "offered", args.links.is_some()),
        ("nodeid", State::Offered, "offered", args.nodeid.is_some()),
        ("offers", State::Admitted, "admitted", args.offers.is_some()),
        ("envelope", State::Entered, "entered", args.envelope.is_some()),
        ("nodes", State::Enfranchised, "enfranchised", args.nodes.is_some()),
        ("config_version", State::Enfranchised, "enfranchised", args.config_version.is_some()),
    ];
    let misplaced = given.into_iter().filter(|(_, state, _, given)| *given && *state != args.state);
    misplaced.map(|(option, _, state, _)| format!("'{option}' is for state '{state}'")).collect()
}

fn links(option: &str, given: &[GivenLink], wrong: &mut Vec<String>) -> Links {
    let mut links: Links = Vec::new();
    for link in given {
        let number = u8::try_from(link.number).ok().filter(|number| *number < 8);
        let (Some(number), Ok(address)) = (number, link.address.parse::<IpAddr>()) else {
            wrong.push(format!(
                "'{option}' has link {} with address '{}': a link has a number from 0 to 7 and an IP address",
                link.number, link.address
            ));
            continue;
        };
        if links.iter().any(|(other, _)| *other == number) {
            wrong.push(format!("'{option}' has link {number} twice"));
        }
        links.push((number, address));
    }
    links
}

fn offer(given: &GivenOffer, wrong: &mut Vec<String>) -> Option<Offer> {
    let node = &given.node;
    if !check::is_node_name(node) {
        wrong.push(format!("'offers' has '{node}', which is not a node name"));
    }
    let option = format!("links of the offer of '{node}'");
    let links = links(&option, given.links.as_deref().unwrap_or_default(), wrong);
    let nodeid = number("nodeid", given.nodeid, 1, wrong);
    let expires = given.expires.and_then(|time| u64::try_from(time).ok());
    let certificate = given.certificate.clone().filter(|text| is_certificate(text));
    let id = given.id.clone().filter(|id| !id.is_empty());
    match (id, expires, certificate) {
        (Some(id), Some(expires), Some(certificate)) if !links.is_empty() => Some(Offer {
            node: node.clone(),
            id,
            expires,
            certificate,
            links,
            nodeid,
            pve: given.pve.clone(),
            join_api: given.join_api.and_then(|version| u32::try_from(version).ok()),
        }),
        _ => {
            wrong.push(format!(
                "the offer of '{node}' is incomplete: hand on the whole 'offer' that state 'offered' returned there"
            ));
            None
        }
    }
}

/// Whether this is one certificate and nothing else: it goes into a file that openssl reads.
fn is_certificate(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("-----BEGIN CERTIFICATE-----")
        && text.ends_with("-----END CERTIFICATE-----")
        && text.matches("-----BEGIN").count() == 1
}

/// The options as `plugins/modules/pvecm_relay.py` documents them.
pub(crate) fn spec() -> Spec {
    let link = || vec![Opt::new("number", Kind::Int).default(0), Opt::new("address", Kind::Str).required()];
    let offer = vec![
        Opt::new("node", Kind::Str).required(),
        Opt::new("situation", Kind::Str).required().choices(&[
            "standalone",
            "half_entered",
            "admitted",
            "member",
        ]),
        Opt::new("id", Kind::Str),
        Opt::new("expires", Kind::Int),
        Opt::new("certificate", Kind::Str),
        Opt::list("links", Kind::Dict).suboptions(link()),
        Opt::new("nodeid", Kind::Int),
        Opt::new("pve", Kind::Str),
        Opt::new("join_api", Kind::Int),
    ];
    Spec {
        name: "pvecm_relay",
        options: vec![
            Opt::new("state", Kind::Str).required().choices(&[
                "offered",
                "admitted",
                "entered",
                "enfranchised",
            ]),
            Opt::new("cluster_name", Kind::Str).required(),
            Opt::list("links", Kind::Dict).suboptions(link()),
            Opt::new("nodeid", Kind::Int),
            Opt::list("offers", Kind::Dict).suboptions(offer),
            Opt::new("envelope", Kind::Str),
            Opt::list("nodes", Kind::Dict).suboptions(vec![
                Opt::new("name", Kind::Str).required(),
                Opt::new("votes", Kind::Int).default(1),
            ]),
            Opt::new("absent", Kind::Str).default("removed").choices(&["kept", "removed"]),
            Opt::new("config_version", Kind::Int),
            Opt::new("hold", Kind::Int).default(600),
            Opt::new("timeout", Kind::Int).default(180),
        ],
        required_if: &[
            ("state", "offered", &["links"]),
            ("state", "admitted", &["offers"]),
            ("state", "enfranchised", &["nodes"]),
        ],
        ..Spec::default()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_documentation_has_the_same_options() {
        testkit::assert_docs_match(&super::spec());
    }
}
