// SPDX-License-Identifier: GPL-3.0-or-later
//! Every decision and every refusal, by itself and all at once, in its whole words.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cluster_state::members::{Members, MembersCluster, MembersNode};
use cluster_state::pmxcfs::Mount;
use corosync_document::Node;
use membership::seen::*;
use ssh_login::NoLogin;

use super::decide::*;
use crate::declared::tests::{create, join, link};
use crate::declared::{Args, Candidate, Forecast, GivenLink, State, Wanted};

/// A standalone pve2 with nothing in the way.
fn here() -> Here {
    Here {
        view: View {
            node: "pve2".into(),
            mount: Mount::Writable,
            members: Some(Members {
                nodename: "pve2".into(),
                version: 0,
                cluster: None,
                nodelist: BTreeMap::new(),
            }),
            conf: ConfFile::Absent,
            corosync: None,
        },
        certificate: false,
        certificate_key: false,
        corosync_service: "inactive".into(),
        copied: false,
        last_words: None,
        booting: false,
        pvecm_busy: false,
    }
}

fn candidate() -> Candidate {
    Candidate {
        addresses: vec![("10.77.0.12".parse().unwrap(), 24), ("10.77.1.12".parse().unwrap(), 24)],
        knows_coefficient: true,
        tools: tools(),
        id_rsa: true,
        ..Candidate::default()
    }
}

fn tools() -> Tools {
    Tools { rsync: true, join_api: Some(1), pve: Some("9.1.6".into()) }
}

fn node(name: &str, nodeid: u32, addresses: &[&str]) -> Node {
    let addresses = addresses.iter().zip(0_u8..).map(|(address, link)| (link, (*address).to_owned()));
    Node { name: name.into(), nodeid: Some(nodeid), votes: 1, addresses: addresses.collect() }
}

/// `prod` with these nodes.
fn conf(nodes: &[Node]) -> Conf {
    Conf {
        cluster_name: "prod".into(),
        config_version: 3,
        token_coefficient: Some(125),
        qdevice: false,
        nodes: nodes.iter().map(|node| (node.nodeid.unwrap(), node.clone())).collect(),
        links: nodes.iter().flat_map(|node| node.addresses.keys().copied()).collect(),
        priorities: BTreeMap::new(),
    }
}

fn running(nodeid: u32, versions: &[(u32, u64)]) -> Running {
    let votes = u32::try_from(versions.len()).unwrap();
    Running {
        nodeid,
        quorate: true,
        votes,
        expected_votes: votes,
        versions: versions.iter().copied().collect(),
    }
}

/// `pve1` and `pve3` form `prod`.
fn cluster() -> Conf {
    conf(&[node("pve1", 1, &["10.77.1.11"]), node("pve3", 3, &["10.77.1.13"])])
}

fn peer(conf: Conf) -> Peer {
    let versions: Vec<(u32, u64)> = conf.nodes.keys().map(|id| (*id, conf.config_version)).collect();
    Peer {
        view: View {
            node: "pve1".into(),
            mount: Mount::Writable,
            members: None,
            conf: ConfFile::Read(Box::new(conf)),
            corosync: Some(running(1, &versions)),
        },
        locked: false,
        rescue: None,
        joining: Joining::Nobody,
        tools: tools(),
        door: None,
    }
}

/// A member pve2 of `prod`.
fn member() -> Here {
    let conf = conf(&[node("pve1", 1, &["10.77.1.11"]), node("pve2", 2, &["10.77.1.12"])]);
    let known = |id, ip: &str| MembersNode { id, online: true, ip: Some(ip.into()) };
    let mut here = here();
    here.view.members = Some(Members {
        nodename: "pve2".into(),
        version: 5,
        cluster: Some(MembersCluster { name: "prod".into(), version: 3, nodes: 2, quorate: true }),
        nodelist: BTreeMap::from([
            ("pve1".into(), known(1, "10.77.0.11")),
            ("pve2".into(), known(2, "10.77.0.12")),
        ]),
    });
    here.view.conf = ConfFile::Read(Box::new(conf));
    here.view.corosync = Some(running(2, &[(1, 3), (2, 3)]));
    here.certificate = true;
    here.certificate_key = true;
    here.copied = true;
    here
}

fn own_conf(here: &mut Here) -> &mut Conf {
    match &mut here.view.conf {
        ConfFile::Read(conf) => conf,
        other => panic!("{other:?}"),
    }
}

fn peer_conf(peer: &mut Peer) -> &mut Conf {
    match &mut peer.view.conf {
        ConfFile::Read(conf) => conf,
        other => panic!("{other:?}"),
    }
}

/// Everything a decision rests on.
struct Case {
    args: Args,
    here: Here,
    candidate: Candidate,
    there: There,
}

impl Case {
    fn creating() -> Self {
        Self { args: create(), here: here(), candidate: candidate(), there: There::NotAsked }
    }

    fn joining() -> Self {
        Self { args: join(), there: There::Answered(Box::new(peer(cluster()))), ..Self::creating() }
    }

    fn confirming() -> Self {
        Self { args: join(), here: member(), there: There::NotAsked, ..Self::creating() }
    }

    fn peer(&mut self) -> &mut Peer {
        match &mut self.there {
            There::Answered(peer) => peer,
            other => panic!("{other:?}"),
        }
    }

    fn wanted(&self) -> Wanted {
        Wanted::check(&self.args).unwrap()
    }

    fn plan(&self) -> Result<Plan, Refusal> {
        plan(&self.wanted(), &self.here, &self.candidate, &self.there)
    }

    fn reasons(&self) -> Vec<String> {
        self.plan().unwrap_err().reasons.into_iter().map(|reason| reason.text).collect()
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_standalone_node_creates() {
    let case = Case::creating();
    let forecast = Forecast { nodeid: 1, config_version: 1, members: names(&["pve2"]) };
    assert_eq!(case.plan(), Ok(Plan::Create(forecast)));
    let mut case = Case::creating();
    case.args.nodeid = Some(7);
    case.candidate.guests = vec![100];
    let forecast = Forecast { nodeid: 7, config_version: 1, members: names(&["pve2"]) };
    assert_eq!(case.plan(), Ok(Plan::Create(forecast)), "guests are no obstacle to a new cluster");
}

#[test]
fn a_standalone_node_joins_with_the_lowest_free_nodeid() {
    let forecast = Forecast { nodeid: 2, config_version: 4, members: names(&["pve1", "pve2", "pve3"]) };
    assert_eq!(Case::joining().plan(), Ok(Plan::Join(forecast)));
    let mut case = Case::joining();
    case.args.nodeid = Some(9);
    let forecast = Forecast { nodeid: 9, config_version: 4, members: names(&["pve1", "pve2", "pve3"]) };
    assert_eq!(case.plan(), Ok(Plan::Join(forecast)));
}

/// What each end of PVE's join code accepts of the other.
#[test]
fn a_join_api_that_is_one_version_apart_will_do() {
    for (ours, theirs) in [(1, 1), (1, 2), (2, 1)] {
        let mut case = Case::joining();
        case.candidate.tools.join_api = Some(ours);
        case.peer().tools.join_api = Some(theirs);
        assert!(matches!(case.plan(), Ok(Plan::Join(_))), "{ours} {theirs}");
    }
}

#[test]
fn a_member_is_confirmed_by_either_state() {
    assert_eq!(Case::confirming().plan(), Ok(Plan::Confirm));
    let mut case = Case::confirming();
    case.args = create();
    assert_eq!(case.plan(), Ok(Plan::Confirm));
}

type Change = fn(&mut Case);

fn check(case: fn() -> Case, table: &[(Change, &str)]) {
    for (change, expected) in table {
        let mut case = case();
        change(&mut case);
        assert_eq!(case.reasons(), [*expected]);
    }
}

#[test]
fn each_reason_not_to_create() {
    check(
        Case::creating,
        &[
            (
                |c| c.here.view.mount = Mount::NoDirectory,
                "Proxmox VE is not installed on this node: there is no '/etc/pve'",
            ),
            (
                |c| c.here.view.mount = Mount::NotMounted,
                "'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'",
            ),
            (
                |c| c.here.view.mount = Mount::Dead { reason: "gone".into() },
                "'/etc/pve' is dead (gone): restart it with 'systemctl restart pve-cluster'",
            ),
            (
                |c| {
                    c.here = member();
                    own_conf(&mut c.here).cluster_name = "prod-central".into();
                },
                "this node is a member of cluster 'prod-central'",
            ),
            (
                |c| c.here.view.conf = ConfFile::Broken("it has no cluster_name".into()),
                "'/etc/pve/corosync.conf' of this node cannot be understood: it has no cluster_name",
            ),
            (
                |c| {
                    c.here.view.members = member().view.members;
                },
                "'/etc/pve' of this node still belongs to cluster 'prod', whose corosync.conf is gone: run \
                 'systemctl restart pve-cluster'",
            ),
            (
                |c| c.candidate.authkey = true,
                "'/etc/corosync/authkey' is left over from another cluster: remove it if this node belongs to none",
            ),
            (
                |c| c.candidate.etc_conf = true,
                "'/etc/corosync/corosync.conf' is left over from another cluster: remove it if this node belongs to \
                 none",
            ),
            (
                |c| c.here.view.corosync = Some(running(2, &[(2, 1)])),
                "corosync runs on this node although it belongs to no cluster: stop it with 'systemctl stop corosync'",
            ),
            (
                |c| {
                    c.here.pvecm_busy = true;
                    // the marks of its work
                    c.candidate.authkey = true;
                    c.here.view.mount = Mount::NotMounted;
                },
                "another pvecm is at work on this node, perhaps of a run that was killed",
            ),
            (
                |c| c.args.links = vec![link("10.77.1.99")],
                "link 0 has address '10.77.1.99', which is not on this node",
            ),
            (
                |c| {
                    c.args.token_coefficient = Some(200);
                    c.candidate.knows_coefficient = false;
                },
                "this pvecm has no option '--token-coefficient', which came with Proxmox VE 9.1",
            ),
        ],
    );
}

#[test]
fn each_reason_on_this_node_not_to_join() {
    check(
        Case::joining,
        &[
            (
                |c| c.here.view.mount = Mount::NotMounted,
                "'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'",
            ),
            (
                |c| {
                    c.here = member();
                    own_conf(&mut c.here).cluster_name = "old".into();
                },
                "this node is a member of cluster 'old'",
            ),
            (|c| c.candidate.guests = vec![100, 101], "this host already contains virtual guests (100, 101)"),
            (
                |c| {
                    c.candidate.guests = vec![100];
                    c.args.force = true;
                },
                "this host already contains virtual guests (100)",
            ),
            (
                |c| c.candidate.authkey = true,
                "'/etc/corosync/authkey' is left over from another cluster: remove it if this node belongs to none",
            ),
            (|c| c.candidate.tools.rsync = false, "rsync is not installed on this node"),
            (
                |c| c.candidate.id_rsa = false,
                "'/root/.ssh/id_rsa' is missing on this node: it is the key that pvecm joins with",
            ),
            (|c| c.candidate.addresses.clear(), "link 0 has address '10.77.1.12', which is not on this node"),
        ],
    );
}

#[test]
fn each_way_the_cluster_node_fails_to_answer() {
    let table = [
        (
            NoAnswer::Login(NoLogin::KeyRefused),
            "'10.77.0.11' does not accept the ssh key of root on this node: add '/root/.ssh/id_rsa.pub' to \
             '/etc/pve/priv/authorized_keys' of the cluster",
        ),
        (
            NoAnswer::Login(NoLogin::Silent { seconds: 10 }),
            "'10.77.0.11' does not answer over ssh within 10 s",
        ),
        (
            NoAnswer::Garbled("it is incomplete".into()),
            "the answer of '10.77.0.11' cannot be understood: it is incomplete",
        ),
    ];
    for (why, expected) in table {
        let mut case = Case::joining();
        case.there = There::NoAnswer(why);
        assert_eq!(case.reasons(), [expected]);
    }
}

#[test]
fn each_reason_in_the_cluster_not_to_join() {
    check(
        Case::joining,
        &[
            (
                |c| c.peer().view.node = "pve2".into(),
                "'10.77.0.11' is this node itself: name another one, which is a member of the cluster",
            ),
            (
                |c| c.peer().view.mount = Mount::NotMounted,
                "'/etc/pve' is not mounted on 'pve1': run 'systemctl start pve-cluster' there",
            ),
            (|c| c.peer().view.conf = ConfFile::Absent, "'pve1' is not a member of a cluster"),
            (
                |c| c.peer().view.conf = ConfFile::Broken("it has no config_version".into()),
                "'/etc/pve/corosync.conf' on 'pve1' cannot be understood: it has no config_version",
            ),
            (
                |c| peer_conf(c.peer()).cluster_name = "prod-central".into(),
                "'pve1' is a member of cluster 'prod-central'",
            ),
            (
                |c| peer_conf(c.peer()).qdevice = true,
                "the cluster has a QDevice, which must be out of the way while a node joins: set 'cluster_qdevice_readd: true' \
                 (playbooks/cluster-init.yml), or run 'pvecm qdevice remove' before and 'pvecm qdevice setup' afterwards",
            ),
            (|c| c.peer().rescue = Some("its rescue is armed".to_owned()), "its rescue is armed"),
            (
                |c| c.peer().locked = true,
                "the cluster's corosync.conf is locked ('/etc/pve/priv/lock/file-corosync_conf'): another join or \
                 change is under way",
            ),
            (
                |c| c.peer().joining = Joining::Another(None),
                "another node is joining or leaving the cluster ('/etc/pve/priv/lock/pvecm_cluster-join', which \
                 expires 120 s after an interruption)",
            ),
            (
                |c| {
                    c.peer().joining = Joining::Refused;
                    c.peer().view.mount = Mount::ReadOnly;
                },
                "'/etc/pve' on 'pve1' is still read-only",
            ),
            (
                |c| c.peer().view.corosync = None,
                "corosync is not running on 'pve1': run 'systemctl start corosync' there",
            ),
            (|c| c.peer().view.mount = Mount::ReadOnly, "'/etc/pve' on 'pve1' is still read-only"),
            (
                |c| peer_conf(c.peer()).nodes.get_mut(&3).unwrap().votes = 0,
                "node 'pve3' of the cluster has no vote yet, and with a further node's vote the cluster could lose quorum: another \
                 run may be at work, and where none is, playbooks/cluster-init.yml ends it",
            ),
            (
                |c| peer_conf(c.peer()).nodes.values_mut().for_each(|node| node.votes = 0),
                "nodes 'pve1', 'pve3' of the cluster have no vote yet, and with a further node's vote the cluster could lose quorum: \
                 another run may be at work, and where none is, playbooks/cluster-init.yml ends it",
            ),
            (
                |c| c.peer().view.corosync = Some(running(1, &[(1, 3)])),
                "node 'pve3' of the cluster is not online and would miss the new corosync.conf: start or remove it \
                 first",
            ),
            (
                |c| c.peer().view.corosync = Some(running(1, &[(1, 3), (3, 2)])),
                "the members do not run one config_version (2 on 'pve3' and 3 on 'pve1'): another join or change is \
                 under way; where none is, run 'systemctl restart corosync' on 'pve3'",
            ),
            (
                |c| peer_conf(c.peer()).config_version = 4,
                "the cluster's corosync.conf has config_version 4 but its members run 3",
            ),
            (
                |c| c.args.links = vec![link("10.77.1.12"), link("10.77.0.12")],
                "link 1 ('10.77.0.12') does not exist in the cluster",
            ),
            (
                |c| {
                    let nodes = [
                        node("pve1", 1, &["10.77.1.11", "10.77.0.11"]),
                        node("pve3", 3, &["10.77.1.13", "10.77.0.13"]),
                    ];
                    *peer_conf(c.peer()) = conf(&nodes);
                },
                "the cluster has a link 1, for which no address of this node is given",
            ),
            (
                |c| {
                    let nodes = [node("pve1", 1, &["10.77.1.11"]), node("pve3", 3, &["10.77.1.12"])];
                    *peer_conf(c.peer()) = conf(&nodes);
                },
                "link 0 has address '10.77.1.12', which node 'pve3' of the cluster uses",
            ),
            (
                |c| c.args.links = vec![GivenLink { priority: Some(20), ..link("10.77.1.12") }],
                "link 0 has no priority in the cluster, not 20: joining again does not change it, editing \
                 corosync.conf does (module corosync_conf)",
            ),
            (|c| c.args.nodeid = Some(3), "nodeid 3 belongs to node 'pve3' of the cluster"),
            (|c| c.peer().tools.rsync = false, "rsync is not installed on 'pve1'"),
            (
                |c| c.peer().tools.join_api = Some(3),
                "pvecm speaks join API version 1 on this node and 3 on 'pve1': they must not differ by more than 1",
            ),
        ],
    );
}

/// pve2 is in the nodelist of the cluster that pve2 wants to join.
fn reinstalled() -> Case {
    let nodes = [node("pve1", 1, &["10.77.1.11"]), node("pve2", 2, &["10.77.1.12"])];
    let mut case = Case::joining();
    *case.peer() = peer(conf(&nodes));
    case.peer().view.corosync = Some(running(1, &[(1, 3)]));
    case
}

/// The same, whose pve2 has this address.
fn cluster_with(address: &str) -> Conf {
    conf(&[node("pve1", 1, &["10.77.1.11"]), node("pve2", 2, &[address])])
}

#[test]
fn a_node_that_the_cluster_lists_already() {
    const ITSELF: &str = "the cluster lists this node ('pve2') already, because a join of it stopped half way or it was \
                          reinstalled: 'repair: true' lets this task repair it (playbooks/cluster-repair.yml), or take \
                          the entry out with 'pvecm delnode pve2' on 'pve1'";
    check(
        reinstalled,
        &[
            (|_| {}, ITSELF),
            (|c| c.peer().view.corosync = Some(running(1, &[(1, 3), (2, 3)])), ITSELF),
            (
                |c| {
                    c.args.force = true;
                    c.peer().view.corosync = Some(running(1, &[(1, 3), (2, 3)]));
                },
                ITSELF,
            ),
            (
                |c| peer_conf(c.peer()).nodes = cluster_with("10.77.1.22").nodes,
                "the cluster lists a node named 'pve2' already, which is not online and has other addresses than this node: \
                 if it is an earlier life of this node, remove it first with 'pvecm delnode pve2' on 'pve1'",
            ),
            (
                |c| {
                    c.args.force = true;
                    peer_conf(c.peer()).nodes = cluster_with("10.77.1.22").nodes;
                    c.peer().view.corosync = Some(running(1, &[(1, 3), (2, 3)]));
                },
                "the cluster has another node named 'pve2', which is online: node names must differ",
            ),
            (
                |c| {
                    c.args.force = true;
                    c.args.links = vec![link("10.77.0.12")];
                },
                "the cluster lists 'pve2' with address '10.77.1.12' on link 0, not '10.77.0.12', and corosync does \
                 not change an address while it runs: remove the node first with 'pvecm delnode pve2'",
            ),
            (
                |c| {
                    c.args.force = true;
                    c.args.nodeid = Some(5);
                },
                "the cluster lists 'pve2' with nodeid 2, not 5",
            ),
            (
                |c| {
                    c.args.force = true;
                    c.args.votes = Some(2);
                },
                "the cluster lists 'pve2' with quorum_votes 1, not 2",
            ),
        ],
    );
    let mut case = reinstalled();
    const SHORT: &str = "the cluster is not quorate (1 of 2 votes), because it counts 'pve2', which is not online: 'pvecm \
                         expected 1' on 'pve1' gives it quorum for now";
    let alone = Running { quorate: false, expected_votes: 2, ..running(1, &[(1, 3)]) };
    case.peer().view.corosync = Some(alone.clone());
    assert_eq!(case.reasons(), [SHORT, ITSELF]);
    let mut case = reinstalled();
    case.args.force = true;
    case.peer().view.corosync = Some(alone);
    assert_eq!(case.reasons(), [SHORT], "no wait brings the votes of the node that is to join");
    assert!(!case.plan().unwrap_err().is_passing());
    let mut case = reinstalled();
    case.args.force = true;
    case.candidate.authkey = true;
    case.candidate.etc_conf = true;
    let forecast = Forecast { nodeid: 2, config_version: 4, members: names(&["pve1", "pve2"]) };
    assert_eq!(case.plan(), Ok(Plan::Join(forecast)), "it keeps its nodeid, and its left-overs are replaced");
}

/// After a restart in the middle of a join, this node's own corosync is the namesake that the cluster sees.
#[test]
fn a_namesake_that_is_online_is_this_node_when_its_own_corosync_says_so() {
    let mut case = reinstalled();
    peer_conf(case.peer()).nodes = cluster_with("10.77.1.22").nodes;
    case.peer().view.corosync = Some(running(1, &[(1, 3), (2, 3)]));
    case.here.view.corosync = Some(running(2, &[(1, 3), (2, 3)]));
    let of = |case: &Case, words: &str| case.reasons().iter().any(|reason| reason.contains(words));
    assert!(of(&case, "the cluster lists this node ('pve2') already"), "{:?}", case.reasons());
    for (nodeid, seen) in [(3, &[(1, 3), (3, 3)][..]), (2, &[(2, 3)])] {
        case.here.view.corosync = Some(running(nodeid, seen));
        assert!(of(&case, "the cluster has another node named 'pve2', which is online"), "{nodeid}");
    }
}

#[test]
fn each_difference_of_a_member() {
    const EDIT: &str = "joining again does not change it, editing corosync.conf does (module corosync_conf)";
    check(
        Case::confirming,
        &[
            (
                |c| c.here.view.node = "pve9".into(),
                "'/etc/pve/corosync.conf' does not list this node ('pve9')",
            ),
            (
                |c| c.args.links = vec![link("10.77.0.12")],
                &format!("link 0 of this node has address '10.77.1.12', not '10.77.0.12': {EDIT}"),
            ),
            (
                |c| c.args.links.push(link("10.77.0.12")),
                "link 1 ('10.77.0.12') does not exist in the cluster",
            ),
            (
                |c| {
                    let node = own_conf(&mut c.here).nodes.get_mut(&2).unwrap();
                    node.addresses.insert(1, "10.77.0.12".into());
                },
                "this node has a link 1 ('10.77.0.12') that is not declared",
            ),
            (
                |c| {
                    own_conf(&mut c.here).priorities.insert(0, 10);
                    c.args.links[0].priority = Some(20);
                },
                &format!("link 0 has priority 10 in the cluster, not 20: {EDIT}"),
            ),
            (
                |c| c.args.nodeid = Some(5),
                "this node has nodeid 2, not 5: it changes only by removing the node and joining it again",
            ),
            (|c| c.args.votes = Some(2), &format!("quorum_votes of this node is 1, not 2: {EDIT}")),
            (
                |c| {
                    c.args = create();
                    c.args.token_coefficient = Some(200);
                },
                &format!("token_coefficient of the cluster is 125, not 200: {EDIT}"),
            ),
            (
                |c| {
                    c.args = create();
                    c.args.token_coefficient = Some(200);
                    own_conf(&mut c.here).token_coefficient = None;
                },
                &format!("token_coefficient of the cluster is not set, not 200: {EDIT}"),
            ),
            (
                |c| c.there = There::NoAnswer(NoAnswer::Login(NoLogin::NameUnknown)),
                "the name '10.77.0.11' cannot be resolved on this node",
            ),
            (
                |c| c.there = There::Answered(Box::new(peer(cluster()))),
                "this node is a member of another cluster 'prod' than 'pve1' is",
            ),
        ],
    );
}

/// A priority of 0 is written by no Proxmox VE, and none is 1 to corosync.
#[test]
fn a_priority_of_0_is_none_in_the_file() {
    for (declared, running, same) in [
        (0, None, true),
        (1, None, true),
        (2, None, false),
        (0, Some(0), true),
        (0, Some(1), false),
        (1, Some(1), true),
        (1, Some(2), false),
        (20, Some(20), true),
    ] {
        let mut case = Case::confirming();
        case.args.links[0].priority = Some(declared);
        if let Some(running) = running {
            own_conf(&mut case.here).priorities.insert(0, running);
        }
        let told = case.plan().is_err_and(|refusal| format!("{refusal:?}").contains("link 0 has"));
        assert_eq!(!told, same, "{declared} {running:?}");
    }
}

#[test]
fn a_member_of_the_same_cluster_under_an_unknown_alias() {
    let mut case = Case::confirming();
    let ConfFile::Read(conf) = member().view.conf else { unreachable!() };
    case.there = There::Answered(Box::new(peer(*conf)));
    assert_eq!(case.plan(), Ok(Plan::Confirm));
}

#[test]
fn all_reasons_at_once() {
    let mut case = Case::joining();
    case.args.links = vec![link("10.77.1.13"), link("10.77.9.9")];
    case.args.nodeid = Some(1);
    case.candidate.guests = vec![100];
    case.candidate.authkey = true;
    case.candidate.etc_conf = true;
    case.candidate.id_rsa = false;
    case.candidate.tools.rsync = false;
    let peer = case.peer();
    peer.locked = true;
    peer.tools = Tools { rsync: false, join_api: Some(3), pve: Some("8.0.3".into()) };
    peer_conf(peer).cluster_name = "other".into();
    peer_conf(peer).qdevice = true;
    peer.view.corosync = Some(Running { quorate: false, expected_votes: 3, ..running(1, &[(1, 3)]) });
    let refusal = case.plan().unwrap_err();
    assert!(!refusal.is_passing());
    assert_eq!(
        case.reasons(),
        [
            "'/etc/corosync/authkey' is left over from another cluster: remove it if this node belongs to none",
            "'/etc/corosync/corosync.conf' is left over from another cluster: remove it if this node belongs to none",
            "link 0 has address '10.77.1.13', which is not on this node",
            "link 1 has address '10.77.9.9', which is not on this node",
            "this host already contains virtual guests (100)",
            "rsync is not installed on this node",
            "'/root/.ssh/id_rsa' is missing on this node: it is the key that pvecm joins with",
            "'pve1' is a member of cluster 'other'",
            "the cluster has a QDevice, which must be out of the way while a node joins: set 'cluster_qdevice_readd: true' \
                 (playbooks/cluster-init.yml), or run 'pvecm qdevice remove' before and 'pvecm qdevice setup' afterwards",
            "the cluster's corosync.conf is locked ('/etc/pve/priv/lock/file-corosync_conf'): another join or change \
             is under way",
            "the cluster is not quorate (1 of 3 votes)",
            "node 'pve3' of the cluster is not online and would miss the new corosync.conf: start or remove it first",
            "link 1 ('10.77.9.9') does not exist in the cluster",
            "link 0 has address '10.77.1.13', which node 'pve3' of the cluster uses",
            "nodeid 1 belongs to node 'pve1' of the cluster",
            "rsync is not installed on 'pve1'",
            "pvecm speaks join API version 1 on this node and 3 on 'pve1': they must not differ by more than 1",
        ]
    );
}

#[test]
fn only_what_another_join_causes_may_pass() {
    let passing: [Change; 7] = [
        |c| c.peer().joining = Joining::Another(None),
        |c| c.peer().locked = true,
        |c| c.peer().view.corosync = Some(running(1, &[(1, 3)])),
        |c| c.peer().view.corosync = Some(running(1, &[(1, 3), (3, 2)])),
        |c| peer_conf(c.peer()).config_version = 4,
        |c| c.peer().view.mount = Mount::ReadOnly,
        |c| {
            c.here.view.mount = Mount::NotMounted;
            c.here.booting = true;
        },
    ];
    for change in passing {
        let mut case = Case::joining();
        change(&mut case);
        assert!(case.plan().unwrap_err().is_passing(), "{:?}", case.reasons());
        case.candidate.guests = vec![100];
        case.here.view.mount = Mount::Writable;
        assert!(!case.plan().unwrap_err().is_passing(), "a lasting reason is told at once");
    }
}

#[test]
fn when_the_cluster_node_is_asked() {
    let asks = |case: &Case| asks_cluster_node(&case.wanted(), &case.here.view);
    assert!(asks(&Case::joining()));
    assert!(!asks(&Case::creating()));
    for known in ["10.77.0.11", "10.77.1.11", "pve1", "pve1.example.org", "pve2"] {
        let mut case = Case::confirming();
        case.args.cluster_node = Some(known.into());
        assert!(!asks(&case), "{known}");
    }
    for unknown in ["10.77.0.99", "cluster.example.org", "10.example.org"] {
        let mut case = Case::confirming();
        case.args.cluster_node = Some(unknown.into());
        assert!(asks(&case), "{unknown}");
    }
    let mut other = Case::confirming();
    own_conf(&mut other.here).cluster_name = "old".into();
    assert!(!asks(&other), "the refusal is certain already");
    let mut stopped = Case::joining();
    stopped.here.view.mount = Mount::NotMounted;
    assert!(!asks(&stopped));
}

#[test]
fn the_commands() {
    let line = |case: &Case| command(&case.plan().unwrap(), &case.wanted(), Duration::from_secs(9)).line();
    assert_eq!(line(&Case::creating()), "pvecm create prod --link0 10.77.1.12");
    let mut case = Case::creating();
    case.args.links = vec![
        GivenLink { number: Some(1), priority: Some(20), ..link("10.77.0.12") },
        GivenLink { number: Some(0), ..link("10.77.1.12") },
    ];
    case.args.nodeid = Some(7);
    case.args.votes = Some(2);
    case.args.token_coefficient = Some(200);
    assert_eq!(
        line(&case),
        "pvecm create prod --link0 10.77.1.12 --link1 address=10.77.0.12,priority=20 --nodeid 7 --votes 2 \
         --token-coefficient 200"
    );
    assert_eq!(line(&Case::joining()), "pvecm add 10.77.0.11 --use_ssh --link0 10.77.1.12");
    let mut case = Case::joining();
    peer_conf(case.peer()).priorities.insert(0, 20);
    case.args.links[0].priority = Some(20);
    case.args.votes = Some(2);
    case.args.nodeid = Some(4);
    case.args.force = true;
    assert_eq!(line(&case), "pvecm add 10.77.0.11 --use_ssh --link0 10.77.1.12 --nodeid 4 --votes 2 --force");
}

#[test]
fn two_major_versions_are_told_and_may_join() {
    let mut case = Case::joining();
    assert_eq!(warnings(&case.wanted(), &case.candidate, &case.there), Vec::<String>::new());
    case.peer().tools.pve = Some("8.4.1".into());
    assert!(matches!(case.plan(), Ok(Plan::Join(_))));
    assert_eq!(
        warnings(&case.wanted(), &case.candidate, &case.there),
        [
            "this node has Proxmox VE 9.1.6 and 'pve1' has 8.4.1: a cluster of two major versions is for the time of an upgrade"
        ]
    );
}

#[test]
fn two_links_in_one_network_are_told() {
    let mut case = Case::creating();
    case.args.links = vec![link("10.77.1.12"), link("10.77.0.12")];
    assert_eq!(warnings(&case.wanted(), &case.candidate, &case.there), Vec::<String>::new());
    case.candidate.addresses = vec![("10.77.0.12".parse().unwrap(), 16), ("10.77.1.12".parse().unwrap(), 16)];
    assert_eq!(
        warnings(&case.wanted(), &case.candidate, &case.there),
        ["links 0 and 1 are in the same network: both fail when it does"]
    );
}

#[test]
fn the_state_alone_chooses() {
    let mut case = Case::joining();
    case.args.state = State::Joined;
    assert!(matches!(case.plan(), Ok(Plan::Join(_))));
    // the same machine, the same cluster, another state
    case.args = create();
    assert!(matches!(case.plan(), Ok(Plan::Create(_))));
}

/// Votes that are missing although every node is there: somebody expects more by hand.
#[test]
fn a_cluster_that_is_not_quorate_with_all_its_nodes() {
    let mut case = Case::joining();
    let all = running(1, &[(1, 3), (3, 3)]);
    case.peer().view.corosync = Some(Running { quorate: false, expected_votes: 5, ..all });
    assert_eq!(case.reasons(), ["the cluster is not quorate (2 of 5 votes)"]);
}

#[test]
fn two_links_with_prefixes_of_their_own() {
    let mut case = Case::creating();
    case.args.links = vec![link("10.77.1.12"), link("10.77.0.12")];
    for (prefixes, told) in [((24, 24), false), ((16, 24), false), ((24, 16), false), ((16, 16), true)] {
        case.candidate.addresses =
            vec![("10.77.1.12".parse().unwrap(), prefixes.0), ("10.77.0.12".parse().unwrap(), prefixes.1)];
        let warnings = warnings(&case.wanted(), &case.candidate, &case.there);
        assert_eq!(!warnings.is_empty(), told, "{prefixes:?}");
    }
}

#[test]
fn a_reinstalled_node_may_ask_for_its_own_nodeid() {
    let mut case = reinstalled();
    case.args.force = true;
    case.args.nodeid = Some(2);
    let forecast = Forecast { nodeid: 2, config_version: 4, members: names(&["pve1", "pve2"]) };
    assert_eq!(case.plan(), Ok(Plan::Join(forecast)));
}
