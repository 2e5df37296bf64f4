// SPDX-License-Identifier: GPL-3.0-or-later
//! Any bytes as a corosync.conf, with every kind of edit made to it, at the place that their sum says.

#![no_main]

mod check;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| check::check_at(bytes, bytes.iter().map(|byte| usize::from(*byte)).sum()));
