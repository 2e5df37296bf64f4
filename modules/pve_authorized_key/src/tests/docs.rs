// SPDX-License-Identifier: GPL-3.0-or-later
//! The documentation lists the options that the module has.

#[test]
fn docs_match_the_spec() {
    testkit::assert_docs_match(&crate::args::spec());
}
