// SPDX-License-Identifier: GPL-3.0-or-later
//! What is wrong with a node, by all that was seen of it: each condition by itself.

use std::collections::BTreeSet;

use cluster_state::journal::LastWords;
use cluster_state::pmxcfs::Mount;
use corosync_document::Document;
use membership::fake::{ALONE, PAIR, conf};
use membership::seen::{Conf, ConfFile, Here, Running, View};

use super::consult::{Member, Place};
use super::fault::{Fault, Seen, fault};

const MOVED: &[(u32, &str)] = &[(1, "pve1"), (3, "pve2")];

fn parsed(text: &str) -> Conf {
    Conf::of(&Document::parse(text.as_bytes())).unwrap()
}

fn running(quorate: bool, own: u64) -> Running {
    Running { nodeid: 2, quorate, votes: 2, expected_votes: 2, versions: [(1, 2), (2, own)].into() }
}

/// A quorate pve1.
fn member(nodes: &[(u32, &str)]) -> Member {
    let text = conf(2, nodes);
    Member {
        place: Place { target: "10.77.0.11".into(), node: None },
        node: "pve1".into(),
        lacks: 0,
        authkey: Some("key".into()),
        sees: BTreeSet::from([1]),
        conf: parsed(&text),
        text,
    }
}

/// A pve2 that is a member and well, beside a pve1 that answers.
fn well() -> Seen {
    let here = Here {
        view: View {
            node: "pve2".into(),
            mount: Mount::Writable,
            members: None,
            conf: ConfFile::Read(Box::new(parsed(&conf(2, PAIR)))),
            corosync: Some(running(true, 2)),
        },
        certificate: true,
        certificate_key: true,
        corosync_service: "active".into(),
        copied: true,
        last_words: None,
        booting: false,
        pvecm_busy: false,
    };
    Seen {
        here,
        database: true,
        local: Some(conf(2, PAIR)),
        authkey: Some("key".into()),
        strays: vec!["stray".into()],
        guests: Vec::new(),
        addresses: vec!["10.77.1.12".parse().unwrap()],
        member: Some(member(PAIR)),
        unseen: Vec::new(),
    }
}

/// The same whose corosync has given up.
fn stopped() -> Seen {
    let mut seen = well();
    seen.here.view.corosync = None;
    seen.here.corosync_service = "failed".into();
    seen
}

/// A pve2 that is standalone, with nothing of a cluster on it.
fn standalone() -> Seen {
    let mut seen = stopped();
    seen.here.corosync_service = "inactive".into();
    seen.here.view.conf = ConfFile::Absent;
    (seen.local, seen.authkey) = (None, None);
    seen
}

/// The same with the files that a join has left.
fn half_joined() -> Seen {
    Seen { local: Some(conf(2, PAIR)), authkey: Some("key".into()), ..standalone() }
}

/// The same before the files came, while the cluster waits for its vote.
fn waited_for() -> Seen {
    let mut seen = standalone();
    peer(&mut seen).lacks = 1;
    seen
}

fn peer(seen: &mut Seen) -> &mut Member {
    seen.member.as_mut().unwrap()
}

type Case = (fn() -> Seen, fn(&mut Seen), Result<Option<Fault>, &'static str>);

fn check(joins: bool, table: &[Case]) {
    for (number, (seen, change, expected)) in table.iter().enumerate() {
        let mut seen = seen();
        change(&mut seen);
        let expected = expected.clone().map_err(str::to_owned);
        assert_eq!(fault("prod", joins, &seen), expected, "row {number}: {seen:?}");
    }
}

fn by() -> String {
    "pve1".to_owned()
}

#[test]
fn a_pmxcfs_that_does_not_run() {
    let found = || Ok(Some(Fault::PmxcfsStopped { strays: vec!["stray".into()] }));
    let table: [Case; 8] = [
        (well, |seen| seen.here.view.mount = Mount::NotMounted, found()),
        (well, |seen| seen.here.view.mount = Mount::Dead { reason: "gone".into() }, found()),
        (well, |seen| seen.here.view.mount = Mount::NoDirectory, Ok(None)),
        (well, |seen| (seen.here.view.mount, seen.here.pvecm_busy) = (Mount::NotMounted, true), Ok(None)),
        (well, |seen| (seen.here.view.mount, seen.here.booting) = (Mount::NotMounted, true), Ok(None)),
        (well, |seen| (seen.here.view.mount, seen.database) = (Mount::NotMounted, false), found()),
        (well, |seen| (seen.here.view.mount, seen.local) = (Mount::NotMounted, None), found()),
        (
            well,
            |seen| {
                seen.here.view.mount = Mount::NotMounted;
                (seen.database, seen.local) = (false, None);
            },
            Err("pmxcfs's database '/var/lib/pve-cluster/config.db' is missing: put a copy back, as from \
                 '/var/lib/pve-cluster/backup', before pve-cluster starts with an empty one"),
        ),
    ];
    check(true, &table);
}

#[test]
fn a_standalone_node_whose_join_stopped_half_way() {
    let half = || Ok(Some(Fault::HalfJoined { by: by() }));
    let left = || Ok(Some(Fault::Leftovers));
    let table: [Case; 13] = [
        (half_joined, |_| {}, half()),
        (waited_for, |_| {}, half()),
        (half_joined, |seen| seen.here.pvecm_busy = true, Ok(None)),
        // the files are not those of this join
        (half_joined, |seen| seen.local = Some(conf(2, PAIR).replace("prod", "other")), left()),
        (half_joined, |seen| seen.local = Some(conf(2, MOVED)), left()),
        (half_joined, |seen| seen.local = None, left()),
        (half_joined, |seen| seen.authkey = Some("another".into()), left()),
        (
            half_joined,
            |seen| {
                seen.authkey = None;
                peer(seen).authkey = None;
            },
            left(),
        ),
        // the entry is not this machine's
        (half_joined, |seen| seen.addresses.clear(), left()),
        (half_joined, |seen| peer(seen).conf.nodes.get_mut(&2).unwrap().addresses.clear(), left()),
        (waited_for, |seen| seen.addresses.clear(), Ok(None)),
        // its vote would not do, or its cluster has none that answers
        (waited_for, |seen| peer(seen).lacks = 2, Ok(None)),
        (waited_for, |seen| seen.member = None, Ok(None)),
    ];
    check(true, &table);
    check(false, &[(half_joined, |_| {}, left()), (waited_for, |_| {}, Ok(None))]);
}

#[test]
fn a_standalone_node_with_files_of_a_cluster_or_in_its_list() {
    let left = || Ok(Some(Fault::Leftovers));
    let table: [Case; 5] = [
        (standalone, |_| {}, Ok(Some(Fault::Listed { by: by() }))),
        (standalone, |seen| seen.member = Some(member(ALONE)), Ok(None)),
        (standalone, |seen| seen.member = None, Ok(None)),
        (standalone, |seen| (seen.member, seen.local) = (None, Some(conf(2, PAIR))), left()),
        (standalone, |seen| (seen.member, seen.authkey) = (None, Some("key".into())), left()),
    ];
    check(true, &table);
    check(false, &[(standalone, |_| {}, Ok(None))]);
}

#[test]
fn files_of_another_cluster_and_files_that_cannot_be_read_are_left() {
    let other = |seen: &mut Seen| {
        let text = conf(2, PAIR).replace("prod", "other");
        seen.here.view.conf = ConfFile::Read(Box::new(parsed(&text)));
    };
    let broken = |seen: &mut Seen| seen.here.view.conf = ConfFile::Broken("it has no cluster_name".into());
    check(true, &[(stopped, other, Ok(None)), (stopped, broken, Ok(None))]);
}

/// Nobody who could tell what is right answers: a corosync that has given up with files of its own is started, and no other.
#[test]
fn a_node_by_itself() {
    let started = || Ok(Some(Fault::CorosyncStopped));
    let table: [Case; 9] = [
        (stopped, |seen| seen.member = None, started()),
        (stopped, |seen| peer(seen).lacks = 1, started()),
        (stopped, |seen| (seen.member, seen.here.corosync_service) = (None, "inactive".into()), started()),
        (stopped, |seen| (seen.member, seen.here.corosync_service) = (None, "activating".into()), Ok(None)),
        (stopped, |seen| (seen.member, seen.here.booting) = (None, true), Ok(None)),
        (
            stopped,
            |seen| (seen.member, seen.here.last_words) = (None, Some(LastWords::KilledBy { nodeid: 1 })),
            Ok(None),
        ),
        (
            stopped,
            |seen| {
                (seen.member, seen.addresses) = (None, Vec::new());
                seen.here.view.conf = ConfFile::Read(Box::new(parsed(&conf(2, ALONE))));
            },
            Ok(None),
        ),
        (well, |seen| (seen.member, seen.here.view.corosync) = (None, Some(running(false, 2))), Ok(None)),
        // it was seen a moment before it gave up
        (well, |seen| (seen.member, seen.here.corosync_service) = (None, "failed".into()), Ok(None)),
    ];
    check(true, &table);
}

#[test]
fn a_node_that_its_cluster_has_forgotten() {
    let forgotten = || Ok(Some(Fault::Forgotten { by: by() }));
    let unlisted = |seen: &mut Seen| {
        (seen.member, seen.addresses) = (Some(member(ALONE)), Vec::new());
        seen.here.view.conf = ConfFile::Read(Box::new(parsed(&conf(2, ALONE))));
    };
    let table: [Case; 4] = [
        (well, |seen| seen.member = Some(member(ALONE)), forgotten()),
        (well, |seen| seen.member = Some(member(MOVED)), forgotten()),
        (well, unlisted, forgotten()),
        (
            well,
            |seen| (seen.member, seen.guests) = (Some(member(ALONE)), vec![100, 101]),
            Err(
                "'pve1' says that the cluster no longer lists this node, which has guests (100, 101) and would have to join with \
                 them: let it leave with 'state: absent', move the guests, and let it join then",
            ),
        ),
    ];
    check(true, &table);
    let creates = Err(
        "'pve1' says that the cluster no longer lists this node, which is to be a part of it: let it join with \
                       'state: joined'",
    );
    check(false, &[(well, |seen| seen.member = Some(member(ALONE)), creates)]);
}

#[test]
fn a_node_that_its_cluster_lists() {
    let stranded = |authkey: bool| Ok(Some(Fault::Stranded { from: by(), authkey }));
    let started = || Ok(Some(Fault::CorosyncStopped));
    let table: [Case; 9] = [
        (well, |_| {}, Ok(None)),
        (well, |seen| seen.local = Some(conf(1, PAIR)), Ok(None)),
        (stopped, |_| {}, started()),
        (stopped, |seen| seen.local = Some(format!("\n{}\n\n", conf(2, PAIR))), started()),
        (stopped, |seen| seen.local = Some(conf(1, PAIR)), stranded(false)),
        (stopped, |seen| seen.local = None, stranded(false)),
        (stopped, |seen| seen.authkey = Some("another".into()), stranded(true)),
        (well, |seen| seen.here.view.corosync = Some(running(false, 2)), Ok(None)),
        (well, |seen| seen.here.view.corosync = Some(running(false, 1)), started()),
    ];
    check(true, &table);
    check(false, &table[..1]);
    check(true, &[(well, |seen| seen.here.view.corosync = Some(running(false, 3)), Ok(None))]);
}

#[test]
fn a_renamed_node_without_corosync_and_guests() {
    let renamed = "the cluster lists the addresses of this node as 'pve2', and its host name is 'pve9'. It has no corosync that runs, and has \
                   no guests under the two names: give it its name back ('hostnamectl set-hostname pve2', and the same in /etc/hosts), then run \
                   'systemctl restart pve-cluster'";
    check(true, &[(stopped, |seen| seen.here.view.node = "pve9".into(), Err(renamed))]);
}

/// Two that are quorate beside each other are two sides only when neither sees one of the other's.
#[test]
fn two_sides() {
    let beside = |lacks: u32, sees: &[u32]| {
        let mut seen = well();
        let other =
            Member { node: "pve4".into(), lacks, sees: sees.iter().copied().collect(), ..member(PAIR) };
        seen.unseen = vec![other];
        fault("prod", true, &seen)
    };
    assert_eq!(
        beside(0, &[2]),
        Err("cluster 'prod' is quorate twice, on two sides that do not see each other: 'pve1' (as 'pve1' says) and 'pve2' (as 'pve4' says). \
             Only a person can tell which is right: stop corosync on the other side, whose guests and changes in '/etc/pve' are to be given up"
            .to_owned())
    );
    assert_eq!(beside(0, &[1, 2]), Ok(None));
    assert_eq!(beside(1, &[2]), Ok(None));
}

/// A node that is admitted and has no vote yet, by the recordings `newcomers_without_a_vote_pve3_died_during_its_start*`: the cluster's file
/// went on without it, or it never got one.
#[test]
fn a_node_without_a_vote() {
    fn without(seen: &mut Seen) {
        peer(seen).conf.nodes.get_mut(&2).unwrap().votes = 0;
        peer(seen).text = conf(3, PAIR).replacen("quorum_votes: 1", "quorum_votes: 0", 1);
    }
    let stranded = || Ok(Some(Fault::Stranded { from: by(), authkey: false }));
    let table: [Case; 5] = [
        (stopped, without, stranded()),
        (half_joined, without, Ok(Some(Fault::HalfJoined { by: by() }))),
        (standalone, without, Ok(Some(Fault::Listed { by: by() }))),
        (well, without, Ok(None)),
        // its vote is none that a cluster waits for
        (
            waited_for,
            |seen| {
                without(seen);
                peer(seen).lacks = 1;
            },
            Ok(None),
        ),
    ];
    check(true, &table);
}
