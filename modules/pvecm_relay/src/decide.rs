// SPDX-License-Identifier: GPL-3.0-or-later
//! How this node stands to the cluster, and what is against its entry. Pure.

use ansible_module::Reason;
use cluster_state::pmxcfs::Mount;
use membership::ready::mount;
use membership::reason;
use membership::seen::{ConfFile, Here};

use crate::args::{Links, Situation};
use crate::look::Candidate;
use crate::{plan, words};

/// How this node stands, or every reason why it cannot enter. `links` are checked where they are given.
pub(crate) fn situation(
    cluster_name: &str,
    links: &Links,
    here: &Here,
    candidate: &Candidate,
) -> Result<Situation, Vec<Reason>> {
    if here.pvecm_busy {
        return Err(vec![reason::pvecm_busy()]);
    }
    if let Some(other) = candidate.entering.as_ref().filter(|other| *other != cluster_name) {
        return Err(vec![words::entering_another(other)]);
    }
    let begun = candidate.entering.is_some();
    let mounted = mount(&here.view.mount, here.booting);
    let mut reasons = Vec::new();
    let situation = match &here.view.conf {
        _ if !(mounted.is_empty() || begun && here.view.mount == Mount::NotMounted) => {
            reasons.extend(mounted);
            Situation::Standalone
        }
        ConfFile::Broken(why) => {
            reasons.push(reason::own_conf_broken(why));
            Situation::Standalone
        }
        ConfFile::Read(conf) => {
            if conf.cluster_name != cluster_name {
                return Err(vec![reason::other_cluster(&conf.cluster_name)]);
            }
            let Some((nodeid, node)) = conf.node(&here.view.node) else {
                return Err(vec![reason::not_in_nodelist(&here.view.node)]);
            };
            let is_in = here.view.mount == Mount::Writable
                && here
                    .view
                    .corosync
                    .as_ref()
                    .is_some_and(|running| running.nodeid == nodeid && running.quorate);
            match (is_in, node.votes) {
                (true, 0) => Situation::Admitted,
                (true, _) => Situation::Member,
                (false, 0) => Situation::HalfEntered,
                (false, votes) => return Err(vec![words::member_that_is_out(votes)]),
            }
        }
        ConfFile::Absent if begun => {
            reasons.extend((!candidate.guests.is_empty()).then(|| words::guests(&candidate.guests)));
            Situation::HalfEntered
        }
        ConfFile::Absent => {
            reasons.extend(standalone(here, candidate));
            Situation::Standalone
        }
    };
    if matches!(situation, Situation::Standalone | Situation::HalfEntered) {
        for (link, address) in links {
            if !candidate.addresses.contains(address) {
                reasons.push(words::address_not_here(*link, address));
            }
        }
        reasons.extend(plan::release("this node", candidate.tools.pve.as_deref(), candidate.tools.join_api));
    }
    if reasons.is_empty() { Ok(situation) } else { Err(reasons) }
}

/// A node of no cluster: what on it stands in the way.
fn standalone(here: &Here, candidate: &Candidate) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(cluster) = here.view.members.as_ref().and_then(|members| members.cluster.as_ref()) {
        reasons.push(words::pmxcfs_in_a_cluster(&cluster.name));
    }
    reasons.extend(candidate.left.iter().map(|path| words::left_over(path)));
    if here.view.corosync.is_some() {
        reasons.push(words::corosync_runs());
    }
    if !candidate.guests.is_empty() {
        reasons.push(words::guests(&candidate.guests));
    }
    reasons
}

/// Whether the database is replaced at the entry: unless it is the cluster's own already, it would be taken for newer than the cluster's
/// when the two meet.
pub(crate) fn drops_database(cluster_name: &str, here: &Here) -> bool {
    !(here.view.is_mounted() && here.view.conf.conf().is_some_and(|conf| conf.cluster_name == cluster_name))
}
