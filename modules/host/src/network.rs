// SPDX-License-Identifier: GPL-3.0-or-later
//! The machine's own addresses.

use std::net::IpAddr;

/// One address of one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAddress {
    /// Interface name.
    pub interface: String,
    /// The address.
    pub address: IpAddr,
    /// Length of the network prefix, 0-128 bits.
    pub prefix: u8,
}
