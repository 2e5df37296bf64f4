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
        // recordings `3-node_corosync_stopped_on_pve1--corosync-*`
        let said = match command.program.as_str() {
            "corosync-cfgtool" => "Could not initialize corosync configuration API error 2\n",
            "corosync-cmapctl" => "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n",
            "corosync-quorumtool" => "Cannot initialize CMAP service\n",
            _ => return None,
        };
        Some(Answer::exit(1, "", said))
    });
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
