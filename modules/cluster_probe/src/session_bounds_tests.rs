// SPDX-License-Identifier: GPL-3.0-or-later
//! When something is over, to the nanosecond; and what is sent, asked and believed, one packet at a time.

use super::*;
use serde_json::json;

const PACKETS: u32 = 10;
const RUN: u128 = 7;

/// A path on which nothing is missing: its last packet was sent at 0, and it was heard at 0.
fn path() -> Path {
    Path {
        ports: BTreeMap::from([(5405, true), (5406, true)]),
        heard: Some(0),
        port: Some(5405),
        next: PACKETS,
        sent: vec![0; 10],
        trips: (0..PACKETS).map(|sequence| (sequence, MS)).collect(),
        sizes: vec![(1280, 1, 0, true), (1500, 1, 0, true)],
        asked: Some(0),
        ..Path::default()
    }
}

type Change = fn(&mut Path);

const NOTHING: [(u16, u32, u16); 0] = [];
const NOBODY: [u16; 0] = [];

#[test]
fn a_path_is_settled_when_nothing_more_can_come() {
    let table: [(&str, Change, u64, bool); 14] = [
        ("nothing is missing", |_| {}, 0, true),
        ("an answer may still come", |path| _ = path.trips.remove(&3), PATIENCE, false),
        ("it does not come", |path| _ = path.trips.remove(&3), PATIENCE + 1, true),
        ("a packet is not sent yet", |path| path.next = 9, PATIENCE + 1, false),
        (
            "none is answered, the last not sent",
            |path| (path.next, path.trips) = (9, BTreeMap::new()),
            0,
            false,
        ),
        ("a size was answered late", |path| path.sizes[1] = (1500, SIZE_TRIES, 0, true), 0, true),
        ("a size may be answered", |path| path.sizes[1] = (1500, SIZE_TRIES, 0, false), PATIENCE, false),
        ("a size is lost", |path| path.sizes[1] = (1500, SIZE_TRIES, 0, false), PATIENCE + 1, true),
        ("a size is tried once more", |path| path.sizes[1] = (1500, 4, 0, false), PATIENCE + 1, false),
        ("a port may be answered", |path| _ = path.ports.insert(5406, false), SILENCE, false),
        ("a port is silent", |path| _ = path.ports.insert(5406, false), SILENCE + 1, true),
        (
            "the other node has something else there",
            |path| {
                path.ports.insert(5406, false);
                path.busy_there.insert(5406);
            },
            0,
            true,
        ),
        (
            "a port is silent and a size is not tried",
            |path| {
                path.ports.insert(5406, false);
                path.sizes[1] = (1500, 0, 0, false);
            },
            SILENCE + 1,
            false,
        ),
        ("nothing was heard", |path| path.heard = None, SILENCE + 1, false),
    ];
    for (what, change, now, settled) in table {
        let mut path = path();
        change(&mut path);
        assert_eq!(path.is_settled(now, PACKETS, false), settled, "{what}");
    }
    let silent = Path { heard: None, ..path() };
    assert!(silent.is_settled(0, PACKETS, true), "it had its time");
}

#[test]
fn a_node_is_waited_for_until_the_deadline_and_a_silent_link_for_a_while_after_it_was_heard() {
    const DEADLINE: u64 = 5_000 * MS;
    let peer = |heard: Option<u64>| Peer {
        heard: heard.map(|first| (first, first)),
        paths: BTreeMap::from([(0, Path::default())]),
        ..Peer::default()
    };
    for (heard, now, settled) in [
        (None, DEADLINE, false),
        (None, DEADLINE + 1, true),
        (Some(MS), MS + SILENCE, false),
        (Some(MS), MS + SILENCE + 1, true),
        // an earlier silence is no reason
        (Some(DEADLINE), DEADLINE + 1, false),
    ] {
        assert_eq!(peer(heard).is_settled(now, PACKETS, DEADLINE), settled, "{heard:?} {now}");
    }
    let both = Peer { paths: BTreeMap::from([(0, path()), (1, Path::default())]), ..peer(Some(0)) };
    assert!(!both.is_settled(SILENCE, PACKETS, DEADLINE), "the other link");
}

#[test]
fn what_is_sent_next() {
    let mut path = Path {
        ports: BTreeMap::from([(5405, false), (5406, false)]),
        sizes: vec![(1280, 0, 0, false), (1500, 0, 0, false)],
        ..Path::default()
    };
    let hello = [(5405, HELLO, 0), (5406, HELLO, 0)];
    assert_eq!(path.next_packets(0, 2, false), hello);
    assert_eq!(path.next_packets(ASK_EVERY - 1, 2, false), NOTHING);
    assert_eq!(path.next_packets(ASK_EVERY, 2, false), hello);
    // somebody is there
    path.ports.insert(5405, true);
    path.port = Some(5405);
    let at = 2 * ASK_EVERY;
    assert_eq!(path.next_packets(at, 2, false), [(5406, HELLO, 0), (5405, 0, 0)]);
    assert_eq!(path.next_packets(at + TICK, 2, false), [(5405, 1, 0)]);
    assert_eq!((path.next, path.last_sent, path.sent.clone()), (2, at + TICK, vec![at, at + TICK]));
    // every packet is sent: the sizes, until they are answered
    assert_eq!(path.next_packets(at + 2 * TICK, 2, false), [(5405, SIZES, 1280), (5405, SIZES + 1, 1500)]);
    assert_eq!(path.sizes, [(1280, 1, at + 2 * TICK, false), (1500, 1, at + 2 * TICK, false)]);
    path.sizes[0].3 = true;
    path.asked = Some(at + 9 * ASK_EVERY);
    assert_eq!(path.next_packets(at + 2 * TICK + ASK_EVERY - 1, 2, false), NOTHING);
    assert_eq!(path.next_packets(at + 2 * TICK + ASK_EVERY, 2, false), [(5405, SIZES + 1, 1500)]);
    for tries in 3..=SIZE_TRIES {
        assert_eq!(path.next_packets(at + u64::from(tries) * 2 * ASK_EVERY, 2, false).len(), 1, "{tries}");
        path.asked = Some(u64::MAX);
    }
    assert_eq!(path.next_packets(at + 99 * ASK_EVERY, 2, false), NOTHING, "it was tried often enough");
    // whoever is done says so, and goes on asking at the silent port
    path.asked = Some(0);
    assert_eq!(path.next_packets(at + 99 * ASK_EVERY, 2, true), [(5406, HELLO, 0), (5405, HELLO, 0)]);
}

#[test]
fn a_node_is_told_of_on_the_management_network_while_a_link_is_silent() {
    let mut peer = Peer { paths: BTreeMap::from([(0, path()), (1, Path::default())]), ..Peer::default() };
    let ports = [5405, 5406, 5407];
    assert_eq!(peer.tell_by(0, &ports, None), NOBODY, "there is no socket for it");
    assert_eq!(peer.tell_by(0, &ports, Some(0b010)), [5405, 5407]);
    assert_eq!(peer.tell_by(ASK_EVERY - 1, &ports, Some(0)), NOBODY);
    assert_eq!(peer.tell_by(ASK_EVERY, &ports, Some(0)), ports);
    assert_eq!(peer.tell_by(3 * ASK_EVERY, &ports, Some(0)), ports);
    peer.paths.remove(&1);
    assert_eq!(peer.tell_by(9 * ASK_EVERY, &ports, Some(0)), NOBODY, "every link answers");
}

fn packet() -> Packet {
    Packet {
        run: RUN,
        kind: Kind::Answer,
        from: 1,
        link: 0,
        port: 5405,
        sequence: HELLO,
        size: 0,
        asked_at: 0,
        clock: 0,
        busy: 0,
        done: false,
    }
}

/// The clock's difference comes from the shortest round trip, and from the first of those that are equal.
#[test]
fn the_shortest_round_trip_tells_the_clock() {
    let mut path = Path { offset: None, ..path() };
    let mut answer = |took: u64, clock: i64| {
        path.answered(&Packet { asked_at: 10 * MS, clock, ..packet() }, 10 * MS + took, 0);
        path.offset.unwrap()
    };
    assert_eq!(answer(4 * MS, 0), (4 * MS, 2.0));
    assert_eq!(answer(4 * MS, 7_000_000), (4 * MS, 2.0), "as short");
    assert_eq!(answer(6 * MS, 7_000_000), (4 * MS, 2.0), "longer");
    assert_eq!(answer(2 * MS, 7_000_000), (2 * MS, 8.0), "shorter");
}

#[test]
fn each_answer_is_noted_where_it_belongs() {
    let mut path = Path {
        ports: BTreeMap::from([(5405, false)]),
        heard: None,
        port: None,
        trips: BTreeMap::new(),
        sizes: vec![(1280, 1, 0, false), (1500, 1, 0, false), (9000, 0, 0, false)],
        ..path()
    };
    let mut answer = |sequence: u32, now: u64| path.answered(&Packet { sequence, ..packet() }, now, 0);
    answer(HELLO, 5);
    answer(3, 6);
    answer(3, 9);
    answer(SIZES + 1, 7);
    answer(SIZES + 2, 7);
    answer(10, 7);
    let expected = Path {
        ports: BTreeMap::from([(5405, true)]),
        heard: Some(5),
        port: Some(5405),
        trips: BTreeMap::from([(3, 6)]),
        sizes: vec![(1280, 1, 0, false), (1500, 1, 0, true), (9000, 0, 0, false)],
        offset: path.offset,
        ..self::path()
    };
    assert_eq!(format!("{path:?}"), format!("{expected:?}"), "size 9000 was not sent, packet 10 neither");
}

#[test]
fn only_what_was_asked_is_believed() {
    let asked = |change: Change, packet: Packet, now: u64| {
        let mut path = path();
        change(&mut path);
        path.has_asked(&packet, now)
    };
    assert!(asked(|_| {}, packet(), 0));
    assert!(!asked(|path| path.asked = None, packet(), 0));
    assert!(!asked(|_| {}, Packet { port: 9, ..packet() }, 0));
    assert!(asked(|_| {}, Packet { asked_at: 5, ..packet() }, 5));
    assert!(!asked(|_| {}, Packet { asked_at: 6, ..packet() }, 5), "it was asked later");
    assert!(asked(|_| {}, Packet { sequence: SIZES, ..packet() }, 0));
    assert!(!asked(|path| path.sizes[0].1 = 0, Packet { sequence: SIZES, ..packet() }, 0));
    assert!(!asked(|_| {}, Packet { sequence: SIZES + 2, ..packet() }, 0));
    assert!(asked(|_| {}, Packet { sequence: 9, ..packet() }, 0));
    assert!(!asked(|_| {}, Packet { sequence: 10, ..packet() }, 0));
    assert!(!asked(|path| path.sent[9] = 1, Packet { sequence: 9, ..packet() }, 5), "sent at another time");
}

/// Node a of two, by itself, with a port that it cannot use.
fn session() -> Session {
    let node = |name: &str, last: u8| json!({"name": name, "address": format!("10.0.0.{last}"), "links": [{"number": 0, "address": format!("10.0.1.{last}")}]});
    let args = serde_json::from_value(
        json!({"run": "r", "name": "a", "nodes": [node("a", 1), node("b", 2)], "packets": PACKETS,
        "udp_ports": [5405, 5406, 5407], "tcp_ports": [], "timeout": 5}),
    )
    .unwrap();
    Session::new(&args, RUN, BTreeMap::from([(0, 0b100)]), &BTreeMap::new())
}

#[test]
fn an_answer_repeats_the_question_and_tells_of_its_own_node() {
    let mut session = session();
    session.done = true;
    let question = Packet {
        kind: Kind::Question,
        sequence: 4,
        size: 1280,
        asked_at: 77,
        clock: 5,
        busy: 0b001,
        ..packet()
    };
    let answer = session.receive(&question, MS, 99);
    let expected = Packet { kind: Kind::Answer, from: 0, clock: 99, busy: 0b100, done: true, ..question };
    assert_eq!(answer, Some(Sending { node: 1, link: 0, packet: expected }));
    assert_eq!(session.peers[&1].paths[&0].busy_there, BTreeSet::from([5405]));
    assert_eq!(session.peers[&1].heard, Some((MS, MS)));
    session.receive(&question, 3 * MS, 99);
    assert_eq!(session.peers[&1].heard, Some((MS, 3 * MS)));
}

#[test]
fn it_is_over_when_all_are_done_or_gone() {
    let with = |done: bool, peer_done: bool, heard: Option<u64>| {
        let mut session = session();
        session.done = done;
        let peer = session.peers.get_mut(&1).unwrap();
        (peer.done, peer.heard) = (peer_done, heard.map(|last| (0, last)));
        session
    };
    for (done, peer_done, heard, now, over) in [
        (true, true, Some(0), 0, true),
        (false, true, Some(0), 0, false),
        (true, false, None, 0, true),
        (false, false, None, 0, false),
        (true, false, Some(MS), MS + PATIENCE, false),
        (true, false, Some(MS), MS + PATIENCE + 1, true),
    ] {
        let session = with(done, peer_done, heard);
        assert_eq!(session.is_over(now), over, "{done} {peer_done} {heard:?} {now}");
    }
    let end = session().end;
    assert_eq!(end, 5_000 * MS + 200 * MS + 500 * MS + 3_000 * MS + 4_000 * MS);
    let insistent = |peer_done: bool, heard: Option<u64>, now: u64| {
        let session = with(false, peer_done, heard);
        (session.is_over(now), session.insistent(now))
    };
    assert_eq!(insistent(false, Some(end), end - 1), (false, vec![]));
    assert_eq!(insistent(false, Some(end), end), (true, vec![1]));
    assert_eq!(insistent(true, Some(end), end), (true, vec![]));
    assert_eq!(insistent(false, None, end), (true, vec![]));
}
