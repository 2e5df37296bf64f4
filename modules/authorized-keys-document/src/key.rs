// SPDX-License-Identifier: GPL-3.0-or-later
//! A public key: type and blob, and nothing of what a line says besides.
//!
//! Two keys are one when sshd takes one for the other, whatever word stands before them.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{Algorithm, KeyError, algorithm, blob};

/// A public key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    algorithm: Algorithm,
    blob: Vec<u8>,
}

/// A key as it was read.
pub(crate) struct Read {
    pub(crate) key: PublicKey,
    /// How many bytes type and blob take.
    pub(crate) length: usize,
    /// Whether the blob has a name for its type that newer sshds do not take.
    pub(crate) named_short: bool,
}

impl PublicKey {
    /// Its type.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its fingerprint as OpenSSH prints it, `SHA256:` and 43 characters.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    /// Type and key as a line has them.
    #[must_use]
    pub fn spelling(&self) -> String {
        format!("{} {}", self.algorithm.name(), STANDARD.encode(&self.blob))
    }

    /// Reads `type base64` at the start of the text.
    pub(crate) fn read(text: &[u8]) -> Result<Read, KeyError> {
        let name = word(text);
        let Some(algorithm) = Algorithm::named(name) else {
            return Err(if algorithm::is_certificate(name) {
                KeyError::Certificate
            } else {
                KeyError::NoType
            });
        };
        let start = name.len() + blanks(text.get(name.len()..).unwrap_or_default());
        let spelled = word(text.get(start..).unwrap_or_default());
        // sshd passes over white space inside the base64 text, which the carriage return of a DOS line is
        let space = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0b;
        let digits: Vec<u8> = spelled.iter().copied().filter(|byte| !space(*byte)).collect();
        let blob = STANDARD.decode(digits).map_err(|_| KeyError::NotBase64(algorithm.name()))?;
        if blob.is_empty() {
            return Err(KeyError::NotBase64(algorithm.name()));
        }
        if blob::type_of(&blob).is_some_and(algorithm::is_certificate) {
            return Err(KeyError::Certificate);
        }
        let named_short = blob::is_named_short(&blob);
        let blob = blob::canonical(algorithm, &blob).ok_or(KeyError::Damaged(algorithm.name()))?;
        Ok(Read { key: Self { algorithm, blob }, length: start + spelled.len(), named_short })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm.name(), self.fingerprint())
    }
}

/// The text up to the first blank.
fn word(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| is_blank(*byte)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// How many blanks the text begins with.
pub(crate) fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_blank(**byte)).count()
}

/// Blank or tab: what sshd takes as a separator.
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}
