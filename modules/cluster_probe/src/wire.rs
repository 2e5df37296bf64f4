// SPDX-License-Identifier: GPL-3.0-or-later
//! The packets that the nodes send each other. They hold nothing but numbers, and a packet of any other origin is ignored.

/// Where a packet goes in the numbering of all nodes, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet {
    /// The measurement it belongs to: a random number that only its nodes know.
    pub(crate) run: u128,
    pub(crate) kind: Kind,
    /// Who sent it, by its place in the list of nodes.
    pub(crate) from: u16,
    pub(crate) link: u8,
    /// The port it was sent through.
    pub(crate) port: u16,
    /// Which of the measured packets it is; none for one that only looks whether anybody is there.
    pub(crate) sequence: u32,
    /// How long the packet was as it was sent.
    pub(crate) size: u16,
    /// When the question was sent, by the clock of who asked that never jumps, in nanoseconds.
    pub(crate) asked_at: u64,
    /// What the sender's clock said when it sent this, in nanoseconds since 1970.
    pub(crate) clock: i64,
    /// Ports that the sender cannot use because something else does, by their place in the list of ports.
    pub(crate) busy: u64,
    /// Whether the sender has all that it needs.
    pub(crate) done: bool,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To be answered.
    Question,
    /// The answer, with the sequence, size and time of the question.
    Answer,
}

/// Packets that only look whether anybody is there.
pub(crate) const HELLO: u32 = u32::MAX;
/// Those that measure how large a packet may be begin here.
pub(crate) const SIZES: u32 = 1 << 24;

const MAGIC: [u8; 8] = *b"pveprobe";
/// A packet without anything to make it longer.
pub(crate) const LENGTH: usize = 64;

/// The packet as bytes, `size` of them or as many as it needs.
pub(crate) fn encode(packet: &Packet) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH.max(packet.size.into()));
    bytes.extend(MAGIC);
    bytes.extend(packet.run.to_be_bytes());
    bytes.extend(packet.asked_at.to_be_bytes());
    bytes.extend(packet.clock.to_be_bytes());
    bytes.extend(packet.busy.to_be_bytes());
    bytes.extend(packet.sequence.to_be_bytes());
    bytes.extend(packet.from.to_be_bytes());
    bytes.extend(packet.port.to_be_bytes());
    bytes.extend(packet.size.to_be_bytes());
    bytes.extend([packet.link, u8::from(packet.kind == Kind::Answer), u8::from(packet.done)]);
    bytes.resize(LENGTH, 0);
    if packet.kind == Kind::Question {
        bytes.resize(LENGTH.max(packet.size.into()), 0);
    }
    bytes
}

/// The packet that these bytes are; none when they are something else.
pub(crate) fn decode(bytes: &[u8]) -> Option<Packet> {
    let mut rest = bytes.strip_prefix(&MAGIC)?;
    if bytes.len() < LENGTH {
        return None;
    }
    let run = u128::from_be_bytes(take(&mut rest)?);
    let asked_at = u64::from_be_bytes(take(&mut rest)?);
    let clock = i64::from_be_bytes(take(&mut rest)?);
    let busy = u64::from_be_bytes(take(&mut rest)?);
    let sequence = u32::from_be_bytes(take(&mut rest)?);
    let from = u16::from_be_bytes(take(&mut rest)?);
    let port = u16::from_be_bytes(take(&mut rest)?);
    let size = u16::from_be_bytes(take(&mut rest)?);
    let [link, answer, done] = take(&mut rest)?;
    let kind = if answer == 1 { Kind::Answer } else { Kind::Question };
    // A question that was cut short on its way is none.
    if kind == Kind::Question && bytes.len() < usize::from(size) {
        return None;
    }
    Some(Packet { run, kind, from, link, port, sequence, size, asked_at, clock, busy, done: done == 1 })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*first)
}

/// The number of a measurement from its 32 hexadecimal digits; none when they are something else.
pub(crate) fn run_number(token: &str) -> Option<u128> {
    let digits = token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(token, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sent_arrives(
            run: u128, from: u16, link: u8, port: u16, sequence: u32, size in 0_u16..9000, asked_at: u64, clock: i64, busy: u64,
            done: bool, answer: bool,
        ) {
            let kind = if answer { Kind::Answer } else { Kind::Question };
            let packet = Packet { run, kind, from, link, port, sequence, size, asked_at, clock, busy, done };
            let bytes = encode(&packet);
            prop_assert_eq!(bytes.len(), if answer { LENGTH } else { LENGTH.max(size.into()) });
            prop_assert_eq!(decode(&bytes), Some(packet));
            prop_assert_eq!(decode(&bytes[..LENGTH - 1]), None);
        }

        #[test]
        fn anything_else_is_ignored(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&bytes), None);
        }
    }

    #[test]
    fn a_run_is_a_random_number_of_128_bits_and_nothing_else() {
        assert_eq!(
            run_number("0123456789abcdef0123456789ABCDEF"),
            Some(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
        );
        for token in [
            "",
            "prod pve1 pve2 20",
            "0123456789abcdef0123456789abcde",
            "0123456789abcdef0123456789abcdef0",
            "+123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(run_number(token), None, "{token}");
        }
    }
}
