// SPDX-License-Identifier: GPL-3.0-or-later
//! The binary itself, on a machine that is no Proxmox VE node.

use serde_json::Value;

fn answer(arguments: &str) -> (Value, bool) {
    testkit::answer_of("corosync_conf", arguments)
}

#[test]
fn a_machine_without_a_cluster_is_refused() {
    let node = std::path::Path::new("/etc/pve").exists();
    assert!(
        !node,
        "this machine is a Proxmox VE node, whose cluster this test would change: run it elsewhere"
    );
    for check_mode in ["false", "true"] {
        let arguments = format!("{{\"totem\": {{\"token\": 5000}}, \"_ansible_check_mode\": {check_mode}}}");
        let (answer, success) = answer(&arguments);
        let expected = "cannot change '/etc/pve/corosync.conf': Proxmox VE is not installed on this machine";
        assert_eq!((&answer["msg"], success), (&Value::from(expected), false), "{answer}");
        assert_eq!(answer["changed"], false);
    }
}

#[test]
fn options_are_judged_before_the_machine() {
    let (answer, success) = answer(r#"{"totem": {"tokn": 5000}, "timeout": "0"}"#);
    let expected = "cannot change '/etc/pve/corosync.conf': 'tokn' is no option of 'totem': did you mean 'token'?; 'timeout' is 0 s \
                    and must be from 1 to 3600 s";
    assert_eq!((&answer["msg"], success), (&Value::from(expected), false));
}
