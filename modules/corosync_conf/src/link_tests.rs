// SPDX-License-Identifier: GPL-3.0-or-later
//! Links added, moved, removed: whole tasks on a fake cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use ansible_module::answer;
use corosync_document::known_keys;
use host::Host;
use serde_json::{Value, json};
use testkit::{FakeHost, at_every_effect};

use crate::fake::{CLUSTER, LOCAL, LOCK, Trouble, conf, node, process, two_links};
use crate::links::{Link, SECTION, is_settable};
use crate::{args, module};

fn run(host: &FakeHost, mut args: Value) -> Value {
    args["_ansible_diff"] = true.into();
    if args.get("rescue_after").is_none() {
        args["rescue_after"] = 0.into();
    }
    answer(&args::spec(), args.to_string().as_bytes(), host, module::run)
}

fn addresses(network: &str) -> Value {
    json!({"pve1": format!("{network}.11"), "pve2": format!("{network}.12"), "pve3": format!("{network}.13")})
}

fn link(number: u8, network: &str) -> Value {
    json!({"links": [{"number": number, "addresses": addresses(network)}], "timeout": 5})
}

/// The file with two links, link 0 on another network.
fn moved(version: u64) -> String {
    two_links(version).replace("10.77.1.1", "10.77.5.1")
}

fn both() -> FakeHost {
    node(&two_links(6), Trouble::default())
}

fn reasons(answer: &Value) -> Vec<&str> {
    answer["reasons"].as_array().unwrap().iter().filter_map(Value::as_str).collect()
}

#[test]
fn a_second_link_is_added_and_waited_for() {
    let host = node(&conf(6), Trouble::default());
    let answer = run(&host, link(1, "10.77.0"));
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(true)), "{answer}");
    assert_eq!((host.text(CLUSTER), host.text(LOCAL)), (two_links(7), two_links(7)));
    assert_eq!((&answer["config_version"], &answer["steps"]), (&json!(7), &json!(1)));
    let first = json!({"key": "nodelist.node[pve1].ring1_addr", "before": null, "after": "10.77.0.11"});
    assert_eq!(answer["changes"][0], first);
    // the other nodes answer on it 1.7 s after it was made
    assert!(host.elapsed() > Duration::from_millis(2700), "{:?}", host.elapsed());
    assert_eq!(run(&host, link(1, "10.77.0"))["changed"], false);
}

#[test]
fn a_link_that_does_not_connect_is_taken_back() {
    let host = node(&conf(6), Trouble { dead: Some("10.77.0."), ..Trouble::default() });
    let answer = run(&host, link(1, "10.77.0"));
    assert_eq!(
        reasons(&answer),
        ["link 1 to 'pve2' is not connected", "link 1 to 'pve3' is not connected"],
        "{answer}"
    );
    assert_eq!((&answer["rolled_back"], host.text(CLUSTER)), (&json!(true), conf(8)));
}

#[test]
fn a_link_moves_in_two_steps_while_the_other_carries() {
    let host = both();
    let answer = run(&host, link(0, "10.77.5"));
    assert_eq!(answer["failed"], Value::Null, "{answer}");
    assert_eq!(
        (&answer["changed"], &answer["config_version"], &answer["steps"]),
        (&json!(true), &json!(8), &json!(2))
    );
    assert_eq!((host.text(CLUSTER), host.text(LOCAL)), (moved(8), moved(8)));
    assert_eq!(answer["diff"][0]["after"], moved(8));
    let renames = host.effects().iter().filter(|effect| effect.starts_with("rename")).count();
    assert_eq!(renames, 2);
    assert_eq!(run(&host, link(0, "10.77.5"))["changed"], false);
}

#[test]
fn one_node_may_move_alone() {
    let host = both();
    let args =
        json!({"links": [{"number": 0, "addresses": {"pve3": "10.77.1.113"}, "priority": 20}], "timeout": 5});
    let answer = run(&host, args.clone());
    assert_eq!(answer["failed"], Value::Null, "{answer}");
    let expected = two_links(8)
        .replace("10.77.1.13", "10.77.1.113")
        .replace("    linknumber: 0\n", "    knet_link_priority: 20\n    linknumber: 0\n");
    assert_eq!(host.text(CLUSTER), expected);
    assert_eq!(run(&host, args)["changed"], false);
}

#[test]
fn a_link_that_is_down_is_told_though_the_file_has_it() {
    let host = node(&two_links(6), Trouble { dead: Some("10.77.0.13"), ..Trouble::default() });
    let answer = run(&host, link(1, "10.77.0"));
    assert_eq!(answer["changed"], false, "{answer}");
    assert_eq!(
        answer["warnings"],
        json!(["link 1 to 'pve3' is as it should be in the file, and is not connected"])
    );
    // who puts the answers together asks for the field
    assert_eq!(answer["unconfirmed"], answer["warnings"]);
    let host = node(&two_links(6), Trouble::default());
    assert_eq!(run(&host, link(1, "10.77.0"))["unconfirmed"], json!([]));
}

#[test]
fn a_move_that_does_not_connect_is_taken_back_step_by_step() {
    let host = node(&two_links(6), Trouble { dead: Some("10.77.5."), ..Trouble::default() });
    let answer = run(&host, link(0, "10.77.5"));
    assert_eq!((&answer["rolled_back"], &answer["config_version"]), (&json!(true), &json!(10)), "{answer}");
    assert_eq!((host.text(CLUSTER), host.text(LOCAL)), (two_links(10), two_links(10)));
    assert!(reasons(&answer)[0].contains("link 0 to 'pve2' is not connected"), "{answer}");
    assert!(!host.exists(LOCK));
}

#[test]
fn the_only_link_stays() {
    let host = node(&conf(6), Trouble::default());
    let answer = run(&host, link(0, "10.77.5"));
    assert_eq!(
        reasons(&answer),
        ["link 0 is the only one: no other link would carry while it is away; add one first"]
    );
    let answer = run(&host, json!({"links": [{"number": 0, "state": "absent"}]}));
    assert!(answer["msg"].as_str().unwrap().contains("link 0 is the only one"), "{answer}");
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn a_link_that_is_down_carries_nothing() {
    let host = node(&two_links(6), Trouble { dead: Some("10.77.0.13"), ..Trouble::default() });
    let answer = run(&host, link(0, "10.77.5"));
    assert_eq!(
        reasons(&answer),
        ["while link 0 is away, no other link would connect 'pve3': fix the one that is down"]
    );
    assert_eq!(host.effects(), [""; 0]);
}

#[test]
fn links_change_one_at_a_time_unless_told_otherwise() {
    let links = json!([
        {"number": 0, "addresses": {"pve2": "10.77.1.112"}},
        {"number": 1, "addresses": {"pve2": "10.77.0.112"}},
    ]);
    let host = both();
    let answer = run(&host, json!({"links": links, "timeout": 5}));
    assert_eq!(
        reasons(&answer),
        [
            "the links 0 and 1 would all be removed or get other addresses: change one at a time, or set 'several_links' to \
             have it done one after the other"
        ]
    );
    let answer = run(&host, json!({"links": links, "several_links": true, "timeout": 5}));
    assert_eq!((&answer["failed"], &answer["steps"]), (&Value::Null, &json!(4)), "{answer}");
    assert_eq!(
        host.text(CLUSTER),
        two_links(10).replace("10.77.1.12", "10.77.1.112").replace("10.77.0.12", "10.77.0.112")
    );
}

#[test]
fn a_link_gives_way_to_a_new_one() {
    let host = node(&conf(6), Trouble::default());
    let mut args = link(1, "10.77.0");
    args["links"].as_array_mut().unwrap().push(json!({"number": 0, "state": "absent"}));
    let answer = run(&host, args);
    assert_eq!((&answer["failed"], &answer["steps"]), (&Value::Null, &json!(2)), "{answer}");
    let text = host.text(CLUSTER);
    assert!(!text.contains("ring0_addr") && !text.contains("linknumber: 0"), "{text}");
    assert_eq!(text.matches("ring1_addr: 10.77.0.1").count(), 3);
    // and a link that no one has is absent already
    assert_eq!(run(&host, json!({"links": [{"number": 0, "state": "absent"}]}))["changed"], false);
}

#[test]
fn priorities_and_options_change_at_once() {
    let host = both();
    let args = json!({"links": [
        {"number": 1, "priority": 20, "options": {"knet_ping_interval": 500, "knet_ping_timeout": 1000}},
    ], "timeout": 5});
    let answer = run(&host, args.clone());
    assert_eq!((&answer["failed"], &answer["steps"]), (&Value::Null, &json!(1)), "{answer}");
    assert_eq!(
        answer["changes"][0],
        json!({"key": "totem.interface[1].knet_link_priority", "before": null, "after": "20"})
    );
    assert_eq!(run(&host, args)["changed"], false);
    let answer = run(
        &host,
        json!({"links": [{"number": 1, "options": {"knet_ping_interval": null, "knet_ping_timeout": null}}]}),
    );
    assert_eq!(answer["changes"].as_array().unwrap().len(), 2, "{answer}");
}

#[test]
fn addresses_must_be_where_they_belong() {
    let answer = run(&both(), link(2, "10.77.9"));
    assert_eq!(reasons(&answer), ["'10.77.9.11' for link 2 is no address of this node, 'pve1'"]);
    let host = both().with_address("eth0", "10.77.0.111", 24);
    let mut addresses = addresses("10.77.5");
    addresses["pve1"] = "10.77.0.111".into();
    addresses["pve3"] = "10.77.0.113".into();
    let answer = run(&host, json!({"links": [{"number": 2, "addresses": addresses}]}));
    assert_eq!(
        reasons(&answer),
        ["the addresses of links 1 and 2 are in one network on 'pve1', 'pve3': both would fail together"]
    );
    let answer = run(&both(), json!({"links": [{"number": 2, "addresses": {"pve1": "10.77.5.11"}}]}));
    assert_eq!(
        reasons(&answer),
        [
            "it would break a rule: node 'pve2' has no address on link 2, which other nodes have",
            "it would break a rule: node 'pve3' has no address on link 2, which other nodes have",
        ]
    );
}

#[test]
fn what_makes_no_sense_is_told_at_once() {
    let answer = run(
        &both(),
        json!({"links": [
            {"number": 8}, {"number": 1, "priority": 256, "options": {"knet_ping_intervall": 1, "ttl": 1, "linknumber": 2}},
            {"number": 1}, {"number": 2, "state": "absent", "priority": 1},
            {"number": 3, "addresses": {"pve1": 5}, "options": {"knet_link_priority": 5, "knet_pong_count": 0}},
        ]}),
    );
    assert_eq!(
        reasons(&answer),
        [
            "there is no link 8: links are 0 to 7",
            "the priority of link 1 is 256 and must be a number from 0 to 255",
            "link 1: 'knet_ping_intervall' is no option of a link: did you mean 'knet_ping_interval'?",
            "link 1: 'ttl' does not change while corosync runs: it is for the transport udp, which is not changed at run-time",
            "link 1: 'linknumber' is the 'number' of the link",
            "link 1 is given twice",
            "link 2 is to be absent and has settings all the same",
            "the address of 'pve1' on link 3 is no text",
            "link 3: 'knet_link_priority' is set by 'priority'",
            "link 3: 'knet_pong_count' is '0' and must be a number from 1 to 4294967295",
        ]
    );
    let answer = run(
        &both(),
        json!({"links": [{"number": 1, "addresses": {"pve9": "10.0.0.1"}}, {"number": 4}, {"number": 0, "addresses": {"pve1": "one.example"}}]}),
    );
    assert_eq!(
        reasons(&answer),
        [
            "link 1: 'pve9' is no node of this cluster",
            "link 4 is not in the file, and no address is given for it",
            "link 0: 'one.example' of 'pve1' is no IP address; a name would be looked up once, when corosync starts",
        ]
    );
}

/// Whatever fails, the cluster has the old links or the new ones, and the next run completes it.
#[test]
fn a_fault_at_every_step_of_a_move() {
    at_every_effect(both, 5, |host, number| {
        let answer = run(host, link(0, "10.77.5"));
        let text = host.text(CLUSTER);
        let version = corosync_document::Document::parse(text.as_bytes()).config_version().unwrap();
        match (answer["changed"].as_bool(), answer["rolled_back"] == true) {
            (Some(false), _) => assert_eq!(text, two_links(6), "effect {number}: {answer}"),
            (_, true) => assert_eq!(text, two_links(version), "effect {number}: {answer}"),
            _ => assert_eq!(text, moved(version), "effect {number}: {answer}"),
        }
        host.change(|machine| machine.advance(Duration::from_secs(130)));
        let again = run(host, link(0, "10.77.5"));
        assert_eq!(again["failed"], Value::Null, "effect {number}: {again}");
        let version = again["config_version"].as_u64().unwrap();
        assert_eq!(host.text(CLUSTER), moved(version), "effect {number}");
    });
}

/// Killed at any step, also while the link is away, the next run completes the move, and options that the task does not
/// name are still there.
#[test]
fn a_move_that_dies_at_every_step_is_completed_by_the_next() {
    let prioritised =
        |text: String| text.replace("    linknumber: 0\n", "    knet_link_priority: 9\n    linknumber: 0\n");
    let mut away = 0;
    for number in 0.. {
        let host = node(&prioritised(two_links(6)), Trouble::default()).dies_at(number);
        run(&host, link(0, "10.77.5"));
        if !host.faulted() {
            break;
        }
        host.revive();
        away +=
            u32::from(host.text(CLUSTER).starts_with("# link 0 is being moved: node pve1 had 10.77.1.11\n"));
        host.change(|machine| {
            machine.remove("/proc/100");
            process(machine, 101);
            machine.advance(Duration::from_secs(130));
        });
        let again =
            run(&host, json!({"links": [{"number": 0, "addresses": addresses("10.77.5")}], "timeout": 5}));
        assert_eq!(again["failed"], Value::Null, "step {number}: {again}");
        assert_eq!(
            (host.text(CLUSTER), host.text(LOCAL)),
            (prioritised(moved(8)), prioritised(moved(8))),
            "step {number}"
        );
    }
    assert!(away > 0);
}

#[test]
fn whatever_is_changed_next_puts_back_a_link_that_was_away() {
    let host = both().dies_at(6);
    run(&host, link(0, "10.77.5"));
    host.revive();
    assert!(!host.text(CLUSTER).contains("ring0_addr"), "{:?}", host.effects());
    host.change(|machine| machine.advance(Duration::from_secs(130)));
    let answer = run(&host, json!({"totem": {"token_coefficient": 125}, "timeout": 5}));
    assert_eq!((&answer["failed"], host.text(CLUSTER)), (&Value::Null, two_links(8)), "{answer}");
}

/// A file of old Proxmox VE: what is link 1 to it is link 0 to corosync 3.
#[test]
fn a_number_that_corosync_does_not_know_is_in_the_way_until_it_is_written() {
    let old = two_links(6).replace("linknumber: 1", "ringnumber: 1");
    assert_ne!(old, two_links(6));
    let host = node(&old, Trouble::default());
    let read = run(&host, json!({"timeout": 5}));
    assert_eq!((&read["failed"], &read["changed"]), (&Value::Null, &json!(false)), "{read}");
    assert!(read["warnings"].to_string().contains("'ringnumber: 1' makes it link 1 for PVE"), "{read}");
    let refused = run(&host, json!({"links": [{"number": 1, "priority": 10}], "timeout": 5}));
    assert!(reasons(&refused)[0].starts_with("it cannot be edited safely: line "), "{refused}");
    assert!(reasons(&refused)[0].contains("write 'linknumber: 1' in its place"), "{refused}");
    assert_eq!(host.text(CLUSTER), old);

    let asked = json!({"links": [{"number": 1, "options": {"linknumber": 1}}], "timeout": 5});
    let answer = run(&host, asked.clone());
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(true)), "{answer}");
    let expected = old
        .replace("config_version: 6", "config_version: 7")
        .replace("ringnumber: 1", "linknumber: 1\n    ringnumber: 1");
    assert_eq!(host.text(CLUSTER), expected);
    let again = run(&host, asked);
    assert_eq!((&again["failed"], &again["changed"]), (&Value::Null, &json!(false)), "{again}");
}

/// corosync's vocabulary alone says which options are fixed on a link that is up: a new one needs no second list.
#[test]
fn the_vocabulary_says_which_links_are_made_anew() {
    let with = |name: &str, value: &str| Link {
        options: Some(BTreeMap::from([(name.to_owned(), value.to_owned())])),
        ..Link::default()
    };
    let options: Vec<_> =
        known_keys().filter(|key| key.section == SECTION && is_settable(key.name)).collect();
    assert!(options.iter().any(|key| key.effect.is_anew()) && options.iter().any(|key| key.effect.is_live()));
    for key in options {
        let (one, other, none) = (with(key.name, "1"), with(key.name, "2"), Link::default());
        for (was, will) in [(&one, &other), (&none, &one), (&one, &none)] {
            assert_eq!(was.must_be_made_anew(will), key.effect.is_anew(), "{}", key.name);
        }
        assert!(!one.must_be_made_anew(&one));
    }
}

/// A file need not have interface sections; when one link has one, PVE wants one of each, also of a link that is about to go.
#[test]
fn sections_of_links_are_there_for_all_or_for_none() {
    let bare = |version| {
        let sections = "  interface {\n    linknumber: 0\n  }\n  interface {\n    linknumber: 1\n  }\n";
        two_links(version).replace(sections, "")
    };
    assert!(!bare(6).contains("interface"));
    let host = node(&bare(6), Trouble::default());
    let answer = run(&host, link(1, "10.77.5"));
    assert_eq!((&answer["failed"], &answer["steps"]), (&Value::Null, &json!(2)), "{answer}");
    assert_eq!(host.text(CLUSTER), bare(8).replace("10.77.0.1", "10.77.5.1"));
    let host = node(&bare(6), Trouble::default());
    let links = json!([{"number": 0, "priority": 10}, {"number": 1, "state": "absent"}]);
    let answer = run(&host, json!({"links": links, "timeout": 5}));
    assert_eq!((&answer["failed"], &answer["steps"]), (&Value::Null, &json!(2)), "{answer}");
    assert_eq!(host.text(CLUSTER).matches("interface {").count(), 1);
}
