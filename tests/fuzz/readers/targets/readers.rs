// SPDX-License-Identifier: GPL-3.0-or-later
//! Any bytes as what a program, a file or another node says, for the reader that the variable READER names.

#![no_main]

mod table;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static READER: LazyLock<table::Reader> = LazyLock::new(|| {
    let name = std::env::var("READER").unwrap_or_default();
    let known = table::READERS.iter().find(|(known, _)| *known == name);
    known.unwrap_or_else(|| panic!("READER names no reader: {name}")).1
});

fuzz_target!(|bytes: &[u8]| READER(bytes));
