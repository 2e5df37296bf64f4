// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole tasks as files.

use crate::{args, module};

#[test]
fn golden_cases() {
    testkit::golden(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden"), &args::spec(), module::run);
}
