// SPDX-License-Identifier: GPL-3.0-or-later
//! The options before a key.

use crate::OptionError;

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
    split(options.as_bytes()).into_iter().zip(1..).try_for_each(|(option, number)| check_one(option, number))
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
        ] {
            assert_eq!(check(bad), Err(error), "{bad}");
        }
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
