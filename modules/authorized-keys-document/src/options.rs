// SPDX-License-Identifier: GPL-3.0-or-later
//! The options before a key.

use crate::expiry::Expiry;
use crate::{OptionError, from};

/// Options without a value, of which `no-` may stand before.
const NEGATABLE: [&str; 7] = [
    "agent-forwarding",
    "port-forwarding",
    "pty",
    "touch-required",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];
/// Options without a value.
const PLAIN: [&str; 2] = ["cert-authority", "restrict"];
/// Options with a value.
const VALUED: [&str; 8] =
    ["command", "environment", "expiry-time", "from", "permitlisten", "permitopen", "principals", "tunnel"];

/// Options that sshd takes once.
const ONCE: [&str; 3] = ["command", "from", "principals"];
/// The greatest number of a tunnel device.
const MOST_TUNNELS: u64 = 0x7fff_fffd;
/// From this length on a host is none (`NI_MAXHOST`).
const LONGEST_HOST: usize = 1025;

/// How far the options at the start of a line reach: up to the first blank outside double quotes, in which `\"` is
/// a quote of the text.
pub(crate) fn length(line: &[u8]) -> usize {
    let mut quoted = false;
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b' ' | b'\t' if !quoted => break,
            b'\\' if line.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The single options of a text, commas in double quotes not counting.
fn split(options: &[u8]) -> Vec<&[u8]> {
    let (mut parts, mut start, mut at, mut quoted) = (Vec::new(), 0, 0, false);
    while let Some(&byte) = options.get(at) {
        match byte {
            b',' if !quoted => {
                parts.push(options.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            b'\\' if options.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => quoted = !quoted,
            _ => {}
        }
        at += 1;
    }
    parts.push(options.get(start..).unwrap_or_default());
    parts
}

/// Whether `cert-authority` is among the options.
#[must_use]
pub fn is_certificate_authority(options: &[u8]) -> bool {
    split(options).iter().any(|option| option.eq_ignore_ascii_case(b"cert-authority"))
}

/// Whether sshd takes these options. It ignores a line with an option that it does not know, or that is written
/// wrongly, so such a line would lock its user out.
///
/// # Errors
/// What is wrong with which of them.
pub fn check(options: &str) -> Result<(), OptionError> {
    if options.contains(['\n', '\r', '\0']) {
        return Err(OptionError::NotOneLine);
    }
    if options.is_empty() {
        return Ok(());
    }
    let parts = split(options.as_bytes());
    for (option, number) in parts.iter().zip(1..) {
        check_one(option, number)?;
        let Some((name, value)) = valued(option) else { continue };
        if let Some(must) = objection(name, &value) {
            return Err(OptionError::Value { number, name, must });
        }
        let earlier =
            parts.iter().take(number - 1).any(|part| valued(part).is_some_and(|(other, _)| other == name));
        if earlier && ONCE.contains(&name) {
            return Err(OptionError::Twice { number, name });
        }
        if name == "principals" && !is_certificate_authority(options.as_bytes()) {
            return Err(OptionError::NoAuthority(number));
        }
    }
    Ok(())
}

/// The name and the value of an option that has one, without its quotes.
fn valued(option: &[u8]) -> Option<(&'static str, Vec<u8>)> {
    let equals = option.iter().position(|byte| *byte == b'=')?;
    let name = option.get(..equals)?;
    let name = VALUED.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
    let quoted = option.get(equals + 1..)?.strip_prefix(b"\"")?;
    let mut value = Vec::new();
    let mut rest = quoted.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return Some((name, value)),
            b'\\' if rest.next_if_eq(&b'"').is_some() => value.push(b'"'),
            _ => value.push(byte),
        }
    }
    None
}

/// The values of an option, in the order in which they stand.
pub(crate) fn values(options: &[u8], name: &str) -> Vec<Vec<u8>> {
    split(options)
        .into_iter()
        .filter_map(valued)
        .filter(|(known, _)| *known == name)
        .map(|(_, value)| value)
        .collect()
}

/// The first value of an option.
pub(crate) fn value(options: &[u8], name: &str) -> Option<Vec<u8>> {
    values(options, name).into_iter().next()
}

/// What is wrong with the value of an option, in words that go behind it; nothing when sshd takes it.
fn objection(name: &str, value: &[u8]) -> Option<&'static str> {
    match name {
        "expiry-time" => Expiry::read(value).is_none().then_some(
            "must be YYYYMMDD or YYYYMMDDHHMM[SS] without anything between, with Z behind it for UTC",
        ),
        "from" => from::objection(value),
        "environment" => {
            let name = value.split(|byte| *byte == b'=').next().unwrap_or_default();
            let plain =
                !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
            (!(plain && value.contains(&b'='))).then_some("must be NAME=value")
        }
        "permitopen" => {
            (!is_host_and_port(value)).then_some("must be host:port, with an IPv6 address in brackets")
        }
        "permitlisten" => {
            let bare = !value.contains(&b':') && is_port(value);
            (!(bare || is_host_and_port(value)))
                .then_some("must be [host:]port, with an IPv6 address in brackets")
        }
        "tunnel" => {
            let number = is_number(value, 0..=MOST_TUNNELS) || value.eq_ignore_ascii_case(b"any");
            (!number).then_some("must be the number of a tunnel device or 'any'")
        }
        "principals" => value.is_empty().then_some("is empty, so that no certificate is let in"),
        _ => None,
    }
}

fn is_number(text: &[u8], range: std::ops::RangeInclusive<u64>) -> bool {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(text).ok().filter(|_| digits).and_then(|text| text.parse().ok());
    number.is_some_and(|number| range.contains(&number))
}

/// A port in digits; sshd takes the name of a service too, which each machine has its own list of.
fn is_port(text: &[u8]) -> bool {
    text == b"*" || is_number(text, 1..=65535)
}

/// `host:port` as sshd takes it, which ends a host at `:` or `/`, or at the `]` of one in brackets.
fn is_host_and_port(value: &[u8]) -> bool {
    let end = if value.starts_with(b"[") {
        value.iter().position(|byte| *byte == b']').map(|bracket| bracket + 1)
    } else {
        value.iter().position(|byte| b":/".contains(byte))
    };
    let Some(end) = end else { return false };
    let parted = value.get(end).is_some_and(|byte| b":/".contains(byte));
    parted && end < LONGEST_HOST && is_port(value.get(end + 1..).unwrap_or_default())
}

fn check_one(option: &[u8], number: usize) -> Result<(), OptionError> {
    let mut halves = option.splitn(2, |byte| *byte == b'=');
    let name = halves.next().unwrap_or_default().to_ascii_lowercase();
    let value = halves.next();
    let is = |known: &str| known.as_bytes() == name;
    let positive = name.strip_prefix(b"no-").unwrap_or(&name);
    let flag =
        PLAIN.iter().any(|known| is(known)) || NEGATABLE.iter().any(|known| known.as_bytes() == positive);
    match value {
        None if flag => Ok(()),
        None if VALUED.iter().any(|known| is(known)) => Err(OptionError::NeedsValue(number)),
        Some(_) if flag => Err(OptionError::TakesNone(number)),
        Some(value) if VALUED.iter().any(|known| is(known)) => {
            if is_quoted(value) {
                Ok(())
            } else {
                Err(OptionError::NeedsValue(number))
            }
        }
        // sshd passes over a comma too many
        None if name.is_empty() => Ok(()),
        _ => Err(OptionError::Unknown(number)),
    }
}

/// Whether the text is one string in double quotes from its first to its last character.
fn is_quoted(text: &[u8]) -> bool {
    let Some(inside) = text.strip_prefix(b"\"") else { return false };
    let mut at = 0;
    while let Some(&byte) = inside.get(at) {
        match byte {
            b'\\' if inside.get(at + 1) == Some(&b'"') => at += 1,
            b'"' => return at + 1 == inside.len(),
            _ => {}
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sshd_takes() {
        for good in [
            "",
            "restrict",
            ",restrict,,pty,",
            "no-pty,no-X11-forwarding,NO-PORT-FORWARDING",
            r#"from="10.0.0.0/8,!10.0.0.1""#,
            r#"command="echo \"a, b\" # c",restrict,pty"#,
            r#"cert-authority,principals="root,admin""#,
            r#"expiry-time="20301231",tunnel="0",environment="A=B""#,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_sshd_ignores_the_line_for() {
        for (bad, error) in [
            ("pyt", OptionError::Unknown(1)),
            ("restrict,,pyt", OptionError::Unknown(3)),
            ("no-restrict", OptionError::Unknown(1)),
            ("restrict ,pty", OptionError::Unknown(1)),
            ("from=10.0.0.1", OptionError::NeedsValue(1)),
            ("pty,command", OptionError::NeedsValue(2)),
            (r#"command="a"#, OptionError::NeedsValue(1)),
            (r#"command="a"b"#, OptionError::NeedsValue(1)),
            (r#"pty="yes""#, OptionError::TakesNone(1)),
            ("restrict\npty", OptionError::NotOneLine),
            (r#"command="a",COMMAND="b""#, OptionError::Twice { number: 2, name: "command" }),
            (r#"from="10.0.0.1",pty,from="10.0.0.2""#, OptionError::Twice { number: 3, name: "from" }),
            (r#"principals="root""#, OptionError::NoAuthority(1)),
        ] {
            assert_eq!(check(bad), Err(error), "{bad}");
        }
    }

    /// The name that the refusal of a value says, when there is one.
    fn refused(options: &str) -> Option<&'static str> {
        match check(options) {
            Ok(()) => None,
            Err(OptionError::Value { number: 1, name, .. }) => Some(name),
            Err(error) => panic!("{options}: {error}"),
        }
    }

    #[test]
    fn values_that_sshd_takes_and_those_that_it_does_not() {
        for (name, good, bad) in [
            ("expiry-time", &["20301231", "203012312359Z"][..], &["2030-12-31", "never", ""][..]),
            ("from", &["10.0.0.0/8"], &["192.168.3.10/24", "a, b", "10.0.0.1-10.0.0.9", "", "!*"]),
            ("environment", &["A=", "A_1=b=c"], &["FOO", "=x", "A-B=1", ""]),
            (
                "permitopen",
                &["localhost:80", "[fd00::1]:22", "*:*", "h/22", ":22"],
                &["localhost", "fd00::1:22", "h:0", "h:65536", "h:x", "[fd00::1", "[fd00::1]", "h:"],
            ),
            (
                "permitlisten",
                &["8080", "*", "localhost:65535", "[::1]:1"],
                &["x", "0", "65536", "localhost:", ""],
            ),
            ("tunnel", &["0", "2147483645", "any", "ANY"], &["x", "2147483646", "-1", ""]),
        ] {
            for value in good {
                assert_eq!(refused(&format!("{name}=\"{value}\"")), None, "{value}");
            }
            for value in bad {
                assert_eq!(refused(&format!("{name}=\"{value}\"")), Some(name), "{value}");
            }
        }
        assert_eq!(
            check(r#"restrict,tunnel="x""#).unwrap_err().to_string(),
            "the value of option number 2, 'tunnel', must be the number of a tunnel device or 'any'"
        );
        assert!(check(r#"cert-authority,principals="""#).is_err());
        let host = |length: usize| check(&format!("permitopen=\"{}:1\"", "x".repeat(length)));
        assert!(host(1024).is_ok() && host(1025).is_err());
    }

    #[test]
    fn options_end_at_the_first_blank_outside_quotes() {
        assert_eq!(length(br#"command="a b \" # c",restrict ssh-rsa A"#), 29);
        assert_eq!(length(b"restrict\tssh-rsa"), 8);
        assert_eq!(length(br#"command="never closed ssh-rsa"#), 29);
    }

    #[test]
    fn an_authority_is_found_in_any_case_and_only_as_an_option() {
        assert!(is_certificate_authority(b"restrict,CERT-authority"));
        assert!(!is_certificate_authority(br#"command="x,cert-authority,y""#));
    }
}
