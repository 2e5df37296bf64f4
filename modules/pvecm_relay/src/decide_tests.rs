// SPDX-License-Identifier: GPL-3.0-or-later
//! How a node stands to the cluster, and every reason against its entry.

use membership::observe;
use membership::{fake, seen::Tools};
use testkit::{FakeHost, Machine};

use crate::args::{Links, Situation};
use crate::look::{self, Candidate};
use crate::{decide, words};

fn links() -> Links {
    vec![(0, "10.77.1.12".parse().unwrap())]
}

fn stands(host: &FakeHost) -> Result<Situation, Vec<String>> {
    let here = observe::here(host).unwrap();
    let candidate = look::candidate(host).unwrap();
    decide::situation("prod", &links(), &here, &candidate).map_err(|reasons| words::texts(&reasons))
}

/// A member whose entry in the nodelist has no vote.
fn without_vote(machine: &mut Machine) {
    for path in ["/etc/pve/corosync.conf", "/etc/corosync/corosync.conf"] {
        let text = machine.text(path).unwrap();
        let (before, own) = text.split_once("name: pve2").unwrap();
        let own = own.replacen("quorum_votes: 1", "quorum_votes: 0", 1);
        machine.write(path, format!("{before}name: pve2{own}"));
    }
}

fn entering(machine: &mut Machine, cluster: &str) {
    machine.write(look::record(), format!("{{\"cluster_name\": \"{cluster}\"}}"));
}

#[test]
fn each_situation() {
    type Change = fn(&mut Machine);
    let cases: [(FakeHost, Change, Situation); 8] = [
        (fake::standalone(), |_| {}, Situation::Standalone),
        (fake::member(), |_| {}, Situation::Member),
        (fake::member(), without_vote, Situation::Admitted),
        (
            fake::member(),
            |machine| {
                without_vote(machine);
                machine.set_quorate(false);
            },
            Situation::HalfEntered,
        ),
        (
            fake::member(),
            |machine| {
                without_vote(machine);
                fake::set_services(machine, "inactive");
            },
            Situation::HalfEntered,
        ),
        (fake::standalone(), |machine| entering(machine, "prod"), Situation::HalfEntered),
        (
            fake::standalone(),
            |machine| {
                entering(machine, "prod");
                machine.write("/etc/corosync/authkey", "key");
                machine.unmount("/etc/pve");
            },
            Situation::HalfEntered,
        ),
        (
            fake::standalone(),
            |machine| machine.write(look::record(), "what nobody understands"),
            Situation::Standalone,
        ),
    ];
    for (number, (host, change, expected)) in cases.into_iter().enumerate() {
        host.change(change);
        assert_eq!(stands(&host), Ok(expected), "case {number}");
    }
}

#[test]
fn each_reason_against_it() {
    type Change = fn(&mut Machine);
    let cases: Vec<(FakeHost, Change, Vec<&str>)> = vec![
        (
            fake::member(),
            |machine| machine.set_quorate(false),
            vec![
                "this node is a member by its own corosync.conf, with 1 votes, and it is not quorate: repair it \
                 (playbooks/cluster-repair.yml)",
            ],
        ),
        (
            fake::member(),
            |machine| {
                let other = fake::conf(2, fake::PAIR).replace("prod", "dev");
                machine.write("/etc/pve/corosync.conf", other);
            },
            vec!["this node is a member of cluster 'dev'"],
        ),
        (
            fake::member(),
            |machine| machine.write("/etc/pve/corosync.conf", fake::conf(2, fake::ALONE)),
            vec!["'/etc/pve/corosync.conf' does not list this node ('pve2')"],
        ),
        (
            fake::member(),
            |machine| machine.write("/etc/pve/corosync.conf", ""),
            vec!["'/etc/pve/corosync.conf' of this node cannot be understood: it has no cluster_name"],
        ),
        (
            fake::standalone(),
            |machine| entering(machine, "dev"),
            vec![
                "this node was entering cluster 'dev' when that was interrupted: finish that first, or let it leave with 'state: \
                 absent' (module pvecm_cluster)",
            ],
        ),
        (
            fake::standalone(),
            |machine| machine.unmount("/etc/pve"),
            vec!["'/etc/pve' is not mounted: start it with 'systemctl start pve-cluster'"],
        ),
        (
            fake::standalone(),
            |machine| {
                machine.write("/etc/corosync/authkey", "key");
                machine.write("/etc/corosync/corosync.conf", "x");
                machine.write("/etc/pve/.vmlist", "{\n\"version\": 1,\n\"ids\": {\n\"100\": { \"node\": \"pve2\", \"type\": \"qemu\", \"version\": 2 }}\n\n}\n");
                machine.write("/etc/pve/.members", fake::members("pve2", 2, fake::PAIR, true));
            },
            vec![
                "'/etc/pve' of this node still belongs to cluster 'prod', whose corosync.conf is gone: run 'systemctl restart \
                 pve-cluster'",
                "'/etc/corosync/authkey' is left over from another cluster: remove it if this node belongs to none",
                "'/etc/corosync/corosync.conf' is left over from another cluster: remove it if this node belongs to none",
                "this host already contains virtual guests (100)",
            ],
        ),
        (
            fake::standalone(),
            |machine| {
                entering(machine, "prod");
                machine.write("/etc/pve/.vmlist", "{\n\"version\": 1,\n\"ids\": {\n\"100\": { \"node\": \"pve2\", \"type\": \"qemu\", \"version\": 2 }}\n\n}\n");
            },
            vec!["this host already contains virtual guests (100)"],
        ),
    ];
    for (number, (host, change, expected)) in cases.into_iter().enumerate() {
        host.change(change);
        assert_eq!(stands(&host), Err(expected.into_iter().map(str::to_owned).collect()), "case {number}");
    }
}

#[test]
fn what_a_newcomer_is_asked_for_besides() {
    let here = observe::here(&fake::standalone()).unwrap();
    let ask = |candidate: &Candidate| {
        decide::situation("prod", &links(), &here, candidate).map_err(|reasons| words::texts(&reasons))
    };
    let tools = Tools { rsync: false, join_api: Some(1), pve: Some("8.4.1".to_owned()) };
    let good = Candidate { addresses: vec!["10.77.1.12".parse().unwrap()], tools, ..Candidate::default() };
    assert_eq!(ask(&good), Ok(Situation::Standalone));
    assert_eq!(
        ask(&Candidate { addresses: Vec::new(), tools: Tools::default(), ..good.clone() }).unwrap_err(),
        [
            "link 0 has address '10.77.1.12', which is not on this node",
            "Proxmox VE on this node is of an unknown version, and what a join does is known of versions 8 and 9 only: let nodes \
             join over ssh (cluster_join_method: ssh)",
            "pvecm on this node speaks an unknown version of the join API, and only version 1 is known: let nodes join over ssh \
             (cluster_join_method: ssh)",
        ]
    );
    let busy = membership::seen::Here { pvecm_busy: true, ..here.clone() };
    let reasons = decide::situation("prod", &links(), &busy, &Candidate::default()).unwrap_err();
    assert_eq!(
        words::texts(&reasons),
        ["another pvecm is at work on this node, perhaps of a run that was killed"]
    );
    // a member is not asked for its links again
    let member = observe::here(&fake::member()).unwrap();
    assert_eq!(
        decide::situation("prod", &links(), &member, &Candidate::default()).unwrap(),
        Situation::Member
    );
    // corosync that runs, and as another node
    let runs = membership::seen::Here {
        view: membership::seen::View { corosync: member.view.corosync.clone(), ..here.view.clone() },
        ..here
    };
    let reasons = decide::situation("prod", &links(), &runs, &good).unwrap_err();
    assert_eq!(
        words::texts(&reasons),
        [
            "corosync runs on this node although it belongs to no cluster: stop it with 'systemctl stop corosync'"
        ]
    );
    let mut other = member;
    other.view.corosync.as_mut().unwrap().nodeid = 7;
    assert!(decide::situation("prod", &links(), &other, &good).is_err());
}

#[test]
fn only_the_clusters_own_database_stays() {
    let drops = |host: &FakeHost, name: &str| decide::drops_database(name, &observe::here(host).unwrap());
    assert!(drops(&fake::standalone(), "prod"));
    assert!(!drops(&fake::member(), "prod"));
    assert!(drops(&fake::member(), "dev"));
    let host = fake::member();
    host.change(|machine| machine.unmount("/etc/pve"));
    assert!(drops(&host, "prod"));
}
