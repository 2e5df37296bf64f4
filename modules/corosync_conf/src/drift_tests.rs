// SPDX-License-Identifier: GPL-3.0-or-later
//! A file, its copy and what runs that are not the same.

use ansible_module::answer;
use serde_json::{Value, json};
use testkit::FakeHost;

use crate::fake::{CLUSTER, LOCAL, Trouble, conf, node, two_links};
use crate::{args, module};

fn run(host: &FakeHost, args: &Value) -> Value {
    let mut args = args.clone();
    args["rescue_after"] = 0.into();
    answer(&args::spec(), args.to_string().as_bytes(), host, module::run)
}

fn with_token(version: u64) -> String {
    conf(version).replace("  token_coefficient", "  token: 5000\n  token_coefficient")
}

/// A node whose corosync runs one text, and whose files have another.
fn drifted(runs: &str, cluster: &str, local: &str) -> FakeHost {
    node(runs, Trouble::default()).file(CLUSTER, cluster).file(LOCAL, local)
}

const TOKEN: &str = "'totem.token' is '5000' in the file, but corosync on this node runs not set";

#[test]
fn a_value_that_is_in_the_file_and_does_not_run_is_loaded_anew() {
    let host = drifted(&conf(6), &with_token(6), &with_token(6));
    let ask = json!({"totem": {"token": 5000}, "timeout": 15});
    let check = run(&host, &json!({"totem": {"token": 5000}, "timeout": 15, "_ansible_check_mode": true}));
    let healed = run(&host, &ask);
    assert_eq!((&healed["changed"], &healed["healed"]), (&json!(true), &json!([TOKEN])), "{healed}");
    assert_eq!(healed["changes"], json!([{"key": "totem.token", "before": null, "after": "5000"}]));
    assert_eq!((&check["changed"], &check["changes"]), (&healed["changed"], &healed["changes"]));
    assert_eq!(host.text(CLUSTER), with_token(7));
    assert_eq!(run(&host, &ask)["changed"], false);
}

/// The priority decides which link carries, so one that does not run is told and healed. An option that knet has no use for is
/// not asked after.
#[test]
fn a_priority_of_a_link_that_does_not_run_is_loaded_anew() {
    let with = |version| {
        two_links(version).replace(
            "    linknumber: 1\n",
            "    bindnetaddr: 10.77.0.0\n    knet_link_priority: 20\n    linknumber: 1\n",
        )
    };
    let told =
        "'totem.interface[1].knet_link_priority' is '20' in the file, but corosync on this node runs not set";
    let host = drifted(&two_links(6), &with(6), &with(6));
    let read = run(&host, &json!({}));
    assert_eq!(
        read["warnings"],
        json!([format!("{told}: run the task with any option that the file has already, and it is healed")]),
        "{read}"
    );
    let healed = run(&host, &json!({"links": [{"number": 1, "priority": 20}], "timeout": 15}));
    assert_eq!((&healed["changed"], &healed["healed"]), (&json!(true), &json!([told])), "{healed}");
    assert_eq!(host.text(CLUSTER), with(7));
}

/// What is healed beside a change is named with it, and each key once.
#[test]
fn what_is_healed_on_the_way_is_named_beside_what_is_changed() {
    let host = drifted(&conf(6), &with_token(6), &with_token(6));
    let answer = run(&host, &json!({"totem": {"join": 60}, "timeout": 15}));
    assert_eq!((&answer["changed"], &answer["healed"]), (&json!(true), &json!([TOKEN])), "{answer}");
    assert_eq!(
        answer["changes"],
        json!([
            {"key": "totem.join", "before": null, "after": "60"},
            {"key": "totem.token", "before": null, "after": "5000"},
        ])
    );
    let host = drifted(&conf(6), &with_token(6), &with_token(6));
    let answer = run(&host, &json!({"totem": {"token": 6000}, "timeout": 15}));
    assert_eq!(answer["changes"], json!([{"key": "totem.token", "before": "5000", "after": "6000"}]));
}

#[test]
fn reading_tells_and_heals_nothing() {
    let host = drifted(&conf(6), &with_token(6), &with_token(6));
    let answer = run(&host, &json!({}));
    assert_eq!(answer["changed"], false);
    assert_eq!(
        answer["warnings"],
        json!([format!("{TOKEN}: run the task with any option that the file has already, and it is healed")])
    );
    assert_eq!(host.text(CLUSTER), with_token(6));
}

#[test]
fn a_copy_that_differs_is_replaced_under_a_new_version() {
    for (local, expected) in [
        (
            with_token(6),
            "'/etc/corosync/corosync.conf' on this node has another text than the file, under the same config_version",
        ),
        (conf(5), "'/etc/corosync/corosync.conf' on this node has config_version 5, and the file has 6"),
        (
            conf(6).trim_end().trim_end_matches('}').to_owned(),
            "'/etc/corosync/corosync.conf' on this node is broken: line 31: corosync refuses it: the section is not closed",
        ),
    ] {
        let host = drifted(&conf(6), &conf(6), &local);
        let answer = run(&host, &json!({"logging": {"debug": "off"}, "timeout": 15}));
        assert_eq!((&answer["changed"], &answer["healed"]), (&json!(true), &json!([expected])), "{answer}");
        assert_eq!((host.text(CLUSTER), host.text(LOCAL)), (conf(7), conf(7)));
    }
}

#[test]
fn a_file_with_too_low_a_version_is_for_a_person_to_judge() {
    let host = drifted(&conf(6), &conf(6), &conf(9));
    let answer = run(&host, &json!({"totem": {"token": 5000}, "timeout": 15}));
    assert_eq!(
        answer["reasons"],
        json!([
            "'/etc/corosync/corosync.conf' on this node has config_version 9, and the file has 6: the file was written \
                with too low a version and is in use nowhere; look which of the two is meant and put it into \
                '/etc/pve/corosync.conf' under a version above both"
        ])
    );
    assert_eq!((host.text(CLUSTER), host.text(LOCAL)), (conf(6), conf(9)));
}

#[test]
fn a_link_that_runs_between_old_addresses_is_made_anew() {
    let moved = |version| two_links(version).replace("10.77.0.1", "10.77.5.1");
    let host = drifted(&two_links(6), &moved(6), &moved(6));
    let addresses = json!({"pve1": "10.77.5.11", "pve2": "10.77.5.12", "pve3": "10.77.5.13"});
    let ask = json!({"links": [{"number": 1, "addresses": addresses}], "timeout": 15});
    let answer = run(&host, &ask);
    assert_eq!((&answer["changed"], &answer["steps"]), (&json!(true), &json!(2)), "{answer}");
    assert_eq!(
        answer["healed"][0],
        "link 1 to 'pve2' runs from 10.77.0.11 to 10.77.0.12, and the file has 10.77.5.11 and 10.77.5.12"
    );
    assert_eq!(host.text(CLUSTER), moved(8));
    assert_eq!(run(&host, &ask)["changed"], false);
}

/// A person wrote other addresses under a new version, which every corosync refused as a whole.
#[test]
fn a_file_that_no_corosync_took_is_brought_into_use() {
    let moved = |version| two_links(version).replace("10.77.0.1", "10.77.5.1");
    let host = drifted(&two_links(6), &moved(7), &moved(7));
    let answer = run(&host, &json!({"totem": {"token": 5000}, "timeout": 15}));
    assert_eq!((&answer["changed"], &answer["steps"]), (&json!(true), &json!(2)), "{answer}");
    assert!(answer["healed"].as_array().unwrap().contains(&json!(
        "corosync runs config_version 6 on every node, and the file has 7: it was not loaded, or was refused"
    )));
    assert_eq!(
        host.text(CLUSTER),
        moved(9).replace("  token_coefficient", "  token: 5000\n  token_coefficient")
    );
    assert_eq!(run(&host, &json!({"totem": {"token": 5000}}))["changed"], false);
}

#[test]
fn the_only_link_is_told_with_its_remedy() {
    let moved = conf(6).replace("10.77.1.13", "10.77.1.23");
    let host = drifted(&conf(6), &moved, &moved);
    let answer = run(&host, &json!({"logging": {"debug": "off"}}));
    assert_eq!(answer["changed"], false);
    assert_eq!(
        answer["warnings"],
        json!([
            "link 0 to 'pve3' runs from 10.77.1.11 to 10.77.1.13, and the file has 10.77.1.11 and 10.77.1.23: corosync changes \
             no address of a link that is up, and no other link would carry while it is recreated; put the old address back \
             into the file, under a higher config_version"
        ])
    );
}

const LINK_MODE: &str = "'totem.link_mode' is 'active' in the file, and corosync on this node runs 'passive' until it is restarted: \
                         set 'restart', and have it restarted on one node after the other";

fn active(version: u64) -> String {
    conf(version).replace("link_mode: passive", "link_mode: active")
}

#[test]
fn what_needs_a_restart_is_no_success_without_it() {
    let host = drifted(&conf(6), &active(6), &active(6));
    let answer = run(&host, &json!({"totem": {"link_mode": "active"}}));
    assert_eq!((&answer["failed"], &answer["reasons"]), (&json!(true), &json!([LINK_MODE])), "{answer}");
    let answer = run(&host, &json!({"totem": {"link_mode": "active"}, "restart": true}));
    assert_eq!((&answer["failed"], &answer["changed"]), (&Value::Null, &json!(false)), "{answer}");
    assert_eq!(
        (&answer["warnings"], &answer["restart_needed"]),
        (&json!([LINK_MODE]), &json!(["totem.link_mode"]))
    );
    // no other task fails of it
    let answer = run(&host, &json!({"logging": {"debug": "off"}}));
    assert_eq!((&answer["failed"], &answer["warnings"]), (&Value::Null, &json!([LINK_MODE])), "{answer}");
    assert_eq!(host::Host::elapsed(&host), std::time::Duration::ZERO);
}

/// corosync tells the new value as its own after the reload; only the record knows better.
#[test]
fn what_corosync_tells_and_does_not_do_is_known_from_the_record() {
    let record = |line: &str| format!("cluster prod\n{line}\n");
    let since = 1_767_225_600_u64 - 10;
    let with = |text: &str| node(&active(6), Trouble::default()).file(rescue::pending::PATH, text);
    let pending = with(&record(&format!("node pve1 since {since} runs totem.link_mode passive")));
    let read = run(&pending, &json!({}));
    assert_eq!(
        (&read["warnings"], &read["restart_needed"], &read["nodes"][0]["result"]),
        (&json!([LINK_MODE]), &json!(["totem.link_mode"]), &json!("restart_needed")),
        "{read}"
    );
    assert_eq!(read["nodes"][1]["result"], "in_step");
    let answer = run(&pending, &json!({"totem": {"link_mode": "active"}}));
    assert_eq!(answer["reasons"], json!([LINK_MODE]));
    // of another node, of a value that the file has, and of another cluster
    for text in [
        record(&format!("node pve2 since {since} runs totem.link_mode passive")),
        record(&format!("node pve1 since {since} runs totem.link_mode active")),
        format!("cluster other\nnode pve1 since {since} runs totem.link_mode passive\n"),
    ] {
        let answer = run(&with(&text), &json!({"totem": {"link_mode": "active"}}));
        assert_eq!(
            (&answer["failed"], &answer["warnings"], &answer["restart_needed"]),
            (&Value::Null, &Value::Null, &json!([])),
            "{text}"
        );
    }
    // a key that was taken away
    let removed = record(&format!("node pve1 since {since} runs quorum.wait_for_all 1"));
    let answer = run(&with(&removed), &json!({}));
    assert_eq!(answer["restart_needed"], json!(["quorum.wait_for_all"]), "{answer}");
    // corosync was started later than that
    let old = record("node pve1 since 1767210000 runs totem.link_mode passive");
    assert_eq!(run(&with(&old), &json!({}))["restart_needed"], json!([]));
}

#[test]
fn a_version_that_one_node_did_not_take_is_written_anew() {
    let host = node(&conf(6), Trouble { late: vec![3], ..Trouble::default() });
    let read = run(&host, &json!({}));
    let told = "corosync on 'pve3' runs config_version 5, and the file has 6: it was not loaded there";
    assert_eq!(
        read["warnings"],
        json!([format!("{told}: run the task with any option that the file has already, and it is healed")]),
        "{read}"
    );
    assert_eq!(
        (&read["nodes"][2]["result"], &read["nodes"][2]["config_version"]),
        (&json!("behind"), &json!(5))
    );
    let healed = run(&host, &json!({"logging": {"debug": "off"}, "timeout": 15}));
    assert_eq!((&healed["changed"], &healed["healed"]), (&json!(true), &json!([told])), "{healed}");
    assert_eq!((&healed["nodes"][2]["result"], host.text(CLUSTER)), (&json!("updated"), conf(7)));
    // it never follows: as it was, and where to look
    let host = node(&conf(6), Trouble { late: vec![3], deaf: vec![3], ..Trouble::default() });
    let answer = run(&host, &json!({"logging": {"debug": "off"}, "timeout": 5}));
    let said = answer["msg"].as_str().unwrap();
    assert!(
        said.ends_with(
            "; 'pve3' was behind already: see that the service 'pve-cluster' runs there, which copies the file, and that its \
             disk is not full, and run the task again"
        ),
        "{said}"
    );
    let rows = answer["nodes"].as_array().unwrap().iter();
    let results: Vec<_> = rows.map(|row| (row["config_version"].as_u64(), row["result"].as_str())).collect();
    assert_eq!(results, [(Some(8), Some("in_step")), (Some(8), Some("in_step")), (Some(5), Some("behind"))]);
}

#[test]
fn a_node_that_is_ahead_of_the_file_is_for_a_person_to_judge() {
    let host = drifted(&conf(9), &conf(6), &conf(6));
    let answer = run(&host, &json!({"totem": {"token": 5000}, "timeout": 15}));
    assert_eq!(
        answer["reasons"][0],
        "corosync on 'pve1' runs config_version 9, and the file has 6: the file was written with too low a version; look which \
         of the two is meant and put it into '/etc/pve/corosync.conf' under a version above both",
        "{answer}"
    );
    // a look does not call it well either
    let told = |node: &str| {
        format!(
            "corosync on '{node}' runs config_version 9, and the file has 6: the file was written with too low a version; look which of the \
             two is meant and put it into '/etc/pve/corosync.conf' under a version above both"
        )
    };
    assert_eq!(run(&host, &json!({}))["reasons"], json!([told("pve1"), told("pve2"), told("pve3")]));
}

/// corosync may tell the number of a code point that the file has by its name, and the other way round.
#[test]
fn the_name_of_a_code_point_is_its_number() {
    let with = |value: &str| {
        conf(6).replace("  token_coefficient", &format!("  ip_dscp: {value}\n  token_coefficient"))
    };
    for (runs, file, expected) in
        [("46", "ef", json!([])), ("cs1", "8", json!([])), ("46", "af11", json!(["totem.ip_dscp"]))]
    {
        let answer = run(&drifted(&with(runs), &with(file), &with(file)), &json!({}));
        assert_eq!(
            (&answer["changed"], &answer["restart_needed"]),
            (&json!(false), &expected),
            "{runs} {file}: {answer}"
        );
    }
    // only there
    let named = |value: &str| {
        conf(6).replace("  token_coefficient", &format!("  crypto_model: {value}\n  token_coefficient"))
    };
    let answer = run(&drifted(&named("46"), &named("ef"), &named("ef")), &json!({}));
    assert_ne!(answer["unconfirmed"], json!([]), "{answer}");
}
