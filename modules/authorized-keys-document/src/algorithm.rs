// SPDX-License-Identifier: GPL-3.0-or-later
//! The types of public keys that OpenSSH knows.

/// The type of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `ssh-rsa`
    Rsa,
    /// `ssh-dss`, which OpenSSH 10 no longer knows.
    Dsa,
    /// `ssh-ed25519`
    Ed25519,
    /// `ecdsa-sha2-nistp256`
    EcdsaP256,
    /// `ecdsa-sha2-nistp384`
    EcdsaP384,
    /// `ecdsa-sha2-nistp521`
    EcdsaP521,
    /// `sk-ssh-ed25519@openssh.com`, on a security key.
    SkEd25519,
    /// `sk-ecdsa-sha2-nistp256@openssh.com`, on a security key.
    SkEcdsaP256,
}

impl Algorithm {
    /// Every type.
    pub const ALL: [Self; 8] = [
        Self::Rsa,
        Self::Dsa,
        Self::Ed25519,
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::EcdsaP521,
        Self::SkEd25519,
        Self::SkEcdsaP256,
    ];

    /// The name in a key line and inside the blob.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "ssh-rsa",
            Self::Dsa => "ssh-dss",
            Self::Ed25519 => "ssh-ed25519",
            Self::EcdsaP256 => "ecdsa-sha2-nistp256",
            Self::EcdsaP384 => "ecdsa-sha2-nistp384",
            Self::EcdsaP521 => "ecdsa-sha2-nistp521",
            Self::SkEd25519 => "sk-ssh-ed25519@openssh.com",
            Self::SkEcdsaP256 => "sk-ecdsa-sha2-nistp256@openssh.com",
        }
    }

    /// The type that a line names so. sshd takes the names of signatures for their keys too.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let other = OTHER_NAMES.iter().find(|(other, _)| other.as_bytes() == name);
        let own = Self::ALL.into_iter().find(|algorithm| algorithm.name().as_bytes() == name);
        own.or_else(|| other.map(|(_, algorithm)| *algorithm))
    }

    /// The type that a blob names so: as in a line, and OpenSSH's own short names in any case.
    pub(crate) fn named_inside(name: &[u8]) -> Option<Self> {
        let short = SHORT_NAMES.iter().find(|(short, _)| short.as_bytes().eq_ignore_ascii_case(name));
        Self::named(name).or_else(|| short.map(|(_, algorithm)| *algorithm))
    }
}

/// Names of signatures, which name the key that makes them.
const OTHER_NAMES: [(&str, Algorithm); 3] = [
    ("rsa-sha2-256", Algorithm::Rsa),
    ("rsa-sha2-512", Algorithm::Rsa),
    ("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", Algorithm::SkEcdsaP256),
];

/// Those whose name does not have to tell a curve.
const SHORT_NAMES: [(&str, Algorithm); 4] = [
    ("RSA", Algorithm::Rsa),
    ("DSA", Algorithm::Dsa),
    ("ED25519", Algorithm::Ed25519),
    ("ED25519-SK", Algorithm::SkEd25519),
];

/// Whether a line that names its type so holds a certificate: sshd takes certificates from the client, never from
/// this file.
pub(crate) fn is_certificate(name: &[u8]) -> bool {
    name.ends_with(b"-cert-v01@openssh.com")
}
