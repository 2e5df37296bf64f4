// SPDX-License-Identifier: GPL-3.0-or-later
//! Rules and groups of high availability that name the node with others, and replication jobs to it.

use std::time::Duration;

use host::Host;
use membership::fake::{LOCK, PAIR, become_member, next_run, standalone};
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, at_every_effect};

use super::fake::*;

const DELETE: &str = "pvesr delete 100-0 --force";
const JOBS_LOCK: &str = "/etc/pve/priv/lock/file-replication_cfg";
const PLACES: [&str; 6] = [
    "/etc/pve/nodes/pve3",
    "/etc/pve/priv/authorized_keys",
    "/etc/pve/priv/known_hosts",
    GROUPS,
    RULES,
    JOBS,
];

fn whole() -> FakeHost {
    entangled(removable())
}

/// What is left when all but the lists and the jobs is gone already: no directory, no key.
fn only_entangled() -> FakeHost {
    let keys = format!("{OTHER} root@pve1\n");
    entangled(standalone().dir("/var/backups").file("/etc/pve/priv/authorized_keys", keys).with(|machine| {
        become_member(machine, 4, PAIR, &[(1, 4), (2, 4)]);
    }))
}

fn asked(check: bool) -> Value {
    let mut given = remove();
    given["_ansible_check_mode"] = check.into();
    given["_ansible_diff"] = true.into();
    given
}

fn commands(host: &FakeHost) -> Vec<String> {
    let runs = host.effects().into_iter().filter_map(|effect| effect.strip_prefix("run ").map(str::to_owned));
    runs.filter(|line| !line.starts_with("systemd-run")).collect()
}

#[test]
fn lists_lose_the_node_before_delnode_and_its_jobs_end_afterwards() {
    let host = whole();
    let answer = answer(&host, &remove());
    assert_eq!(
        answer["msg"], "node 'pve3' is removed from cluster 'prod', and nothing of it is left",
        "{answer}"
    );
    assert_eq!(answer["cleaned"], json!(PLACES));
    assert_eq!(
        commands(&host),
        [
            "ha-manager groupset main --nodes pve1",
            "ha-manager rules set node-affinity r1 --nodes pve1:2,pve2",
            "ha-manager rules set node-affinity r2 --nodes pve2:9",
            DELNODE,
            "pvesr delete 100-0 --force",
        ]
    );
    let effects = host.effects();
    let at = |words: &str| effects.iter().position(|effect| effect.starts_with(words)).unwrap();
    let order = [
        at(&format!("create {}", answer["backup"].as_str().unwrap())),
        at("run ha-manager"),
        at(&format!("run {DELNODE}")),
        at("run pvesr"),
        at("rename /etc/pve/priv/authorized_keys"),
        at("rmdir /etc/pve/nodes/pve3"),
    ];
    assert!(order.is_sorted(), "{effects:?}");
    assert!(is_clean(&host) && is_disentangled(&host));
    let copy = |name: &str| host.text(&format!("{}/{name}", answer["backup"].as_str().unwrap()));
    assert_eq!(
        (copy("ha/rules.cfg").as_str(), copy("replication.cfg").as_str()),
        (RULES_BEFORE, JOBS_BEFORE)
    );
    assert!(copy("ha/groups.cfg").contains("pve3:2,pve1"));

    host.revive();
    let again = self::answer(&host, &remove());
    assert_eq!((&again["changed"], &again["cleaned"]), (&json!(false), &json!([])), "{again}");
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn check_mode_shows_the_lists_before_and_after() {
    for build in [whole, only_entangled] {
        let (host, twin) = (build(), build());
        let check = answer(&host, &asked(true));
        assert_eq!(host.effects(), Vec::<String>::new());
        assert_eq!(host.text(RULES), RULES_BEFORE);
        let mut real = answer(&twin, &asked(false));
        real.as_object_mut().unwrap().retain(|key, _| key != "pvecm" && key != "backup");
        assert_eq!(check, real);
        let diffs = check["diff"].as_array().unwrap();
        let of = |path: &str| {
            diffs.iter().find(|diff| diff["before_header"].as_str().unwrap().contains(path)).unwrap()
        };
        assert_eq!((&of(RULES)["before"], &of(RULES)["after"]), (&json!(RULES_BEFORE), &json!(RULES_AFTER)));
        assert_eq!((&of(JOBS)["before"], &of(JOBS)["after"]), (&json!(JOBS_BEFORE), &json!(JOBS_AFTER)));
        assert!(is_disentangled(&twin), "what was shown is what came of it");
    }
}

#[test]
fn lists_and_jobs_alone_are_something_left() {
    let host = only_entangled();
    let answer = answer(&host, &remove());
    assert_eq!(answer["msg"], "what was left of node 'pve3' in cluster 'prod' is removed", "{answer}");
    assert_eq!((&answer["changed"], &answer["cleaned"]), (&json!(true), &json!([GROUPS, RULES, JOBS])));
    assert!(is_disentangled(&host));
}

#[test]
fn a_fault_at_any_step_is_told_and_the_next_run_finishes_the_lists_too() {
    for build in [whole, only_entangled] {
        at_every_effect(build, 5, |host, number| {
            let first = answer(host, &remove());
            if !host.faulted() {
                assert_eq!(first["failed"], Value::Null, "{first}");
                return;
            }
            let again = answer(host, &remove());
            assert_eq!(again["failed"], Value::Null, "effect {number}: {first}\nthen {again}");
            assert!(is_disentangled(host), "effect {number}");
            assert!(!host.exists("/etc/pve/nodes/pve3"), "effect {number}");
            if first["failed"] == Value::Null {
                assert_eq!(
                    again["changed"], false,
                    "only giving back the lock may fail without the task failing"
                );
            } else {
                let words = first["msg"].as_str().unwrap();
                assert!(words.starts_with("cannot remove node 'pve3' from cluster 'prod': "), "{first}");
            }
        });
    }
}

#[test]
fn a_run_that_is_killed_anywhere_is_finished_by_the_next_with_the_lists() {
    for build in [whole, only_entangled] {
        let steps = {
            let host = build();
            let _ = answer(&host, &remove());
            host.effects().len()
        };
        assert!(steps > 10, "{steps}");
        for number in 0..steps {
            let host = build().dies_at(number);
            let _ = answer(&host, &remove());
            next_run(&host);
            let again = answer(&host, &remove());
            assert_eq!(again["failed"], Value::Null, "killed at {number}: {again}");
            assert!(is_disentangled(&host), "killed at {number}");
            assert!(!host.exists("/etc/pve/nodes/pve3") && !host.exists(LOCK), "killed at {number}");
        }
    }
}

#[test]
fn a_command_that_does_nothing_is_told_in_its_own_words() {
    let r1 = "ha-manager rules set node-affinity r1 --nodes pve1:2,pve2";
    let told = |line: &str, answer: Answer| -> Value {
        let host = only_entangled();
        host.change(|machine| machine.action(line, answer));
        let said = self::answer(&host, &remove());
        assert_eq!((&said["failed"], &said["changed"]), (&json!(true), &json!(true)), "{said}");
        assert!(host.exists(&format!("{}/ha/rules.cfg", said["backup"].as_str().unwrap())));
        said["msg"].clone()
    };
    let start = "cannot remove node 'pve3' from cluster 'prod': what is left of it (/etc/pve/ha/rules.cfg) cannot be removed: ";
    let end = "; run this task again, which goes on where this one stopped";
    let rule = "and 'node-affinity: r1' in '/etc/pve/ha/rules.cfg' still names it";
    let refusal = Answer::exit(255, "", "update HA rules failed: no such cluster node 'pve2'\n");
    let refused =
        format!("'{r1}' ended with exit code 255: update HA rules failed: no such cluster node 'pve2'");
    assert_eq!(told(r1, refusal), format!("{start}{refused}, {rule}{end}"));
    assert_eq!(told(r1, Answer::ok("done\n")), format!("{start}'{r1}' ended with exit code 0, {rule}{end}"));
    let slow = format!("'{r1}' had not ended after 120 s and was stopped");
    assert_eq!(told(r1, Answer::hangs()), format!("{start}{slow}, {rule}{end}"));
    let job = "and '/etc/pve/replication.cfg' still has job '100-0'";
    let missing = "cannot run 'pvesr': No such file or directory (os error 2)";
    let start = start.replace("/etc/pve/ha/rules.cfg", "/etc/pve/replication.cfg");
    assert_eq!(told(DELETE, Answer::not_installed()), format!("{start}{missing}, {job}{end}"));
}

const R2: &str = "ha-manager rules set node-affinity r2 --nodes pve2:9";
const CONFLICT: &str =
    "update HA rules failed: Rule 'r2' is invalid.\n  resources: two of them cannot be kept apart\n";

/// What PVE refuses is found out while the node is still in the cluster, and what was done for it is undone.
#[test]
fn a_list_that_pve_refuses_to_change_stops_the_removal_before_delnode() {
    let host = whole();
    host.change(|machine| machine.action(R2, Answer::exit(255, "", CONFLICT)));
    let said = answer(&host, &remove());
    assert_eq!(
        said["msg"],
        format!(
            "cannot remove node 'pve3' from cluster 'prod': '{R2}' ended with exit code 255: resources: two of them cannot be \
             kept apart, and 'node-affinity: r2' in '/etc/pve/ha/rules.cfg' still names it: the node is still in the cluster"
        )
    );
    assert_eq!(said["changed"], false, "{said}");
    assert!(!commands(&host).contains(&DELNODE.to_owned()));
    assert_eq!(host.text(RULES), RULES_BEFORE, "what came before it is put back");
    assert_eq!(host.text(GROUPS), "group: main\n\tnodes pve3:2,pve1\n\tnofailback 1\n");
    assert!(host.exists("/etc/pve/nodes/pve3") && !host.exists(LOCK));
}

#[test]
fn a_list_that_cannot_be_put_back_is_told() {
    let host = whole();
    host.change(|machine| {
        machine.action(R2, Answer::exit(255, "", CONFLICT));
        machine.action("ha-manager groupset main --nodes pve3:2,pve1", Answer::exit(255, "", "no quorum!\n"));
    });
    let said = answer(&host, &remove());
    assert_eq!((&said["failed"], &said["changed"]), (&json!(true), &json!(true)));
    assert_eq!(
        said["warnings"],
        json!([
            "'group: main' in '/etc/pve/ha/groups.cfg' no longer names the node, although it is still in the cluster \
            ('ha-manager groupset main --nodes pve3:2,pve1' ended with exit code 255: no quorum!): the copy has the list as it was"
        ])
    );
    assert!(host.exists(&format!("{}/ha/groups.cfg", said["backup"].as_str().unwrap())));
}

/// After delnode there is no way back: what cannot be done for one list keeps nothing else from being done.
#[test]
fn a_list_that_pve_refuses_afterwards_keeps_nothing_else_from_being_removed() {
    let host = entangled(left_behind());
    host.change(|machine| machine.action(R2, Answer::exit(255, "", CONFLICT)));
    let said = answer(&host, &remove());
    let words = said["msg"].as_str().unwrap();
    assert!(
        words.starts_with(
            "cannot remove node 'pve3' from cluster 'prod': what is left of it (/etc/pve/ha/rules.cfg) cannot be removed: "
        ),
        "{said}"
    );
    assert!(is_clean(&host) && host.text(JOBS) == JOBS_AFTER, "keys, directory and jobs are gone");
    assert!(host.text(RULES).contains("nodes pve1:2,pve2\n") && !host.text(GROUPS).contains("pve3"));
    assert_eq!(
        commands(&host).iter().filter(|line| *line == R2).count(),
        1,
        "it is not asked again and again"
    );
    // whoever changes the rule afterwards needs one more run
    host.change(|machine| machine.write(RULES, RULES_AFTER));
    assert_eq!(answer(&host, &remove())["failed"], Value::Null);
}

#[test]
fn a_lock_of_another_program_is_waited_for() {
    let locked = || {
        let host = only_entangled().dir(JOBS_LOCK);
        let fails = "cfs-lock 'file-replication_cfg' error: got lock request timeout\n";
        host.change(|machine| {
            let answer = Answer::exit(255, "", fails).taking(Duration::from_secs(10));
            machine.action(DELETE, answer);
        });
        host
    };
    let host = locked();
    host.change(|machine| {
        machine.after(Duration::from_secs(25), |machine| {
            machine.remove(JOBS_LOCK);
            machine.action(DELETE, Answer::ok("").doing(|machine| machine.write(JOBS, JOBS_AFTER)));
        });
    });
    let said = answer(&host, &remove());
    assert_eq!((&said["failed"], &said["changed"]), (&Value::Null, &json!(true)), "{said}");
    assert!(is_disentangled(&host) && host.elapsed() >= Duration::from_secs(25));

    let host = locked();
    let said = answer(&host, &remove());
    assert_eq!(
        said["msg"],
        "cannot remove node 'pve3' from cluster 'prod': what is left of it (/etc/pve/replication.cfg) cannot be \
         removed: 'pvesr delete 100-0 --force' ended with exit code 255: cfs-lock \
         'file-replication_cfg' error: got lock request timeout, and '/etc/pve/replication.cfg' still has job '100-0' \
         ('/etc/pve/priv/lock/file-replication_cfg' is another program's, and expires 120 s after that has died); run this task \
         again, which goes on where this one stopped"
    );
    assert!(host.elapsed() < Duration::from_secs(150), "{:?}", host.elapsed());
}

#[test]
fn a_command_that_fails_after_it_did_it_is_no_failure() {
    let host = only_entangled();
    host.change(|machine| {
        machine.action(
            DELETE,
            Answer::exit(255, "", "got signal\n").doing(|machine| machine.write(JOBS, JOBS_AFTER)),
        );
    });
    let said = answer(&host, &remove());
    assert_eq!((&said["failed"], &said["changed"]), (&Value::Null, &json!(true)), "{said}");
    assert!(is_disentangled(&host));
}

#[test]
fn a_list_that_another_changes_meanwhile_keeps_what_it_has_then() {
    let host = whole();
    // While pvecm is at work, an administrator gives the rule a priority; the module asks for the list as it is then.
    host.change(|machine| {
        machine.action(
            "ha-manager groupset main --nodes pve1",
            Answer::ok("").doing(|machine| {
                machine.write(GROUPS, "group: main\n\tnodes pve1\n\tnofailback 1\n");
                let text =
                    machine.text(RULES).unwrap().replace("pve1:2,pve3:5,pve2", "pve1:2,pve3:5,pve2:77");
                machine.write(RULES, text);
            }),
        );
    });
    let said = answer(&host, &remove());
    assert_eq!(said["failed"], Value::Null, "{said}");
    assert!(host.text(RULES).contains("\tnodes pve1:2,pve2:77\n"), "{}", host.text(RULES));
}

#[test]
fn one_list_with_the_node_alone_stops_all_of_it() {
    let host = whole();
    let alone = format!("{RULES_BEFORE}\nnode-affinity: r9\n\tnodes pve3\n\tresources vm:9\n");
    host.change(|machine| machine.write(RULES, &alone));
    let said = answer(&host, &remove());
    assert_eq!(
        said["msg"],
        "cannot remove node 'pve3' from cluster 'prod': 'node-affinity: r9' in '/etc/pve/ha/rules.cfg' names it and no other \
         node of the cluster: give it another one with 'ha-manager rules set node-affinity r9 --nodes NODE', or remove it \
         with 'ha-manager rules remove r9'"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
    assert_eq!(host.text(RULES), alone);
}

#[test]
fn nodes_that_are_none_go_with_it_and_are_told() {
    let host = only_entangled();
    host.change(|machine| {
        machine.write(RULES, RULES_BEFORE.replace("pve1:2,pve3:5,pve2", "pve9:4,pve1:2,pve3:5,pve2"));
    });
    let said = answer(&host, &remove());
    assert_eq!(
        said["warnings"],
        json!([
            "'node-affinity: r1' in '/etc/pve/ha/rules.cfg' also names what is no node of the cluster and goes from it too: 'pve9'"
        ]),
        "{said}"
    );
    assert!(is_disentangled(&host), "{}", host.text(RULES));
}

#[test]
fn jobs_of_guests_that_leave_go_and_those_of_guests_elsewhere_stay() {
    let host = removable();
    let jobs = "local: 300-0\n\tsource pve3\n\ttarget pve1\n\nlocal: 7-0\n\tsource pve3\n\ttarget pve2\n";
    host.change(|machine| {
        machine.write(JOBS, jobs);
        machine.write("/etc/pve/nodes/pve3/qemu-server/300.conf", "cores: 1\n");
        machine.action(
            "pvesr delete 300-0 --force",
            Answer::ok("").doing(|machine| machine.write(JOBS, "local: 7-0\n\tsource pve3\n\ttarget pve2\n")),
        );
    });
    let mut given = remove();
    given["separated"] = true.into();
    let said = answer(&host, &given);
    assert_eq!((&said["failed"], &said["changed"]), (&Value::Null, &json!(true)), "{said}");
    assert_eq!(commands(&host), [DELNODE, "pvesr delete 300-0 --force"]);
    assert!(is_clean(&host));

    let host = removable();
    host.change(|machine| machine.write(JOBS, "local: 7-0\n\tsource pve3\n\ttarget pve2\n"));
    let said = answer(&host, &remove());
    assert_eq!((&said["failed"], commands(&host)), (&Value::Null, vec![DELNODE.to_owned()]), "{said}");
    assert!(!said["cleaned"].to_string().contains("replication"));
}

#[test]
fn a_file_that_is_away_for_a_moment_is_not_taken_for_empty() {
    const ENOENT: i32 = 2;
    for path in [RULES, JOBS] {
        let host = only_entangled().fail_first(move |step| *step == testkit::Step::Read(path.into()), ENOENT);
        // A check looks once.
        let answer = answer(&host, &asked(true));
        assert_eq!(answer["cleaned"], json!([GROUPS, RULES, JOBS]), "{answer}");
    }
}
