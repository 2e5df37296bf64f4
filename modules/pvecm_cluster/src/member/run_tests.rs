// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole runs on fake nodes: order of effects, faults at every step, the answers.

use std::time::Duration;

use host::Host;
use membership::fake::*;
use membership::probe::Errand;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost, Step, at_every_effect};

use crate::{args, dispatch};

fn answer(host: &FakeHost, given: &Value) -> Value {
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, dispatch::run)
}

fn create() -> Value {
    json!({"cluster_name": "prod", "links": [{"address": "10.77.1.12"}]})
}

fn join() -> Value {
    json!({
        "state": "joined", "cluster_name": "prod", "cluster_node": "10.77.0.11",
        "links": [{"address": "10.77.1.12"}],
    })
}

fn with(mut given: Value, name: &str, value: impl Into<Value>) -> Value {
    given[name] = value.into();
    given
}

fn msg(answer: &Value) -> &str {
    answer["msg"].as_str().unwrap()
}

const PROBE: [&str; 2] =
    ["mkdir /etc/pve/priv/lock/pvecm_cluster-pve2 0700", "rmdir /etc/pve/priv/lock/pvecm_cluster-pve2"];

#[test]
fn a_join_is_reported_when_the_cluster_confirms_it() {
    let host = joinable();
    let answer = answer(&host, &join());
    let claim = format!("run {}", ssh(Errand::Claim { keep: 0 }));
    let unlock = [format!("rmdir {LOCK}"), format!("rmdir {}", own_name())];
    assert_eq!(host.effects(), [&claim, &format!("run {ADD}"), PROBE[0], PROBE[1], &unlock[0], &unlock[1]]);
    assert_eq!(
        (&answer["changed"], &answer["nodeid"], &answer["members"], &answer["config_version"]),
        (&json!(true), &json!(2), &json!(["pve1", "pve2"]), &json!(2)),
    );
    assert_eq!(answer["backup"], "/var/lib/pve-cluster/backup/config-1795197802.sql.gz");
    assert_eq!(answer["pvecm"], json!({"cmd": ADD, "rc": 0, "stdout": JOINED, "stderr": ""}));
    assert_eq!(host.elapsed(), Duration::from_secs(14), "a join is complete when pvecm returns");
}

#[test]
fn pvecm_gets_what_is_left_of_the_time() {
    let host = joinable();
    let _ = answer(&host, &with(join(), "timeout", 60));
    let pvecm = host.commands().into_iter().find(|command| command.line() == ADD).unwrap();
    assert_eq!(pvecm.timeout, Duration::from_secs(54));
}

#[test]
fn a_create_waits_until_writes_are_taken() {
    let host = creatable();
    let answer = answer(&host, &create());
    assert_eq!(host.effects(), [&format!("run {CREATE}"), PROBE[0], PROBE[1]]);
    assert_eq!(
        (&answer["changed"], &answer["nodeid"], &answer["members"], &answer["config_version"]),
        (&json!(true), &json!(1), &json!(["pve2"]), &json!(1)),
    );
    assert!(host.elapsed() >= Duration::from_millis(7450) && host.elapsed() < Duration::from_millis(7950));
}

#[test]
fn check_mode_gives_the_real_answer_and_changes_nothing() {
    for (host, twin, given) in
        [(joinable(), joinable(), join()), (creatable(), creatable(), create()), (member(), member(), join())]
    {
        let check = answer(&host, &with(given.clone(), "_ansible_check_mode", true));
        assert_eq!(host.effects(), Vec::<String>::new());
        let mut real = answer(&twin, &given);
        real.as_object_mut().unwrap().retain(|key, _| key != "pvecm" && key != "backup");
        assert_eq!(check, real);
    }
}

#[test]
fn a_second_run_changes_nothing() {
    for (host, given) in [(joinable(), join()), (creatable(), create())] {
        let _ = answer(&host, &given);
        host.revive();
        let again = answer(&host, &given);
        assert_eq!(again["changed"], false, "{again}");
        assert_eq!(host.effects(), Vec::<String>::new());
    }
}

#[test]
fn a_member_is_confirmed_without_a_login() {
    let host = member();
    let answer = answer(&host, &join());
    assert_eq!(msg(&answer), "this node is nodeid 2 of cluster 'prod'");
    assert!(host.commands().iter().all(|command| command.program != "ssh"));
    assert_eq!(host.elapsed(), Duration::ZERO);
}

#[test]
fn a_node_that_is_still_synchronising_is_waited_for() {
    let host = member();
    host.change(|machine| {
        machine.set_quorate(false);
        machine.after(Duration::from_secs(5), |machine| machine.set_quorate(true));
    });
    assert_eq!(answer(&host, &join())["changed"], false);
    assert!(host.elapsed() >= Duration::from_secs(5) && host.elapsed() < Duration::from_secs(6));
}

#[test]
fn refusals_come_before_any_change_and_all_at_once() {
    let host = joinable();
    host.change(|machine| {
        let vmlist = "{\n\"version\": 3,\n\"ids\": {\n\"100\": { \"node\": \"pve2\", \"type\": \"qemu\", \"version\": 4 }}\n\n}\n";
        machine.write("/etc/pve/.vmlist", vmlist);
        machine.write("/etc/corosync/authkey", "");
    });
    let answer = answer(&host, &with(join(), "nodeid", 1));
    let expected = "cannot join cluster 'prod': '/etc/corosync/authkey' is left over from another cluster: remove it \
                    if this node belongs to none; this host already contains virtual guests (100); nodeid 1 belongs to \
                    node 'pve1' of the cluster. 'repair: true' (playbooks/cluster-repair.yml) lets this task repair this: corosync's \
                    files of an earlier cluster were left on this node";
    assert_eq!(msg(&answer), expected);
    assert_eq!(answer["reasons"].as_array().unwrap().len(), 3);
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(false)));
    assert_eq!(host.effects(), Vec::<String>::new());
    assert_eq!(host.elapsed(), Duration::ZERO, "what does not pass is not waited for");
}

#[test]
fn wrong_options_are_refused_before_a_look() {
    let host = FakeHost::new();
    let answer = answer(&host, &with(with(create(), "cluster_name", "bad name"), "nodeid", 0));
    assert_eq!(
        msg(&answer),
        "cannot create cluster 'bad name': 'bad name' is not a cluster name (letters, digits and hyphens inside, 15 \
         characters at most); 'nodeid' is 0, which is not between 1 and 65535"
    );
    assert_eq!(host.steps(), []);
}

#[test]
fn another_join_under_way_is_waited_for() {
    let host = joinable();
    let busy = peer(2, &[(1, "pve1"), (3, "pve3")], &[(1, 2)]);
    host.change(move |machine| {
        let free = peer(2, &[(1, "pve1"), (3, "pve3")], &[(1, 2), (3, 2)]);
        machine.after(Duration::from_secs(8), move |machine| machine.query(&ssh(Errand::Look), free));
        machine.query(&ssh(Errand::Look), busy);
    });
    // the fake join makes a cluster of two; what matters here is when it begins
    let _ = answer(&host, &join());
    let slept: Duration = host
        .steps()
        .iter()
        .take_while(|step| !step.is_effect())
        .filter_map(|step| if let Step::Sleep(pause) = step { Some(*pause) } else { None })
        .sum();
    assert_eq!(slept, Duration::from_secs(8));
}

#[test]
fn a_cluster_that_does_not_become_ready_is_refused_in_a_quarter_of_the_time() {
    let host = joinable();
    host.change(|machine| machine.query(&ssh(Errand::Look), peer(2, &[(1, "pve1"), (3, "pve3")], &[(1, 2)])));
    let answer = answer(&host, &with(join(), "timeout", 40));
    assert_eq!(
        msg(&answer),
        "cannot join cluster 'prod': the cluster is not quorate (1 of 2 votes); node 'pve3' of the cluster is not \
         online and would miss the new corosync.conf: start or remove it first (for 10 s)"
    );
    assert_eq!(host.effects(), Vec::<String>::new());
    assert_eq!(host.elapsed(), Duration::from_secs(10));
}

/// A join that never reaches quorum; pve1 has listed pve2 and lost quorum by it.
fn partitioned() -> FakeHost {
    let host = joinable().queries(&ssh(Errand::Look), [peer(1, ALONE, &[(1, 1)]), peer(2, PAIR, &[(1, 2)])]);
    host.action(ADD, Answer::ok(WAITING).taking(Duration::MAX)).at(Duration::from_secs(6), |machine| {
        become_member(machine, 2, PAIR, &[(2, 2)]);
        machine.remove(CERTIFICATE);
    })
}

#[test]
fn a_join_without_quorum_ends_at_the_deadline_and_says_how_things_are() {
    let host = partitioned();
    let answer = answer(&host, &with(join(), "timeout", 60));
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(true)));
    assert_eq!(answer["pvecm"]["rc"], 124);
    assert_eq!(answer["backup"], "/var/lib/pve-cluster/backup/config-1795197802.sql.gz");
    assert!(host.elapsed() <= Duration::from_secs(60));
    let node = "nodeid 2 of cluster 'prod' by its own corosync.conf (config_version 2), corosync is not quorate (1 of 2 \
                votes) with 'pve2', '/etc/pve' is read-only, it has no node certificate";
    let cluster = "cluster 'prod' lists this node as nodeid 2 (config_version 2), on 'pve1' corosync is not quorate (1 \
                   of 2 votes) with 'pve1'";
    let remedy = "the nodes do not reach each other over the links: check the addresses and UDP ports 5405-5412 \
                  between them; corosync joins by itself once they do, then run this task again; to give up instead, \
                  run 'pvecm expected 1' and 'pvecm delnode pve2' on 'pve1'";
    assert_eq!(answer["node_state"], node);
    assert_eq!(answer["cluster_state"], cluster);
    assert_eq!(answer["remedy"], remedy);
    assert_eq!(
        msg(&answer),
        format!(
            "cannot join cluster 'prod': pvecm had not ended after 54 s and was stopped while waiting for quorum. \
             This node: {node}. The cluster: {cluster}. What to do: {remedy}"
        )
    );
}

#[test]
fn a_stranded_node_is_named_on_the_next_run() {
    let host = partitioned();
    let _ = answer(&host, &with(join(), "timeout", 60));
    host.revive();
    host.change(|machine| {
        set_services(machine, "failed");
        machine.query(&ssh(Errand::Look), peer(3, &[(1, "pve1"), (2, "pve2"), (3, "pve3")], &[(1, 3), (3, 3)]));
        machine.query(
            "journalctl --unit=corosync.service --boot --lines=60 --output=cat --no-pager --quiet",
            "Starting corosync.service - Corosync Cluster Engine...\n[CMAP  ] Received config version (3) is different \
             than my config version (2)! Exiting\n",
        );
    });
    let began = host.elapsed();
    let answer = answer(&host, &join());
    assert_eq!(host.elapsed(), began, "a corosync that gave up is not waited for");
    assert_eq!(answer["changed"], false);
    assert_eq!(
        msg(&answer).split(". ").collect::<Vec<_>>(),
        [
            "cannot confirm membership of cluster 'prod': after 54 s corosync is not running on this node (failed); \
             '/etc/pve' is read-only on this node; the node certificate '/etc/pve/nodes/pve2/pve-ssl.pem' is missing",
            "This node: nodeid 2 of cluster 'prod' by its own corosync.conf (config_version 2), corosync is not running \
             (failed: it had config_version 2 and the other nodes 3), '/etc/pve' is read-only, it has no node \
             certificate",
            "The cluster: cluster 'prod' lists this node as nodeid 2 (config_version 3), on 'pve1' corosync is quorate \
             (2 of 3 votes) with 'pve1', 'pve3'",
            "What to do: the cluster changed its corosync.conf while this node joined: copy '/etc/pve/corosync.conf' of \
             'pve1' to '/etc/corosync/corosync.conf' on this node and run 'systemctl reset-failed corosync' and \
             'systemctl restart corosync' here",
            "'repair: true' (playbooks/cluster-repair.yml) lets this task repair this: corosync did not run on this node",
        ]
    );
}

/// A member without a certificate: its join was stopped while it waited for quorum, which came later.
fn unfinished() -> FakeHost {
    let host = member();
    host.change(|machine| machine.remove(CERTIFICATE));
    host.action(
        "pvecm updatecerts",
        Answer::ok("(re)generate node files\ngenerate new node certificate\nmerge authorized SSH keys\n")
            .doing(|machine| machine.write(CERTIFICATE, "-----BEGIN CERTIFICATE-----\n")),
    )
    .action("systemctl restart pveproxy pvedaemon", "")
    .query(&ssh(Errand::Look), peer(2, PAIR, &[(1, 2), (2, 2)]))
}

#[test]
fn an_interrupted_join_is_finished_by_the_next_run() {
    let host = unfinished();
    let check = answer(&host, &with(join(), "_ansible_check_mode", true));
    assert_eq!(host.effects(), Vec::<String>::new());
    let mut real = answer(&host, &join());
    assert_eq!(msg(&real), "the interrupted join of this node to cluster 'prod' as nodeid 2 is finished");
    assert_eq!(
        host.effects(),
        ["run pvecm updatecerts", "run systemctl restart pveproxy pvedaemon", PROBE[0], PROBE[1]]
    );
    assert_eq!(real["changed"], true);
    assert_eq!(real["pvecm"]["cmd"], "pvecm updatecerts");
    real.as_object_mut().unwrap().remove("pvecm");
    assert_eq!(check, real);
    assert_eq!(answer(&host, &join())["changed"], false);
}

/// Of what a join made before pmxcfs met another, the certificate came through and its key did not.
#[test]
fn a_certificate_without_its_key_is_made_anew_with_it() {
    let host = unfinished().file(CERTIFICATE, "-----BEGIN CERTIFICATE-----\n").action(
        "pvecm updatecerts --force",
        Answer::ok("").doing(|machine| machine.write(CERTIFICATE_KEY, "a key\n")),
    );
    host.change(|machine| machine.remove(CERTIFICATE_KEY));
    let answer = answer(&host, &join());
    assert_eq!(answer["changed"], true, "{answer}");
    assert_eq!(answer["pvecm"]["cmd"], "pvecm updatecerts --force");
}

#[test]
fn the_lock_of_an_interrupted_join_falls_when_it_is_finished() {
    let host = unfinished().with(|machine| lock(machine, &joins("pve2", 100)));
    let answer = answer(&host, &join());
    assert_eq!(answer["changed"], true, "{answer}");
    assert!(!host.exists(LOCK) && !host.exists(&own_name()));
}

#[test]
fn a_join_that_another_pvecm_is_finishing_is_left_to_it() {
    let host = unfinished();
    host.change(|machine| {
        machine.write("/var/lock/pvecm.lock", "");
        machine.query("flock --exclusive --nonblock /var/lock/pvecm.lock true", Answer::exit(1, "", ""));
        machine.after(Duration::from_secs(2), |machine| {
            machine.write(CERTIFICATE, "-----BEGIN CERTIFICATE-----\n")
        });
    });
    assert_eq!(answer(&host, &join())["changed"], false);
    assert_eq!(host.effects(), Vec::<String>::new());
}

/// The module was killed, its pvecm was not.
#[test]
fn a_pvecm_that_outlived_its_module_is_waited_for() {
    let flock = "flock --exclusive --nonblock /var/lock/pvecm.lock true";
    let host = joinable();
    host.change(|machine| {
        machine.write("/var/lock/pvecm.lock", "");
        machine.query(flock, Answer::exit(1, "", ""));
        machine.write("/etc/corosync/authkey", "");
        machine.after(Duration::from_secs(3), |machine| machine.unmount("/etc/pve"));
        machine.after(Duration::from_secs(5), |machine| {
            machine.mount("/etc/pve");
            become_member(machine, 2, PAIR, &[(2, 2)]);
        });
        machine.after(Duration::from_secs(9), move |machine| {
            become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
            machine.query(flock, "");
        });
    });
    let answer = answer(&host, &join());
    assert_eq!(answer["changed"], false, "{answer}");
    assert_eq!(host.effects(), Vec::<String>::new());
    assert!(host.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_pvecm_that_does_not_end_is_told() {
    let host = joinable();
    host.change(|machine| {
        machine.write("/var/lock/pvecm.lock", "");
        machine.query("flock --exclusive --nonblock /var/lock/pvecm.lock true", Answer::exit(1, "", ""));
    });
    let answer = answer(&host, &with(join(), "timeout", 40));
    assert_eq!(
        msg(&answer),
        "cannot join cluster 'prod': another pvecm is at work on this node, perhaps of a run that was killed (for 20 s)"
    );
}

#[test]
fn an_interrupted_join_that_cannot_be_finished_says_why() {
    let host = unfinished().action(
        "pvecm updatecerts",
        Answer::exit(4, "", "unable to generate pve ssl key:\ncommand 'openssl genrsa' failed\n"),
    );
    let answer = answer(&host, &join());
    assert_eq!(answer["changed"], true);
    assert!(
        msg(&answer).starts_with(
            "cannot confirm membership of cluster 'prod': the node certificate '/etc/pve/nodes/pve2/pve-ssl.pem' is \
             missing after 'pvecm updatecerts', which said: command 'openssl genrsa' failed. This node: "
        ),
        "{answer}"
    );
}

/// pvecm gives up before it changes anything.
#[test]
fn a_pvecm_that_gives_up_at_once_changed_nothing() {
    let host = joinable().action(ADD, Answer::exit(0, "", "unable to copy ssh ID: exit code 1\n"));
    let answer = answer(&host, &join());
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(false)));
    assert_eq!(
        msg(&answer),
        "cannot join cluster 'prod': pvecm gave up: the cluster node cannot be reached over ssh: it does not answer, or \
         its host key is not known. This node: a member of no cluster. The cluster: cluster 'prod' does not list this \
         node (config_version 1), on 'pve1' corosync is quorate (1 of 1 votes) with 'pve1'. What to do: fix the cause, \
         then run this task again"
    );
    assert_eq!(host.elapsed(), Duration::ZERO);
}

/// pvecm has the node listed and then cannot fetch the key.
#[test]
fn a_pvecm_that_gives_up_after_the_cluster_listed_the_node_says_so() {
    let host =
        joinable().queries(&ssh(Errand::Look), [peer(1, ALONE, &[(1, 1)]), peer(2, PAIR, &[(1, 2)])]).action(
            ADD,
            Answer::exit(0, "copy corosync auth key\n", "can't rsync data from host '10.77.0.11'\n"),
        );
    let answer = answer(&host, &join());
    assert_eq!(answer["changed"], true);
    assert!(msg(&answer).starts_with(
        "cannot join cluster 'prod': pvecm gave up after the cluster had listed this node: can't rsync data from host \
         '10.77.0.11'. This node: a member of no cluster. "
    ));
    assert_eq!(
        answer["remedy"],
        "the cluster lists this node although it has not joined: run this task again with 'repair: true', or take the \
         node back with 'pvecm delnode pve2' on 'pve1'"
    );
}

#[test]
fn words_of_success_without_a_membership_are_no_success() {
    let host = joinable().action(ADD, Answer::ok(JOINED));
    let answer = answer(&host, &with(join(), "timeout", 20));
    assert_eq!((&answer["failed"], &answer["changed"]), (&json!(true), &json!(true)));
    assert!(
        msg(&answer).starts_with(
            "cannot join cluster 'prod': pvecm says that it is done, but '/etc/pve/corosync.conf' is missing. "
        ),
        "{answer}"
    );
}

#[test]
fn members_with_two_versions_are_no_success() {
    let host = joinable().action(
        ADD,
        Answer::ok(JOINED).doing(|machine| {
            become_member(machine, 3, &[(1, "pve1"), (2, "pve2"), (3, "pve3")], &[(1, 3), (2, 3), (3, 2)]);
        }),
    );
    let answer = answer(&host, &with(join(), "timeout", 20));
    assert!(
        msg(&answer).starts_with(
            "cannot join cluster 'prod': pvecm says that it is done, but after 20 s corosync runs config_version 2 on \
             'pve3' and 3 on 'pve1', 'pve2'. "
        ),
        "{answer}"
    );
    assert_eq!(answer["changed"], true);
}

#[test]
fn a_membership_that_is_not_as_declared_is_no_success() {
    let host = joinable().action(
        &format!("{ADD} --votes 2"),
        Answer::ok(JOINED).doing(|machine| become_member(machine, 2, PAIR, &[(1, 2), (2, 2)])),
    );
    let answer = answer(&host, &with(join(), "votes", 2));
    assert_eq!(
        msg(&answer),
        "cannot join cluster 'prod': this node is a member now, but not as declared: quorum_votes of this node is 1, \
         not 2: joining again does not change it, editing corosync.conf does (module corosync_conf)"
    );
    assert_eq!(answer["changed"], true);
}

#[test]
fn new_words_of_pvecm_are_no_failure_when_the_cluster_confirms() {
    let host = joinable().action(
        ADD,
        Answer::ok("node pve2 is in\n").doing(|machine| become_member(machine, 2, PAIR, &[(1, 2), (2, 2)])),
    );
    assert_eq!(answer(&host, &join())["changed"], true);
}

#[test]
fn a_fault_at_every_effect_is_told() {
    for (build, given) in [(joinable as fn() -> FakeHost, join()), (creatable, create())] {
        at_every_effect(build, 13, |host, number| {
            let answer = answer(host, &with(given.clone(), "timeout", 60));
            let changed = host.effects().iter().any(|effect| effect.starts_with("run pvecm"));
            assert_eq!(answer["changed"], changed, "{number}: {answer}");
            // one refused write is tried again, a lock that stays behind is told
            assert_eq!(answer.get("failed").is_none(), changed, "{number}: {answer}");
            let warned =
                answer["warnings"].to_string().contains("cannot remove the directory '/etc/pve/priv/lock");
            assert!(warned || !host.exists(LOCK), "{number}: {answer}");
        });
    }
}

#[test]
fn the_lock_of_a_join_is_released_whatever_comes_of_it() {
    let release = format!("run {}", ssh(Errand::Release));
    for host in [
        partitioned(),
        joinable().action(ADD, Answer::exit(0, "", "unable to copy ssh ID: exit code 1\n")),
        joinable().action(ADD, Answer::not_installed()),
    ] {
        let answer = answer(&host, &with(join(), "timeout", 60));
        assert_eq!(answer["failed"], true);
        assert_eq!(host.effects().last(), Some(&release), "{answer}");
    }
}

/// Two nodes look at the same moment; the other one locks the cluster first.
#[test]
fn a_node_that_comes_second_waits_for_the_first() {
    let host = joinable();
    let claim = ssh(Errand::Claim { keep: 0 });
    let held = format!("\n@@ claim\n{}", held(&peer(1, ALONE, &[(1, 1)])));
    host.change(|machine| {
        machine.action(&claim, held.clone());
        let free = claimed(&peer(2, &[(1, "pve1"), (2, "pve3")], &[(1, 2), (2, 2)]));
        let claim = claim.clone();
        machine.action(
            ADD,
            Answer::ok(JOINED).doing(|machine| {
                become_member(
                    machine,
                    3,
                    &[(1, "pve1"), (2, "pve3"), (3, "pve2")],
                    &[(1, 3), (2, 3), (3, 3)],
                );
            }),
        );
        machine.after(Duration::from_secs(25), move |machine| machine.action(&claim, free));
    });
    let joined = answer(&host, &join());
    let effects = host.effects();
    assert_eq!(msg(&joined), "this node joins cluster 'prod' as nodeid 3");
    let added = effects.iter().position(|effect| *effect == format!("run {ADD}")).unwrap();
    assert!(
        added > 20 && effects[..added].iter().all(|effect| *effect == format!("run {claim}")),
        "{effects:?}"
    );

    let host = joinable();
    host.change(|machine| machine.action(&claim, held));
    let answer = answer(&host, &join());
    assert_eq!(
        msg(&answer),
        "cannot join cluster 'prod': another node is joining or leaving the cluster ('/etc/pve/priv/lock/pvecm_cluster-join', \
         which expires 120 s after an interruption) (for 60 s)"
    );
    assert_eq!(answer["changed"], false);
    assert!(
        host.effects().iter().all(|effect| *effect == format!("run {claim}")),
        "another's lock is left alone"
    );
}

/// Between the look and the lock another node has taken the nodeid.
#[test]
fn what_changed_before_the_lock_is_seen_behind_it() {
    let host = joinable();
    let after = claimed(&peer(2, &[(1, "pve1"), (3, "pve3")], &[(1, 2), (3, 2)]));
    host.change(|machine| machine.action(&ssh(Errand::Claim { keep: 0 }), after));
    let answer = answer(&host, &with(join(), "nodeid", 3));
    assert_eq!(msg(&answer), "cannot join cluster 'prod': nodeid 3 belongs to node 'pve3' of the cluster");
    assert_eq!(
        host.effects(),
        [format!("run {}", ssh(Errand::Claim { keep: 0 })), format!("run {}", ssh(Errand::Release))]
    );
}

#[test]
fn a_filesystem_that_shows_write_bits_and_refuses_writes_is_no_success() {
    let host = joinable().fail_when(|step| matches!(step, Step::MakeDir(..)), 13);
    let answer = answer(&host, &with(join(), "timeout", 60));
    assert!(
        msg(&answer).starts_with(
            "cannot join cluster 'prod': pvecm says that it is done, but after 60 s cannot make the directory \
             '/etc/pve/priv/lock/pvecm_cluster-pve2': Permission denied (os error 13). "
        ),
        "{answer}"
    );
    assert_eq!(answer["changed"], true);
}

#[test]
fn a_run_that_dies_anywhere_is_taken_up_by_the_next() {
    for (build, given) in [(joinable as fn() -> FakeHost, join()), (creatable, create())] {
        for effect in 0..6 {
            let host = build().dies_at(effect);
            let _ = answer(&host, &with(given.clone(), "timeout", 60));
            host.revive();
            let next = answer(&host, &given);
            assert!(next.get("failed").is_none(), "{effect}: {next}");
            assert!(!host.exists(LOCK), "{effect}: the lock is released");
        }
    }
}

#[test]
fn the_documentation_matches() {
    testkit::assert_docs_match(&args::spec());
}

/// The join of `joinable`, after which pmxcfs on pve2 is alone for 4 s, and loses what pvecm made when pve1's comes.
fn meets_later() -> FakeHost {
    let before = peer(1, ALONE, &[(1, 1)]);
    joinable()
        .query(&ssh(Errand::Look), before)
        .action(
            ADD,
            Answer::ok(JOINED).taking(Duration::from_secs(14)).doing(|machine| {
                become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
                machine.write("/etc/pve/.members", alone_in_pmxcfs(2, PAIR));
                machine.after(Duration::from_secs(4), |machine| {
                    machine.write("/etc/pve/.members", members("pve2", 2, PAIR, true));
                    machine.remove(CERTIFICATE);
                });
            }),
        )
        .action(
            "pvecm updatecerts",
            Answer::ok("").doing(|machine| machine.write(CERTIFICATE, "-----BEGIN CERTIFICATE-----\n")),
        )
        .action("systemctl restart pveproxy pvedaemon", "")
}

#[test]
fn what_a_join_made_before_pmxcfs_met_another_is_made_again() {
    let host = meets_later();
    let answer = answer(&host, &join());
    assert_eq!(msg(&answer), "this node joins cluster 'prod' as nodeid 2", "{answer}");
    assert_eq!(answer["pvecm"]["cmd"], "pvecm updatecerts");
    let effects = host.effects();
    let made = effects.iter().position(|effect| effect == "run pvecm updatecerts");
    assert!(made.is_some() && host.elapsed() >= Duration::from_secs(18), "{effects:?}");
}

#[test]
fn a_certificate_is_not_made_before_pmxcfs_has_met_another() {
    let host = unfinished();
    host.change(|machine| {
        machine.write("/etc/pve/.members", alone_in_pmxcfs(2, PAIR));
        machine.after(Duration::from_secs(6), |machine| {
            machine.write("/etc/pve/.members", members("pve2", 2, PAIR, true));
        });
    });
    let answer = answer(&host, &join());
    assert_eq!(answer["changed"], true, "{answer}");
    assert!(host.elapsed() >= Duration::from_secs(6));
}

/// What openssl says of pve1's certificate after pve2 has recreated the authority.
const STRANGE: &str = "OU=PVE Cluster Node, O=Proxmox Virtual Environment, CN=pve1.lab.local\nerror 20 at 0 depth lookup: \
    unable to get local issuer certificate\nerror /etc/pve/nodes/pve1/pve-ssl.pem: verification failed\n";
const VERIFY: &str =
    "openssl verify -no_check_time -CAfile /etc/pve/pve-root-ca.pem /etc/pve/nodes/pve1/pve-ssl.pem";

/// `joinable`, with pve1's certificate, and an authority that was made so many seconds after the join.
fn with_authority(after: i64, said: Answer) -> FakeHost {
    let host = joinable()
        .file("/etc/pve/nodes/pve1/pve-ssl.pem", "-----BEGIN CERTIFICATE-----\n")
        .file("/etc/pve/pve-root-ca.pem", "-----BEGIN CERTIFICATE-----\n");
    host.action(
        ADD,
        Answer::ok(JOINED).doing(move |machine| {
            become_member(machine, 2, PAIR, &[(1, 2), (2, 2)]);
            machine.set_mtime("/etc/corosync/authkey", 1_795_197_802);
            machine.set_mtime("/etc/pve/pve-root-ca.pem", 1_795_197_802 + after);
        }),
    )
    .with(|machine| machine.query(VERIFY, said))
}

#[test]
fn a_join_that_cost_the_cluster_its_authority_says_what_mends_it() {
    let host = with_authority(8, Answer::exit(2, "", STRANGE));
    let broken = answer(&host, &join());
    let what = "but its join recreated '/etc/pve/pve-root-ca.pem', because it was quorate before pmxcfs had met another \
                node's, and the certificate of 'pve1' is of the one before: run 'pvecm updatecerts --force' and 'systemctl \
                restart pveproxy pvedaemon' on 'pve1'";
    assert_eq!(msg(&broken), format!("cannot join cluster 'prod': this node is a member now, {what}"));
    assert_eq!((&broken["failed"], &broken["changed"]), (&json!(true), &json!(true)));
    host.revive();
    let again = answer(&host, &join());
    assert_eq!(
        msg(&again),
        format!("cannot confirm membership of cluster 'prod': this node is a member, {what}")
    );
    assert_eq!((&again["changed"], host.effects()), (&json!(false), Vec::new()));
    host.change(|machine| machine.query(VERIFY, "/etc/pve/nodes/pve1/pve-ssl.pem: OK\n"));
    assert_eq!(answer(&host, &join()).get("failed"), None);
}

#[test]
fn a_certificate_that_somebody_put_there_himself_is_his_own_affair() {
    let strange = || Answer::exit(2, "", STRANGE);
    for (after, said) in [
        (8, Answer::ok("/etc/pve/nodes/pve1/pve-ssl.pem: OK\n")),
        (8, Answer::exit(2, "", STRANGE.replace("PVE Cluster Node", "Example Ltd"))),
        (8, Answer::exit(1, "", "Could not open file or uri for loading certificate file\n")),
        (-86_400, strange()),
        (86_400, strange()),
    ] {
        let answer = answer(&with_authority(after, said), &join());
        assert_eq!(answer.get("failed"), None, "{after} {answer}");
    }
}

/// pmxcfs removes the lock of a node that has died only when it is asked to.
#[test]
fn a_lock_in_the_way_is_offered_for_removal() {
    let free = peer(1, ALONE, &[(1, 1)]);
    let release = format!("run {}", ssh(Errand::Release));
    let host = joinable().queries(&ssh(Errand::Look), [held(&free), held(&free), free.clone()]);
    let said = answer(&host, &join());
    assert_eq!((&said["changed"], &said["failed"]), (&json!(true), &Value::Null), "{said}");
    assert_eq!(host.effects()[..2], [release.clone(), release]);
    let host = joinable().queries(&ssh(Errand::Look), [held(&free), held(&free), free]);
    let _ = answer(&host, &with(join(), "_ansible_check_mode", true));
    assert_eq!(host.effects(), Vec::<String>::new());
}

#[test]
fn a_lock_is_removed_when_quorum_is_back() {
    let host = unfinished().with(|machine| lock(machine, &joins("pve2", 100)));
    let until = Duration::from_secs(6);
    let lost = |step: &Step| matches!(step, Step::RemoveDir(path) if path.ends_with("pvecm_cluster-join"));
    let host = host.fail_first(lost, 13);
    let said = answer(&host, &join());
    assert_eq!(said.get("warnings"), None, "{said}");
    assert!(!host.exists(LOCK) && !host.exists(&own_name()) && host.elapsed() < until);
}

/// A node that was never cleaned of it, and a cluster that is in the middle of a change.
#[test]
fn while_a_rescue_is_armed_nothing_is_created_or_joined() {
    let host =
        creatable().dir("/etc/systemd/system").file("/etc/systemd/system/pve-cluster-rescue.timer", "").file(
            "/var/lib/pve-cluster-collection/rescue/record",
            format!(
                "nodeid 1\nversion 4\nseconds 300\narmed {}\nowner a role\nnode 1 pve1\nintended {}\nend\n",
                host_time(),
                "0".repeat(64)
            ),
        );
    let answer = answer(&host, &create());
    assert!(msg(&answer).contains("its rescue is armed on 'pve1' by a role"), "{answer}");
    assert_eq!((&answer["changed"], host.effects()), (&json!(false), Vec::new()));
}

fn host_time() -> u64 {
    creatable().unix_time()
}

/// A run of this node was killed, and has the lock. What it began goes on while its pvecm is at work, and needs the lock for it.
#[test]
fn the_lock_of_a_killed_run_stays_as_long_as_its_pvecm_is_at_work() {
    let release = |host: &FakeHost| host.effects().iter().any(|effect| effect.contains(" -s release "));
    let killed = || {
        let changing = peer(1, ALONE, &[(1, 1)])
            .replace("@@ lock\n", "@@ lock\n/etc/pve/priv/lock/file-corosync_conf\n");
        let look = held_by(&changing, &joins("pve2", 99));
        joinable().query(&ssh(Errand::Look), look).action_prefix("ssh", "")
    };
    let host = killed().file("/proc/99/cmdline", "/usr/bin/perl\0-T\0/usr/bin/pvecm\0add\0pve1\0");
    let said = answer(&host, &with(join(), "timeout", 4));
    assert!(msg(&said).contains("pvecm is at work on this node"), "{said}");
    assert!(!release(&host), "{:?}", host.effects());

    let host = killed();
    let said = answer(&host, &with(join(), "timeout", 4));
    assert!(msg(&said).contains("corosync.conf is locked"), "{said}");
    assert!(release(&host), "its pvecm has ended: {:?}", host.effects());
}
