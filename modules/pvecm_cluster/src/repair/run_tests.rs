// SPDX-License-Identifier: GPL-3.0-or-later
//! Each situation made on a fake node and repaired: what is done, what is copied, what happens when it is interrupted.

use std::time::Duration;

use membership::fake::{self, PAIR, become_member, conf, joinable, member, quorum, set_services, standalone};
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, Machine, at_every_effect};

use super::consult;
use crate::{args, dispatch};

const OURS: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const THEIRS: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const JOURNAL: &str = "journalctl --unit=corosync.service --boot --lines=60 --output=cat --no-pager --quiet";

fn answer(host: &FakeHost, given: &Value) -> Value {
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, dispatch::run)
}

fn join(repair: bool) -> Value {
    json!({
        "state": "joined", "cluster_name": "prod", "cluster_node": "10.77.0.11", "links": [{"address": "10.77.1.12"}],
        "repair": repair,
    })
}

fn msg(answer: &Value) -> &str {
    answer["msg"].as_str().unwrap()
}

/// What pve1 says when it is asked for the cluster's files.
fn told(version: u64, nodes: &[(u32, &str)], digest: &str) -> String {
    format!(
        "\n@@ node\npve1\n\n@@ quorum\n{}\n@@ authkey\n{digest}  -\n\n@@ corosync.conf\n{}\n@@ end\n",
        quorum(1, &[1, 3], 3),
        conf(version, nodes)
    )
}

/// Adds the programs that repair, and a pve1 that answers.
fn repairable(host: FakeHost, version: u64, nodes: &[(u32, &str)], digest: &str) -> FakeHost {
    crate::leave::fake::with_services(host)
        .dir("/var/backups")
        .file("/var/lib/pve-cluster/config.db", "database")
        .query(&consult::look("10.77.0.11", None).line(), told(version, nodes, digest))
        .query("sha256sum /etc/corosync/authkey", format!("{OURS}  /etc/corosync/authkey\n"))
        .query(JOURNAL, "")
        .action("systemctl reset-failed corosync", "")
}

const THREE: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3")];

/// A pve2 whose corosync gave up, because pve3 joined while it did
/// (`captures/parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster--the_stranded_node_pve3--pve3`).
fn stranded() -> FakeHost {
    repairable(member(), 3, THREE, OURS).with(|machine| become_member(machine, 2, PAIR, &[])).action(
        "systemctl restart corosync",
        Answer::ok("").taking(Duration::from_millis(1440)).doing(|machine| {
            let current = machine.text("/etc/corosync/corosync.conf").unwrap();
            if current.trim() == conf(3, THREE).trim() && machine.text("/etc/corosync/authkey").is_some() {
                become_member(machine, 3, THREE, &[(1, 3), (2, 3), (3, 3)]);
            }
        }),
    )
}

#[test]
fn a_stranded_node_gets_the_clusters_configuration() {
    let host = stranded();
    let said = answer(&host, &join(true));
    assert_eq!(msg(&said), "this node is repaired: this node is nodeid 2 of cluster 'prod'", "{said}");
    assert_eq!(said["changed"], json!(true));
    assert_eq!(
        said["repaired"],
        json!(["this node was stranded: corosync's corosync.conf was not that of 'pve1'"])
    );
    let backup = said["repair_backups"][0].as_str().unwrap();
    let programs: Vec<String> = host
        .effects()
        .into_iter()
        .filter(|effect| effect.starts_with("run ") || effect.starts_with("rename"))
        .collect();
    assert_eq!(
        programs,
        [
            format!("run sqlite3 /var/lib/pve-cluster/config.db '.backup '\\''{backup}/config.db'\\'''"),
            "rename /etc/corosync/.corosync.conf.new -> /etc/corosync/corosync.conf".to_owned(),
            "run systemctl reset-failed corosync".to_owned(),
            "run systemctl restart corosync".to_owned(),
        ]
    );
    assert_eq!(host.text(&format!("{backup}/corosync/corosync.conf")), conf(2, PAIR));
    host.revive();
    let again = answer(&host, &join(true));
    assert_eq!((&again["changed"], host.effects()), (&json!(false), Vec::new()), "{again}");
}

/// A side that answers at pve4, with the members that it sees.
fn other_side(sees: &[u32]) -> String {
    let nodes: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3"), (4, "pve4")];
    let expected = if sees.is_empty() { 4 } else { 1 };
    let own = *sees.first().unwrap_or(&4);
    format!(
        "\n@@ node\npve4\n\n@@ quorum\n{}\n@@ authkey\n{OURS}  -\n\n@@ corosync.conf\n{}\n@@ end\n",
        quorum(own, if sees.is_empty() { &[4] } else { sees }, expected),
        conf(3, nodes)
    )
}

#[test]
fn two_quorate_sides_are_a_refusal_that_names_both() {
    let nodes: &[(u32, &str)] = &[(1, "pve1"), (2, "pve2"), (3, "pve3"), (4, "pve4")];
    let build = |sees: &[u32], place: &str| {
        stranded()
            .query(&consult::look("10.77.0.11", None).line(), told(3, nodes, OURS))
            .query(&consult::look("pve4", None).line(), Answer::exit(255, "", "Connection timed out\n"))
            .query(&consult::look("10.77.1.14", None).line(), Answer::exit(255, "", "Connection timed out\n"))
            .query(&consult::look(place, None).line(), other_side(sees))
    };
    for place in ["pve4", "10.77.1.14"] {
        let host = build(&[4], place);
        let said = answer(&host, &join(true));
        assert_eq!(
            msg(&said),
            "cannot repair this node for cluster 'prod': cluster 'prod' is quorate twice, on two sides that do not see each other: 'pve1', \
             'pve3' (as 'pve1' says) and 'pve4' (as 'pve4' says). Only a person can tell which is right: stop corosync on the other side, \
             whose guests and changes in '/etc/pve' are to be given up"
        );
        assert_eq!((&said["changed"], host.effects()), (&json!(false), Vec::new()), "{said}");
    }
    // One that is not quorate, or that has come back meanwhile, is no side.
    for sees in [&[][..], &[3, 4]] {
        let host = build(sees, "pve4");
        let said = answer(&host, &join(true));
        assert!(!msg(&said).contains("quorate twice"), "{said}");
        assert!(!host.effects().is_empty());
    }
}

/// `hostnamectl set-hostname pve9` and a restart of pmxcfs (captures `host_name_changed_*`): the cluster goes on under the old name.
#[test]
fn a_node_that_was_renamed_is_told_and_left_alone() {
    let vmlist = r#"{"version": 5, "ids": {"101": {"node": "pve2", "type": "qemu", "version": 1},
        "102": {"node": "pve9", "type": "lxc", "version": 2}, "103": {"node": "pve1", "type": "qemu", "version": 3}}}"#;
    let build = |quorate: bool| {
        let host = repairable(member(), 2, PAIR, OURS).file("/etc/pve/.vmlist", vmlist).with_hostname("pve9");
        let host = host.with_address("coro", "10.77.1.12", 24);
        if quorate { host } else { host.with(|machine| become_member(machine, 2, PAIR, &[(2, 2)])) }
    };
    let host = build(false);
    let said = answer(&host, &join(true));
    assert_eq!(
        msg(&said),
        "cannot repair this node for cluster 'prod': the cluster lists the addresses of this node as 'pve2', and its host name is 'pve9'. It is \
         not quorate, and has guests (101, 102) under the two names: give it its name back ('hostnamectl set-hostname pve2', and the same in \
         /etc/hosts), then run 'systemctl restart pve-cluster'"
    );
    assert_eq!((&said["changed"], host.effects()), (&json!(false), Vec::new()), "{said}");
    let host = build(true);
    let said = answer(&host, &join(true));
    assert_eq!((&said["failed"], host.effects()), (&json!(true), Vec::new()), "{said}");
    assert!(msg(&said).contains("as 'pve2', and its host name is 'pve9'. It is quorate"), "{said}");
}

#[test]
fn without_repair_nothing_is_done_and_the_way_is_told() {
    let peer = fake::peer(3, THREE, &[(1, 3), (3, 3)]);
    let host = stranded().query(&fake::ssh(membership::probe::Errand::Look), peer);
    let said = answer(&host, &join(false));
    assert_eq!((&said["failed"], host.effects()), (&json!(true), Vec::new()), "{said}");
    let end = "'repair: true' (playbooks/cluster-repair.yml) lets this task repair this: this node was stranded: \
               corosync's corosync.conf was not that of 'pve1'";
    assert!(msg(&said).ends_with(end), "{said}");
}

#[test]
fn check_mode_names_the_fault_and_changes_nothing() {
    let host = stranded();
    let mut given = join(true);
    given["_ansible_check_mode"] = true.into();
    let said = answer(&host, &given);
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(said["repaired"].as_array().unwrap().len(), 1);
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_wrong_key_is_replaced_and_never_shown() {
    let build = || {
        let key = consult::fetch("10.77.0.11", None).line();
        stranded()
            .query(&consult::look("10.77.0.11", None).line(), told(3, THREE, THEIRS))
            .query(&key, " 6b 65 79\n 32\n")
            .queries(
                "sha256sum /etc/corosync/authkey",
                [format!("{OURS}  /etc/corosync/authkey\n"), format!("{THEIRS}  /etc/corosync/authkey\n")],
            )
    };
    let host = build();
    let said = answer(&host, &join(true));
    assert_eq!(said["failed"], Value::Null, "{said}");
    assert_eq!(
        said["repaired"],
        json!(["this node was stranded: corosync's authkey was not that of 'pve1'"])
    );
    let steps = host.effects();
    assert!(steps.contains(&"create /etc/corosync/.authkey.new 0600 (4 bytes)".to_owned()), "{steps:?}");
    assert!(steps.contains(&"chmod 0400 /etc/corosync/.authkey.new".to_owned()), "{steps:?}");
    assert!(!said.to_string().contains("key2") && !said.to_string().contains("6b 65"), "{said}");
    let another =
        build().query("sha256sum /etc/corosync/authkey", format!("{OURS}  /etc/corosync/authkey\n"));
    let said = answer(&another, &join(true));
    assert!(msg(&said).ends_with("(the key that came from 'pve1' is not the one that it told of)"), "{said}");
}

#[test]
fn a_fault_at_any_step_of_a_rescue_is_told_and_the_next_run_finishes() {
    at_every_effect(stranded, 5, |host, number| {
        let first = answer(host, &join(true));
        let again = answer(host, &join(true));
        assert_eq!(again["failed"], Value::Null, "effect {number}: {first}\nthen {again}");
        assert_eq!(host.text("/etc/corosync/corosync.conf").trim(), conf(3, THREE).trim());
    });
}

fn stopped(stray: bool) -> FakeHost {
    repairable(member(), 2, PAIR, OURS).with(move |machine| {
        machine.unmount("/etc/pve");
        if stray {
            machine.write("/etc/pve/stray.txt", "x");
        }
        machine.action(
            "systemctl start pve-cluster",
            Answer::ok("").doing(|machine| {
                assert!(!machine.exists("/etc/pve/stray.txt"), "pmxcfs does not start on top of files");
                machine.mount_pmxcfs("/etc/pve");
                become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
            }),
        );
    })
}

#[test]
fn a_pmxcfs_that_was_left_stopped_is_started() {
    let host = stopped(false);
    let said = answer(&host, &join(true));
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(said["repaired"], json!(["'/etc/pve' was not mounted"]));
    let host = stopped(true);
    let said = answer(&host, &join(true));
    assert_eq!(
        said["repaired"],
        json!(["'/etc/pve' was not mounted, and files lay in its way ('stray.txt')"]),
        "{said}"
    );
    let aside = said["repair_backups"][0].as_str().unwrap();
    assert_eq!(host.text(&format!("{aside}/stray.txt")), "x");
    at_every_effect(
        || stopped(true),
        5,
        |host, number| {
            let first = answer(host, &join(true));
            let again = answer(host, &join(true));
            assert_eq!(again["failed"], Value::Null, "effect {number}: {first}\nthen {again}");
        },
    );
}

#[test]
fn a_node_without_its_database_is_not_started_with_an_empty_one() {
    let host = stopped(false);
    host.change(|machine| {
        machine.remove("/var/lib/pve-cluster/config.db");
        machine.remove("/etc/corosync/corosync.conf");
    });
    let said = answer(&host, &join(true));
    assert_eq!(
        msg(&said),
        "cannot repair this node for cluster 'prod': pmxcfs's database '/var/lib/pve-cluster/config.db' is missing: put a copy \
         back, as from '/var/lib/pve-cluster/backup', before pve-cluster starts with an empty one"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_corosync_that_does_not_run_is_started() {
    let host = repairable(member(), 2, PAIR, OURS).with(|machine| set_services(machine, "inactive")).action(
        "systemctl restart corosync",
        Answer::ok("").doing(|machine| become_member(machine, 2, PAIR, &[(1, 2), (2, 2)])),
    );
    let said = answer(&host, &join(true));
    assert_eq!(said["repaired"], json!(["corosync did not run on this node"]), "{said}");
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null));
    assert!(said.get("repair_backups").is_none());
}

/// A pvecm that was killed between its last two steps: pmxcfs has the cluster's file, corosync has none, and systemd does not start
/// it without, nor call that a failure.
#[test]
fn a_creation_that_stopped_before_its_restart_is_finished() {
    const ALONE: &[(u32, &str)] = &[(2, "pve2")];
    let host = FakeHost::with(member(), |machine| {
        become_member(machine, 1, ALONE, &[(2, 1)]);
        set_services(machine, "inactive");
        machine.remove("/etc/corosync/corosync.conf");
    })
    .action("systemctl reset-failed corosync pve-cluster", "")
    .action(
        "systemctl restart corosync pve-cluster",
        Answer::ok("").doing(|machine| become_member(machine, 1, ALONE, &[(2, 1)])),
    );
    let create = json!({
        "state": "present", "cluster_name": "prod", "links": [{"address": "10.77.1.12"}], "repair": true,
    });
    let said = answer(&host, &create);
    assert_eq!(said["repaired"], json!(["corosync did not run on this node"]), "{said}");
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null));
}

#[test]
fn files_of_an_earlier_cluster_are_removed_before_the_join() {
    let build = || {
        repairable(joinable(), 1, fake::ALONE, THEIRS)
            .file("/etc/corosync/authkey", "old")
            .file("/etc/corosync/corosync.conf", "totem {\n}\n")
    };
    let host = build();
    let said = answer(&host, &join(true));
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(said["repaired"], json!(["corosync's files of an earlier cluster were left on this node"]));
    assert_eq!(msg(&said), "this node joins cluster 'prod' as nodeid 2");
    let host = build();
    let said = answer(&host, &join(false));
    assert!(msg(&said).contains("is left over from another cluster"), "{said}");
    let end = "lets this task repair this: corosync's files of an earlier cluster were left on this node";
    assert!(msg(&said).ends_with(end), "{said}");
}

#[test]
fn a_node_that_the_cluster_lists_joins_again_under_its_name() {
    let listed = fake::peer(2, PAIR, &[(1, 2)]).replace("@@ local\n555", "@@ local\n755");
    let quorate = |text: &str| {
        text.replace("Quorate:          No", "Quorate:          Yes")
            .replace("Flags:             ", "Flags:            Quorate")
    };
    let listed = quorate(&listed);
    let forced = format!("{} --force", fake::ADD);
    let host = repairable(joinable(), 2, PAIR, THEIRS)
        .query(&fake::ssh(membership::probe::Errand::Look), listed.clone())
        .action(&fake::ssh(membership::probe::Errand::Claim { keep: 0 }), fake::claimed(&listed))
        .action(
            &forced,
            Answer::ok(fake::JOINED).doing(|machine| become_member(machine, 3, PAIR, &[(1, 3), (2, 3)])),
        );
    let said = answer(&host, &join(true));
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(said["pvecm"]["cmd"], forced);
    assert_eq!(
        said["repaired"],
        json!(["the cluster of 'pve1' listed this node, which had not joined, or was reinstalled"])
    );
}

/// What a pve1 says that waits for the vote of pve2.
fn waiting(digest: &str) -> String {
    told(2, PAIR, digest).replace(&quorum(1, &[1, 3], 3), &quorum(1, &[1], 2))
}

/// A pve2 whose join ended after pve1 had taken it in: before corosync's files came, or after.
fn half_joined(files: bool) -> FakeHost {
    repairable(standalone(), 2, PAIR, OURS)
        .query(&consult::look("10.77.0.11", None).line(), waiting(OURS))
        .query(&consult::look("pve1", None).line(), Answer::exit(255, "", "Host key verification failed.\n"))
        .query(
            &consult::look("10.77.1.11", None).line(),
            Answer::exit(255, "", "Host key verification failed.\n"),
        )
        .query(&consult::fetch("10.77.0.11", None).line(), " 6b 65 79\n 32\n")
        .with(move |machine| {
            if files {
                machine.write("/etc/corosync/authkey", "key");
                machine.write("/etc/corosync/corosync.conf", conf(2, PAIR));
            }
            machine.action(
                "systemctl stop pve-cluster corosync",
                Answer::ok("").doing(|machine| {
                    machine.unmount("/etc/pve");
                    set_services(machine, "inactive");
                }),
            );
            machine.action("systemctl start corosync", "");
            let starts = Answer::ok("").doing(|machine| {
                machine.mount_pmxcfs("/etc/pve");
                // pmxcfs takes a cluster's file only into an empty database.
                if machine.exists("/var/lib/pve-cluster/config.db") {
                    return;
                }
                assert_eq!(machine.text("/etc/corosync/corosync.conf").unwrap().trim(), conf(2, PAIR).trim());
                become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
            });
            machine.action("systemctl start pve-cluster", starts);
            let up = |machine: &mut Machine| become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
            machine.action("systemctl restart corosync", Answer::ok("").doing(up));
        })
}

#[test]
fn a_join_that_stopped_half_way_is_taken_to_its_end() {
    for (files, corosync) in [(true, false), (false, false), (true, true)] {
        let host = half_joined(files);
        if corosync {
            // The node was restarted, and corosync found its files.
            host.change(|machine| {
                set_services(machine, "active");
                machine.query("corosync-cmapctl", fake::cmap(2, &[(1, 2), (2, 2)]));
                machine.query("corosync-quorumtool -siH", quorum(2, &[1, 2], 2));
                let both = told(2, PAIR, OURS).replace(&quorum(1, &[1, 3], 3), &quorum(1, &[1, 2], 2));
                machine.query(&consult::look("10.77.0.11", None).line(), both);
            });
        }
        let said = answer(&host, &join(true));
        assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null), "{said}");
        let repaired = "the join of this node to the cluster of 'pve1' had stopped half way";
        assert_eq!(said["repaired"], json!([repaired]));
        let backup = said["repair_backups"][0].as_str().unwrap();
        assert!(backup.contains("/half-joined-prod-"), "{backup}");
        assert!(
            host.effects().contains(&"remove /var/lib/pve-cluster/config.db".to_owned()),
            "{:?}",
            host.effects()
        );
        assert!(!host.effects().iter().any(|effect| effect.contains("pvecm")), "{:?}", host.effects());
    }
}

#[test]
fn a_refused_join_tells_that_it_had_stopped_half_way() {
    let peer = fake::peer(2, PAIR, &[(1, 2)]);
    let host = half_joined(true).query(&fake::ssh(membership::probe::Errand::Look), peer);
    let said = answer(&host, &join(false));
    let end = "'repair: true' (playbooks/cluster-repair.yml) lets this task repair this: the join of this node to the cluster of \
               'pve1' had stopped half way";
    assert!(msg(&said).ends_with(end), "{said}");
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_half_joined_node_with_guests_is_not_touched() {
    let host = half_joined(true);
    host.change(|machine| {
        let text = "{\n\"version\": 4,\n\"ids\": {\n\"100\": { \"node\": \"pve2\", \"type\": \"qemu\", \"version\": 3 }}\n\n}\n";
        machine.write("/etc/pve/.vmlist", text);
    });
    let said = answer(&host, &join(true));
    assert_eq!(
        msg(&said),
        "cannot repair this node for cluster 'prod': the join of this node to the cluster of 'pve1' stopped half way, and it has \
         guests (100), whose configurations the rest of the join would drop: move them to another machine, or take the entry out \
         with 'pvecm delnode pve2' on 'pve1'"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_fault_at_any_step_of_the_rest_of_a_join_is_told_and_the_next_run_finishes() {
    at_every_effect(
        || half_joined(false),
        8,
        |host, number| {
            let first = answer(host, &join(true));
            let again = answer(host, &join(true));
            assert_eq!(again["failed"], Value::Null, "effect {number}: {first}\nthen {again}");
        },
    );
}

/// A pve2 that its cluster has removed while it was off.
fn forgotten() -> FakeHost {
    let host = joinable();
    host.change(|machine| become_member(machine, 2, PAIR, &[(2, 2)]));
    repairable(host, 3, &[(1, "pve1"), (3, "pve3")], THEIRS)
}

#[test]
fn a_node_that_was_forgotten_becomes_standalone_and_joins() {
    let host = forgotten();
    let said = answer(&host, &join(true));
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(
        said["repaired"],
        json!(["this node had the files of a cluster that, as 'pve1' says, no longer lists it"])
    );
    assert!(said["repair_backups"][0].as_str().unwrap().contains("/left-prod-"));
    assert!(host.effects().iter().any(|effect| effect.starts_with("run pvecm add")));
}

#[test]
fn a_forgotten_node_with_guests_is_not_touched() {
    let host = forgotten();
    host.change(|machine| {
        let text = "{\n\"version\": 4,\n\"ids\": {\n\"100\": { \"node\": \"pve2\", \"type\": \"qemu\", \"version\": 3 }}\n\n}\n";
        machine.write("/etc/pve/.vmlist", text);
    });
    let said = answer(&host, &join(true));
    assert_eq!(
        msg(&said),
        "cannot repair this node for cluster 'prod': 'pve1' says that the cluster no longer lists this node, which has guests \
         (100) and would have to join with them: let it leave with 'state: absent', move the guests, and let it join then"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
    let create = json!({"cluster_name": "prod", "links": [{"address": "10.77.1.12"}], "repair": true});
    let host = forgotten()
        .query(&consult::look("10.77.0.11", None).line(), "")
        .query(&consult::look("pve1", None).line(), told(3, &[(1, "pve1"), (3, "pve3")], THEIRS));
    host.change(|machine| machine.write("/etc/pve/.members", fake::members("pve2", 2, PAIR, false)));
    let said = answer(&host, &create);
    assert!(msg(&said).contains("let it join with 'state: joined'"), "{said}");
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_node_that_is_well_is_asked_nothing_more() {
    let host = member();
    let said = answer(&host, &join(true));
    assert_eq!((&said["changed"], &said["failed"]), (&json!(false), &Value::Null), "{said}");
    assert!(said.get("repaired").is_none());
    let fresh = crate::leave::fake::with_services(standalone());
    assert!(fresh.effects().is_empty());
}
