// SPDX-License-Identifier: GPL-3.0-or-later
//! Keys as someone hands them over: the lines of a public key file.

use thiserror::Error;

use crate::line::Entry;
use crate::{Algorithm, KeyError, PublicKey, options};

/// A key that is wanted, and what its line is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The key.
    pub key: PublicKey,
    /// The options; `None` leaves those of an existing line as they are.
    pub options: Option<String>,
    /// The comment; `None` leaves that of an existing line as it is.
    pub comment: Option<String>,
}

/// The line that is not a public key, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line} is not a public key: {cause}")]
pub struct GivenError {
    /// Its number, from 1.
    pub line: usize,
    /// Why.
    pub cause: KeyError,
}

/// Reads the keys in a text: one a line, blank lines and comments passed over.
///
/// # Errors
/// The first line that is not a whole public key that sshd takes. The text itself is never in an error.
pub fn given_keys(text: &str) -> Result<Vec<Given>, GivenError> {
    if looks_private(text) {
        return Err(GivenError { line: 1, cause: KeyError::Private });
    }
    let mut keys = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        keys.push(given(text).map_err(|cause| GivenError { line: number, cause })?);
    }
    Ok(keys)
}

/// Whether a text holds a private key (PEM, OpenSSH or PuTTY).
#[must_use]
pub fn looks_private(text: &str) -> bool {
    text.contains("PRIVATE KEY-----") || text.contains("PuTTY-User-Key-File")
}

fn given(line: &str) -> Result<Given, KeyError> {
    let entry = Entry::read(line.as_bytes())?;
    if entry.key.algorithm() == Algorithm::Dsa {
        return Err(KeyError::Obsolete(Algorithm::Dsa.name()));
    }
    let text = |bytes: &[u8]| (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
    let (options, comment) = (text(&entry.options), text(&entry.comment));
    options::check(options.as_deref().unwrap_or_default())?;
    Ok(Given { key: entry.key, options, comment })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OptionError;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa";

    fn error(text: &str) -> String {
        let error = given_keys(text).unwrap_err().to_string();
        assert!(
            !error.contains("AAAA") && !error.contains("secret"),
            "an error must not hold the text: {error}"
        );
        error
    }

    #[test]
    fn several_lines_with_comments_between() {
        let text =
            format!("# mine\r\n\r\nssh-ed25519 {KEY} me at home\r\n  restrict,pty ssh-ed25519 {KEY}\n");
        let keys = given_keys(&text).unwrap();
        assert_eq!(keys.len(), 2);
        assert_eq!(keys[0].comment.as_deref(), Some("me at home"));
        assert_eq!((keys[0].options.as_deref(), keys[1].comment.as_deref()), (None, None));
        assert_eq!(keys[1].options.as_deref(), Some("restrict,pty"));
        assert_eq!(
            keys[0].key.fingerprint(),
            "SHA256:MRB1o4XTdahH9YnnpEd+7yYrMXw39nW52qRqcoVBzS4",
            "as ssh-keygen -l prints it"
        );
        assert_eq!(given_keys("").unwrap(), []);
    }

    #[test]
    fn what_is_not_a_public_key_and_why() {
        for (text, words) in [
            ("secret", "it does not begin with options or the name of a key type such as ssh-ed25519"),
            ("ssh-ed25519", "what follows 'ssh-ed25519' is not a key in base64"),
            ("ssh-ed25519 secret!", "what follows 'ssh-ed25519' is not a key in base64"),
            ("pty ssh-rsa AAA", "what follows 'ssh-rsa' is not a key in base64"),
            (
                "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
                "the key after 'ssh-ed25519' is damaged: it is not a whole key of this type",
            ),
            (
                &format!("ssh-rsa {KEY}"),
                "the key after 'ssh-rsa' is damaged: it is not a whole key of this type",
            ),
            (
                &format!("ssh-ed25519 {KEY}AAAA"),
                "the key after 'ssh-ed25519' is damaged: it is not a whole key of this type",
            ),
            (
                "ssh-ed25519-cert-v01@openssh.com AAAA",
                "it is a certificate; give the public key, from the file without '-cert'",
            ),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret",
                "it is a private key; give the public key, from the file ending in '.pub'",
            ),
            (
                "PuTTY-User-Key-File-3: ssh-ed25519\nsecret",
                "it is a private key; give the public key, from the file ending in '.pub'",
            ),
            (
                &format!("secret ssh-ed25519 {KEY}"),
                "its options are wrong: sshd knows no option like number 1",
            ),
        ] {
            assert_eq!(error(text), format!("line 1 is not a public key: {words}"));
        }
        let second = given_keys(&format!("ssh-ed25519 {KEY}\n\nfrom=x ssh-ed25519 {KEY}")).unwrap_err();
        assert_eq!(second, GivenError { line: 3, cause: KeyError::Options(OptionError::NeedsValue(1)) });
    }
}
