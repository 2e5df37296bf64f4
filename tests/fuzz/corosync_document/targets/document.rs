// SPDX-License-Identifier: GPL-3.0-or-later
//! Any bytes as a corosync.conf, with every kind of edit made to it.

#![no_main]

mod check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check::check(bytes));
