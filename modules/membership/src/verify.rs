// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether the cluster itself says that this node is a member: the only success there is.

use std::fmt;
use std::time::Duration;

use cluster_state::pmxcfs::Mount;
use host::{Host, HostError, Waited, wait_until};

use crate::observe;
use crate::seen::{Conf, ConfFile, Here, View, quoted, spread};

/// The pause between two looks: a look takes about 0.1 s itself.
const PAUSE: Duration = Duration::from_millis(250);

/// A membership that the cluster confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// This node's nodeid.
    pub nodeid: u32,
    /// The cluster's file.
    pub conf: Conf,
    /// The nodeids of the members seen now.
    pub members: Vec<u32>,
}

/// A membership that was not confirmed: what is missing, and how the node was at the last look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unconfirmed {
    /// What is missing.
    pub missing: Vec<Missing>,
    /// How the node was, where it could be looked at.
    pub here: Option<Here>,
}

/// Something that a confirmed membership has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The node certificate, at this path: the last steps of a join make it.
    Certificate(String),
    /// The key of one that is there.
    CertificateKey(String),
    /// pmxcfs is alone although corosync sees others: what is in /etc/pve may not be the cluster's.
    Company(Alone),
    /// Anything else, in words.
    Other(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(path) => write!(f, "the node certificate '{path}' is missing"),
            Self::CertificateKey(path) => write!(f, "the key of the node certificate, '{path}', is missing"),
            Self::Company(Alone { names, counts: true }) => {
                write!(f, "pmxcfs on this node has not met that of {} yet", quoted(names))
            }
            Self::Company(Alone { names, counts: false }) => {
                write!(f, "pmxcfs on this node does not tell whether it has met that of {}", quoted(names))
            }
            Self::Other(words) => f.write_str(words),
        }
    }
}

impl Unconfirmed {
    /// All that is missing, in one text.
    pub fn words(&self) -> String {
        self.missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    /// Whether this is a member all the same, whose join was interrupted before its last steps.
    pub fn is_unfinished(&self) -> bool {
        matches!(self.missing.as_slice(), [Missing::Certificate(_) | Missing::CertificateKey(_)])
    }
}

/// Decides whether this node is a member, by what it sees.
pub fn membership(cluster_name: &str, here: &Here) -> Result<Membership, Vec<Missing>> {
    let other = |words: String| Missing::Other(words);
    let view = &here.view;
    let conf = match (&view.mount, &view.conf) {
        (Mount::ReadOnly | Mount::Writable, ConfFile::Read(conf)) => conf,
        (Mount::ReadOnly | Mount::Writable, ConfFile::Absent) => {
            return Err(vec![other("'/etc/pve/corosync.conf' is missing".to_owned())]);
        }
        (Mount::ReadOnly | Mount::Writable, ConfFile::Broken(why)) => {
            return Err(vec![other(format!("'/etc/pve/corosync.conf' cannot be understood: {why}"))]);
        }
        (Mount::NoDirectory | Mount::NotMounted | Mount::Dead { .. }, _) => {
            return Err(vec![other("'/etc/pve' is not mounted".to_owned())]);
        }
    };
    let mut missing = Vec::new();
    if conf.cluster_name != cluster_name {
        missing.push(other(format!("this node is a member of cluster '{}'", conf.cluster_name)));
    }
    let Some((nodeid, _)) = conf.node(&view.node) else {
        missing.push(other(format!("'/etc/pve/corosync.conf' does not list this node ('{}')", view.node)));
        return Err(missing);
    };
    match &view.corosync {
        None => {
            missing.push(other(format!("corosync is not running on this node ({})", here.corosync_service)))
        }
        Some(running) => {
            if running.nodeid != nodeid {
                let runs = running.nodeid;
                missing.push(other(format!("corosync on this node runs as nodeid {runs}, not {nodeid}")));
            } else if !running.versions.contains_key(&nodeid) {
                missing.push(other(format!("corosync does not count nodeid {nodeid} among its members")));
            }
            if !running.quorate {
                missing.push(other(format!(
                    "this node is not quorate ({} of {} votes)",
                    running.votes, running.expected_votes
                )));
            }
            let first = running.versions.values().next();
            if running.versions.values().any(|version| Some(version) != first) {
                missing.push(other(format!("corosync runs config_version {}", spread(conf, running))));
            }
        }
    }
    if view.mount == Mount::ReadOnly {
        missing.push(other("'/etc/pve' is read-only on this node".to_owned()));
    }
    missing.extend(unmet(view).map(Missing::Company));
    if !here.certificate {
        missing.push(Missing::Certificate(observe::certificate_path(&view.node)));
    } else if !here.certificate_key {
        missing.push(Missing::CertificateKey(observe::certificate_key_path(&view.node)));
    }
    match &view.corosync {
        Some(running) if missing.is_empty() => Ok(Membership {
            nodeid,
            conf: (**conf).clone(),
            members: running.versions.keys().copied().collect(),
        }),
        _ => Err(missing),
    }
}

/// A pmxcfs that counts none of the members that corosync sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// Their names.
    pub names: Vec<String>,
    /// Whether it counts at all: it counts itself as soon as it is in its group.
    ///
    /// One that has heard of its group before it knew the nodes counts nobody until the next node comes or goes
    /// (`cfs_status_set_clinfo` in `pmxcfs/status.c` takes over only what it knew before). That happens when corosync becomes ready
    /// between two of its connections.
    pub counts: bool,
}

/// The members that corosync sees, when pmxcfs on this node sees none of theirs; nothing where it sees one, or where there
/// are no others.
///
/// Quorum is corosync's: a member whose pmxcfs starts later than its corosync gives it before there is anybody to synchronise
/// with, for some seconds. A node that has just joined then shows an /etc/pve of its own that is writable, and loses it
/// when the other comes. pmxcfs counts a node as `online` while that node's pmxcfs is in its group (`dfsm_confchg` in
/// `pmxcfs/status.c`).
pub fn unmet(view: &View) -> Option<Alone> {
    let (running, conf, table) = (view.corosync.as_ref()?, view.conf.conf()?, view.members.as_ref()?);
    let others: Vec<u32> = running.versions.keys().copied().filter(|id| *id != running.nodeid).collect();
    let met = |id: &u32| table.nodelist.values().any(|node| node.id == *id && node.online);
    let alone = running.quorate && !others.is_empty() && !others.iter().any(met);
    alone.then(|| Alone {
        names: others.iter().map(|id| conf.name_of(*id)).collect(),
        counts: met(&running.nodeid),
    })
}

/// The membership that a node has as soon as it has its certificate; none when more is missing.
pub fn with_certificate(cluster_name: &str, here: &Here) -> Option<Membership> {
    membership(cluster_name, &Here { certificate: true, certificate_key: true, ..here.clone() }).ok()
}

/// Whether waiting is of no use: corosync has given up, and nothing is going to start it.
pub fn is_hopeless(here: &Here) -> bool {
    here.view.corosync.is_none()
        && (here.corosync_service == "failed"
            || (here.corosync_service == "inactive" && !here.booting && !here.pvecm_busy))
}

/// Waits until this node is a member, at most until `deadline`, and no longer than `gives_up` finds it of use.
///
/// `proves_writes` also lets it make and remove a directory in /etc/pve, which no mode bit can stand in for: after a join
/// pmxcfs can show them and refuse all the same.
pub fn wait(
    host: &dyn Host,
    cluster_name: &str,
    deadline: Duration,
    proves_writes: bool,
    gives_up: impl Fn(&Unconfirmed) -> bool,
) -> Result<Membership, Unconfirmed> {
    let outcome = wait_until(host, deadline, PAUSE, || {
        // Files come and go while pmxcfs and corosync restart.
        let unseen = |error: &dyn fmt::Display| Unconfirmed {
            missing: vec![Missing::Other(error.to_string())],
            here: None,
        };
        let mut here = observe::here(host).map_err(|error| unseen(&error))?;
        let mut found = membership(cluster_name, &here);
        if proves_writes && found.is_ok() {
            found = match prove_writes(host, &here.view.node) {
                // A write waits while pmxcfs takes over the files of the others, and what was there before may be gone.
                Ok(()) => {
                    here = observe::here(host).map_err(|error| unseen(&error))?;
                    membership(cluster_name, &here)
                }
                Err(error) => Err(vec![Missing::Other(error.to_string())]),
            };
        }
        match found {
            Ok(membership) => Ok(Ok(membership)),
            Err(missing) => {
                let hopeless = is_hopeless(&here);
                let unconfirmed = Unconfirmed { missing, here: Some(here) };
                if hopeless || gives_up(&unconfirmed) { Ok(Err(unconfirmed)) } else { Err(unconfirmed) }
            }
        }
    });
    match outcome {
        Waited::Done(found) => found,
        Waited::Pending(unconfirmed) => Err(unconfirmed),
    }
}

/// Makes a directory in /etc/pve and removes it.
///
/// It lies where the locks are: one that a killed run leaves behind is in nobody's way and is taken up by the next.
fn prove_writes(host: &dyn Host, node: &str) -> Result<(), HostError> {
    let probe = locks::path(&format!("pvecm_cluster-{node}"));
    let probe = probe.as_path();
    match host.make_dir(probe, 0o700) {
        Err(error) if error.errno() == Some(EEXIST) => {}
        made => made?,
    }
    host.remove_dir(probe)
}

const EEXIST: i32 = 17;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use testkit::FakeHost;

    fn missing(host: &FakeHost) -> Vec<String> {
        let here = observe::here(host).unwrap();
        let missing = membership("prod", &here).err().unwrap_or_default();
        missing.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_member_misses_nothing() {
        let here = observe::here(&fake::member()).unwrap();
        let membership = membership("prod", &here).unwrap();
        assert_eq!((membership.nodeid, membership.members), (2, vec![1, 2]));
    }

    #[test]
    fn each_thing_that_is_missing_has_its_words() {
        type Change = fn(&mut testkit::Machine);
        const READ_ONLY: &str = "'/etc/pve' is read-only on this node";
        let table: [(Change, &[&str]); 11] = [
            (|m| m.unmount("/etc/pve"), &["'/etc/pve' is not mounted"]),
            (|m| m.remove("/etc/pve/corosync.conf"), &["'/etc/pve/corosync.conf' is missing"]),
            (
                |m| m.write("/etc/pve/corosync.conf", ""),
                &["'/etc/pve/corosync.conf' cannot be understood: it has no cluster_name"],
            ),
            (
                |m| {
                    let other = fake::conf(2, fake::PAIR).replace("prod", "prod-central");
                    m.write("/etc/pve/corosync.conf", other);
                },
                &["this node is a member of cluster 'prod-central'"],
            ),
            (
                |m| m.write("/etc/pve/corosync.conf", fake::conf(2, fake::ALONE)),
                &["'/etc/pve/corosync.conf' does not list this node ('pve2')"],
            ),
            (|m| fake::set_services(m, "activating"), &[]),
            (|m| fake::set_services(m, "inactive"), &["corosync is not running on this node (inactive)"]),
            (
                |m| fake::become_member(m, 2, fake::PAIR, &[(2, 2)]),
                &["this node is not quorate (1 of 2 votes)", READ_ONLY],
            ),
            (
                |m| m.write("/etc/pve/.members", fake::alone_in_pmxcfs(2, fake::PAIR)),
                &["pmxcfs on this node has not met that of 'pve1' yet"],
            ),
            (
                |m| {
                    let nobody =
                        fake::alone_in_pmxcfs(2, fake::PAIR).replace("\"online\": 1", "\"online\": 0");
                    m.write("/etc/pve/.members", nobody);
                },
                &["pmxcfs on this node does not tell whether it has met that of 'pve1'"],
            ),
            (
                |m| m.remove(fake::CERTIFICATE),
                &["the node certificate '/etc/pve/nodes/pve2/pve-ssl.pem' is missing"],
            ),
        ];
        for (change, expected) in table {
            let host = fake::member();
            host.change(change);
            assert_eq!(missing(&host), expected);
        }
    }

    #[test]
    fn a_membership_without_this_node_is_none() {
        let host = fake::member();
        host.change(|machine| {
            machine.query("corosync-quorumtool -siH", fake::quorum(2, &[1, 2], 2));
            machine.query("corosync-cmapctl", fake::cmap(2, &[(1, 2)]));
        });
        assert_eq!(missing(&host), ["corosync does not count nodeid 2 among its members"]);
        host.change(|machine| machine.query("corosync-quorumtool -siH", fake::quorum(3, &[1, 3], 2)));
        assert_eq!(missing(&host), ["corosync on this node runs as nodeid 3, not 2"]);
    }

    #[test]
    fn a_stopped_corosync_is_waited_for_only_while_the_machine_starts() {
        for (service, system, waits) in [
            ("failed", "running", false),
            ("inactive", "running", false),
            ("inactive", "starting", true),
            ("failed", "starting", false),
            ("activating", "running", true),
        ] {
            let host = fake::member().query("systemctl is-system-running", format!("{system}\n"));
            host.change(|machine| {
                fake::set_services(machine, service);
                machine.query(
                    "corosync-cmapctl",
                    testkit::Answer::exit(1, "", "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n"),
                );
                machine.query(
                    "journalctl --unit=corosync.service --boot --lines=60 --output=cat --no-pager --quiet",
                    "",
                );
            });
            let _ = wait(&host, "prod", Duration::from_secs(5), false, |_| false).unwrap_err();
            let expected = if waits { Duration::from_secs(5) } else { Duration::ZERO };
            assert_eq!(host.elapsed(), expected, "{service} {system}");
        }
    }

    #[test]
    fn what_is_lost_while_a_write_waits_is_missing() {
        let quorum = || testkit::Answer::ok(fake::quorum(2, &[1, 2], 2));
        let lost = quorum().doing(|machine| machine.remove(fake::CERTIFICATE));
        let host = fake::member().queries("corosync-quorumtool -siH", [quorum(), lost]);
        let left = wait(&host, "prod", Duration::ZERO, true, |_| false).unwrap_err();
        assert!(left.is_unfinished(), "{left:?}");
    }

    #[test]
    fn a_probe_that_a_killed_run_left_behind_is_taken_up() {
        let host = fake::member().dir("/etc/pve/priv/lock/pvecm_cluster-pve2");
        wait(&host, "prod", Duration::ZERO, true, |_| false).unwrap();
        assert!(!host.exists("/etc/pve/priv/lock/pvecm_cluster-pve2"));
    }

    /// Without quorum nobody has anything to synchronise: that is what is missing, and not company.
    #[test]
    fn pmxcfs_need_not_have_met_others_without_quorum() {
        let host = fake::member();
        host.change(|machine| {
            machine.write("/etc/pve/.members", fake::alone_in_pmxcfs(2, fake::PAIR));
            machine.query("corosync-quorumtool -siH", fake::quorum(2, &[1, 2], 5));
        });
        assert_eq!(missing(&host), ["this node is not quorate (2 of 5 votes)"]);
    }
}
