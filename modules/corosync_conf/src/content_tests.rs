// SPDX-License-Identifier: GPL-3.0-or-later
//! A whole file as the wish.

use ansible_module::answer;
use serde_json::{Value, json};

use crate::fake::{CLUSTER, Trouble, conf, node, two_links};
use crate::{args, module};

/// The answer to this content in a cluster with this file, and the file afterwards.
fn given(file: &str, content: &str) -> (Value, String) {
    let host = node(file, Trouble::default());
    let asked =
        json!({"content": content, "timeout": 5, "rescue_after": 0, "several_links": true}).to_string();
    let answer = answer(&args::spec(), asked.as_bytes(), &host, module::run);
    let text = host.text(CLUSTER);
    if answer["changed"] == json!(false) {
        assert_eq!(text, file);
    } else {
        let again = ansible_module::answer(&args::spec(), asked.as_bytes(), &host, module::run);
        assert_eq!(again["changed"], json!(false), "{again}");
    }
    (answer, text)
}

fn refusals(file: &str, content: &str) -> Vec<String> {
    let (answer, _) = given(file, content);
    assert_eq!(answer["failed"], true, "{answer}");
    answer["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_says_the_same_changes_nothing() {
    let file = two_links(6);
    let sorted_otherwise =
        file.replace("  debug: off\n  to_syslog: yes\n", "  to_syslog: yes\n\n# on\n  debug:   off\n");
    for content in [
        file.clone(),
        sorted_otherwise,
        file.replace("config_version: 6", "config_version: 1"),
        file.replace("  config_version: 6\n", ""),
        file.replace('\n', "\r\n"),
        file.replace(
            "  ip_version: ipv4-6\n  link_mode: passive\n  secauth: on\n  token_coefficient: 125\n",
            "",
        ),
        format!(
            "# mine\n{}",
            file.split_once("totem {").map(|(_, totem)| format!("totem {{{totem}")).unwrap()
        ),
        String::new(),
    ] {
        let (answer, _) = given(&file, &content);
        assert_eq!(
            (&answer["changed"], &answer["failed"]),
            (&json!(false), &Value::Null),
            "{content}\n{answer}"
        );
    }
}

#[test]
fn only_what_differs_is_changed_in_the_file() {
    let file = two_links(6)
        .replace("  link_mode", "  # on purpose\n  join: 60\n  link_mode")
        .replace("    linknumber: 1\n", "    knet_link_priority: 20\n    linknumber: 1\n");
    let content =
        two_links(1).replace("  secauth", "  token: 5000\n  secauth").replace("debug: off", "debug: on");
    let (answer, text) = given(&file, &content);
    let expected = file
        .replace("config_version: 6", "config_version: 7")
        .replace("  join: 60\n", "")
        .replace("  token_coefficient", "  token: 5000\n  token_coefficient")
        .replace("debug: off", "debug: on")
        .replace("    knet_link_priority: 20\n", "");
    assert_eq!(text, expected, "{answer}");
    assert_eq!(answer["steps"], 1);
}

#[test]
fn links_are_moved_and_removed_by_it() {
    let (answer, text) = given(&two_links(6), &two_links(1).replace("10.77.0.1", "10.77.5.1"));
    assert_eq!((&answer["steps"], text), (&json!(2), two_links(8).replace("10.77.0.1", "10.77.5.1")));
    let (_, text) = given(&two_links(6), &conf(1));
    assert_eq!(text, conf(7));
}

#[test]
fn who_belongs_to_the_cluster_is_not_its_to_say() {
    for (from, to, expected) in [
        (
            "name: pve3",
            "name: pve4",
            vec![
                "'content' has the node 'pve4', which the cluster has not: nodes join by 'pvecm add'",
                "'content' lacks the node 'pve3': nodes are removed by 'pvecm delnode'",
            ],
        ),
        ("nodeid: 3", "nodeid: 9", vec!["'content' has nodeid 9 for 'pve3', whose nodeid is 3"]),
        (
            "name: prod",
            "name: test",
            vec!["'totem.cluster_name' cannot be set: a cluster keeps the name it was created with"],
        ),
        (
            "secauth: on",
            "secauth: on\n  transport: udpu",
            vec![
                "'totem.transport' does not change while corosync runs: corosync logs that it cannot be changed at run-time",
                "it would break a rule: transport 'udpu' cannot encrypt, and encryption is on",
            ],
        ),
        (
            "quorum {",
            "system {\n  sched_rr: no\n}\nquorum {",
            vec![
                "'system.sched_rr' is 'no' in 'content' and not set in the file: this module does not change the section 'system'",
            ],
        ),
    ] {
        let content = conf(6).replace(from, to);
        assert_ne!(content, conf(6), "{from}");
        assert_eq!(refusals(&conf(6), &content), expected);
    }
}

/// What one of the readers would misread is refused in words, in a text that is given as in the file itself.
#[test]
fn what_would_be_misread_is_refused_wherever_it_is() {
    let long = format!("secauth: on\n  # {}", "x".repeat(510));
    for (from, to, expected) in [
        (
            "secauth: on",
            "secauth: on # inline",
            "line 39: the comment behind the value of 'secauth' is part of the value for corosync",
        ),
        (
            "secauth: on",
            "secauth: on off",
            "line 39: PVE reads the value of 'secauth' only up to the blank in it",
        ),
        (
            "secauth: on\n",
            "secauth: on\n}\ntotem {\n",
            "line 41: a second section 'totem' is merged by corosync, and PVE refuses it",
        ),
        ("secauth: on", &long, "line 40: corosync refuses it: the line is longer than 510 bytes"),
        (
            "totem {",
            "# config_version: 9\ntotem {",
            "line 31: pmxcfs takes this text for the file's config_version, also in a comment",
        ),
        ("version: 2\n}", "version: 2\n", "line 31: corosync refuses it: the section is not closed"),
        (
            "totem {",
            "totem{",
            "line 31: there is no plain blank between 'totem' and '{', and PVE misreads that",
        ),
    ] {
        let bad = conf(6).replace(from, to);
        assert_ne!(bad, conf(6), "{from}");
        assert_eq!(refusals(&conf(6), &bad), [format!("'content', {expected}")]);
        // in the file it is in the way of a change, and of nothing else
        let changed = conf(6).replace("secauth", "join: 60\n  secauth");
        assert_eq!(refusals(&bad, &changed)[0], format!("it cannot be edited safely: {expected}"));
        assert_eq!(given(&bad, &bad).0["changed"], json!(false));
    }
    assert_eq!(
        refusals(&conf(6), &conf(6).replace("secauth", "secauht")),
        ["'content', line 39: 'secauht' is no option of 'totem': did you mean 'secauth'?"]
    );
}

/// The file with pve3 admitted and without a vote.
fn admitted() -> String {
    let file = conf(6);
    let (voting, rest) = file.split_at(file.find("name: pve3").unwrap());
    voting.to_owned() + &rest.replacen("quorum_votes: 1", "quorum_votes: 0", 1)
}

/// A vote for a node that is not there could make the cluster lose quorum: it comes when the node does, and not with a text that says nothing of it.
#[test]
fn a_node_that_has_no_vote_yet_gets_none_by_silence() {
    let file = admitted();
    let silent = file.replace("    quorum_votes: 1\n", "").replace("    quorum_votes: 0\n", "");
    let (answer, _) = given(&file, &silent);
    assert_eq!((&answer["changed"], &answer["failed"]), (&json!(false), &Value::Null), "{answer}");
    // of one that has another number of votes, silence is a wish as before
    let (answer, text) = given(&conf(6).replacen("quorum_votes: 1", "quorum_votes: 2", 1), &silent);
    assert_eq!((&answer["changed"], text), (&json!(true), conf(7)), "{answer}");
    let (answer, text) = given(&file, &conf(1));
    assert_eq!((&answer["changed"], text), (&json!(true), conf(7)), "{answer}");
}

/// What is read from a file while a node has no vote yet neither gives it one later nor takes it away.
#[test]
fn options_that_were_read_leave_a_node_its_missing_vote() {
    let options = crate::export::config(&corosync_document::Document::parse(admitted().as_bytes()));
    assert_eq!(options["nodes"], json!({"pve1": {"quorum_votes": 1}, "pve2": {"quorum_votes": 1}}));
    for file in [admitted(), conf(6)] {
        let mut asked =
            json!({"nodes": options["nodes"], "state": "replaced", "timeout": 5, "rescue_after": 0});
        let host = node(&file, Trouble::default());
        let answered = answer(&args::spec(), asked.to_string().as_bytes(), &host, module::run);
        assert_eq!((&answered["changed"], &answered["failed"]), (&json!(false), &Value::Null), "{answered}");
        asked["nodes"] = json!({"pve2": {"quorum_votes": 1}});
        let answered = answer(&args::spec(), asked.to_string().as_bytes(), &host, module::run);
        assert_eq!((&answered["changed"], &answered["failed"]), (&json!(false), &Value::Null), "{answered}");
    }
}
