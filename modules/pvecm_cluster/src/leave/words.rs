// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to leave a cluster, in words, with its remedy.

use ansible_module::Reason;
use ansible_module::reason::lasting;
use membership::seen::quoted;

pub(crate) fn leaving_another(cluster: &str, backup: &str) -> Reason {
    lasting(format!(
        "this node is half-way out of cluster '{cluster}' (copies are in '{backup}'): run this task with that \
         'cluster_name' first"
    ))
}

pub(crate) fn others_lose_quorum(votes: u32, needed: u32, names: &[String]) -> Reason {
    let remedy = if votes == 0 {
        "give them their votes first (playbooks/cluster-init.yml), or, if they are to leave too, use 'force: true'".to_owned()
    } else {
        format!(
            "start more nodes first, or, if they are to leave too or you will run 'pvecm expected {votes}' on one of them, use 'force: true'"
        )
    };
    lasting(format!(
        "the others ({}) would not be quorate without it ({votes} of the {needed} votes needed): {remedy}",
        quoted(names)
    ))
}

pub(crate) fn qdevice() -> Reason {
    lasting(
        "the cluster has a QDevice, whose vote counts by its nodes: take it out first with 'cluster_qdevice_state: absent' \
         (playbooks/cluster-qdevice.yml) or 'pvecm qdevice remove', or use 'force: true' if the whole cluster is taken apart",
    )
}

pub(crate) fn lrm_active() -> Reason {
    lasting(
        "high availability is active on this node, and its watchdog would reset it when it loses quorum: stop or remove the \
         resources on it first ('ha-manager status', 'ha-manager remove SID') and wait until the node is idle there",
    )
}

pub(crate) fn lrm_watched(state: &str) -> Reason {
    let remedy = if state == "maintenance" {
        "end the maintenance with 'ha-manager crm-command node-maintenance disable NODE', or wait until its services have moved"
    } else {
        "see 'journalctl -u pve-ha-lrm'"
    };
    lasting(format!(
        "high availability has the watchdog of this node open ('{state}'), which would reset it when it loses quorum: {remedy}, \
         and wait until '/etc/pve/local/lrm_status' says 'wait_for_agent_lock'"
    ))
}

pub(crate) fn lrm_unknown(state: &str) -> Reason {
    lasting(format!(
        "'/etc/pve/local/lrm_status' does not say whether high availability has the watchdog of this node open (its state is \
         '{state}'): run 'systemctl restart pve-ha-lrm', and see 'journalctl -u pve-ha-lrm' if that changes nothing"
    ))
}

pub(crate) fn ha_resources(resources: &[String]) -> Reason {
    lasting(format!(
        "high availability keeps guests of this node running ({}): remove them there first with 'ha-manager remove SID'",
        resources.join(", ")
    ))
}

pub(crate) fn replication(job: &str) -> Reason {
    lasting(format!(
        "replication job '{job}' is from or to this node, and could not be removed properly afterwards: delete it first with \
         'pvesr delete {job}' and wait until it is gone"
    ))
}

pub(crate) fn ceph(daemons: &[String]) -> Reason {
    lasting(format!(
        "Ceph runs on this node ({}): destroy its daemons first, or use 'force: true', which leaves them with a copy of \
         '/etc/pve/ceph.conf' that no other node keeps up to date",
        daemons.join(", ")
    ))
}

pub(crate) fn shared_storages(storages: &[String]) -> String {
    format!(
        "storage {} is shared with the nodes that stay, and this node keeps its definition: two guests of one number would \
         use the same volumes. Give this node a storage or a part of it of its own, and remove the definition here",
        quoted(storages)
    )
}

pub(crate) fn still_listed(node: &str, guests: &[u32]) -> String {
    let ids: Vec<String> = guests.iter().map(u32::to_string).collect();
    let guests = if ids.is_empty() {
        String::new()
    } else {
        format!(", and its guests ({}): never start them there", ids.join(", "))
    };
    format!(
        "the cluster still lists '{node}'{guests}; remove it on one of its members with 'state: removed' and \
         'separated: true'"
    )
}

pub(crate) fn kept_directory(name: &str, guests: &[String]) -> String {
    format!(
        "'/etc/pve/nodes/{name}' stays, because it has guests' configurations ({}) and this node's cluster did not list \
         such a node: move what is this node's own, and remove the rest",
        guests.join(", ")
    )
}

pub(crate) fn forced(reasons: &[String]) -> String {
    format!("done by 'force: true' all the same: {}", reasons.join("; "))
}
