// SPDX-License-Identifier: GPL-3.0-or-later
//! `authorized_keys`, read and edited without losing a byte.
//!
//! [`Document`] is the file: bytes in are bytes out, and an edit touches only the lines of the key it is about. A
//! line is read as sshd reads it: `[options] type base64 [comment]`, the options with quoted blanks, commas and `#`.
//! Keys are the same when sshd takes one for the other: `rsa-sha2-512` before the blob of an ssh-rsa key is that key.
//! Options and comments are what a line says about its key. Lines that hold no key of a type known here (comments,
//! blank lines, certificates, future types) are kept as they are.

mod algorithm;
mod blob;
mod document;
mod error;
mod expiry;
mod from;
mod given;
mod key;
mod line;
mod options;
mod session;

pub use algorithm::Algorithm;
pub use document::Document;
pub use error::{KeyError, OptionError};
pub use from::matches_only_names;
pub use given::{Given, GivenError, given_keys, looks_private};
pub use key::PublicKey;
pub use line::Entry;
pub use options::{check as check_options, is_certificate_authority};
pub use session::{Obstacle, Session};
