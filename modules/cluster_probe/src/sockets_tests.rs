// SPDX-License-Identifier: GPL-3.0-or-later
//! Real sockets: nodes on addresses of this machine's own, measuring each other at the same time.

use std::net::{TcpListener, UdpSocket};
use std::thread;

use host::RealHost;
use serde_json::{Value, json};

use crate::{args, module};

fn nodes(count: u8) -> Value {
    let node = |last: u8| {
        json!({"name": format!("n{last}"), "address": format!("127.3.0.{last}"), "links": [
            {"number": 0, "address": format!("127.3.1.{last}")}, {"number": 1, "address": format!("127.3.2.{last}")}
        ]})
    };
    (1..=count).map(node).collect()
}

fn measure(name: &str, nodes: &Value, run: &str, ports: &Value, timeout: u32) -> Value {
    let given = json!({"run": run, "name": name, "nodes": nodes, "packets": 10, "udp_ports": ports["udp"], "tcp_ports": ports["tcp"],
        "timeout": timeout});
    ansible_module::answer(&args::spec(), given.to_string().as_bytes(), &RealHost::new(), module::run)
}

#[test]
fn three_nodes_measure_each_other_at_once() {
    let nodes = nodes(3);
    let _listener = TcpListener::bind("127.3.0.1:47801").unwrap();
    // as corosync would hold it
    let _busy = UdpSocket::bind("127.3.1.2:47802").unwrap();
    let ports = json!({"udp": [47802, 47803], "tcp": [47801]});
    let threads: Vec<_> = (1..=3)
        .map(|last| {
            let (nodes, ports) = (nodes.clone(), ports.clone());
            thread::spawn(move || {
                measure(&format!("n{last}"), &nodes, "33333333333333333333333333333333", &ports, 20)
            })
        })
        .collect();
    let answers: Vec<Value> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    for answer in &answers {
        assert_eq!((&answer["changed"], &answer["problems"]), (&json!(false), &json!([])), "{answer}");
        for peer in answer["peers"].as_array().unwrap() {
            for link in peer["links"].as_array().unwrap() {
                assert_eq!(
                    (&link["answered"], &link["silent_ports"]),
                    (&json!(true), &json!([])),
                    "{answer}"
                );
                assert_eq!(
                    (&link["sent"], &link["received"], &link["largest"]),
                    (&json!(10), &json!(10), &json!(9_216))
                );
                assert!(link["clock_offset"].as_f64().unwrap().abs() < 50.0, "{link}");
            }
        }
    }
    let (first, second) = (&answers[0]["peers"], &answers[1]["peers"]);
    assert_eq!(second[0]["tcp"], json!([{"port": 47801, "problem": null}]));
    assert_eq!(first[0]["tcp"], json!([{"port": 47801, "problem": "refused"}]));
}

#[test]
fn an_address_that_is_not_on_this_node_and_a_node_that_is_not_there() {
    let nodes = json!([
        {"name": "a", "address": "127.3.0.9", "links": [{"number": 0, "address": "192.0.2.1"}]},
        {"name": "b", "address": "127.3.0.10", "links": [{"number": 0, "address": "127.3.1.10"}]},
    ]);
    let answer =
        measure("a", &nodes, "11111111111111111111111111111111", &json!({"udp": [47804], "tcp": []}), 1);
    assert_eq!(answer["peers"][0]["links"][0]["answered"], false);
    let said = answer["problems"][0].as_str().unwrap();
    assert!(said.starts_with("cannot use the address 192.0.2.1 of link 0: "), "{said}");
}
