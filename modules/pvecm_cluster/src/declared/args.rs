// SPDX-License-Identifier: GPL-3.0-or-later
//! The task's options, checked by themselves and put in a form to work with.

use std::collections::BTreeMap;
use std::net::IpAddr;

use membership::check::{cluster_name, is_host, number, number_within};
use membership::seen::same_address;
use serde::Deserialize;

use super::way::{self, Way};

/// What this node is to be afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// A member of the cluster, which is created on this node if there is none.
    Present,
    /// A member of the cluster that the cluster node belongs to.
    Joined,
}

/// One corosync link of this node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct GivenLink {
    pub(crate) number: Option<i64>,
    pub(crate) address: String,
    pub(crate) priority: Option<i64>,
}

/// The options of a task by which this node is to be a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) state: State,
    pub(crate) cluster_name: String,
    pub(crate) links: Vec<GivenLink>,
    pub(crate) nodeid: Option<i64>,
    pub(crate) votes: Option<i64>,
    pub(crate) token_coefficient: Option<i64>,
    pub(crate) cluster_node: Option<String>,
    pub(crate) way: way::Given,
    pub(crate) repair: bool,
    pub(crate) force: bool,
    pub(crate) timeout: i64,
}

/// A checked task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) state: State,
    pub(crate) cluster_name: String,
    /// The links of this node, by number.
    pub(crate) links: BTreeMap<u8, Link>,
    pub(crate) nodeid: Option<u32>,
    pub(crate) votes: Option<u32>,
    pub(crate) token_coefficient: Option<u64>,
    /// The member to join through; none when the cluster is created.
    pub(crate) cluster_node: Option<String>,
    /// How it joins.
    pub(crate) way: Way,
    pub(crate) force: bool,
    /// Seconds for everything.
    pub(crate) timeout: u64,
}

/// A link of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) address: IpAddr,
    pub(crate) priority: Option<u8>,
}

impl Wanted {
    /// Checks the options; returns every reason why they cannot be carried out.
    pub(crate) fn check(args: &Args) -> Result<Self, Vec<String>> {
        let mut wrong: Vec<String> = cluster_name(&args.cluster_name).into_iter().collect();
        let links = links(args, &mut wrong);
        let nodeid = number_within("nodeid", args.nodeid, (1, LARGEST_NODEID), &mut wrong);
        // `pvecm add` takes 0 and leaves it at 1.
        let votes = number("votes", args.votes, 1, &mut wrong);
        let token_coefficient = number("token_coefficient", args.token_coefficient, 0, &mut wrong);
        let timeout = number("timeout", Some(args.timeout), 1, &mut wrong);
        let mut way = Way::Ssh;
        match args.state {
            State::Present => {
                wrong.extend(Way::misplaced(&args.way));
                if args.cluster_node.is_some() {
                    wrong.push(
                        "'cluster_node' is for state 'joined': state 'present' creates the cluster on this node"
                            .to_owned(),
                    );
                }
                if args.force {
                    wrong.push("'force' is for states 'joined' and 'absent'".to_owned());
                }
            }
            State::Joined => {
                if args.token_coefficient.is_some() {
                    wrong.push("'token_coefficient' is set when the cluster is created".to_owned());
                }
                way = Way::check(&args.way, &mut wrong);
                let target = args.cluster_node.as_deref().unwrap_or_default();
                if !is_host(target) {
                    wrong.push(format!(
                        "'cluster_node' is '{target}', which is neither a host name nor an address"
                    ));
                }
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            state: args.state,
            cluster_name: args.cluster_name.clone(),
            links,
            nodeid,
            votes,
            token_coefficient: token_coefficient.map(u64::from),
            cluster_node: args.cluster_node.clone(),
            way,
            force: args.force,
            timeout: timeout.map_or(1, u64::from),
        })
    }
}

/// knet has 16 bits for a nodeid: with a larger one corosync would start on no node of the cluster.
const LARGEST_NODEID: u32 = 65535;

fn links(args: &Args, wrong: &mut Vec<String>) -> BTreeMap<u8, Link> {
    let mut links: BTreeMap<u8, Link> = BTreeMap::new();
    if args.links.is_empty() {
        wrong.push(
            "'links' is empty: without one, pvecm would take whatever address the host name has".to_owned(),
        );
    }
    for (position, link) in args.links.iter().enumerate() {
        let given = link.number.unwrap_or_else(|| i64::try_from(position).unwrap_or(i64::MAX));
        let Some(number) = u8::try_from(given).ok().filter(|number| *number <= 7) else {
            wrong.push(format!("link {given} does not exist: links have the numbers 0 to 7"));
            continue;
        };
        let priority = link.priority.and_then(|priority| {
            let valid = u8::try_from(priority).ok();
            if valid.is_none() {
                wrong.push(format!("link {number} has priority {priority}, which is not between 0 and 255"));
            }
            valid
        });
        let Ok(address) = link.address.parse::<IpAddr>() else {
            wrong.push(format!("link {number} has '{}', which is not an IP address", link.address));
            continue;
        };
        if links.contains_key(&number) {
            wrong.push(format!("link {number} is given twice"));
            continue;
        }
        if let Some((other, _)) = links.iter().find(|(_, other)| other.address == address) {
            wrong.push(format!("links {other} and {number} have the same address '{address}'"));
        }
        links.insert(number, Link { address, priority });
    }
    let with = |priority: u8| {
        links.iter().find(|(_, link)| link.priority == Some(priority)).map(|(number, _)| *number)
    };
    if let (Some(none), Some(one)) = (with(0), with(1)) {
        wrong.push(format!(
            "link {none} has priority 0, which Proxmox VE does not write, and corosync takes none for 1, which link {one} has: \
             give them 1 and 2"
        ));
    }
    if args.state == State::Present && !links.is_empty() && !links.contains_key(&0) {
        wrong.push("link 0 is not given: a new cluster begins with it".to_owned());
    }
    links
}

impl Link {
    /// Whether this is the address that a corosync.conf has.
    pub(crate) fn is_at(&self, address: &str) -> bool {
        same_address(&self.address.to_string(), address)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn link(address: &str) -> GivenLink {
        GivenLink { number: None, address: address.to_owned(), priority: None }
    }

    /// A task that creates `prod` with one link.
    pub(crate) fn create() -> Args {
        Args {
            state: State::Present,
            cluster_name: "prod".to_owned(),
            links: vec![link("10.77.1.12")],
            nodeid: None,
            votes: None,
            token_coefficient: None,
            cluster_node: None,
            way: way::Given { method: way::Method::Ssh, fingerprint: None, reservation: None },
            repair: false,
            force: false,
            timeout: 120,
        }
    }

    /// A task that joins `prod` through `pve1` with one link.
    pub(crate) fn join() -> Args {
        Args { state: State::Joined, cluster_node: Some("10.77.0.11".to_owned()), ..create() }
    }

    fn wrong(args: Args) -> Vec<String> {
        Wanted::check(&args).unwrap_err()
    }

    #[test]
    fn good_options_pass() {
        let wanted = Wanted::check(&create()).unwrap();
        assert_eq!(wanted.links.keys().copied().collect::<Vec<_>>(), [0]);
        let two = Args {
            links: vec![
                GivenLink { number: Some(3), address: "fd00::2".into(), priority: Some(255) },
                GivenLink { number: Some(0), address: "10.0.0.2".into(), priority: Some(0) },
            ],
            nodeid: Some(7),
            votes: Some(2),
            token_coefficient: Some(0),
            ..create()
        };
        let wanted = Wanted::check(&two).unwrap();
        assert_eq!(wanted.links.keys().copied().collect::<Vec<_>>(), [0, 3]);
        assert_eq!((wanted.nodeid, wanted.votes, wanted.token_coefficient), (Some(7), Some(2), Some(0)));
    }

    #[test]
    fn each_wrong_option_has_its_words() {
        type Change = fn(&mut Args);
        let cases: [(Change, &str); 19] = [
            (
                |a| a.cluster_name = "averyveryverylongclustername".into(),
                "'averyveryverylongclustername' is not a cluster name (letters, digits and hyphens inside, \
                 15 characters at most)",
            ),
            (
                |a| a.links.clear(),
                "'links' is empty: without one, pvecm would take whatever address the host name has",
            ),
            (|a| a.links[0].number = Some(8), "link 8 does not exist: links have the numbers 0 to 7"),
            (|a| a.links[0].number = Some(-1), "link -1 does not exist: links have the numbers 0 to 7"),
            (|a| a.links[0].priority = Some(256), "link 0 has priority 256, which is not between 0 and 255"),
            (|a| a.links[0].address = "pve2".into(), "link 0 has 'pve2', which is not an IP address"),
            (|a| a.links.push(GivenLink { number: Some(0), ..link("10.77.0.12") }), "link 0 is given twice"),
            (|a| a.links.push(link("10.77.1.12")), "links 0 and 1 have the same address '10.77.1.12'"),
            (|a| a.links[0].number = Some(1), "link 0 is not given: a new cluster begins with it"),
            (|a| a.nodeid = Some(0), "'nodeid' is 0, which is not between 1 and 65535"),
            (|a| a.nodeid = Some(65536), "'nodeid' is 65536, which is not between 1 and 65535"),
            (
                |a| {
                    a.links[0].priority = Some(0);
                    a.links.push(GivenLink {
                        number: Some(1),
                        address: "10.77.9.9".into(),
                        priority: Some(1),
                    });
                },
                "link 0 has priority 0, which Proxmox VE does not write, and corosync takes none for 1, which link 1 has: give them 1 \
                 and 2",
            ),
            (|a| a.nodeid = Some(1 << 32), "'nodeid' is 4294967296, which is not between 1 and 65535"),
            (|a| a.votes = Some(0), "'votes' is 0, which is not between 1 and 4294967295"),
            (
                |a| a.token_coefficient = Some(-1),
                "'token_coefficient' is -1, which is not between 0 and 4294967295",
            ),
            (|a| a.timeout = 0, "'timeout' is 0, which is not between 1 and 4294967295"),
            (
                |a| a.cluster_node = Some("pve1".into()),
                "'cluster_node' is for state 'joined': state 'present' creates the cluster on this node",
            ),
            (|a| a.force = true, "'force' is for states 'joined' and 'absent'"),
            (
                |a| {
                    *a = join();
                    a.token_coefficient = Some(125);
                },
                "'token_coefficient' is set when the cluster is created",
            ),
        ];
        for (change, expected) in cases {
            let mut args = create();
            change(&mut args);
            assert_eq!(wrong(args), [expected]);
        }
    }

    #[test]
    fn a_cluster_node_cannot_be_an_option_of_ssh() {
        for target in ["-oProxyCommand=x", "", "a b", "pve1;x", "root@pve1"] {
            let args = Args { cluster_node: Some(target.into()), ..join() };
            let expected =
                format!("'cluster_node' is '{target}', which is neither a host name nor an address");
            assert_eq!(wrong(args), [expected]);
        }
        for target in ["pve1", "pve1.example.org", "10.77.0.11", "fd00::1", "fe80::1%eth0"] {
            assert!(is_host(target), "{target}");
        }
    }

    #[test]
    fn all_wrong_options_are_told_at_once() {
        let args = Args {
            cluster_name: "bad name".into(),
            links: vec![link("x"), link("10.0.0.1"), link("10.0.0.1")],
            nodeid: Some(-1),
            votes: Some(-1),
            timeout: -5,
            cluster_node: Some("pve1".into()),
            force: true,
            ..create()
        };
        assert_eq!(wrong(args).len(), 9);
    }
}
