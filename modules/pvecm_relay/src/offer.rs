// SPDX-License-Identifier: GPL-3.0-or-later
//! State `offered`: how this node stands to the cluster, and the certificate that its envelope is sealed for.

use ansible_module::{Context, Failure, Outcome};
use host::Host;
use membership::observe;
use serde_json::{Map, Value, json};

use crate::args::{Situation, State, Wanted};
use crate::{decide, look, material, words};

/// Does what the task asks.
pub(crate) fn run(wanted: &Wanted, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let name = &wanted.cluster_name;
    let failed = |why: String| words::failure(State::Offered, name, &why);
    let here = observe::here(host).map_err(|error| failed(error.to_string()))?;
    let candidate = look::candidate(host).map_err(|error| failed(error.to_string()))?;
    let situation = decide::situation(name, &wanted.links, &here, &candidate)
        .map_err(|reasons| words::refused(State::Offered, name, &words::texts(&reasons)))?;
    let node = &here.view.node;
    let mut offer = Map::new();
    offer.insert("node".to_owned(), json!(node));
    offer.insert("situation".to_owned(), json!(situation));
    let mut outcome = Outcome::unchanged();
    if matches!(situation, Situation::Standalone | Situation::HalfEntered) {
        let pair = match material::usable(host, name).map_err(|error| failed(error.to_string()))? {
            Some(pair) => pair,
            None => {
                outcome.changed = true;
                if context.check_mode {
                    material::none(host, name)
                } else {
                    material::make(host, node, name).map_err(failed)?
                }
            }
        };
        offer.insert("id".to_owned(), json!(pair.note.id));
        offer.insert("expires".to_owned(), json!(pair.note.expires));
        offer.insert("certificate".to_owned(), json!(pair.certificate));
        let link = |(number, address): &(u8, std::net::IpAddr)| json!({"number": number, "address": address.to_string()});
        let links: Vec<Value> = wanted.links.iter().map(link).collect();
        offer.insert("links".to_owned(), json!(links));
        if let Some(nodeid) = wanted.nodeid {
            offer.insert("nodeid".to_owned(), json!(nodeid));
        }
        offer.insert("pve".to_owned(), json!(candidate.tools.pve));
        offer.insert("join_api".to_owned(), json!(candidate.tools.join_api));
    }
    let msg = match situation {
        Situation::Standalone => format!("this node can enter cluster '{name}'"),
        Situation::HalfEntered => format!("this node has begun to enter cluster '{name}', and can go on"),
        Situation::Admitted => format!("this node is in cluster '{name}' and has no vote yet"),
        Situation::Member => format!("this node is a member of cluster '{name}'"),
    };
    Ok(outcome.msg(msg).with("situation", situation).with("cluster_name", name).with("offer", offer))
}
