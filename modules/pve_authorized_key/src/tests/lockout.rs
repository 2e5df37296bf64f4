// SPDX-License-Identifier: GPL-3.0-or-later
//! Lines that let nobody in, and the line by which the task came.

use serde_json::{Value, json};
use testkit::{Answer, FakeHost};

use super::world::{BOTH_FILES, CLUSTER, MINE, ask, msg, node, nodes_keys, run, run_twice_as_said};

const FINGERPRINT: &str = "SHA256:MRB1o4XTdahH9YnnpEd+7yYrMXw39nW52qRqcoVBzS4";
/// An RSA key as its file has it, behind its type.
const RSA: &str = "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDL8hqZaHAM9EJgthiJ6kERwe2QX60V5/GJn9o9iUqydzx0TNnEOC8O5nbq89mM8KyH36YbaQgk/y/x7dFOLKsoVv7lhGZmVrQhzKZgbDEHJ4CegRg3YjPjlvW7nGrhFFMJ6lKQ6t53UCyFDdxU08P0KuETzFAdVz6mMfTW5gOwcw==";

/// A node whose cluster's file has a line of the key, reached from 10.0.0.7.
fn reached(line: &str) -> FakeHost {
    let host = node().file("/proc/self/environ", "SSH_CONNECTION=10.0.0.7 50000 10.0.0.1 22\0");
    let text = format!("{}{line}\n", nodes_keys());
    host.change(move |machine| machine.write(CLUSTER, text));
    host
}

fn asked(options: &str) -> Value {
    json!({"key": MINE, "scope": "cluster", "key_options": options})
}

fn refused(host: &FakeHost, args: Value) -> String {
    let answer = run_twice_as_said(host, args);
    assert_eq!(host.effects(), [""; 0], "nothing is changed");
    msg(&answer).to_owned()
}

#[test]
fn a_key_by_another_word_is_taken_out() {
    let host = reached(&format!("restrict rsa-sha2-512 {RSA} old"));
    let args = json!({"key": format!("ssh-rsa {RSA}"), "scope": "cluster", "state": "absent"});
    assert_eq!(run_twice_as_said(&host, args)["changed"], json!(true));
    assert_eq!(host.text(CLUSTER), nodes_keys());
}

#[test]
fn the_line_by_which_the_task_came_stays_one_that_lets_it_in() {
    let words = |why: &str| {
        format!(
            "cannot change the line of {FINGERPRINT} in '{CLUSTER}': the one there can be the one by which this task came, and \
             the new one {why}; set 'allow_lockout' if that is meant"
        )
    };
    let elsewhere = words("does not let in '10.0.0.7', where it comes from");
    let command = words("runs its own command instead of what Ansible asks for");
    for (before, after, expected) in [
        ("", "from=\"10.0.1.0/24\"", Some(&elsewhere)),
        ("", "from=\"*,!10.0.0.7\"", Some(&elsewhere)),
        ("restrict,pty ", "command=\"true\"", Some(&command)),
        ("from=\"10.0.0.7\" ", "from=\"10.0.0.8\"", Some(&elsewhere)),
        ("", "from=\"10.0.0.0/24\",restrict", None),
        ("", "restrict", None),
        // a line by which the task cannot have come
        ("from=\"10.0.0.8\" ", "from=\"10.0.0.9\"", None),
        ("command=\"true\" ", "command=\"false\"", None),
        ("from=\"10.0.0.7/8\" ", "from=\"10.0.0.9\"", None),
        ("expiry-time=\"20200101\" ", "from=\"10.0.0.9\"", None),
    ] {
        let host = reached(&format!("{before}{MINE}")).query("date +%z", Answer::ok("+0100\n"));
        let mut args = asked(after);
        if let Some(expected) = expected {
            assert_eq!(&refused(&host, args.clone()), expected, "{before} {after}");
            args["allow_lockout"] = json!(true);
        }
        assert_eq!(run_twice_as_said(&host, args)["changed"], json!(true), "{before} {after}");
        assert!(host.text(CLUSTER).contains(&format!("{after} {MINE}\n")));
    }
}

#[test]
fn what_is_not_known_is_not_good() {
    let host = node();
    host.change(|machine| machine.write(CLUSTER, format!("{MINE}\n{}", nodes_keys())));
    assert!(refused(&host, asked("from=\"10.0.0.0/24\"")).contains(
        "and the new one lets in some addresses only, and it is not known from which one this task comes; set"
    ));
    // what is known to have come another way cannot be shut out
    let host = host.file("/proc/self/environ", "").file("/proc/self/status", "PPid:\t1\n");
    assert_eq!(run(&host, asked("from=\"10.0.0.0/24\""))["changed"], json!(true));
}

#[test]
fn a_time_that_is_past_is_asked_for() {
    let words = format!(
        "cannot write the line of {FINGERPRINT}: its 'expiry-time' is past, so it would let nobody in; set 'allow_lockout' if \
         that is meant"
    );
    let host = reached("").query("date +%z", Answer::ok("+0000\n"));
    let past = "expiry-time=\"20200101\"";
    assert_eq!(refused(&host, asked(past)), words);
    let mut meant = asked(past);
    meant["allow_lockout"] = json!(true);
    assert_eq!(run_twice_as_said(&host, meant)["changed"], json!(true));
    assert_eq!(run_twice_as_said(&host, asked("expiry-time=\"20991231\""))["changed"], json!(true));
}

/// The machine's own time decides about a time without `Z`.
#[test]
fn a_time_counts_where_the_machine_is() {
    // the fake clock stands at the first second of 2026
    let clock = "202601010030";
    for (ahead, zone, refuses) in
        [("+0000", "", false), ("+0100", "", true), ("-0100", "", false), ("+0100", "Z", false)]
    {
        let host = reached("").query("date +%z", Answer::ok(format!("{ahead}\n")));
        let answer = run(&host, asked(&format!("expiry-time=\"{clock}{zone}\"")));
        assert_eq!(answer.get("failed").is_some(), refuses, "{ahead} {zone}: {answer}");
    }
    let host = reached("").query("date +%z", Answer::ok("\n"));
    assert_eq!(
        refused(&host, asked(&format!("expiry-time=\"{clock}\""))),
        "cannot tell this machine's time, in which 'expiry-time' counts: 'date +%z' prints no offset from UTC"
    );
}

#[test]
fn names_of_hosts_need_an_sshd_that_looks_them_up() {
    let names = "from=\"controller.example.com\"";
    assert_eq!(
        refused(&reached(""), asked(names)),
        format!(
            "cannot write the line of {FINGERPRINT}: its 'from' has names of hosts only, and sshd on this node looks no names up \
             (UseDNS no), so it would let nobody in; set 'allow_lockout' if that is meant"
        )
    );
    let host = reached("").query(&ask("root"), Answer::ok(format!("{BOTH_FILES}usedns yes\n")));
    assert_eq!(run_twice_as_said(&host, asked(names))["changed"], json!(true));
}
