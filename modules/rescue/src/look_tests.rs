// SPDX-License-Identifier: GPL-3.0-or-later
//! What a look tells apart: what is so, what is not, and what is not known.

use std::collections::BTreeSet;
use std::time::Duration;

use testkit::{Answer, FakeHost};

use crate::decide_tests::conf;
use crate::fire_tests::{LOCAL, LOCK, node};
use crate::look::{Asked, connected, look};

fn seen(host: &FakeHost) -> crate::look::Look {
    look(host, &mut Asked::default())
}

#[test]
fn a_node_that_is_well() {
    let (host, _) = node();
    let seen = seen(&host);
    assert!(seen.runs && seen.quorate && seen.writable && seen.spare);
    assert_eq!((seen.nodeid, seen.version, seen.locked_for), (Some(1), Some(4), None));
    assert_eq!(seen.members, [(1, 4), (2, 4), (3, 4)].into());
    assert_eq!(connected(&seen), BTreeSet::from([(2, 0), (3, 0)]));
    assert_eq!((seen.refusal, seen.proof, seen.unknown), (None, None, vec![]));
}

#[test]
fn the_others_are_asked_whether_they_are_quorate_without_this_node() {
    let (host, _) = node();
    let said = |total: u32| {
        Answer::ok(format!(
            "Node ID:          1\nRing ID:          1.d\nQuorate:          Yes\nExpected votes:   3\nHighest expected: 3\nTotal votes:      \
             {total}\nQuorum:           2\nFlags:            Quorate\n\n    Nodeid      Votes Name\n         1          1 pve1 (local)\n"
        ))
    };
    for (total, spare) in [(2, false), (3, true)] {
        host.change(|machine| machine.query("corosync-quorumtool -siH", said(total)));
        assert_eq!(seen(&host).spare, spare, "{total}");
    }
}

/// A node that is admitted and has no vote yet takes none with it (`newcomers_without_a_vote_middle_state--corosync-quorumtool_-s--pve3`).
#[test]
fn a_node_without_a_vote_can_always_be_spared() {
    let (host, _) = node();
    let said = "Node ID:          1\nRing ID:          1.d\nQuorate:          Yes\nExpected votes:   1\nHighest expected: 1\nTotal votes:      \
                1\nQuorum:           1\nFlags:            Quorate\n\n    Nodeid      Votes Name\n         1          0 pve1 (local)\n         \
                2          1 pve2\n";
    host.change(|machine| machine.query("corosync-quorumtool -siH", Answer::ok(said)));
    assert!(seen(&host).spare);
}

#[test]
fn what_does_not_answer_is_not_known_and_a_corosync_that_does_not_run_is() {
    let (host, running) = node();
    running.down.set(true);
    let found = seen(&host);
    assert!(!found.runs && !found.quorate);
    assert_eq!(found.unknown, [""; 0]);
    running.down.set(false);
    let busy = "Failed to initialize the cmap API. Error CS_ERR_TRY_AGAIN\n";
    let host = host.query("corosync-cmapctl", Answer::exit(1, "", busy)).dir("/etc/corosync");
    host.change(|machine| {
        machine.remove(LOCAL);
        machine.make_dir(LOCAL);
    });
    let found = seen(&host);
    assert!(!found.runs && found.local.is_none());
    assert_eq!(
        found.unknown[0],
        "cannot run 'corosync-cmapctl': exit code 1: Failed to initialize the cmap API. Error CS_ERR_TRY_AGAIN"
    );
    assert!(found.unknown[1].contains(LOCAL), "{:?}", found.unknown);
}

#[test]
fn corosync_is_asked_once_for_each_text_whether_it_would_start() {
    const CHECK: &str = "corosync -t -c /dev/stdin";
    let (host, _) = node();
    let mut asked = Asked::default();
    let count = |host: &FakeHost| host.commands().iter().filter(|command| command.line() == CHECK).count();
    for _ in 0..3 {
        assert_eq!(look(&host, &mut asked).refusal, None);
    }
    assert_eq!(count(&host), 1);
    let host = host.query(CHECK, Answer::exit(8, "", "parser error: Invalid transport type.\n"));
    host.change(|machine| machine.write(LOCAL, conf(5, &["10.99.9"]).to_text()));
    for _ in 0..2 {
        assert!(look(&host, &mut asked).refusal.unwrap().contains("Invalid transport type."));
    }
    assert_eq!(count(&host), 2);
}

#[test]
fn a_lock_tells_since_when_nobody_has_renewed_it() {
    let (host, _) = node();
    let host = host.dir(LOCK);
    let time = i64::try_from(host::Host::unix_time(&host)).unwrap();
    host.change(|machine| machine.set_mtime(LOCK, time - 7));
    assert_eq!(seen(&host).locked_for, Some(7));
    host.change(|machine| machine.advance(Duration::from_secs(5)));
    assert_eq!(seen(&host).locked_for, Some(12));
}
