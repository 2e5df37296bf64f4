// SPDX-License-Identifier: GPL-3.0-or-later
//! `from`: the addresses and names from which a line lets its key in.

use std::net::IpAddr;

/// One entry of the list.
enum Entry {
    /// A network: its address, how many of its bits count.
    Network(IpAddr, u32),
    /// A text with `*` and `?` in it, or the name of a host.
    Pattern(Vec<u8>),
}

/// What is wrong with a list; nothing when sshd takes it and it can let somebody in.
pub(crate) fn objection(value: &[u8]) -> Option<&'static str> {
    let mut positive = false;
    for entry in value.split(|byte| *byte == b',') {
        let bare = entry.strip_prefix(b"!").unwrap_or(entry);
        if let Err(why) = read(bare) {
            return Some(why);
        }
        positive |= bare.len() == entry.len();
    }
    (!positive)
        .then_some("only excludes addresses, so it lets nobody in: name who may come in too, such as '*'")
}

fn read(entry: &[u8]) -> Result<Entry, &'static str> {
    const NEVER: &str = "has an entry that no address and no name can match: entries are addresses, networks such as \
                         10.0.0.0/24, or names, with commas and no blanks between";
    if entry.is_empty() {
        return Err("has an empty entry, for which sshd ignores the line");
    }
    if let Some(slash) = entry.iter().position(|byte| *byte == b'/') {
        let (address, bits) =
            (entry.get(..slash).unwrap_or_default(), entry.get(slash + 1..).unwrap_or_default());
        let digits = !bits.is_empty() && bits.iter().all(u8::is_ascii_digit);
        let bits =
            std::str::from_utf8(bits).ok().filter(|_| digits).and_then(|bits| bits.parse::<u32>().ok());
        let (Some(address), Some(bits)) = (address_of(address), bits) else { return Err(NEVER) };
        if bits > width(address) {
            return Err("has a network with more bits than its address, for which sshd ignores the line");
        }
        if number(address) & !mask(address, bits) != 0 {
            return Err(
                "has a network whose address goes on behind the network's bits, for which sshd ignores the line: \
                        write 10.0.0.0/24, not 10.0.0.7/24",
            );
        }
        return Ok(Entry::Network(address, bits));
    }
    if let Some(address) = address_of(entry) {
        return Ok(Entry::Network(address, width(address)));
    }
    let wild = entry.iter().any(|byte| b"*?".contains(byte));
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let letters = entry.iter().any(u8::is_ascii_alphabetic) && entry.iter().all(plain);
    if letters || wild && entry.iter().all(|byte| plain(byte) || b"*?:".contains(byte)) {
        return Ok(Entry::Pattern(entry.to_ascii_lowercase()));
    }
    Err(NEVER)
}

/// An address; a zone behind it does not count.
fn address_of(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.split_once('%').map_or(text, |(bare, _)| bare);
    let address = bare.parse::<IpAddr>().ok()?;
    (bare.len() == text.len() || address.is_ipv6()).then_some(address)
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The bits of an address that a network's length counts.
fn mask(address: IpAddr, bits: u32) -> u128 {
    let all = u128::MAX >> (128 - width(address));
    let behind = width(address).saturating_sub(bits);
    all & all.checked_shl(behind).unwrap_or(0)
}

/// Whether sshd lets a connection from this address in, of which it does not look the name up.
pub(crate) fn admits(value: &[u8], address: IpAddr) -> bool {
    let address = address.to_canonical();
    let spelled = address.to_string().into_bytes();
    let mut found = false;
    for entry in value.split(|byte| *byte == b',') {
        let bare = entry.strip_prefix(b"!").unwrap_or(entry);
        let matches = match read(bare) {
            Ok(Entry::Network(network, bits)) => {
                network.is_ipv4() == address.is_ipv4()
                    && number(network) == number(address) & mask(address, bits)
            }
            Ok(Entry::Pattern(pattern)) => is_like(&spelled, &pattern),
            Err(_) => false,
        };
        if matches && bare.len() != entry.len() {
            return false;
        }
        found |= matches;
    }
    found
}

/// Whether no address can match a list of `from`, only names of hosts, which sshd compares only with `UseDNS yes`.
#[must_use]
pub fn matches_only_names(options: &[u8]) -> bool {
    let value = crate::options::value(options, "from");
    value.is_some_and(|value| {
        value.split(|byte| *byte == b',').filter(|entry| !entry.starts_with(b"!")).all(|entry| {
            let of_names =
                |byte: &u8| byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit() || *byte == b'-';
            let hex = entry.iter().all(|byte| !of_names(byte));
            match read(entry) {
                Ok(Entry::Network(..)) => false,
                Ok(Entry::Pattern(pattern)) => !(hex && pattern.iter().any(|byte| b"*?".contains(byte))),
                Err(_) => true,
            }
        })
    })
}

/// Whether a text is like a pattern, in which `*` is any text and `?` any letter.
fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    // where the last `*` stands, and how much of the text it has taken
    let mut back: Option<(usize, usize)> = None;
    let (mut at, mut of) = (0, 0);
    while at < text.len() {
        match pattern.get(of) {
            Some(b'*') => {
                back = Some((of, at));
                of += 1;
            }
            Some(letter) if *letter == b'?' || Some(letter) == text.get(at) => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((star, taken)) = back else { return false };
                back = Some((star, taken + 1));
                (of, at) = (star + 1, taken + 1);
            }
        }
    }
    pattern.get(of..).unwrap_or_default().iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_can_let_somebody_in() {
        for value in [
            "10.0.0.1",
            "10.0.0.0/24",
            "0.0.0.0/0",
            "::/0",
            "10.0.0.1/32",
            "fd00::/8,!fd00::1",
            "FE80::1%vmbr0",
            "*",
            "10.0.?.*",
            "controller",
            "controller.example.com",
            "*.example.com",
            "!10.0.0.1,*",
            "a-b.example.com",
        ] {
            assert_eq!(objection(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn lists_that_cannot_and_why() {
        for (value, word) in [
            ("", "an empty entry"),
            ("10.0.0.1,", "an empty entry"),
            ("!", "an empty entry"),
            ("192.168.3.10/24", "behind the network's bits"),
            ("fd00::1/64", "behind the network's bits"),
            ("10.0.0.0/33", "more bits than its address"),
            ("fd00::/129", "more bits than its address"),
            ("10.0.0.1, 10.0.0.2", "that no address"),
            ("10.0.0.1-10.0.0.9", "that no address"),
            ("10.0.0.1-9", "that no address"),
            ("10.0.0.1;10.0.0.2", "that no address"),
            ("10.0.0.0/255.255.255.0", "that no address"),
            ("10.0.0.0/", "that no address"),
            ("a.example.com/24", "that no address"),
            ("300.1.1.1", "that no address"),
            ("10.0.0.1%eth0", "that no address"),
            ("*.x y", "that no address"),
            ("!10.0.0.1", "only excludes"),
        ] {
            let said = objection(value.as_bytes()).unwrap_or_default();
            assert!(said.contains(word), "{value}: {said}");
        }
    }

    #[test]
    fn who_is_let_in() {
        for (value, address, expected) in [
            ("10.0.0.0/24", "10.0.0.7", true),
            ("10.0.0.0/24", "10.0.1.7", false),
            ("10.0.0.0/24", "::ffff:10.0.0.7", true),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.6", false),
            ("0.0.0.0/0", "10.0.0.7", true),
            ("0.0.0.0/0", "fd00::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "fd12::1", true),
            ("*,!10.0.0.7", "10.0.0.7", false),
            ("!10.0.0.7,*", "10.0.0.8", true),
            ("10.0.*", "10.0.0.7", true),
            ("10.0.?.7", "10.0.0.7", true),
            ("10.0.?.7", "10.0.10.7", false),
            ("*.7*", "10.0.7.1", true),
            ("*.7", "10.0.7.1", false),
            ("controller", "10.0.0.7", false),
            ("", "10.0.0.7", false),
        ] {
            assert_eq!(admits(value.as_bytes(), address.parse().unwrap()), expected, "{value} {address}");
        }
    }

    #[test]
    fn names_alone_need_dns() {
        for (options, expected) in [
            ("from=\"controller.example.com\"", true),
            ("from=\"*.example.com\"", true),
            ("from=\"abe\"", true),
            ("from=\"controller,10.0.0.1\"", false),
            ("from=\"10.*\"", false),
            ("from=\"fd00:*\"", false),
            ("from=\"*\"", false),
            ("restrict", false),
        ] {
            assert_eq!(matches_only_names(options.as_bytes()), expected, "{options}");
        }
    }
}
