// SPDX-License-Identifier: GPL-3.0-or-later
//! The sockets and clocks of a measurement: carries out what the session says.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{SystemTime, UNIX_EPOCH};

use host::Host;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};

use crate::args::{Args, Node};
use crate::session::{PRESENCE, Sending, Session, TICK};
use crate::wire::{decode, encode};

/// Packets that are read before the next look at the clock.
const AT_ONCE: usize = 4_096;

/// Of the headers of IP and UDP, in bytes.
pub(crate) fn headers(address: IpAddr) -> u16 {
    if address.is_ipv4() { 28 } else { 48 }
}

/// This node's sockets, one a link and port.
pub(crate) struct Sockets {
    open: Vec<(u8, u16, UdpSocket)>,
    /// Ports in use by something else, by link, as bits in the order of the ports.
    pub(crate) busy: BTreeMap<u8, u64>,
    /// What else keeps a socket from being opened or a packet from being sent, each once.
    pub(crate) problems: Vec<String>,
}

impl Sockets {
    /// Opens them on all links of this node.
    pub(crate) fn open(own: &Node, ports: &[u16]) -> Self {
        let mut sockets = Self { open: Vec::new(), busy: BTreeMap::new(), problems: Vec::new() };
        for link in &own.links {
            for (bit, port) in ports.iter().enumerate() {
                let opened = UdpSocket::bind((link.address, *port))
                    .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
                match opened {
                    Ok(socket) => sockets.open.push((link.number, *port, socket)),
                    Err(error) => {
                        *sockets.busy.entry(link.number).or_default() |= 1 << bit;
                        if error.kind() != ErrorKind::AddrInUse {
                            sockets.problem(format!(
                                "cannot use the address {} of link {}: {error}",
                                link.address, link.number
                            ));
                        }
                    }
                }
            }
        }
        sockets.open_presence(own, ports);
        sockets
    }

    /// Opens those of the management address, where that is no link's. They only save time: where they cannot be had, nothing is said.
    fn open_presence(&mut self, own: &Node, ports: &[u16]) {
        if own.links.iter().any(|link| link.address == own.address) {
            return;
        }
        let mut busy = 0;
        for (bit, port) in ports.iter().enumerate() {
            let opened = UdpSocket::bind((own.address, *port))
                .and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
            match opened {
                Ok(socket) => self.open.push((PRESENCE, *port, socket)),
                Err(_) => busy |= 1 << bit,
            }
        }
        self.busy.insert(PRESENCE, busy);
    }

    fn problem(&mut self, said: String) {
        if !self.problems.contains(&said) {
            self.problems.push(said);
        }
    }

    /// Sends; what is lost on the way out is as lost as what is lost later, but said.
    fn send(&mut self, nodes: &[Node], sending: &Sending) {
        let packet = &sending.packet;
        let Some(node) = nodes.get(sending.node) else { return };
        let Some(address) = address_of(node, sending.link) else { return };
        let own = self.open.iter().find(|(number, port, _)| (*number, *port) == (sending.link, packet.port));
        let Some((_, _, socket)) = own else { return };
        let mut shorter = *packet;
        shorter.size = packet.size.saturating_sub(if packet.size > 0 { headers(address) } else { 0 });
        let failed = socket.send_to(&encode(&shorter), (address, packet.port)).err();
        // a full queue or a closed port is the network's doing; an answer of this machine's own firewall or routes is not
        let silent = [ErrorKind::WouldBlock, ErrorKind::ConnectionRefused];
        let told = packet.size == 0 && sending.link != PRESENCE;
        if let Some(error) = failed.filter(|error| !silent.contains(&error.kind()) && told) {
            self.problem(format!("cannot send to {address} on link {}: {error}", sending.link));
        }
    }

    /// Carries out a measurement to its end.
    pub(crate) fn run(&mut self, args: &Args, session: &mut Session, host: &dyn Host) {
        let mut due = 0;
        let mut bytes = vec![0; 65_536];
        loop {
            let now = now(host);
            if now >= due {
                for sending in session.tick(now, clock()) {
                    self.send(&args.nodes, &sending);
                }
                due = now + TICK;
            }
            if session.is_over(now) {
                return;
            }
            self.wait(due.saturating_sub(now));
            for (from, packet) in self.arrived(&mut bytes) {
                let expected =
                    args.nodes.get(usize::from(packet.from)).and_then(|node| address_of(node, packet.link));
                if expected != Some(from) {
                    continue;
                }
                if let Some(answer) = session.receive(&packet, crate::sockets::now(host), clock()) {
                    self.send(&args.nodes, &answer);
                }
            }
        }
    }

    /// Until something arrives, at most that many nanoseconds.
    fn wait(&self, nanoseconds: u64) {
        let mut all: Vec<PollFd> =
            self.open.iter().map(|(_, _, socket)| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        let milliseconds = u16::try_from(nanoseconds / 1_000_000 + 1).unwrap_or(u16::MAX);
        // an interrupted wait is a short one
        let _ = poll(&mut all, PollTimeout::from(milliseconds));
    }

    /// What has arrived, of each socket a fair part: a flood on one of them keeps neither the others nor the clock.
    fn arrived(&self, bytes: &mut [u8]) -> Vec<(IpAddr, crate::wire::Packet)> {
        let each = (AT_ONCE / self.open.len().max(1)).max(1);
        let mut packets = Vec::new();
        for (_, _, socket) in &self.open {
            for _ in 0..each {
                let Ok((length, from)) = socket.recv_from(bytes) else { break };
                packets.extend(bytes.get(..length).and_then(decode).map(|packet| (from.ip(), packet)));
            }
        }
        packets
    }
}

/// A node's address on a link, or on the management network.
fn address_of(node: &Node, link: u8) -> Option<IpAddr> {
    let found = node.links.iter().find(|other| other.number == link).map(|link| link.address);
    found.or_else(|| (link == PRESENCE).then_some(node.address))
}

/// What the system knows by now of the largest packet on the way to an address; it does not tell for IPv6.
pub(crate) fn known_mtu(own: IpAddr, other: IpAddr) -> Option<u32> {
    let socket = UdpSocket::bind((own, 0)).ok()?;
    socket.connect(SocketAddr::new(other, 9)).ok()?;
    if own.is_ipv6() {
        return None;
    }
    getsockopt(&socket, sockopt::IpMtu).ok().and_then(|mtu| u32::try_from(mtu).ok())
}

fn now(host: &dyn Host) -> u64 {
    u64::try_from(host.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// This machine's clock in nanoseconds: the host's own tells only seconds.
#[expect(clippy::disallowed_methods, reason = "a clock's offset is measured in fractions of a second")]
fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
