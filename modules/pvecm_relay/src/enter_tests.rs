// SPDX-License-Identifier: GPL-3.0-or-later
//! An entry from the envelope to the answer, with every effect failing once.

use std::time::Duration;

use ansible_module::{Context, Failure, Outcome};
use membership::fake::{self, PAIR};
use membership::files::COPIES;
use testkit::{Answer, FakeHost, at_every_effect};

use crate::args::{Absent, State, Wanted};
use crate::enter;
use crate::look;
use crate::material::{Letter, Note};

const DATABASE: &str = "/var/lib/pve-cluster/config.db";
const CONF: &str = "/etc/corosync/corosync.conf";
const KEY: &str = "/run/pve-cluster-relay/key.pem";
const EIO: i32 = 5;

fn conf() -> String {
    let text = fake::conf(2, PAIR);
    let (before, own) = text.split_once("name: pve2").unwrap();
    format!("{before}name: pve2{}", own.replacen("quorum_votes: 1", "quorum_votes: 0", 1))
}

fn letter() -> Letter {
    let letter = Letter {
        node: "pve2".into(),
        id: "4711".into(),
        expires: 1_767_229_200,
        cluster_name: "prod".into(),
        config_version: 2,
        conf: conf(),
        authkey: String::new(),
    };
    letter.with_key(&[0, 255, 7])
}

pub(crate) fn wanted() -> Wanted {
    Wanted {
        state: State::Entered,
        cluster_name: "prod".into(),
        links: Vec::new(),
        nodeid: None,
        offers: Vec::new(),
        inside: Vec::new(),
        envelope: Some("an envelope".into()),
        nodes: Vec::new(),
        absent: Absent::Removed,
        config_version: None,
        hold: 600,
        timeout: Duration::from_secs(60),
    }
}

/// A pve2 that has made an offer and enters when it is started.
fn newcomer() -> FakeHost {
    let note = r#"{"id": "4711", "cluster_name": "prod", "expires": 1767229200}"#;
    fake::standalone()
        .file(DATABASE, "its own")
        .file(KEY, "a key")
        .file("/run/pve-cluster-relay/cert.pem", "a certificate")
        .file("/run/pve-cluster-relay/offer.json", note)
        .query_prefix("openssl cms -decrypt", Answer::ok(letter().write()))
        .action(
            "systemctl stop pve-cluster corosync",
            Answer::ok("").doing(|machine| {
                machine.unmount("/etc/pve");
                fake::set_services(machine, "inactive");
            }),
        )
        .action("systemctl start pve-cluster", Answer::ok("").doing(|machine| machine.mount("/etc/pve")))
        .action_prefix(
            &format!("sqlite3 {DATABASE}"),
            Answer::ok("").doing_with(|machine, command| {
                let path = command.args[1].trim_start_matches(".backup '").trim_end_matches('\'').to_owned();
                machine.write(path, "its own");
            }),
        )
        .query_prefix(&format!("sqlite3 {COPIES}"), "ok\n")
        .action("systemctl reset-failed pve-cluster corosync", "")
        .action(
            "systemctl start corosync pve-cluster",
            Answer::ok("").taking(Duration::from_secs(2)).doing(|machine| {
                if machine.exists(CONF) {
                    machine.mount("/etc/pve");
                    fake::become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
                    machine.write("/etc/corosync/authkey", [0, 255, 7]);
                    machine.write(CONF, conf());
                    machine.write("/etc/pve/corosync.conf", conf());
                }
            }),
        )
        .action("pvecm updatecerts --force", "")
        .action("systemctl reload-or-restart pvedaemon pveproxy", "")
}

fn enter(host: &FakeHost) -> Result<Outcome, Failure> {
    enter::run(&wanted(), &Context::default(), host)
}

#[test]
fn a_newcomer_enters_once() {
    let host = newcomer();
    let outcome = enter(&host).unwrap();
    assert!(outcome.changed);
    assert_eq!(outcome.msg, "this node is in cluster 'prod' as nodeid 2");
    assert_eq!(outcome.data["members"], serde_json::json!(["pve1", "pve2"]));
    assert_eq!((&outcome.data["votes"], &outcome.data["config_version"]), (&0.into(), &2.into()));
    let backup = outcome.data["backup"].as_str().unwrap();
    assert_eq!(host.text(&format!("{backup}/config.db")), "its own");
    assert!(!host.exists(DATABASE) && !host.exists(KEY) && !host.exists(&look::record()));
    let machine = host.machine();
    assert_eq!(machine.get("/etc/corosync/authkey").unwrap().mode, 0o400);
    // nothing that is secret stands in a command line
    let lines: Vec<String> = host.commands().iter().map(host::Command::line).collect();
    assert!(!lines.iter().any(|line| line.contains("AP8H") || line.contains("an envelope")), "{lines:?}");
    drop(machine);
    host.revive();
    let again = enter(&host).unwrap();
    assert!(!again.changed && again.data.get("backup").is_none());
}

#[test]
fn a_letter_that_is_stale() {
    let note = Note { id: "4711".into(), cluster_name: "prod".into(), expires: 1_767_229_200 };
    let now = 1_767_225_600;
    let problem = |letter: &Letter| enter::problem(&wanted(), "pve2", letter, &note, now);
    assert_eq!(problem(&letter()), None);
    for (letter, expected) in [
        (Letter { id: "1".into(), ..letter() }, "it answers an earlier offer"),
        (Letter { expires: 1, ..letter() }, "the offer has expired"),
        (Letter { node: "pve3".into(), ..letter() }, "it is for another node"),
        (Letter { cluster_name: "dev".into(), ..letter() }, "it is of another cluster"),
        (Letter { conf: conf().replace("prod", "dev"), ..letter() }, "it is of another cluster"),
        (Letter { config_version: 3, ..letter() }, "its config_version is not that of the file in it"),
        (
            Letter { conf: fake::conf(2, PAIR), ..letter() },
            "the file in it does not list this node without a vote",
        ),
        (
            Letter { conf: fake::conf(2, fake::ALONE), ..letter() },
            "the file in it does not list this node without a vote",
        ),
        (letter().with_key(&[]), "there is no authkey in it"),
    ] {
        assert_eq!(problem(&letter), Some(expected));
    }
    assert_eq!(enter::problem(&wanted(), "pve2", &letter(), &note, note.expires), None);
    let late = enter::problem(&wanted(), "pve2", &letter(), &note, note.expires + 1);
    assert_eq!(late, Some("the offer has expired"));
}

#[test]
fn whatever_fails_the_node_is_standalone_as_it_was_or_can_go_on() {
    at_every_effect(newcomer, EIO, |host, number| {
        let done = enter(host);
        if done.is_ok() {
            return;
        }
        // its own database beside the cluster's file would be taken for newer than the cluster's
        assert!(!(host.exists(DATABASE) && host.exists(CONF)), "effect {number}");
        let own = host.exists(DATABASE);
        assert_eq!(done.unwrap_err().changed, !own, "effect {number}");
        if !own {
            let copies = host::Host::list(host, COPIES.as_ref()).unwrap();
            assert!(
                copies.iter().any(|name| name.starts_with("entered-prod-")),
                "effect {number}: {copies:?}"
            );
        }
    });
}
