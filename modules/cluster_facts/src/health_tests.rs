// SPDX-License-Identifier: GPL-3.0-or-later
//! The facts that are told only when they are asked for.

use host::Host as _;
use serde_json::{Value, json};
use testkit::{Answer, FakeHost};

use crate::golden::facts;
use crate::recording::recording;
use crate::situations as nodes;

/// A node that answers the questions about its health, too.
pub(crate) fn with_health(host: FakeHost) -> FakeHost {
    let stats = recording!("two_links_3-node_quorate--corosync-cmapctl_-m_stats--pve1");
    let journal = "1795197720.5 pve1 corosync[9]:   [KNET  ] rx: Unable to decrypt packet from 10.77.1.19:5405 (size 80)!\n\
                   1795197726.5 pve1 corosync[9]:   [KNET  ] link: host: 3 link: 0 is down\n";
    host.query("corosync-cmapctl -m stats", stats.stdout)
        .query_prefix("journalctl ", journal)
        .query("timedatectl show", "NTP=yes\nNTPSynchronized=yes\n")
        .query("corosync -t", "")
        .file("/etc/pve/pve-root-ca.pem", nodes::CERTIFICATE)
}

fn health(host: &FakeHost) -> Value {
    facts(host, &json!({"gather": ["health"]}))["health"].clone()
}

#[test]
fn it_is_not_read_unless_it_is_asked_for() {
    let host = with_health(nodes::two_links());
    assert_eq!(facts(&host, &json!({})).get("health"), None);
    assert!(!host.commands().iter().any(|command| command.program == "journalctl"));
}

#[test]
fn a_node_that_is_well() {
    let found = health(&with_health(nodes::two_links()));
    let links = found["links"].as_array().unwrap();
    let ends: Vec<(&str, u64)> =
        links.iter().map(|link| (link["peer"].as_str().unwrap(), link["number"].as_u64().unwrap())).collect();
    assert_eq!(ends, [("pve2", 0), ("pve2", 1), ("pve3", 0), ("pve3", 1)]);
    assert_eq!((&links[0]["latency"]["average"], &links[0]["mtu"]), (&json!(216), &json!(1397)));
    assert_eq!((&found["events"]["link_down"], &found["events"]["last"]), (&json!(1), &json!(1_795_197_726)));
    assert_eq!(found["foreign_packets"], json!({"address": "10.77.1.19", "last": 1_795_197_720}));
    assert_eq!(found["clock"], json!({"synchronised": true, "service_enabled": true}));
    assert_eq!(found["ha"], json!({"resources": [], "master": null, "lrm": null}));
    assert_eq!((&found["rescues"], &found["ha_left_disarmed_by"]), (&json!([]), &Value::Null));
    assert_eq!(found["pmxcfs_online"], json!(["pve1", "pve2", "pve3"]));
    assert_eq!(found["qdevice"], Value::Null);
    let files: Vec<&Value> =
        found["certificates"].as_array().unwrap().iter().map(|found| &found["file"]).collect();
    assert_eq!(files, ["/etc/pve/local/pve-ssl.pem", "/etc/pve/pve-root-ca.pem"]);
    assert_eq!(found["problems"], json!([]));
}

#[test]
fn who_changes_the_membership_is_told() {
    let lock = "/etc/pve/priv/lock/pvecm_cluster-join";
    let node = || with_health(nodes::admitted());
    assert_eq!(health(&node())["membership_changed_by"], Value::Null);
    let unnamed = health(&node().dir(lock));
    assert_eq!(unnamed["membership_changed_by"], "another node is joining or leaving the cluster");
    let owner = locks::Owner::reservation("pve9");
    let host = node().dir(lock);
    let since = host.unix_time();
    let named = health(&host.dir(&format!("{lock}-by-{}.{since}", owner.word())));
    assert_eq!(named["membership_changed_by"], owner.to_string());
    assert_eq!(named["problems"], json!([]));
}

#[test]
fn a_certificate_that_has_expired() {
    let host = with_health(nodes::two_links());
    host.change(|machine| {
        let left = 4_948_804_848 - machine.unix_time();
        machine.advance(std::time::Duration::from_secs(left + 3_600));
    });
    let found = health(&host);
    assert_eq!(found["certificates"][0]["days_left"], -1);
}

#[test]
fn a_second_factor_is_told_and_its_secret_is_not() {
    let found = health(&with_health(nodes::two_links()));
    assert_eq!(found["root_second_factor"], false);
    let factors = r#"{"users":{"root@pam":{"totp":[{"entry":"otpauth://totp/x?secret=NBSWY3DP"}]}}}"#;
    let found =
        health(&with_health(nodes::two_links()).dir("/etc/pve/priv").file("/etc/pve/priv/tfa.cfg", factors));
    assert_eq!(found["root_second_factor"], true);
    assert!(!found.to_string().contains("NBSWY3DP"));
}

#[test]
fn the_qdevice_is_asked_where_the_cluster_has_one() {
    let stopped = recording!("qdevice_qnetd_stopped--corosync-qdevice-tool_-s--pve1");
    let host = with_health(nodes::two_links()).query("corosync-qdevice-tool -s", stopped.stdout);
    let conf = host
        .text("/etc/pve/corosync.conf")
        .replace("quorum {", "quorum {\n  device {\n    model: net\n    votes: 1\n  }");
    let found = health(&host.file("/etc/pve/corosync.conf", conf));
    assert_eq!(found["qdevice"]["state"], "Connect failed");
}

/// A node with an older corosync passes over what came in later, so each option is told with its release.
#[test]
fn options_that_came_in_later_are_named() {
    let host = with_health(nodes::two_links());
    assert_eq!(health(&host)["newer_options"], json!([]));
    let conf =
        host.text("/etc/pve/corosync.conf").replace("totem {", "totem {\n  ip_dscp: ef\n  knet_mtu: 1400");
    assert_eq!(
        health(&host.file("/etc/pve/corosync.conf", conf))["newer_options"],
        json!([{"option": "totem.knet_mtu", "since": "3.1.7"}, {"option": "totem.ip_dscp", "since": "3.1.10"}])
    );
}

/// What cannot be read is null, and said.
#[test]
fn a_node_that_is_not_well() {
    let host = nodes::corosync_stopped()
        .query_prefix("journalctl ", Answer::exit(1, "", "Compiled without pattern matching support\n"))
        .query("timedatectl show", Answer::not_installed())
        .query(
            "corosync -t",
            Answer::exit(8, "", "parser error: /etc/corosync/corosync.conf:42: Missing closing brace\n"),
        );
    let found = health(&host.file("/etc/pve/pve-root-ca.pem", "-"));
    assert_eq!(
        (&found["links"], &found["totem"], &found["events"], &found["clock"]),
        (&Value::Null, &Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(
        found["next_start_problem"],
        "parser error: /etc/corosync/corosync.conf:42: Missing closing brace"
    );
    let problems = found["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert_eq!(found["foreign_packets"], Value::Null);
    assert_eq!(problems[3], "cannot understand '/etc/pve/pve-root-ca.pem': there is no certificate in it");
}
