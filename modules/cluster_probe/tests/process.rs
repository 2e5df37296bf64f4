// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary itself: two processes that measure each other on addresses of this machine's own.

use std::thread;

use serde_json::{Value, json};

fn run(arguments: &Value) -> (Value, bool) {
    testkit::answer_of("cluster_probe", &arguments.to_string())
}

fn arguments(name: &str) -> Value {
    let node = |name: &str, last: u8| json!({"name": name, "address": format!("127.4.0.{last}"), "links": [{"number": 0, "address": format!("127.4.1.{last}")}]});
    json!({"run": "00112233445566778899aabbccddeeff", "name": name, "nodes": [node("a", 1), node("b", 2)], "udp_ports": [47811], "tcp_ports": [], "packets": 5,
        "_ansible_check_mode": name == "b"})
}

#[test]
fn two_processes_measure_each_other_one_of_them_in_check_mode() {
    let other = thread::spawn(|| run(&arguments("b")));
    for ((answer, success), peer) in [(run(&arguments("a")), "b"), (other.join().unwrap(), "a")] {
        assert!(success, "{answer}");
        assert_eq!((&answer["changed"], &answer["peers"][0]["name"]), (&json!(false), &json!(peer)));
        assert_eq!(answer["peers"][0]["links"][0]["received"], 5, "{answer}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let (answer, success) = run(&json!({"run": "x"}));
    assert_eq!((&answer["failed"], success), (&json!(true), false));
    assert_eq!(answer["msg"], "missing required arguments: name, nodes");
}
