// SPDX-License-Identifier: GPL-3.0-or-later
//! Networks of addresses.

use std::net::IpAddr;

/// The network that an address with this prefix length lies in: its first address.
pub(crate) fn network(address: IpAddr, prefix: u8) -> (IpAddr, u8) {
    let first = match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V4((four.to_bits() & mask).into())
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix.into())).unwrap_or(0);
            IpAddr::V6((six.to_bits() & mask).into())
        }
    };
    (first, prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_addresses() {
        let of = |address: &str, prefix| network(address.parse().unwrap(), prefix).0.to_string();
        assert_eq!(of("10.77.1.12", 24), "10.77.1.0");
        assert_eq!(of("10.77.1.12", 32), "10.77.1.12");
        assert_eq!(of("10.77.1.12", 0), "0.0.0.0");
        assert_eq!(of("fd00::12:3", 64), "fd00::");
        assert_eq!(of("fd00::12:3", 0), "::");
    }
}
