// SPDX-License-Identifier: GPL-3.0-or-later
//! How a node stands with its cluster: all that was read, judged together.

use std::collections::BTreeMap;
use std::net::IpAddr;

use corosync_document::Document;
use host::Host;
use serde::Serialize;

use crate::cmap::Cmap;
use crate::journal::LastWords;
use crate::members::Members;
use crate::pmxcfs::{Mount, Pmxcfs};
use crate::quorumtool::Quorum;
use crate::services::Services;
use crate::{StateError, cmap, corosync_conf, journal, members, pmxcfs, quorumtool, services};

/// What was read, or why it could not be.
pub type Reading<T> = Result<T, StateError>;

/// Everything that tells how a node stands with its cluster.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The machine's name.
    pub hostname: String,
    /// /etc/pve.
    pub pmxcfs: Reading<Pmxcfs>,
    /// The cluster as pmxcfs sees it.
    pub members: Reading<Option<Members>>,
    /// corosync.conf in pmxcfs.
    pub cluster_conf: Reading<Option<Document>>,
    /// corosync's copy of it.
    pub local_conf: Reading<Option<Document>>,
    /// The services.
    pub services: Reading<Services>,
    /// The votes.
    pub quorum: Reading<Quorum>,
    /// The running corosync's values.
    pub cmap: Reading<Cmap>,
    /// The addresses of this machine; none where they could not be read.
    pub addresses: Vec<IpAddr>,
    /// Why corosync has failed, when it has; or that the cluster put this node out, when it is not quorate.
    pub last_words: Reading<Option<LastWords>>,
}

/// How a node stands with its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Situation {
    /// Proxmox VE's cluster file system is not installed.
    NotInstalled,
    /// A node of no cluster.
    Standalone,
    /// A member of a quorate cluster that is writable, and one config_version runs on all members.
    Member,
    /// A quorate member whose /etc/pve is not writable yet: pmxcfs is still meeting the others.
    Synchronizing,
    /// A quorate member, but not every member runs the config_version of the cluster's corosync.conf.
    VersionsDiffer,
    /// A node of a cluster whose part of it has too few votes.
    NotQuorate,
    /// A node of a cluster that runs, or last ran, another config_version than the rest of it.
    Stranded,
    /// A node of a cluster whose corosync does not run.
    CorosyncStopped,
    /// A node whose /etc/pve is not there.
    PmxcfsStopped,
    /// A node that its cluster has removed and that has not been cleaned.
    Removed,
    /// A node whose host name was changed: its cluster lists it by its addresses, under the name that it had.
    Renamed,
    /// Too little could be read to tell.
    Unknown,
}

/// Whether a node belongs to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// It belongs to none.
    Standalone,
    /// It has the files of one, whether or not it can reach it now.
    Member,
}

/// The judgement and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// How the node stands.
    pub situation: Situation,
    /// Whether it belongs to a cluster; none when that cannot be told.
    pub membership: Option<Membership>,
    /// What the judgement rests on, as sentences; empty when all is well.
    pub reasons: Vec<String>,
}

/// The config_version in each place where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ConfigVersions {
    /// In /etc/pve/corosync.conf.
    pub pmxcfs: Option<u64>,
    /// In /etc/corosync/corosync.conf.
    pub local: Option<u64>,
    /// That corosync runs on this node.
    pub running: Option<u64>,
    /// That corosync runs on each member, by nodeid.
    #[serde(skip)]
    pub members: BTreeMap<u32, u64>,
}

impl Evidence {
    /// Reads it all: a few files, and one program, or three where corosync runs, and the journal where it has failed or
    /// is not quorate.
    #[must_use]
    pub fn read(host: &dyn Host) -> Self {
        let services = services::query(host);
        let corosync = services.as_ref().ok().and_then(|all| all.get("corosync"));
        // A corosync that systemd does not run is not asked twice in vain; where systemd does not answer, it is asked.
        let stopped = corosync.is_some_and(|unit| matches!(unit.active.as_str(), "inactive" | "failed"));
        let failed = corosync.is_some_and(|unit| unit.active == "failed");
        let down = |program: &str| StateError::CorosyncNotRunning { program: program.to_owned() };
        let quorum = if stopped { Err(down("corosync-quorumtool")) } else { quorumtool::query(host) };
        let cmap = if stopped { Err(down("corosync-cmapctl")) } else { cmap::query(host) };
        let last_words = if failed {
            journal::query(host)
        } else if quorum.as_ref().is_ok_and(|quorum| !quorum.quorate) {
            journal::put_out_by(host).map(|by| by.map(|nodeid| LastWords::KilledBy { nodeid }))
        } else {
            Ok(None)
        };
        Self {
            hostname: host.hostname().unwrap_or_default(),
            addresses: host
                .addresses()
                .map(|all| all.into_iter().map(|local| local.address).collect())
                .unwrap_or_default(),
            pmxcfs: pmxcfs::query(host),
            members: members::query(host),
            cluster_conf: corosync_conf::cluster(host),
            local_conf: corosync_conf::local(host),
            last_words,
            services,
            quorum,
            cmap,
        }
    }

    /// The node's name: what pmxcfs calls it, or else the machine's own.
    #[must_use]
    pub fn nodename(&self) -> &str {
        match &self.members {
            Ok(Some(members)) => &members.nodename,
            _ => &self.hostname,
        }
    }

    /// The name under which the cluster's file lists this machine, where that is not its own: by its addresses, or by the nodeid that its corosync
    /// runs with. None where the file has its name, or does not have it at all.
    #[must_use]
    pub fn listed_as(&self) -> Option<String> {
        let nodes = self.conf()?.nodes();
        if nodes.iter().any(|node| node.name == self.nodename()) {
            return None;
        }
        let running = self.quorum.as_ref().ok().map(|quorum| quorum.nodeid);
        let here = |address: &String| address.parse().is_ok_and(|address| self.addresses.contains(&address));
        let itself = |node: &corosync_document::Node| {
            node.addresses.values().any(here) || running.is_some() && node.nodeid == running
        };
        nodes.into_iter().find(itself).map(|node| node.name)
    }

    /// The node's name in the cluster's file.
    #[must_use]
    pub fn listed_name(&self) -> String {
        self.listed_as().unwrap_or_else(|| self.nodename().to_owned())
    }

    /// Whether the cluster's file has this node without a vote, as one that is admitted and gets its vote once it is there. On a node that never came
    /// in, corosync's copy is all that there is.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        let name = self.listed_name();
        let copy = self.local_conf.as_ref().ok().and_then(Option::as_ref);
        let nodes = self.conf().or(copy).map(Document::nodes).unwrap_or_default();
        nodes.iter().any(|node| node.name == name && node.votes == 0)
    }

    /// The corosync.conf that counts: the cluster's, or, while pmxcfs cannot be read, corosync's copy.
    #[must_use]
    pub fn conf(&self) -> Option<&Document> {
        let mounted = self.pmxcfs.as_ref().is_ok_and(Pmxcfs::is_mounted);
        match (&self.cluster_conf, &self.local_conf) {
            (Ok(Some(cluster)), _) => Some(cluster),
            (_, Ok(Some(local))) if !mounted => Some(local),
            _ => None,
        }
    }

    /// The config_version in each place.
    #[must_use]
    pub fn config_versions(&self) -> ConfigVersions {
        let of = |conf: &Reading<Option<Document>>| conf.as_ref().ok()?.as_ref()?.config_version();
        let cmap = self.cmap.as_ref().ok();
        ConfigVersions {
            pmxcfs: of(&self.cluster_conf),
            local: of(&self.local_conf),
            running: cmap.and_then(Cmap::config_version),
            members: cmap.map(Cmap::member_versions).unwrap_or_default(),
        }
    }

    /// The readings that failed, as sentences. That corosync does not run is not among them: it is a fact.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        fn said<T>(reading: &Reading<T>) -> Option<String> {
            reading.as_ref().err().filter(|error| !error.is_corosync_down()).map(ToString::to_string)
        }
        let all = [
            said(&self.pmxcfs),
            said(&self.members),
            said(&self.cluster_conf),
            said(&self.local_conf),
            said(&self.services),
            said(&self.quorum),
            said(&self.cmap),
            said(&self.last_words),
        ];
        let mut problems: Vec<String> = Vec::new();
        for problem in all.into_iter().flatten() {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        problems
    }

    /// Judges it.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        let Ok(pmxcfs) = &self.pmxcfs else {
            return judged(Situation::Unknown, None, "the state of /etc/pve could not be read");
        };
        match &pmxcfs.mount {
            Mount::NoDirectory if !pmxcfs.database => {
                judged(Situation::NotInstalled, None, "there is no /etc/pve")
            }
            Mount::NoDirectory | Mount::NotMounted => {
                self.without_pmxcfs("/etc/pve is not mounted".to_owned())
            }
            Mount::Dead { reason } => self.without_pmxcfs(reason.clone()),
            Mount::ReadOnly | Mount::Writable => self.with_pmxcfs(pmxcfs.is_writable()),
        }
    }

    /// Only corosync's copy of the file can tell which cluster this is; without one, pmxcfs's database may still
    /// hold a cluster's file.
    fn without_pmxcfs(&self, reason: String) -> Judgement {
        let mut judgement = judged(Situation::PmxcfsStopped, None, reason);
        if let Ok(Some(_)) = &self.local_conf {
            judgement.membership = Some(Membership::Member);
            if self.quorum.as_ref().is_err_and(StateError::is_corosync_down) {
                judgement.reasons.push("corosync does not run either".to_owned());
            }
        }
        judgement
    }

    fn with_pmxcfs(&self, writable: bool) -> Judgement {
        match &self.cluster_conf {
            Err(_) => {
                judged(Situation::Unknown, None, format!("'{}' could not be read", corosync_conf::CLUSTER))
            }
            Ok(Some(conf)) => self.in_a_cluster(conf, writable),
            Ok(None) => {
                let mut judgement = Judgement {
                    situation: Situation::Standalone,
                    membership: Some(Membership::Standalone),
                    reasons: Vec::new(),
                };
                if self.quorum.is_ok() {
                    let reason = format!("corosync runs although there is no '{}'", corosync_conf::CLUSTER);
                    judgement.reasons.push(reason);
                }
                judgement
            }
        }
    }

    fn in_a_cluster(&self, conf: &Document, writable: bool) -> Judgement {
        let member = |situation, reason: String| judged(situation, Some(Membership::Member), reason);
        let name = self.nodename();
        if let Some(listed) = self.listed_as() {
            return self.renamed(&listed);
        }
        if !conf.nodes().iter().any(|node| node.name == name) {
            let reason = format!("'{}' does not list this node, '{name}'", corosync_conf::CLUSTER);
            return member(Situation::Removed, reason);
        }
        match &self.quorum {
            Err(error) if error.is_corosync_down() => self.stopped(),
            Err(_) => member(Situation::Unknown, "corosync could not be asked".to_owned()),
            Ok(quorum) if !quorum.quorate => self.not_quorate(quorum),
            Ok(_) if !writable => {
                let reason = "corosync is quorate, but /etc/pve is not writable yet";
                member(Situation::Synchronizing, reason.to_owned())
            }
            Ok(_) => self.quorate(),
        }
    }

    /// corosync goes by nodeids and addresses, so that such a node can be quorate, with guests that run.
    fn renamed(&self, listed: &str) -> Judgement {
        let path = corosync_conf::CLUSTER;
        let name = self.nodename();
        let reason = format!("'{path}' lists this node as '{listed}', and its host name is '{name}'");
        let mut judgement = judged(Situation::Renamed, Some(Membership::Member), reason);
        judgement.reasons.push(match &self.quorum {
            Ok(quorum) => {
                let quorate = if quorum.quorate { "quorate" } else { "not quorate" };
                let (total, expected) = (quorum.total_votes, quorum.expected_votes);
                format!("as '{listed}' it is {quorate}, with {total} of {expected} votes")
            }
            Err(error) if error.is_corosync_down() => "corosync does not run".to_owned(),
            Err(_) => "corosync could not be asked".to_owned(),
        });
        judgement
    }

    fn stopped(&self) -> Judgement {
        let (situation, reason) = match &self.last_words {
            Ok(Some(LastWords::KilledBy { nodeid })) => (Situation::Removed, put_out(*nodeid)),
            Ok(Some(LastWords::OtherVersion { theirs, ours })) => (
                Situation::Stranded,
                format!("corosync stopped because it had config_version {ours} and the other nodes {theirs}"),
            ),
            Ok(Some(LastWords::Other(said))) => {
                (Situation::CorosyncStopped, format!("corosync does not run; it last said: {said}"))
            }
            _ => (Situation::CorosyncStopped, "corosync does not run".to_owned()),
        };
        judged(situation, Some(Membership::Member), reason)
    }

    /// A node alone with its votes is cut off, unless the cluster put it out or it runs an older file than it has.
    fn not_quorate(&self, quorum: &Quorum) -> Judgement {
        if let Ok(Some(LastWords::KilledBy { nodeid })) = &self.last_words {
            let mut judgement = judged(Situation::Removed, Some(Membership::Member), put_out(*nodeid));
            judgement.reasons.push("since then it was never quorate".to_owned());
            return judgement;
        }
        let votes = format!(
            "{} of {} votes present, {} needed",
            quorum.total_votes, quorum.expected_votes, quorum.quorum
        );
        let versions = self.config_versions();
        let newest = versions.pmxcfs.max(versions.local);
        match (versions.running, newest) {
            (Some(running), Some(newest)) if running < newest => {
                let reason =
                    format!("corosync runs config_version {running}, and the file on this node has {newest}");
                let mut judgement = judged(Situation::Stranded, Some(Membership::Member), reason);
                judgement.reasons.push(votes);
                judgement
            }
            _ => {
                let mut judgement = judged(Situation::NotQuorate, Some(Membership::Member), votes);
                if self.is_admitted() {
                    judgement.reasons.push("this node is admitted and has no vote yet".to_owned());
                }
                judgement
            }
        }
    }

    fn quorate(&self) -> Judgement {
        let versions = self.config_versions();
        let wanted = versions.pmxcfs;
        let name_of = |nodeid: u32| {
            let nodes = self.conf().map(Document::nodes).unwrap_or_default();
            let node = nodes.into_iter().find(|node| node.nodeid == Some(nodeid));
            node.map_or_else(|| format!("nodeid {nodeid}"), |node| format!("'{}'", node.name))
        };
        let mut reasons: Vec<String> = versions
            .members
            .iter()
            .filter(|(_, running)| wanted != Some(**running))
            .map(|(nodeid, running)| {
                let wanted = wanted.map_or_else(|| "none".to_owned(), |version| version.to_string());
                format!(
                    "{} runs config_version {running}; the cluster's corosync.conf has {wanted}",
                    name_of(*nodeid)
                )
            })
            .collect();
        if let (Some(local), Some(wanted)) = (versions.local, wanted)
            && local != wanted
        {
            let path = corosync_conf::LOCAL;
            reasons.push(format!(
                "'{path}' has config_version {local}; the cluster's corosync.conf has {wanted}"
            ));
        }
        let situation = if reasons.is_empty() { Situation::Member } else { Situation::VersionsDiffer };
        Judgement { situation, membership: Some(Membership::Member), reasons }
    }
}

fn put_out(nodeid: u32) -> String {
    format!("nodeid {nodeid} told corosync on this node to stop, as 'pvecm delnode' does")
}

fn judged(situation: Situation, membership: Option<Membership>, reason: impl Into<String>) -> Judgement {
    Judgement { situation, membership, reasons: vec![reason.into()] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::situations as nodes;
    use testkit::{Answer, FakeHost};

    type Case = (&'static str, FakeHost, Situation, Option<Membership>, &'static [&'static str]);

    fn judge(host: &FakeHost) -> Judgement {
        Evidence::read(host).judge()
    }

    #[test]
    fn a_node_without_a_vote_is_admitted() {
        let is_admitted = |host: &FakeHost| Evidence::read(host).is_admitted();
        for host in [nodes::admitted(), nodes::admitted_and_cut_off(), nodes::admitted_and_stranded()] {
            assert!(is_admitted(&host));
        }
        for host in [nodes::standalone(), nodes::three_nodes(), nodes::not_quorate()] {
            assert!(!is_admitted(&host));
        }
        // one that never came in has nothing in /etc/pve
        let host = nodes::admitted_and_stranded();
        let host = host.with(|machine| machine.remove("/etc/pve/corosync.conf"));
        assert_eq!((judge(&host).situation, is_admitted(&host)), (Situation::Standalone, true));
        // the votes of others are theirs
        let host = nodes::three_nodes();
        let conf = host.text("/etc/pve/corosync.conf");
        let (first, rest) = conf.split_at(conf.find("name: pve2").unwrap());
        let conf = first.to_owned() + &rest.replace("quorum_votes: 1", "quorum_votes: 0");
        assert!(!is_admitted(&host.file("/etc/pve/corosync.conf", conf)));
    }

    #[test]
    fn every_recorded_situation() {
        use Membership::{Member, Standalone};
        let cases: Vec<Case> = vec![
            ("standalone", nodes::standalone(), Situation::Standalone, Some(Standalone), &[]),
            ("one node", nodes::one_node(), Situation::Member, Some(Member), &[]),
            ("two nodes", nodes::two_nodes(), Situation::Member, Some(Member), &[]),
            ("three nodes", nodes::three_nodes(), Situation::Member, Some(Member), &[]),
            ("one of three off", nodes::one_of_three_off(), Situation::Member, Some(Member), &[]),
            ("majority", nodes::majority(), Situation::Member, Some(Member), &[]),
            ("two links", nodes::two_links(), Situation::Member, Some(Member), &[]),
            ("one link cut", nodes::one_link_cut(), Situation::Member, Some(Member), &[]),
            (
                "not quorate",
                nodes::not_quorate(),
                Situation::NotQuorate,
                Some(Member),
                &["1 of 3 votes present, 2 needed"],
            ),
            ("admitted", nodes::admitted(), Situation::Member, Some(Member), &[]),
            (
                "admitted and cut off",
                nodes::admitted_and_cut_off(),
                Situation::NotQuorate,
                Some(Member),
                &["0 of 1 votes present, 1 needed", "this node is admitted and has no vote yet"],
            ),
            (
                "admitted and stranded",
                nodes::admitted_and_stranded(),
                Situation::Stranded,
                Some(Member),
                &["corosync stopped because it had config_version 2 and the other nodes 3"],
            ),
            (
                "corosync stopped",
                nodes::corosync_stopped(),
                Situation::CorosyncStopped,
                Some(Member),
                &["corosync does not run"],
            ),
            (
                "pmxcfs stopped",
                nodes::pmxcfs_stopped(),
                Situation::PmxcfsStopped,
                Some(Member),
                &["/etc/pve is not mounted"],
            ),
            (
                "removed",
                nodes::removed(),
                Situation::Removed,
                Some(Member),
                &["nodeid 1 told corosync on this node to stop, as 'pvecm delnode' does"],
            ),
            (
                "removed, corosync restarted",
                nodes::removed_and_restarted(),
                Situation::Removed,
                Some(Member),
                &[
                    "nodeid 1 told corosync on this node to stop, as 'pvecm delnode' does",
                    "since then it was never quorate",
                ],
            ),
            (
                "stranded",
                nodes::stranded(),
                Situation::Stranded,
                Some(Member),
                &["corosync stopped because it had config_version 3 and the other nodes 4"],
            ),
            ("left-overs", nodes::left_overs(), Situation::Standalone, Some(Standalone), &[]),
            ("plain debian", nodes::plain_debian(), Situation::NotInstalled, None, &["there is no /etc/pve"]),
        ];
        for (name, host, situation, membership, reasons) in cases {
            let found = judge(&host);
            assert_eq!((found.situation, found.membership), (situation, membership), "{name}");
            assert_eq!(found.reasons, reasons, "{name}");
            assert_eq!(host.effects(), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn a_corosync_that_does_not_run_is_not_asked() {
        for host in [nodes::standalone(), nodes::corosync_stopped(), nodes::removed()] {
            // standalone recordings come from a node whose corosync the unit's condition keeps from starting
            let evidence = Evidence::read(&host);
            assert!(evidence.quorum.is_err_and(|error| error.is_corosync_down()));
            assert!(host.commands().iter().all(|command| !command.program.starts_with("corosync-")));
        }
    }

    #[test]
    fn a_standalone_node_must_not_run_corosync() {
        let host = nodes::three_nodes();
        host.change(|machine| machine.remove("/etc/pve/corosync.conf"));
        let found = judge(&host);
        assert_eq!(found.situation, Situation::Standalone);
        assert_eq!(found.reasons, ["corosync runs although there is no '/etc/pve/corosync.conf'"]);
    }

    #[test]
    fn a_node_that_is_not_listed_is_removed() {
        let host = nodes::three_nodes();
        let conf = host.text("/etc/pve/corosync.conf");
        let conf = conf.replace("name: pve1", "name: pve9").replace("nodeid: 1", "nodeid: 9");
        let conf = conf.replace("10.77.1.11", "10.77.1.19");
        host.change(move |machine| machine.write("/etc/pve/corosync.conf", conf));
        let found = judge(&host);
        assert_eq!(found.situation, Situation::Removed);
        assert_eq!(found.reasons, ["'/etc/pve/corosync.conf' does not list this node, 'pve1'"]);
    }

    /// The node of `host_name_changed_from_pve4x_to_pve4y_in_a_1-node_cluster_and_pve-cluster_restarted`: pmxcfs goes by the new name, corosync runs
    /// on, and /etc/pve is writable.
    #[test]
    fn a_node_that_was_renamed_is_not_removed() {
        let members = crate::recording::recording!(
            "host_name_changed_from_pve4x_to_pve4y_in_a_1-node_cluster_and_pve-cluster_restarted--cat_etc_pve_.members--pve4"
        );
        let parsed = crate::members::parse(&members.stdout).unwrap();
        assert_eq!((parsed.nodename.as_str(), parsed.nodelist.contains_key("pve4x")), ("pve4y", true));
        let renamed = || {
            let host = nodes::three_nodes();
            let members =
                host.text("/etc/pve/.members").replace("\"nodename\": \"pve1\"", "\"nodename\": \"pve9\"");
            host.change(move |machine| machine.write("/etc/pve/.members", members));
            host
        };
        let found = judge(&renamed());
        assert_eq!((found.situation, found.membership), (Situation::Renamed, Some(Membership::Member)));
        assert_eq!(
            found.reasons,
            [
                "'/etc/pve/corosync.conf' lists this node as 'pve1', and its host name is 'pve9'",
                "as 'pve1' it is quorate, with 3 of 3 votes"
            ]
        );
        assert_eq!(Evidence::read(&renamed()).listed_as().as_deref(), Some("pve1"));
        assert_eq!(Evidence::read(&nodes::three_nodes()).listed_as(), None);
    }

    #[test]
    fn a_renamed_node_without_corosync_is_told_by_its_addresses() {
        let renamed = |address: &str| {
            let host = nodes::corosync_stopped();
            let members =
                host.text("/etc/pve/.members").replace("\"nodename\": \"pve1\"", "\"nodename\": \"pve9\"");
            let conf = host.text("/etc/pve/corosync.conf").replace("10.77.1.11", address);
            host.change(move |machine| {
                machine.write("/etc/pve/.members", members);
                machine.write("/etc/pve/corosync.conf", conf);
            });
            judge(&host)
        };
        let found = renamed("10.77.1.11");
        assert_eq!(found.situation, Situation::Renamed);
        assert_eq!(found.reasons[1], "corosync does not run");
        assert_eq!(renamed("10.77.1.99").situation, Situation::Removed);
    }

    #[test]
    fn quorate_but_read_only_is_synchronizing() {
        let host = nodes::three_nodes();
        host.change(|machine| machine.set_quorate(false));
        let found = judge(&host);
        assert_eq!(found.situation, Situation::Synchronizing);
        assert_eq!(found.reasons, ["corosync is quorate, but /etc/pve is not writable yet"]);
    }

    #[test]
    fn members_that_run_another_version_are_named() {
        let host = nodes::three_nodes();
        let cmap = crate::recording::recording!("3-node_quorate--corosync-cmapctl--pve1").stdout;
        let cmap = cmap.replace(
            "runtime.members.2.config_version (u64) = 3",
            "runtime.members.2.config_version (u64) = 2",
        );
        let found = judge(&host.query("corosync-cmapctl", cmap));
        assert_eq!(found.situation, Situation::VersionsDiffer);
        assert_eq!(found.reasons, ["'pve2' runs config_version 2; the cluster's corosync.conf has 3"]);
    }

    #[test]
    fn a_copy_that_lags_behind_is_named() {
        let host = nodes::three_nodes();
        let conf = host.text("/etc/corosync/corosync.conf").replace("config_version: 3", "config_version: 2");
        host.change(move |machine| machine.write("/etc/corosync/corosync.conf", conf));
        let found = judge(&host);
        assert_eq!(found.situation, Situation::VersionsDiffer);
        assert_eq!(
            found.reasons,
            ["'/etc/corosync/corosync.conf' has config_version 2; the cluster's corosync.conf has 3"]
        );
    }

    /// The state before the rescue in the recording `timeline--rescue_of_the_stranded_node`: alone, running 3, and
    /// the file that was copied in has 4.
    #[test]
    fn a_node_alone_with_an_older_version_is_stranded() {
        let host = nodes::not_quorate();
        let conf = host.text("/etc/corosync/corosync.conf").replace("config_version: 4", "config_version: 5");
        host.change(move |machine| machine.write("/etc/corosync/corosync.conf", conf));
        let found = judge(&host);
        assert_eq!(found.situation, Situation::Stranded);
        assert_eq!(
            found.reasons,
            [
                "corosync runs config_version 4, and the file on this node has 5",
                "1 of 3 votes present, 2 needed"
            ]
        );
    }

    #[test]
    fn without_its_copy_a_node_without_pmxcfs_belongs_nowhere_for_sure() {
        let host = nodes::pmxcfs_stopped();
        host.change(|machine| machine.remove("/etc/corosync/corosync.conf"));
        let found = judge(&host);
        assert_eq!((found.situation, found.membership), (Situation::PmxcfsStopped, None));
    }

    #[test]
    fn what_could_not_be_asked_is_unknown_and_said() {
        let host = nodes::three_nodes().query("corosync-quorumtool -siH", Answer::hangs());
        let evidence = Evidence::read(&host);
        assert_eq!(evidence.judge().situation, Situation::Unknown);
        assert_eq!(evidence.problems(), ["cannot run 'corosync-quorumtool -siH': no answer within 5 s"]);
        let host = nodes::three_nodes()
            .query("corosync-quorumtool -siH", Answer::exit(1, "", "Cannot frobnicate\n"));
        let evidence = Evidence::read(&host);
        assert_eq!(
            evidence.problems(),
            ["cannot run 'corosync-quorumtool -siH': exit code 1: Cannot frobnicate"]
        );
    }

    #[test]
    fn a_dead_file_system_is_not_mounted() {
        let host = nodes::three_nodes().fail_when(
            |step| format!("{step:?}").contains("/etc/pve"),
            host::HostError::file(
                "examine",
                std::path::Path::new("/etc/pve"),
                &std::io::Error::from_raw_os_error(107),
            ),
        );
        let found = judge(&host);
        assert_eq!(found.situation, Situation::PmxcfsStopped);
        assert_eq!(
            found.reasons,
            ["cannot examine '/etc/pve': Transport endpoint is not connected (os error 107)"]
        );
    }
}
