// SPDX-License-Identifier: GPL-3.0-or-later
//! Why a text is not a public key. No variant carries the text: it may be a private key given by mistake.

use thiserror::Error;

/// Why a line is not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Neither at its start nor after options is there the name of a key type.
    #[error("it does not begin with options or the name of a key type such as ssh-ed25519")]
    NoType,
    /// A certificate.
    #[error("it is a certificate; give the public key, from the file without '-cert'")]
    Certificate,
    /// What follows the type is not base64, or nothing follows.
    #[error("what follows '{0}' is not a key in base64")]
    NotBase64(&'static str),
    /// The blob says another type than the line, or is cut off or followed by something.
    #[error("the key after '{0}' is damaged: it is not a whole key of this type")]
    Damaged(&'static str),
    /// sshd takes no such key any more.
    #[error("sshd no longer accepts keys of type '{0}'; use ssh-ed25519")]
    Obsolete(&'static str),
    /// A private key.
    #[error("it is a private key; give the public key, from the file ending in '.pub'")]
    Private,
    /// The options before the key.
    #[error("its options are wrong: {0}")]
    Options(#[from] OptionError),
}

/// Why options are not ones that sshd takes. sshd ignores the whole line then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OptionError {
    /// The option with this number is not known.
    #[error("sshd knows no option like number {0}")]
    Unknown(usize),
    /// The option with this number needs a value in double quotes, or it does not end.
    #[error("option number {0} needs a value in double quotes, name=\"value\"")]
    NeedsValue(usize),
    /// The option with this number takes no value.
    #[error("option number {0} takes no value")]
    TakesNone(usize),
    /// The value of the option with this number is not one that sshd takes.
    #[error("the value of option number {number}, '{name}', {must}")]
    Value {
        /// Its number.
        number: usize,
        /// Its name.
        name: &'static str,
        /// What the value must be, or why it lets nobody in.
        must: &'static str,
    },
    /// An option is given a second time that sshd takes once.
    #[error("option number {number}, '{name}', is given a second time, and sshd takes one")]
    Twice {
        /// Its number.
        number: usize,
        /// Its name.
        name: &'static str,
    },
    /// `principals` is for an authority.
    #[error("option number {0}, 'principals', is for a line with 'cert-authority' only")]
    NoAuthority(usize),
    /// There is a line break or NUL.
    #[error("they must be one line")]
    NotOneLine,
}
