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

    /// The type that a line names so.
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().as_bytes() == name)
    }
}

/// Whether a line that names its type so holds a certificate: sshd takes certificates from the client, never from
/// this file.
pub(crate) fn is_certificate(name: &[u8]) -> bool {
    name.ends_with(b"-cert-v01@openssh.com")
}
