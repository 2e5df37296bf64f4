// SPDX-License-Identifier: GPL-3.0-or-later
//! One measurement as this node sees it: what to send next, what an answer means, and when it is over. It knows no socket and no clock.
//!
//! A node first asks on every port until the other one is there, then measures, and goes on answering until all others have what
//! they need. So all nodes measure at the same time, whichever started first, and nobody waits for a number of seconds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::args::{Args, Node};
use crate::statistics::{Latency, clock_offset, latency};
use crate::wire::{HELLO, Kind, Packet, SIZES};

const MS: u64 = 1_000_000;
/// Between two looks at what is to be sent.
pub(crate) const TICK: u64 = 20 * MS;
/// Between two questions whether somebody is there.
const ASK_EVERY: u64 = 100 * MS;
/// An answer that has not come by then does not come.
const PATIENCE: u64 = 1_000 * MS;
/// What a node that is there does not answer within this time, on another port or link, it does not get.
const SILENCE: u64 = 3_000 * MS;
/// Stands for a link: packets between management addresses, which tell only that a node takes part and whether it is done. So a node that
/// is cut off from the links is not waited for as one that has not started.
pub(crate) const PRESENCE: u8 = u8::MAX;
/// How often a large packet is sent before it counts as lost.
const SIZE_TRIES: u32 = 5;
/// What may come from one node between two ticks; an honest one sends a few packets a port and link.
const BUDGET: u32 = 1_024;

/// Something to send: through this node's socket for the link and port, to the same port of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) node: usize,
    pub(crate) link: u8,
    pub(crate) packet: Packet,
}

/// What this node has found out about the way to another one on one link.
#[derive(Debug, Default)]
struct Path {
    /// By port, whether it was answered.
    ports: BTreeMap<u16, bool>,
    /// Ports that something else uses on the other node.
    busy_there: BTreeSet<u16>,
    heard: Option<u64>,
    /// The port that is measured through: the first that was answered.
    port: Option<u16>,
    next: u32,
    last_sent: u64,
    /// When each of the measured packets was sent.
    sent: Vec<u64>,
    trips: BTreeMap<u32, u64>,
    offset: Option<(u64, f64)>,
    /// Sizes with how often they were sent, when last, and whether they were answered.
    sizes: Vec<(u16, u32, u64, bool)>,
    asked: Option<u64>,
}

#[derive(Debug, Default)]
struct Peer {
    /// When it was first and last heard on any link.
    heard: Option<(u64, u64)>,
    done: bool,
    /// When it was last told that this node takes part.
    told: Option<u64>,
    /// How many packets came from it since the last tick.
    taken: u32,
    paths: BTreeMap<u8, Path>,
}

/// The measurement.
#[derive(Debug)]
pub(crate) struct Session {
    run: u128,
    own: u16,
    packets: u32,
    ports: Vec<u16>,
    deadline: u64,
    /// When it is over whatever arrives.
    end: u64,
    busy: BTreeMap<u8, u64>,
    peers: BTreeMap<usize, Peer>,
    done: bool,
}

/// What was found out about a link to a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Measured {
    pub(crate) number: u8,
    /// Whether anything was answered.
    pub(crate) answered: bool,
    /// Ports that were not answered, though nothing else uses them on either node.
    pub(crate) silent_ports: Vec<u16>,
    pub(crate) latency: Option<Latency>,
    pub(crate) sent: u32,
    pub(crate) received: u32,
    /// None before anything was answered.
    pub(crate) loss_percent: Option<f64>,
    /// The largest packet that was answered, with all its headers, in bytes.
    pub(crate) largest: Option<u16>,
    /// The other node's clock against this one's, in milliseconds.
    pub(crate) clock_offset: Option<f64>,
}

impl Session {
    /// Begins. `busy` has, by link, the ports that this node cannot use, as bits; `sizes`, by link, the sizes of packets to try.
    pub(crate) fn new(
        args: &Args,
        run: u128,
        busy: BTreeMap<u8, u64>,
        sizes: &BTreeMap<u8, Vec<u16>>,
    ) -> Self {
        let own = args.nodes.iter().position(|node| node.name == args.name);
        let me = own.and_then(|index| args.nodes.get(index));
        let path = |link: u8| Path {
            ports: usable(&args.udp_ports, busy.get(&link).copied().unwrap_or(0))
                .map(|port| (port, false))
                .collect(),
            sizes: sizes.get(&link).into_iter().flatten().map(|size| (*size, 0, 0, false)).collect(),
            ..Path::default()
        };
        let peer = |node: &Node| {
            let ours = |number: u8| me.is_some_and(|me| me.links.iter().any(|link| link.number == number));
            let links = node.links.iter().map(|link| link.number).filter(|number| ours(*number));
            Peer { paths: links.map(|number| (number, path(number))).collect(), ..Peer::default() }
        };
        let deadline = u64::from(args.timeout) * 1_000 * MS;
        let others = args.nodes.iter().enumerate().filter(|(index, _)| Some(*index) != own);
        Self {
            run,
            own: own.and_then(|own| u16::try_from(own).ok()).unwrap_or(u16::MAX),
            packets: args.packets,
            ports: args.udp_ports.clone(),
            deadline,
            end: deadline + longest(args.packets),
            peers: others.map(|(index, node)| (index, peer(node))).collect(),
            busy,
            done: false,
        }
    }

    /// What is to be sent now.
    pub(crate) fn tick(&mut self, now: u64, clock: i64) -> Vec<Sending> {
        self.done =
            self.done || self.peers.values().all(|peer| peer.is_settled(now, self.packets, self.deadline));
        let mut sendings = Vec::new();
        for (&node, peer) in &mut self.peers {
            peer.taken = 0;
            for (&link, path) in &mut peer.paths {
                let packet = |port: u16, sequence: u32, size: u16| Packet {
                    run: self.run,
                    kind: Kind::Question,
                    from: self.own,
                    link,
                    port,
                    sequence,
                    size,
                    asked_at: now,
                    clock,
                    busy: self.busy.get(&link).copied().unwrap_or(0),
                    done: self.done,
                };
                let next = path.next_packets(now, self.packets, self.done);
                let send =
                    |(port, sequence, size)| Sending { node, link, packet: packet(port, sequence, size) };
                sendings.extend(next.into_iter().map(send));
            }
            for port in peer.tell_by(now, &self.ports, self.busy.get(&PRESENCE).copied()) {
                sendings.push(Sending {
                    node,
                    link: PRESENCE,
                    packet: Packet {
                        run: self.run,
                        kind: Kind::Question,
                        from: self.own,
                        link: PRESENCE,
                        port,
                        sequence: HELLO,
                        size: 0,
                        asked_at: now,
                        clock,
                        busy: 0,
                        done: self.done,
                    },
                });
            }
        }
        sendings
    }

    /// Takes a packet that has arrived; returns the answer to a question.
    pub(crate) fn receive(&mut self, packet: &Packet, now: u64, clock: i64) -> Option<Sending> {
        if packet.run != self.run {
            return None;
        }
        let node = usize::from(packet.from);
        let peer = self.peers.get_mut(&node)?;
        if peer.taken >= BUDGET {
            return None;
        }
        peer.taken += 1;
        peer.heard = Some((peer.heard.map_or(now, |(first, _)| first), now));
        peer.done |= packet.done;
        let path = peer.paths.get_mut(&packet.link)?;
        let free: Vec<u16> = usable(&self.ports, packet.busy).collect();
        path.busy_there = self.ports.iter().copied().filter(|port| !free.contains(port)).collect();
        if packet.kind == Kind::Answer {
            path.answered(packet, now, clock);
            return None;
        }
        let busy = self.busy.get(&packet.link).copied().unwrap_or(0);
        let answer = Packet { kind: Kind::Answer, from: self.own, clock, busy, done: self.done, ..*packet };
        Some(Sending { node, link: packet.link, packet: answer })
    }

    /// Whether all have what they need, as far as they are there, or the time is up: who goes on sending keeps nobody.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        self.is_up(now) || self.all_are_done(now)
    }

    /// Whether the time is up.
    fn is_up(&self, now: u64) -> bool {
        now >= self.end
    }

    /// The nodes, by their place in the list, that kept this one until its time was up.
    pub(crate) fn insistent(&self, now: u64) -> Vec<usize> {
        if !self.is_up(now) {
            return Vec::new();
        }
        let insists = |peer: &Peer| !peer.done && peer.heard.is_some();
        self.peers.iter().filter(|(_, peer)| insists(peer)).map(|(node, _)| *node).collect()
    }

    fn all_are_done(&self, now: u64) -> bool {
        let gone = |peer: &Peer| peer.heard.is_none_or(|(_, last)| now.saturating_sub(last) > PATIENCE);
        self.done && self.peers.values().all(|peer| peer.done || gone(peer))
    }

    /// Whether anything was heard of a node on any network, the management one included.
    pub(crate) fn has_heard(&self, node: usize) -> bool {
        self.peers.get(&node).is_some_and(|peer| peer.heard.is_some())
    }

    /// What was found out, by the node's place in the list and by link.
    pub(crate) fn report(&self) -> BTreeMap<usize, Vec<Measured>> {
        let paths = |peer: &Peer| peer.paths.iter().map(|(number, path)| path.measured(*number)).collect();
        // Not collected: that would sort first, by code of its own.
        let mut report = BTreeMap::new();
        report.extend(self.peers.iter().map(|(node, peer)| (*node, paths(peer))));
        report
    }
}

/// What a measurement may take once a node is heard: every packet, every size, and what may come late.
fn longest(packets: u32) -> u64 {
    u64::from(packets) * TICK + u64::from(SIZE_TRIES) * ASK_EVERY + SILENCE + 4 * PATIENCE
}

/// The ports that nothing else uses.
fn usable(ports: &[u16], busy: u64) -> impl Iterator<Item = u16> {
    ports.iter().enumerate().filter(move |(bit, _)| busy >> bit & 1 == 0).map(|(_, port)| *port)
}

impl Peer {
    /// The ports by which it is to be told now that this node takes part: while some link to it is silent, where there are sockets for it.
    fn tell_by(&mut self, now: u64, ports: &[u16], busy: Option<u64>) -> Vec<u16> {
        let Some(busy) = busy.filter(|_| self.paths.values().any(|path| path.heard.is_none())) else {
            return Vec::new();
        };
        if self.told.is_some_and(|told| now.saturating_sub(told) < ASK_EVERY) {
            return Vec::new();
        }
        self.told = Some(now);
        usable(ports, busy).collect()
    }

    fn is_settled(&self, now: u64, packets: u32, deadline: u64) -> bool {
        let silent = match self.heard {
            Some((first, _)) => now.saturating_sub(first) > SILENCE,
            None => now > deadline,
        };
        self.paths.values().all(|path| path.is_settled(now, packets, silent))
    }
}

impl Path {
    /// Whether nothing more is to be found out; `silent` when the node had its time to answer everywhere.
    fn is_settled(&self, now: u64, packets: u32, silent: bool) -> bool {
        let Some(heard) = self.heard else { return silent };
        let late = |sent: u64| now.saturating_sub(sent) > PATIENCE;
        let measured = self.next >= packets
            && (self.trips.len() >= usize::try_from(packets).unwrap_or(0) || late(self.last_sent));
        let sized = self
            .sizes
            .iter()
            .all(|(_, tries, last, answered)| *answered || *tries >= SIZE_TRIES && late(*last));
        let ported = self.open_ports().next().is_none() || now.saturating_sub(heard) > SILENCE;
        measured && sized && ported
    }

    /// Ports that were not answered yet, and that the other node could answer.
    fn open_ports(&self) -> impl Iterator<Item = u16> {
        let open =
            self.ports.iter().filter(|(port, answered)| !**answered && !self.busy_there.contains(port));
        open.map(|(port, _)| *port)
    }

    /// Port, sequence and size of what is to be sent now.
    fn next_packets(&mut self, now: u64, packets: u32, done: bool) -> Vec<(u16, u32, u16)> {
        let mut next = Vec::new();
        if self.asked.is_none_or(|asked| now.saturating_sub(asked) >= ASK_EVERY) {
            self.asked = Some(now);
            next.extend(self.open_ports().map(|port| (port, HELLO, 0)));
            // tells the other one that this one is done
            next.extend(self.port.filter(|_| done).map(|port| (port, HELLO, 0)));
        }
        let Some(port) = self.port else { return next };
        if self.next < packets {
            next.push((port, self.next, 0));
            self.next += 1;
            self.last_sent = now;
            self.sent.push(now);
            return next;
        }
        for (index, (size, tries, last, answered)) in (0_u32..).zip(&mut self.sizes) {
            if !*answered && *tries < SIZE_TRIES && now.saturating_sub(*last) >= ASK_EVERY {
                next.push((port, SIZES + index, *size));
                *tries += 1;
                *last = now;
            }
        }
        next
    }

    /// Takes an answer, unless it is one to a question that was not asked.
    fn answered(&mut self, packet: &Packet, now: u64, clock: i64) {
        if !self.has_asked(packet, now) {
            return;
        }
        let trip = now.saturating_sub(packet.asked_at);
        if let Some(answered) = self.ports.get_mut(&packet.port) {
            *answered = true;
        }
        self.heard.get_or_insert(now);
        self.port.get_or_insert(packet.port);
        if packet.sequence < SIZES {
            self.trips.entry(packet.sequence).or_insert(trip);
        } else if packet.sequence != HELLO {
            let index = usize::try_from(packet.sequence - SIZES).unwrap_or(usize::MAX);
            if let Some(size) = self.sizes.get_mut(index) {
                size.3 = true;
            }
        }
        // the shortest round trip tells the clock best
        if self.offset.is_none_or(|(shortest, _)| trip < shortest) {
            let asked = clock.saturating_sub(i64::try_from(trip).unwrap_or(i64::MAX));
            self.offset = Some((trip, clock_offset(asked, packet.clock, trip)));
        }
    }

    /// Whether this is the answer to something that was sent.
    fn has_asked(&self, packet: &Packet, now: u64) -> bool {
        let place = |sequence: u32| usize::try_from(sequence).unwrap_or(usize::MAX);
        let asked = match packet.sequence {
            HELLO => self.asked.is_some(),
            size if size >= SIZES => {
                self.sizes.get(place(size - SIZES)).is_some_and(|(_, tries, ..)| *tries > 0)
            }
            measured => self.sent.get(place(measured)) == Some(&packet.asked_at),
        };
        asked && packet.asked_at <= now && self.ports.contains_key(&packet.port)
    }

    fn measured(&self, number: u8) -> Measured {
        let trips: Vec<u64> = self.trips.values().copied().collect();
        let received = u32::try_from(trips.len()).unwrap_or(u32::MAX);
        let lost = f64::from(self.next.saturating_sub(received)) * 100.0 / f64::from(self.next.max(1));
        Measured {
            number,
            answered: self.heard.is_some(),
            silent_ports: self.open_ports().collect(),
            latency: latency(&trips),
            sent: self.next,
            received,
            loss_percent: (self.next > 0).then_some((lost * 100.0).round() / 100.0),
            largest: self.sizes.iter().filter(|(.., answered)| *answered).map(|(size, ..)| *size).max(),
            clock_offset: self.offset.map(|(_, offset)| offset),
        }
    }
}

#[cfg(test)]
#[path = "session_bounds_tests.rs"]
mod bounds;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::encode;
    use proptest::prelude::*;
    use serde_json::json;

    /// Two nodes and a network between them that takes 1 ms each way, and loses what `lose` says.
    struct World {
        nodes: [Session; 2],
        /// What is on its way: when it arrives, where, and what.
        wire: Vec<(u64, usize, Packet)>,
        now: u64,
    }

    const AHEAD: i64 = 250_000_000;
    const RUN: u128 = 7;

    fn args(name: &str) -> Args {
        let node = |name: &str, last: u8| {
            json!({"name": name, "address": format!("10.0.0.{last}"), "links": [
                {"number": 0, "address": format!("10.0.1.{last}")}, {"number": 1, "address": format!("10.0.2.{last}")}
            ]})
        };
        serde_json::from_value(
            json!({"run": "r", "name": name, "nodes": [node("a", 1), node("b", 2)], "packets": 10,
            "udp_ports": [5405, 5406, 5407], "tcp_ports": [], "timeout": 5}),
        )
        .unwrap()
    }

    fn world(busy: u64) -> World {
        let sizes = BTreeMap::from([(0, vec![1280, 1500]), (1, vec![1280, 1500])]);
        let session =
            |name: &str, busy: u64| Session::new(&args(name), RUN, BTreeMap::from([(0, busy)]), &sizes);
        World { nodes: [session("a", busy), session("b", 0)], wire: Vec::new(), now: 0 }
    }

    /// The same with a management network beside the links.
    fn managed() -> World {
        let session =
            |name: &str| Session::new(&args(name), RUN, BTreeMap::from([(PRESENCE, 0)]), &BTreeMap::new());
        World { nodes: [session("a"), session("b")], wire: Vec::new(), now: 0 }
    }

    impl World {
        fn clock(&self, node: usize) -> i64 {
            i64::try_from(self.now).unwrap() + if node == 1 { AHEAD } else { 0 }
        }

        /// Lets both run until both are over; the second starts later by so much.
        fn run(&mut self, later: u64, lose: impl Fn(usize, &Packet) -> bool) -> u64 {
            while self.now < 60_000 * MS {
                for node in 0..2 {
                    if node == 1 && self.now < later {
                        continue;
                    }
                    let clock = self.clock(node);
                    let mut sendings = if self.now.is_multiple_of(TICK) {
                        self.nodes[node].tick(self.now, clock)
                    } else {
                        Vec::new()
                    };
                    let (arrived, wire) =
                        self.wire.drain(..).partition(|(at, to, _)| *at <= self.now && *to == node);
                    self.wire = wire;
                    let arrived: Vec<(u64, usize, Packet)> = arrived;
                    for (_, _, packet) in arrived {
                        sendings.extend(self.nodes[node].receive(&packet, self.now, clock));
                    }
                    let kept = sendings.into_iter().filter(|sending| !lose(node, &sending.packet));
                    self.wire.extend(kept.map(|sending| (self.now + MS, 1 - node, sending.packet)));
                }
                if self.now > later && self.nodes.iter().all(|node| node.is_over(self.now)) {
                    return self.now / MS;
                }
                self.now += MS;
            }
            panic!("the measurement does not end");
        }

        fn link(&self, node: usize, link: usize) -> Measured {
            self.nodes[node].report()[&(1 - node)][link].clone()
        }
    }

    #[test]
    fn all_is_measured_whoever_starts_first() {
        let mut world = world(0);
        let took = world.run(2_000 * MS, |_, _| false);
        assert!(took < 2_800, "{took} ms");
        for node in 0..2 {
            let found = world.link(node, 1);
            assert_eq!((found.sent, found.received, found.loss_percent), (10, 10, Some(0.0)));
            let latency = found.latency.unwrap();
            assert!((latency.median - 2.0).abs() < 0.01 && latency.jitter < 0.01, "{latency:?}");
            assert_eq!((found.largest, found.silent_ports), (Some(1500), vec![]));
            let ahead = if node == 0 { 250.0 } else { -250.0 };
            assert!((found.clock_offset.unwrap() - ahead).abs() < 1.0, "{:?}", found.clock_offset);
        }
    }

    #[test]
    fn a_port_that_is_dropped_and_one_that_is_in_use() {
        let mut world = world(0b001);
        let took = world.run(0, |_, packet| packet.link == 0 && packet.port == 5407);
        assert!(took < 5_500, "{took} ms");
        for node in 0..2 {
            assert_eq!(world.link(node, 0).silent_ports, [5407], "5405 is in use and not asked");
            assert_eq!(world.link(node, 1).silent_ports, Vec::<u16>::new());
        }
    }

    #[test]
    fn large_packets_that_are_lost() {
        let mut world = world(0);
        world.run(0, |node, packet| node == 0 && packet.kind == Kind::Question && packet.size > 1400);
        assert_eq!((world.link(0, 0).largest, world.link(1, 0).largest), (Some(1280), Some(1500)));
    }

    #[test]
    fn packets_that_are_lost() {
        let mut world = world(0);
        world.run(0, |node, packet| {
            node == 1 && packet.link == 1 && packet.kind == Kind::Answer && packet.sequence % 5 == 3
        });
        assert_eq!(world.link(0, 1).loss_percent, Some(20.0));
        assert_eq!(world.link(0, 0).loss_percent, Some(0.0));
    }

    #[test]
    fn a_link_that_is_cut_is_not_waited_for_until_the_end() {
        let mut world = world(0);
        let took = world.run(0, |_, packet| packet.link == 1);
        assert!(took < 5_000, "{took} ms");
        let cut = world.link(0, 1);
        assert_eq!((cut.answered, cut.loss_percent, cut.silent_ports.len()), (false, None, 3));
        assert!(world.link(0, 0).answered);
    }

    #[test]
    fn a_node_that_is_not_there_is_waited_for_until_the_deadline() {
        let mut world = world(0);
        let took = world.run(0, |_, _| true);
        assert!((5_000..5_100).contains(&took), "{took} ms");
        assert!(!world.nodes[0].has_heard(1) && !world.nodes[1].has_heard(0));
    }

    #[test]
    fn a_node_that_is_cut_off_from_all_links_is_not_waited_for_until_the_deadline() {
        let mut world = managed();
        let took = world.run(1_000 * MS, |_, packet| packet.link != PRESENCE);
        assert!((4_000..4_800).contains(&took), "{took} ms");
        assert!(!world.link(0, 0).answered && !world.link(1, 1).answered);
        assert!(world.nodes[0].has_heard(1) && world.nodes[1].has_heard(0));
    }

    #[test]
    fn where_the_links_answer_nothing_goes_over_the_management_network() {
        let mut world = managed();
        let told = std::cell::Cell::new(0);
        world.run(0, |_, packet| {
            if packet.link == PRESENCE {
                told.set(told.get() + 1);
            }
            false
        });
        assert!(told.get() <= 12, "{} packets", told.get());
    }

    #[test]
    fn other_measurements_are_ignored() {
        let mut world = world(0);
        let mut other = world.nodes[1].tick(0, 0).remove(0).packet;
        assert!(world.nodes[0].receive(&other, 0, 0).is_some());
        other.run += 1;
        assert_eq!(world.nodes[0].receive(&other, 0, 0), None);
    }

    /// Lets node a run alone against what `hostile` sends to it at each tick; says when it was over.
    fn alone(mut hostile: impl FnMut(u64) -> Vec<Packet>) -> (Session, u64) {
        let mut world = world(0);
        let mut now = 0;
        loop {
            world.nodes[0].tick(now, 0);
            for packet in hostile(now) {
                world.nodes[0].receive(&packet, now, 0);
            }
            if world.nodes[0].is_over(now) {
                let [node, _] = world.nodes;
                return (node, now / MS);
            }
            now += TICK;
            assert!(now < 600_000 * MS, "the measurement does not end");
        }
    }

    fn question() -> Packet {
        Packet {
            run: RUN,
            kind: Kind::Question,
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

    #[test]
    fn a_node_that_never_has_what_it_needs_keeps_nobody() {
        let (node, took) =
            alone(|now| if now.is_multiple_of(500 * MS) { vec![question()] } else { Vec::new() });
        // 5 s until the deadline, and what a measurement of 10 packets may take
        assert_eq!(took, 5_000 + 200 + 500 + 3_000 + 4_000);
        assert_eq!(node.insistent(took * MS), [1]);
        let (node, took) = alone(|_| Vec::new());
        assert!(took < 5_100, "{took} ms");
        assert_eq!(node.insistent(took * MS), Vec::<usize>::new());
    }

    #[test]
    fn a_flood_is_answered_within_bounds() {
        let mut world = world(0);
        world.nodes[0].tick(0, 0);
        let answered = |world: &mut World| {
            (0..5_000).filter(|_| world.nodes[0].receive(&question(), 0, 0).is_some()).count()
        };
        assert_eq!(answered(&mut world), 1_024);
        world.nodes[0].tick(TICK, 0);
        assert_eq!(answered(&mut world), 1_024, "the next tick begins again");
    }

    #[test]
    fn an_answer_to_nothing_is_none() {
        let mut world = world(0);
        let asked = world.nodes[0].tick(0, 0);
        assert!(asked.iter().all(|sending| sending.packet.sequence == HELLO), "{asked:?}");
        let forged = |sequence: u32, asked_at: u64, port: u16| Packet {
            kind: Kind::Answer,
            sequence,
            asked_at,
            port,
            ..question()
        };
        for packet in [
            forged(0, 0, 5405),
            forged(SIZES, 0, 5405),
            forged(SIZES + 9, 0, 5405),
            forged(HELLO, 0, 9),
            forged(HELLO, 2 * MS, 5405),
        ] {
            world.nodes[0].receive(&packet, MS, 0);
            assert!(!world.link(0, 0).answered, "{packet:?}");
        }
        world.nodes[0].receive(&forged(HELLO, 0, 5405), MS, 0);
        assert!(world.link(0, 0).answered);
        world.nodes[0].tick(TICK, 0);
        world.nodes[0].receive(&forged(0, TICK - 1, 5405), TICK + MS, 0);
        assert_eq!((world.link(0, 0).sent, world.link(0, 0).received), (1, 0));
        world.nodes[0].receive(&forged(0, TICK, 5405), TICK + MS, 0);
        assert_eq!(world.link(0, 0).received, 1);
    }

    prop_compose! {
        /// Mostly near what an honest node sends, because nothing else gets far.
        fn hostile()(
            from in 0_u16..4, link in prop_oneof![0_u8..3, Just(PRESENCE)], port in 5404_u16..5409, answer: bool, done: bool,
            sequence in prop_oneof![0_u32..20, Just(HELLO), SIZES..SIZES + 5, any::<u32>()], size: u16,
            asked_at in prop_oneof![0_u64..20_000 * MS, any::<u64>()], clock: i64, busy: u64, other in 0_u8..10,
        ) -> Packet {
            let kind = if answer { Kind::Answer } else { Kind::Question };
            let run = if other == 0 { RUN + 1 } else { RUN };
            Packet { run, kind, from, link, port, sequence, size, asked_at, clock, busy, done }
        }
    }

    proptest! {
        /// Whatever comes, and whenever: it ends, it holds no more than it asked for, and what it reports can be true.
        #[test]
        fn whatever_arrives_it_ends_and_stays_small(
            packets in proptest::collection::vec((0_u64..700, hostile()), 0..400)
        ) {
            let mut at: BTreeMap<u64, Vec<Packet>> = BTreeMap::new();
            for (tick, packet) in packets {
                at.entry(tick * TICK).or_default().push(packet);
            }
            let (node, took) = alone(|now| at.remove(&now).unwrap_or_default());
            prop_assert!(took <= 5_000 + 200 + 500 + 3_000 + 4_000);
            for peer in node.peers.values() {
                for path in peer.paths.values() {
                    prop_assert!(path.trips.len() <= path.sent.len() && path.sent.len() <= 10);
                    prop_assert!(path.ports.len() == 3 && path.busy_there.len() <= 3 && path.sizes.len() == 2);
                }
            }
            for found in node.report().into_values().flatten() {
                prop_assert!(found.received <= found.sent && found.sent <= 10);
                prop_assert!(found.loss_percent.is_none_or(|lost| (0.0..=100.0).contains(&lost)));
                prop_assert!(found.largest.is_none_or(|size| [1280, 1500].contains(&size)));
                prop_assert!(found.clock_offset.is_none_or(f64::is_finite));
                prop_assert!(found.silent_ports.iter().all(|port| (5405..=5407).contains(port)));
            }
        }

        /// What an answer repeats of the question is no longer than the question was.
        #[test]
        fn an_answer_is_no_longer_than_its_question(packet in hostile()) {
            let mut world = world(0);
            world.nodes[0].tick(0, 0);
            let question = Packet { kind: Kind::Question, ..packet };
            if let Some(answer) = world.nodes[0].receive(&question, 0, 0) {
                prop_assert!(encode(&answer.packet).len() <= encode(&question).len());
                prop_assert_eq!((answer.node, answer.packet.from), (usize::from(question.from), 0));
            }
        }
    }
}
