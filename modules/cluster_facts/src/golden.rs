// SPDX-License-Identifier: GPL-3.0-or-later
//! The whole answer in every recorded situation, against the files in `tests/golden`.

use host::Host as _;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost};

use crate::situations as nodes;
use crate::{args, module};

/// The facts of a node, as the module answers them.
pub(crate) fn facts(host: &FakeHost, given: &Value) -> Value {
    let answer = ansible_module::answer(&args::spec(), given.to_string().as_bytes(), host, module::run);
    assert_eq!(host.effects(), Vec::<String>::new(), "facts change nothing");
    assert_eq!((answer.get("failed"), &answer["changed"]), (None, &json!(false)));
    let facts = answer["ansible_facts"].as_object().expect("a dictionary of facts");
    assert_eq!(facts.keys().collect::<Vec<_>>(), ["pve_cluster"]);
    facts["pve_cluster"].clone()
}

/// The facts of the situation with this file's name; where they differ, they are shown whole, to be read and put there.
macro_rules! golden {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let found = facts(&nodes::$name(), &json!({}));
                let golden: Value = serde_json::from_str(include_str!(concat!(
                    "../tests/golden/", stringify!($name), ".json"
                )))
                .expect("a golden file holds JSON");
                let shown = serde_json::to_string_pretty(&found).expect("facts are JSON");
                assert!(found == golden, "the facts are now:\n{shown}");
            }
        )*
    };
}

golden!(
    standalone,
    left_overs,
    one_node,
    two_nodes,
    three_nodes,
    one_of_three_off,
    majority,
    two_links,
    one_link_cut,
    not_quorate,
    corosync_stopped,
    pmxcfs_stopped,
    removed,
    removed_and_restarted,
    stranded,
    admitted,
    admitted_and_cut_off,
    admitted_and_stranded,
    plain_debian,
);

#[test]
fn check_mode_answers_the_same() {
    let check = facts(&nodes::two_links(), &json!({"_ansible_check_mode": true}));
    assert_eq!(check, facts(&nodes::two_links(), &json!({})));
}

#[test]
fn few_programs_are_started() {
    let started = |host: FakeHost| {
        facts(&host, &json!({}));
        host.commands().into_iter().map(|command| command.program).collect::<Vec<_>>()
    };
    assert_eq!(started(nodes::standalone()), ["systemctl", "dpkg-query"]);
    assert_eq!(
        started(nodes::three_nodes()),
        ["systemctl", "corosync-quorumtool", "corosync-cmapctl", "corosync-cfgtool", "dpkg-query"]
    );
    assert_eq!(started(nodes::removed()), ["systemctl", "journalctl", "dpkg-query"]);
    assert_eq!(
        started(nodes::not_quorate()),
        [
            "systemctl",
            "corosync-quorumtool",
            "corosync-cmapctl",
            "journalctl",
            "corosync-cfgtool",
            "dpkg-query"
        ]
    );
}

/// A node on which no program ends by itself.
#[test]
fn no_program_holds_the_module_up() {
    let host = FakeHost::new()
        .dir("/etc/pve")
        .file("/var/lib/pve-cluster/config.db", "")
        .query_with(|_| Some(Answer::hangs()));
    let found = facts(&host, &json!({}));
    assert_eq!(found["situation"], "pmxcfs_stopped");
    assert_eq!(
        (&found["services"], &found["versions"], &found["members"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let problems = found["problems"].as_array().expect("a list of problems");
    assert_eq!(problems[1], "cannot run 'corosync-quorumtool -siH': no answer within 5 s");
    assert_eq!(host.elapsed(), cluster_state::PATIENCE * 4);
}

#[test]
fn a_file_that_cannot_be_understood_is_a_problem_and_the_rest_is_told() {
    let host =
        nodes::three_nodes().file("/etc/pve/.vmlist", "{").file("/etc/ssh/ssh_host_rsa_key.pub", "ssh-rsa");
    let found = facts(&host, &json!({}));
    assert_eq!((&found["guests"], &found["ssh"]), (&Value::Null, &Value::Null));
    assert_eq!(found["situation"], "member");
    assert_eq!(
        found["problems"],
        json!([
            "cannot understand '/etc/pve/.vmlist': EOF while parsing an object at line 1 column 1",
            "cannot understand '/etc/ssh/ssh_host_rsa_key.pub': it is not an ssh public key",
        ])
    );
}

#[test]
fn guests_of_every_node_are_listed() {
    let vmlist = r#"{"version": 2, "ids": {"101": {"node": "pve2", "type": "lxc", "version": 2},
        "100": {"node": "pve1", "type": "qemu", "version": 1}}}"#;
    let found = facts(&nodes::three_nodes().file("/etc/pve/.vmlist", vmlist), &json!({}));
    assert_eq!(
        found["guests"],
        json!([{"vmid": 100, "node": "pve1", "type": "qemu"}, {"vmid": 101, "node": "pve2", "type": "lxc"}])
    );
}

#[test]
fn directories_of_nodes_that_are_no_more_are_left_over() {
    let host = nodes::two_nodes().file("/etc/pve/nodes/pve2/x", "").file("/etc/pve/nodes/pve3/x", "");
    assert_eq!(facts(&host, &json!({}))["leftovers"]["nodes"], json!(["pve3"]));
}

/// corosync refuses to change a link's address while it runs, whatever the file says.
#[test]
fn an_address_that_is_not_in_use_yet_is_told_apart() {
    let host = nodes::two_links();
    let conf = host.text("/etc/pve/corosync.conf").replace("10.77.1.11", "10.77.1.111");
    let found = facts(&host.file("/etc/pve/corosync.conf", conf), &json!({}));
    let link = &found["links"][0];
    assert_eq!((&link["address"], &link["running_address"]), (&json!("10.77.1.111"), &json!("10.77.1.11")));
}

/// No private key, and no key of corosync's, is ever read.
#[test]
fn no_secret_is_read() {
    let host = nodes::three_nodes()
        .file("/root/.ssh/id_rsa", "secret")
        .file("/etc/ssh/ssh_host_rsa_key", "secret")
        .file("/etc/pve/priv/authkey.key", "secret")
        .file("/etc/pve/local/pve-ssl.key", "secret");
    facts(&host, &json!({}));
    let read: Vec<String> =
        host.steps().iter().map(|step| format!("{step:?}")).filter(|s| s.contains("Read")).collect();
    assert!(read.iter().any(|step| step.contains("id_rsa.pub")), "{read:?}");
    for secret in ["id_rsa\"", "_key\"", "authkey", "pve-ssl.key"] {
        assert!(!read.iter().any(|step| step.contains(secret)), "{secret}: {read:?}");
    }
}

#[test]
fn a_member_that_meets_the_others_is_looked_at_until_it_has() {
    use std::time::Duration;

    let node = || {
        let meeting = nodes::three_nodes().with(|machine| machine.set_quorate(false));
        meeting.at(Duration::from_secs(4), |machine| machine.set_quorate(true))
    };
    let asked = |settle: i64| {
        let host = node();
        let situation = facts(&host, &json!({"settle": settle}))["situation"].clone();
        (situation, host.elapsed().as_secs())
    };
    assert_eq!(asked(0), (json!("synchronizing"), 0));
    assert_eq!(asked(2), (json!("synchronizing"), 2));
    assert_eq!(asked(20), (json!("member"), 4));
    // Nothing else is waited for.
    let host = nodes::not_quorate();
    assert_eq!(facts(&host, &json!({"settle": 20}))["situation"], "not_quorate");
    assert_eq!(host.elapsed().as_secs(), 0);
}

/// The controller was killed as this node began to join, and asks again while that join is still under way.
#[test]
fn a_pvecm_of_an_earlier_run_is_waited_for() {
    use std::time::Duration;

    let asked = |settle: i64| {
        let task = "task UPID:pve2:000001D7:00021D2A:6B008B65:clusterjoin::root@pam:\0";
        let host = nodes::not_quorate().file("/proc/471/cmdline", task);
        let host = host.at(Duration::from_secs(9), |machine| machine.remove("/proc/471"));
        let _ = facts(&host, &json!({"settle": settle}));
        host.elapsed().as_secs()
    };
    assert_eq!((asked(0), asked(5), asked(20)), (0, 5, 9));
}

#[test]
fn no_more_than_ten_minutes_are_waited() {
    for settle in [-1, 601] {
        let given = json!({"settle": settle}).to_string();
        let answer =
            ansible_module::answer(&args::spec(), given.as_bytes(), &nodes::standalone(), module::run);
        assert_eq!(answer["msg"], format!("'settle' is {settle}, which is not between 0 and 600 seconds"));
        assert_eq!(answer["failed"], true);
    }
}
