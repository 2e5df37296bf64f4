// SPDX-License-Identifier: GPL-3.0-or-later
//! What the task asks for.

use std::net::IpAddr;

use ansible_module::{Kind, Opt, Spec};
use serde::Deserialize;

/// What the cluster is to have afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// This QDevice, in use on this node.
    Present,
    /// None, and nothing of one on this node.
    Absent,
}

/// What nodes that are off mean for a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Offline {
    /// A refusal, as of pvecm.
    Refuse,
    /// They miss the change.
    Ignore,
}

/// The module's options as they are given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Args {
    pub(crate) state: State,
    pub(crate) cluster_name: String,
    pub(crate) address: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) force: bool,
    pub(crate) offline: Offline,
    pub(crate) timeout: i64,
}

/// A checked task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) cluster_name: String,
    pub(crate) goal: Goal,
    /// Seconds for everything but an undoing.
    pub(crate) timeout: u64,
}

/// What the cluster is to have, with what belongs to it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Goal {
    Present {
        /// The QNetd host's.
        address: IpAddr,
        network: Option<String>,
        /// Whether a cluster with an odd number of nodes may have one.
        force: bool,
    },
    Absent {
        offline: Offline,
    },
}

impl Wanted {
    /// Checks the options; returns every reason why they cannot be carried out.
    pub(crate) fn check(args: &Args) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        // it stands in a command on the QNetd host
        let plain = |character: char| character.is_ascii_alphanumeric() || character == '-';
        if args.cluster_name.is_empty() || !args.cluster_name.chars().all(plain) {
            wrong.push(format!(
                "'{}' is not a cluster name (letters, digits and hyphens inside)",
                args.cluster_name
            ));
        }
        let timeout = u64::try_from(args.timeout).ok().filter(|seconds| (1..=3600).contains(seconds));
        if timeout.is_none() {
            wrong.push(format!("'timeout' is {}, which is not between 1 and 3600", args.timeout));
        }
        let goal = match args.state {
            State::Present => {
                if args.offline == Offline::Ignore {
                    wrong
                        .push("'offline' is for state 'absent': a QDevice is set up on all nodes".to_owned());
                }
                if let Some(network) = args.network.as_deref().filter(|network| !is_network(network)) {
                    wrong.push(format!("'{network}' is not a network such as 192.0.2.0/24"));
                }
                let text = args.address.as_deref().unwrap_or_default();
                match text.parse() {
                    Ok(address) => {
                        Some(Goal::Present { address, network: args.network.clone(), force: args.force })
                    }
                    Err(_) => {
                        wrong.push(format!("'{text}' is not an IP address, and pvecm takes nothing else"));
                        None
                    }
                }
            }
            State::Absent => {
                let given = [
                    ("address", args.address.is_some()),
                    ("network", args.network.is_some()),
                    ("force", args.force),
                ];
                let misplaced = given.into_iter().filter(|(_, given)| *given);
                wrong.extend(misplaced.map(|(option, _)| format!("'{option}' is for state 'present'")));
                Some(Goal::Absent { offline: args.offline })
            }
        };
        match (goal, timeout) {
            (Some(goal), Some(timeout)) if wrong.is_empty() => {
                Ok(Self { cluster_name: args.cluster_name.clone(), goal, timeout })
            }
            _ => Err(wrong),
        }
    }
}

/// Whether pvecm takes it for a network: an address and the length of its prefix.
fn is_network(text: &str) -> bool {
    let parsed =
        text.split_once('/').map(|(address, prefix)| (address.parse::<IpAddr>(), prefix.parse::<u8>()));
    match parsed {
        Some((Ok(address), Ok(prefix))) => prefix <= if address.is_ipv4() { 32 } else { 128 },
        _ => false,
    }
}

/// The options as `plugins/modules/pvecm_qdevice.py` documents them.
pub(crate) fn spec() -> Spec {
    Spec {
        name: "pvecm_qdevice",
        options: vec![
            Opt::new("state", Kind::Str).default("present").choices(&["present", "absent"]),
            Opt::new("cluster_name", Kind::Str).required(),
            Opt::new("address", Kind::Str),
            Opt::new("network", Kind::Str),
            Opt::new("force", Kind::Bool).default(false),
            Opt::new("offline", Kind::Str).default("refuse").choices(&["refuse", "ignore"]),
            Opt::new("timeout", Kind::Int).default(180),
        ],
        required_if: &[("state", "present", &["address"])],
        ..Spec::default()
    }
}
