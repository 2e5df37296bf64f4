// SPDX-License-Identifier: GPL-3.0-or-later
//! The module by itself, for its tests: what is shipped is `pve-cluster`, which holds them all.

use std::process::ExitCode;

fn main() -> ExitCode {
    pvecm_relay::main()
}
