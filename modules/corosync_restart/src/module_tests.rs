// SPDX-License-Identifier: GPL-3.0-or-later
//! What the module refuses, and that its documentation is its own.

use ansible_module::Context;
use testkit::{Answer, FakeHost};

use crate::module::{Args, run, spec};

#[test]
fn docs_match_the_spec() {
    testkit::assert_docs_match(&spec());
}

#[test]
fn a_node_that_is_not_well_is_left_as_it_is() {
    let host = FakeHost::new().query_with(|command| {
        command
            .program
            .starts_with("corosync")
            .then(|| Answer::exit(1, "", "Cannot initialize CMAP service\n"))
    });
    let host = host.query_prefix("pvesh", Answer::exit(1, "", ""));
    let args = Args { ha: "disarm".to_owned(), timeout: 0 };
    let failure = run(args, &Context::default(), &host).unwrap_err();
    assert_eq!(
        failure.msg,
        "cannot restart 'corosync': this node is not quorate; corosync does not run the config_version of its file; 'timeout' is 0 s \
         and must be from 1 to 3600 s"
    );
    assert!(!failure.changed);
    assert_eq!(host.effects(), Vec::<String>::new());
}
