// SPDX-License-Identifier: GPL-3.0-or-later
//! The ssh login of a node to another host, as pvecm makes it: root's own keys, no questions, only known hosts.

mod login;
mod parts;
mod refused;

pub use login::{KEY, Login, pinned};
pub use parts::part;
pub use refused::NoLogin;
