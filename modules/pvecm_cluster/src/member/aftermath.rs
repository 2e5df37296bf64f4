// SPDX-License-Identifier: GPL-3.0-or-later
//! What a failure leaves behind, and what to do about it.

use cluster_state::journal::LastWords;
use cluster_state::pmxcfs::Mount;
use membership::observe::{certificate_key_path, certificate_path};
use membership::seen::{Conf, ConfFile, Here, Peer, Running, There, View, quoted, spread};
use membership::{probe, verify};

use crate::declared::way::Way;
use crate::declared::{Wanted, words};

/// The state after a failure, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Aftermath {
    pub(crate) node_state: String,
    /// None when there is no cluster node to ask.
    pub(crate) cluster_state: Option<String>,
    pub(crate) remedy: String,
}

/// Puts what was seen after a failure into words.
pub(crate) fn aftermath(wanted: &Wanted, here: &Here, there: &There) -> Aftermath {
    Aftermath {
        node_state: node_state(here),
        cluster_state: match there {
            There::NotAsked => reserved(wanted, &here.view.node),
            There::NoAnswer(why) => {
                Some(words::no_answer(wanted.cluster_node.as_deref().unwrap_or_default(), why).text)
            }
            There::Answered(peer) => Some(cluster_state(&here.view.node, peer)),
        },
        remedy: remedy(here, there),
    }
}

/// What is known of the cluster where this node cannot log in to look at it: how it was when it was reserved. What to do
/// never rests on that, because a join changes it.
fn reserved(wanted: &Wanted, node: &str) -> Option<String> {
    match &wanted.way {
        Way::Ssh => None,
        Way::Api { reservation, .. } => {
            Some(reservation.as_deref().and_then(|text| probe::peer(text, &|_| false).ok()).map_or_else(
                || "not known, because a node that joins by password cannot log in to look at it".to_owned(),
                |peer| format!("seen before this join: {}", cluster_state(node, &peer)),
            ))
        }
    }
}

/// Whether the cluster lists a node of this name.
pub(crate) fn lists(there: &There, name: &str) -> bool {
    there.peer().and_then(|peer| peer.view.conf.conf()).is_some_and(|conf| conf.node(name).is_some())
}

fn node_state(here: &Here) -> String {
    let view = &here.view;
    let mut parts = Vec::new();
    if here.pvecm_busy {
        parts.push("another pvecm is still at work on it".to_owned());
    }
    if !view.is_mounted() {
        parts.push("'/etc/pve' is not mounted".to_owned());
        return parts.join(", ");
    }
    match &view.conf {
        ConfFile::Absent => {
            parts.push("a member of no cluster".to_owned());
            return parts.join(", ");
        }
        ConfFile::Broken(why) => parts.push(format!("'/etc/pve/corosync.conf' cannot be understood ({why})")),
        ConfFile::Read(conf) => parts.push(match conf.node(&view.node) {
            Some((nodeid, _)) => format!(
                "nodeid {nodeid} of cluster '{}' by its own corosync.conf (config_version {})",
                conf.cluster_name, conf.config_version
            ),
            None => format!("not listed in its own corosync.conf of cluster '{}'", conf.cluster_name),
        }),
    }
    parts.push(match &view.corosync {
        None => format!("corosync is not running ({})", stopped(here)),
        Some(running) => format!("corosync {}", quorum(view.conf.conf(), running)),
    });
    if view.mount == Mount::ReadOnly {
        parts.push("'/etc/pve' is read-only".to_owned());
    }
    if !here.certificate {
        parts.push("it has no node certificate".to_owned());
    }
    parts.join(", ")
}

/// Why corosync does not run, as far as it can be told.
fn stopped(here: &Here) -> String {
    match &here.last_words {
        None => here.corosync_service.clone(),
        Some(LastWords::KilledBy { nodeid }) => {
            format!("{}: nodeid {nodeid} told it to stop, as 'pvecm delnode' does", here.corosync_service)
        }
        Some(LastWords::OtherVersion { theirs, ours }) => {
            format!("{}: it had config_version {ours} and the other nodes {theirs}", here.corosync_service)
        }
        Some(LastWords::Other(said)) => format!("{}: {said}", here.corosync_service),
    }
}

/// `is quorate with members 'pve1', 'pve2'`
fn quorum(conf: Option<&Conf>, running: &Running) -> String {
    let name = |id: &u32| conf.map_or_else(|| id.to_string(), |conf| conf.name_of(*id));
    let quorate = if running.quorate { "is quorate" } else { "is not quorate" };
    format!(
        "{quorate} ({} of {} votes) with {}",
        running.votes,
        running.expected_votes,
        quoted(running.versions.keys().map(name))
    )
}

fn cluster_state(joining: &str, peer: &Peer) -> String {
    let name = &peer.view.node;
    let Some(conf) = peer.view.conf.conf() else {
        return format!("'{name}' is not a member of a cluster");
    };
    let listed = match conf.node(joining) {
        Some((nodeid, _)) => format!("lists this node as nodeid {nodeid}"),
        None => "does not list this node".to_owned(),
    };
    let running = match &peer.view.corosync {
        None => "corosync is not running".to_owned(),
        Some(running) => format!("corosync {}", quorum(Some(conf), running)),
    };
    format!(
        "cluster '{}' {listed} (config_version {}), on '{name}' {running}",
        conf.cluster_name, conf.config_version
    )
}

fn remedy(here: &Here, there: &There) -> String {
    let view = &here.view;
    let name = &view.node;
    let peer = there.peer();
    let theirs = peer.and_then(|peer| peer.view.conf.conf());
    if !view.is_mounted() {
        return "run 'systemctl start pve-cluster' on this node, then this task again".to_owned();
    }
    let conf = match &view.conf {
        ConfFile::Read(conf) => conf,
        ConfFile::Broken(_) => {
            return "put the corosync.conf of a working member in its place".to_owned();
        }
        ConfFile::Absent => {
            return match peer {
                Some(peer) if lists(there, name) => format!(
                    "the cluster lists this node although it has not joined: run this task again with 'repair: true', \
                     or take the node back with 'pvecm delnode {name}' on '{}'",
                    peer.view.node
                ),
                _ => "fix the cause, then run this task again".to_owned(),
            };
        }
    };
    let forgotten =
        theirs.is_some_and(|theirs| theirs.cluster_name == conf.cluster_name && theirs.node(name).is_none());
    if forgotten || matches!(here.last_words, Some(LastWords::KilledBy { .. })) {
        return "the cluster has removed this node: let it leave with 'state: absent' before it joins again"
            .to_owned();
    }
    let behind = theirs.is_some_and(|theirs| theirs.config_version > conf.config_version)
        || matches!(here.last_words, Some(LastWords::OtherVersion { theirs, ours }) if theirs > ours);
    let unmet = verify::unmet(view);
    match (&view.corosync, peer) {
        (None, _) if behind => format!(
            "the cluster changed its corosync.conf while this node joined: copy '/etc/pve/corosync.conf' of {} to \
             '/etc/corosync/corosync.conf' on this node and run 'systemctl reset-failed corosync' and 'systemctl \
             restart corosync' here",
            peer.map_or_else(|| "a member".to_owned(), |peer| format!("'{}'", peer.view.node))
        ),
        (None, _) if here.corosync_service == "failed" => {
            "fix what 'journalctl -u corosync' on this node names, then run 'systemctl restart corosync' and this task \
             again"
                .to_owned()
        }
        // pvecm's own last step: it was interrupted before it.
        (None, _) if !here.copied => {
            "run 'systemctl restart corosync pve-cluster' on this node, which gives corosync its copy of corosync.conf, then \
             this task again"
                .to_owned()
        }
        (None, _) => "run 'systemctl start corosync' on this node, then this task again".to_owned(),
        (Some(running), _) if !running.quorate => alone(view, peer),
        (Some(running), _) if differs(running) => format!(
            "corosync runs config_version {}: wait until it runs one version on all members, or run 'systemctl restart \
             corosync' on those behind",
            spread(conf, running)
        ),
        (Some(_), _) if view.mount == Mount::ReadOnly => {
            "pmxcfs has not synchronised, 'journalctl -u pve-cluster' on this node says why; 'systemctl restart \
             pve-cluster' restarts it"
                .to_owned()
        }
        (Some(_), _) if unmet.is_some() => unmet.as_ref().map(company).unwrap_or_default(),
        (Some(_), _) if !here.certificate => format!(
            "the join stopped before its last steps: run 'pvecm updatecerts' on this node, which makes '{}', and \
             'systemctl restart pveproxy pvedaemon'",
            certificate_path(name)
        ),
        (Some(_), _) if !here.certificate_key => format!(
            "the join lost the key of its certificate: run 'pvecm updatecerts --force' on this node, which makes '{}', and \
             'systemctl restart pveproxy pvedaemon'",
            certificate_key_path(name)
        ),
        (Some(_), _) => "run this task again".to_owned(),
    }
}

/// What helps a pmxcfs that counts none of the members.
fn company(alone: &verify::Alone) -> String {
    if alone.counts {
        format!(
            "pmxcfs synchronises by itself as soon as that of another member runs: run 'systemctl start pve-cluster' on {}, then \
             this task again",
            quoted(&alone.names)
        )
    } else {
        "run 'systemctl restart pve-cluster' on this node, which makes it count again, then this task again"
            .to_owned()
    }
}

fn differs(running: &Running) -> bool {
    let first = running.versions.values().next();
    running.versions.values().any(|version| Some(version) != first)
}

/// A node that does not see enough others.
fn alone(view: &View, peer: Option<&Peer>) -> String {
    if let Some(peer) = peer.filter(|peer| peer.view.is_mounted() && peer.view.corosync.is_none()) {
        return format!(
            "corosync is not running on '{}': run 'systemctl start corosync' there, then this task again",
            peer.view.node
        );
    }
    let mut text =
        "the nodes do not reach each other over the links: check the addresses and UDP ports 5405-5412 \
                    between them; corosync joins by itself once they do, then run this task again"
            .to_owned();
    if let Some(peer) = peer
        && let Some(running) = peer.view.corosync.as_ref().filter(|running| !running.quorate)
    {
        text.push_str(&format!(
            "; to give up instead, run 'pvecm expected {}' and 'pvecm delnode {}' on '{}'",
            running.votes, view.node, peer.view.node
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declared::tests::join;
    use membership::fake::{self, ALONE, PAIR};
    use membership::observe;
    use testkit::{Answer, FakeHost, Machine};

    const THREE: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3")];

    /// What a cluster node says whose corosync does not run: its tools print nothing.
    fn without_corosync(text: &str) -> String {
        let (before, rest) = text.split_once("@@ cmap\n").unwrap();
        let (_, after) = rest.split_once("@@ lock\n").unwrap();
        format!("{before}@@ cmap\n\n@@ quorum\n\n@@ lock\n{after}")
    }

    /// What is said of this node, when the cluster node answers so.
    fn said(host: FakeHost, change: fn(&mut Machine), peer: Option<String>) -> Aftermath {
        let peer = peer.map_or_else(
            || Answer::exit(255, "", "ssh: Could not resolve hostname pve9: Name or service not known\r\n"),
            Answer::ok,
        );
        let host = host.query_prefix("ssh ", peer).query_prefix("journalctl", "").query_prefix(
            "corosync-cmapctl",
            Answer::exit(1, "", "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n"),
        );
        host.change(change);
        let wanted = Wanted::check(&join()).unwrap();
        let there =
            probe::ask(&host, "10.77.0.11", probe::Errand::Look, &membership::fake::joins("pve2", 100));
        aftermath(&wanted, &observe::here(&host).unwrap(), &there)
    }

    #[test]
    fn each_situation_has_its_remedy() {
        let network = "the nodes do not reach each other over the links: check the addresses and UDP ports 5405-5412 \
                       between them; corosync joins by itself once they do, then run this task again";
        let separate =
            "the cluster has removed this node: let it leave with 'state: absent' before it joins again";
        type Case = (FakeHost, fn(&mut Machine), Option<String>, String);
        let cases: Vec<Case> = vec![
            (
                fake::standalone(),
                |machine| machine.unmount("/etc/pve"),
                None,
                "run 'systemctl start pve-cluster' on this node, then this task again".into(),
            ),
            (fake::standalone(), |_| {}, None, "fix the cause, then run this task again".into()),
            (
                fake::standalone(),
                |_| {},
                Some(fake::peer(1, ALONE, &[(1, 1)])),
                "fix the cause, then run this task again".into(),
            ),
            (
                fake::standalone(),
                |_| {},
                Some(fake::peer(2, PAIR, &[(1, 2)])),
                "the cluster lists this node although it has not joined: run this task again with 'repair: true', or \
                 take the node back with 'pvecm delnode pve2' on 'pve1'"
                    .into(),
            ),
            (
                fake::member(),
                |machine| machine.write("/etc/pve/corosync.conf", ""),
                None,
                "put the corosync.conf of a working member in its place".into(),
            ),
            (
                fake::member(),
                |machine| fake::become_member(machine, 2, PAIR, &[]),
                Some(fake::peer(3, &[(1, "pve1"), (3, "pve3")], &[(1, 3), (3, 3)])),
                separate.into(),
            ),
            (
                fake::member(),
                |machine| {
                    fake::become_member(machine, 2, PAIR, &[]);
                    machine.query(
                        "journalctl --unit=corosync.service --boot --lines=60 --output=cat --no-pager --quiet",
                        "[CFG   ] Killed by node 1 : Killed by corosync-cfgtool\n",
                    );
                },
                None,
                separate.into(),
            ),
            (
                fake::member(),
                |machine| fake::become_member(machine, 2, PAIR, &[]),
                Some(fake::peer(3, THREE, &[(1, 3), (3, 3)])),
                "the cluster changed its corosync.conf while this node joined: copy '/etc/pve/corosync.conf' of 'pve1' \
                 to '/etc/corosync/corosync.conf' on this node and run 'systemctl reset-failed corosync' and \
                 'systemctl restart corosync' here"
                    .into(),
            ),
            (
                fake::member(),
                |machine| fake::become_member(machine, 2, PAIR, &[]),
                Some(fake::peer(2, PAIR, &[(1, 2)])),
                "fix what 'journalctl -u corosync' on this node names, then run 'systemctl restart corosync' and this \
                 task again"
                    .into(),
            ),
            (
                fake::member(),
                |machine| fake::set_services(machine, "inactive"),
                None,
                "run 'systemctl start corosync' on this node, then this task again".into(),
            ),
            (
                fake::member(),
                |machine| {
                    fake::set_services(machine, "inactive");
                    machine.remove("/etc/corosync/corosync.conf");
                },
                None,
                "run 'systemctl restart corosync pve-cluster' on this node, which gives corosync its copy of \
                 corosync.conf, then this task again"
                    .into(),
            ),
            (
                fake::member(),
                |machine| fake::become_member(machine, 2, PAIR, &[(2, 2)]),
                Some(fake::peer(2, PAIR, &[(1, 2)])),
                format!(
                    "{network}; to give up instead, run 'pvecm expected 1' and 'pvecm delnode pve2' on 'pve1'"
                ),
            ),
            (
                fake::member(),
                |machine| fake::become_member(machine, 2, PAIR, &[(2, 2)]),
                Some(without_corosync(&fake::peer(2, PAIR, &[(1, 2)]))),
                "corosync is not running on 'pve1': run 'systemctl start corosync' there, then this task again".into(),
            ),
            (
                fake::member(),
                |machine| fake::become_member(machine, 3, THREE, &[(2, 3)]),
                Some(fake::peer(3, THREE, &[(1, 3), (3, 3)])),
                network.into(),
            ),
            (
                fake::member(),
                |machine| fake::become_member(machine, 3, THREE, &[(1, 3), (2, 3), (3, 2)]),
                None,
                "corosync runs config_version 2 on 'pve3' and 3 on 'pve1', 'pve2': wait until it runs one version on \
                 all members, or run 'systemctl restart corosync' on those behind"
                    .into(),
            ),
            (
                fake::member(),
                |machine| machine.set_quorate(false),
                None,
                "pmxcfs has not synchronised, 'journalctl -u pve-cluster' on this node says why; 'systemctl restart \
                 pve-cluster' restarts it"
                    .into(),
            ),
            (
                fake::member(),
                |machine| {
                    machine.remove(fake::CERTIFICATE);
                    machine.write("/etc/pve/.members", fake::alone_in_pmxcfs(2, PAIR));
                },
                None,
                "pmxcfs synchronises by itself as soon as that of another member runs: run 'systemctl start pve-cluster' on \
                 'pve1', then this task again"
                    .into(),
            ),
            (
                fake::member(),
                |machine| {
                    let nobody = fake::alone_in_pmxcfs(2, PAIR).replace("\"online\": 1", "\"online\": 0");
                    machine.write("/etc/pve/.members", nobody);
                },
                None,
                "run 'systemctl restart pve-cluster' on this node, which makes it count again, then this task again".into(),
            ),
            (
                fake::member(),
                |machine| machine.remove(fake::CERTIFICATE_KEY),
                None,
                "the join lost the key of its certificate: run 'pvecm updatecerts --force' on this node, which makes \
                 '/etc/pve/nodes/pve2/pve-ssl.key', and 'systemctl restart pveproxy pvedaemon'"
                    .into(),
            ),
            (
                fake::member(),
                |machine| machine.remove(fake::CERTIFICATE),
                None,
                "the join stopped before its last steps: run 'pvecm updatecerts' on this node, which makes \
                 '/etc/pve/nodes/pve2/pve-ssl.pem', and 'systemctl restart pveproxy pvedaemon'"
                    .into(),
            ),
            (fake::member(), |_| {}, None, "run this task again".into()),
        ];
        for (host, change, peer, expected) in cases {
            assert_eq!(said(host, change, peer).remedy, expected);
        }
    }

    #[test]
    fn the_states_in_words() {
        let after = said(fake::member(), |_| {}, Some(fake::peer(2, PAIR, &[(1, 2), (2, 2)])));
        assert_eq!(
            after.node_state,
            "nodeid 2 of cluster 'prod' by its own corosync.conf (config_version 2), corosync is quorate (2 of 2 votes) \
             with 'pve1', 'pve2'"
        );
        assert_eq!(
            after.cluster_state.unwrap(),
            "cluster 'prod' lists this node as nodeid 2 (config_version 2), on 'pve1' corosync is quorate (2 of 2 \
             votes) with 'pve1', 'pve2'"
        );
        let after = said(fake::standalone(), |machine| machine.unmount("/etc/pve"), None);
        assert_eq!(after.node_state, "'/etc/pve' is not mounted");
        assert_eq!(after.cluster_state.unwrap(), "the name '10.77.0.11' cannot be resolved on this node");
    }
}
