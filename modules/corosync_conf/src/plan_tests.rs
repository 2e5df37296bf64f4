// SPDX-License-Identifier: GPL-3.0-or-later
//! Every decision, without a machine.

use std::collections::BTreeSet;
use std::time::Duration;

use cluster_state::pmxcfs::Mount;
use cluster_state::{StateError, cmap};
use corosync_document::Document;

use crate::fake::conf;
use crate::observe::Seen;
use crate::plan::{Change, Changed, Plan, expected, plan, reversed};
use crate::settings::{Setting, Wanted};

fn wanted(settings: &[(&'static str, &str, Option<&str>)]) -> Wanted {
    let setting = |(section, key, value): &(&'static str, &str, Option<&str>)| Setting {
        section,
        key: (*key).to_owned(),
        value: value.map(str::to_owned),
    };
    Wanted {
        settings: settings.iter().map(setting).collect(),
        timeout: Duration::from_secs(60),
        ..Wanted::default()
    }
}

fn token() -> Wanted {
    wanted(&[("totem", "token", Some("5000"))])
}

fn running(versions: [u64; 3], gone: u32) -> String {
    let member = |(index, version): (usize, &u64)| {
        let nodeid = index as u32 + 1;
        let status = if nodeid == gone { "left" } else { "joined" };
        format!(
            "runtime.members.{nodeid}.config_version (u64) = {version}\nruntime.members.{nodeid}.status (str) = {status}\n"
        )
    };
    versions.iter().enumerate().map(member).collect()
}

pub(crate) fn seen(text: &str) -> Seen {
    let document = Document::parse(text.as_bytes());
    let version = document.config_version().unwrap_or(0);
    Seen {
        mount: Mount::Writable,
        conf: Some(document.clone()),
        local: Some(document),
        running: Ok(cmap::parse(&running([version; 3], 0)).unwrap()),
        nodeid: Some(1),
        connected: BTreeSet::new(),
        runs: Vec::new(),
        pending: Vec::new(),
        addresses: Vec::new(),
        prepared: None,
        ha: Ok(rescue::ha::Standing::default()),
    }
}

fn reasons(wanted: &Wanted, seen: &Seen) -> Vec<String> {
    plan(wanted, seen).unwrap_err().reasons
}

#[test]
fn a_change_is_one_line_and_the_version() {
    let Plan::Change(work) = plan(&token(), &seen(&conf(6))).unwrap() else { panic!("no change") };
    assert!(work.warnings.is_empty());
    let [change] = work.steps.as_slice() else { panic!("{work:?}") };
    assert_eq!(change.version, 7);
    let expected = conf(7).replace("  token_coefficient", "  token: 5000\n  token_coefficient");
    assert_eq!(change.after.to_text(), expected);
    assert_eq!((work.version, work.after.to_text()), (7, expected));
    let back = reversed(change, &change.after).unwrap();
    assert_eq!((back.version, back.after.to_text()), (8, conf(8)));
    assert_eq!((back.changes[0].before.as_deref(), back.changes[0].after.as_deref()), (Some("5000"), None));
    // the links that the change took away are to be there again
    let (before, after) = (BTreeSet::from([(2, 0), (2, 1)]), BTreeSet::from([(2, 0)]));
    let change = Change { connected_before: before.clone(), connected: after.clone(), ..change.clone() };
    let back = reversed(&change, &change.after).unwrap();
    assert_eq!((back.connected_before, back.connected), (after, before));
}

/// What corosync keeps as a value under the same name, and takes at once.
#[test]
fn only_what_corosync_tells_is_expected_of_it() {
    let changed = |key: &str, after: Option<&str>| Changed {
        key: key.to_owned(),
        before: None,
        after: after.map(str::to_owned),
    };
    let changes = [
        changed("totem.token", Some("5000")),
        changed("totem.join", None),
        changed("totem.interface[1].knet_link_priority", Some("20")),
        changed("totem.interface[1].linknumber", Some("1")),
        changed("nodelist.node[pve1].quorum_votes", Some("2")),
        changed("nodelist.node[pve1].ring1_addr", Some("10.77.0.11")),
        changed("totem.link_mode", Some("active")),
    ];
    let told = expected(&changes);
    let told: Vec<_> = told.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("totem.token", Some("5000")),
            ("totem.join", None),
            ("totem.interface.1.knet_link_priority", Some("20"))
        ]
    );
}

/// The votes of a QDevice are not in the file, so what is left of the nodes' says nothing beside one.
#[test]
fn votes_are_counted_without_a_qdevice_only() {
    let text = conf(6).replace("nodeid: 3\n    quorum_votes: 1", "nodeid: 3\n    quorum_votes: 5");
    let mut wanted = token();
    wanted.allow_offline = vec!["pve3".to_owned()];
    let away = |text: &str| Seen { running: Ok(cmap::parse(&running([6; 3], 3)).unwrap()), ..seen(text) };
    assert_eq!(
        reasons(&wanted, &away(&text)),
        ["the cluster would lose quorum: with 'pve3' off there are 2 of 7 votes, and 4 are needed"]
    );
    let device = text.replace("quorum {\n", "quorum {\n  device {\n    model: net\n    votes: 4\n  }\n");
    assert_ne!(device, text);
    let Plan::Change(work) = plan(&wanted, &away(&device)).unwrap() else { panic!("no change") };
    assert_eq!(work.away, ["pve3"]);
    // it may be off, and is not
    let Plan::Change(work) = plan(&wanted, &seen(&text)).unwrap() else { panic!("no change") };
    assert_eq!((work.away.len(), work.members.len()), (0, 3));
}

#[test]
fn encryption_is_not_given_up_without_a_word() {
    let off = wanted(&[("totem", "secauth", Some("off"))]);
    let Plan::Change(work) = plan(&off, &seen(&conf(6))).unwrap() else { panic!("no change") };
    assert_eq!(
        work.warnings,
        [
            "the cluster's traffic is no longer encrypted and signed: whoever reaches the network of a link can take part in it"
        ]
    );
}

#[test]
fn what_is_so_already_is_left_alone() {
    let text = conf(6).replace("  token_coefficient", "  token: 5000\n  token_coefficient");
    let mut seen = seen(&text);
    seen.running = Ok(cmap::parse(&(running([6; 3], 0) + "totem.token (u32) = 5000\n")).unwrap());
    let Plan::Nothing(confirmed) = plan(&token(), &seen).unwrap() else { panic!("a change") };
    assert_eq!((confirmed.version, confirmed.warnings), (6, vec![]));
    // a key that cannot be changed may be asked for when it has the value
    let none = wanted(&[("totem", "link_mode", Some("passive")), ("quorum", "wait_for_all", None)]);
    assert!(matches!(plan(&none, &seen), Ok(Plan::Nothing(_))));
}

#[test]
fn each_place_without_a_file_has_its_reason() {
    for (mount, local, expected) in [
        (Mount::NoDirectory, None, "Proxmox VE is not installed on this machine"),
        (Mount::NotMounted, None, "/etc/pve is not mounted: start the service 'pve-cluster' on this node"),
        (
            Mount::Dead { reason: "Transport endpoint is not connected".into() },
            None,
            "/etc/pve is not mounted: Transport endpoint is not connected; restart the service 'pve-cluster' on this node",
        ),
        (Mount::Writable, None, "this node is standalone: it belongs to no cluster"),
        (
            Mount::Writable,
            Some(conf(3)),
            "it is not there, although corosync's own copy of it is: this node has left its cluster and was not \
             cleaned, or someone removed the file",
        ),
    ] {
        let local = local.map(|text| Document::parse(text.as_bytes()));
        let seen = Seen { mount, conf: None, local, ..seen(&conf(6)) };
        assert_eq!(reasons(&token(), &seen), [expected]);
    }
}

#[test]
fn every_reason_of_the_cluster_is_told_at_once() {
    let mut seen = seen(&conf(6));
    seen.mount = Mount::ReadOnly;
    seen.running = Ok(cmap::parse(&running([6, 5, 6], 3)).unwrap());
    seen.local = None;
    seen.prepared = Some(b"someone's".to_vec());
    let wanted = wanted(&[("totem", "transport", Some("udpu")), ("quorum", "two_node", Some("1"))]);
    assert_eq!(
        reasons(&wanted, &seen),
        [
            "'totem.transport' does not change while corosync runs: corosync logs that it cannot be changed at run-time",
            "it would break a rule: transport 'udpu' cannot encrypt, and encryption is on",
            "it would break a rule: 'two_node' is for two nodes, and the nodelist has 3",
            "'/etc/pve/corosync.conf.new' exists: someone is changing the file, or has left a change unfinished; remove \
             it when no one is",
            "this node is not quorate, so /etc/pve is read-only",
            "node 'pve3' is offline: it would miss the change; start it, or remove it from the cluster",
            "corosync on 'pve2' runs config_version 5, and the file has 6: it was not loaded there",
            "'/etc/corosync/corosync.conf' is not there on this node",
        ]
    );
}

#[test]
fn only_a_change_on_its_way_may_pass() {
    let mut seen = seen(&conf(6));
    seen.running = Ok(cmap::parse(&running([6, 5, 6], 0)).unwrap());
    assert!(plan(&token(), &seen).unwrap_err().passing);
    seen.mount = Mount::ReadOnly;
    assert!(!plan(&token(), &seen).unwrap_err().passing);
}

#[test]
fn a_file_that_two_programs_read_differently_is_not_edited() {
    let text = conf(6).replace("secauth: on", "secauth: on # really");
    assert_eq!(
        reasons(&token(), &seen(&text)),
        [
            "it cannot be edited safely: line 39: the comment behind the value of 'secauth' is part of the value for corosync"
        ]
    );
}

#[test]
fn a_file_prepared_by_an_earlier_run_is_its_own() {
    let Plan::Change(change) = plan(&token(), &seen(&conf(6))).unwrap() else { panic!("no change") };
    let whole = change.steps[0].after.to_bytes();
    for prepared in [&b""[..], &whole[..100], &whole] {
        let seen = Seen { prepared: Some(prepared.to_vec()), ..seen(&conf(6)) };
        assert!(plan(&token(), &seen).is_ok());
    }
}

#[test]
fn what_was_wrong_before_is_a_warning() {
    let text = conf(6)
        .replace("  version: 2", "  tokn: 1\n  version: 2")
        .replace("    linknumber: 0\n", "    linknumber: 1\n");
    let Plan::Change(change) = plan(&token(), &seen(&text)).unwrap() else { panic!("no change") };
    assert_eq!(
        change.warnings,
        [
            "the file breaks a rule already: link 0 has addresses and no interface section, unlike other links",
            "the file breaks a rule already: link 1 has an interface section and no node has an address on it",
            "line 41 of the file: 'tokn' is no option of 'totem', so it does nothing",
        ]
    );
}

#[test]
fn without_corosync_nothing_is_known() {
    let mut seen = seen(&conf(6));
    seen.running = Err(StateError::CorosyncNotRunning { program: "corosync-cmapctl".into() });
    assert_eq!(
        reasons(&token(), &seen),
        [
            "the running state is not known: cannot run 'corosync-cmapctl': corosync is not running on this node"
        ]
    );
}
