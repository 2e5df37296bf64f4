// SPDX-License-Identifier: GPL-3.0-or-later
//! What pvecm's words mean. It exits 0 whether it worked or not, prints some errors on stdout and some on stderr, and
//! hides the cause of several.

/// Finds the reason in what pvecm printed, both streams; none when it says nothing that is known.
pub(crate) fn explain(stdout: &str, stderr: &str) -> Option<String> {
    let lines = || stdout.lines().chain(stderr.lines()).map(str::trim);
    let has = |words: &str| lines().any(|line| line.contains(words));

    let checks: Vec<String> = lines().filter_map(|line| line.strip_prefix("* ")).map(check).collect();
    if !checks.is_empty() && !has("forced to continue") {
        return Some(checks.join("; "));
    }
    if let Some(reason) = lines().find_map(cluster_side) {
        return Some(reason);
    }
    if has("invalid corosync.conf") {
        return Some(
            "the cluster node has no valid corosync.conf: it may not be a member of a cluster".to_owned(),
        );
    }
    if has("Unable to load access control list") {
        return Some(
            "pmxcfs is not running on this node: start it with 'systemctl start pve-cluster'".to_owned(),
        );
    }
    lines().find_map(local_side)
}

/// One of the checks that pvecm makes before a join.
fn check(line: &str) -> String {
    if let Some(rest) = line.strip_prefix("authentication key ") {
        return format!("the authentication key {rest}");
    }
    if let Some(rest) = line.strip_prefix("cluster config ") {
        return format!("the cluster configuration {rest}");
    }
    if line.starts_with("corosync is already running") {
        return "corosync is already running on this node".to_owned();
    }
    if let Some((link, rest)) = line.split_once(": cannot use IP ")
        && let Some(address) = rest.split('\'').nth(1)
    {
        return format!("{link} has address '{address}', which is not on this node");
    }
    line.to_owned()
}

/// What `pvecm addnode` says on the cluster node.
fn cluster_side(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("corosync: link ") {
        let link = rest.split(' ').next()?;
        if rest.ends_with("specified for new node doesn't exist in cluster config") {
            return Some(format!("link {link} does not exist in the cluster"));
        }
        if rest.ends_with("exists in cluster config but wasn't specified for new node") {
            return Some(format!(
                "the cluster has a link {link}, for which no address of this node is given"
            ));
        }
    }
    if let Some(rest) = line.strip_prefix("corosync: address ") {
        let mut quoted = rest.split('\'');
        let (address, node) = (quoted.nth(1)?, quoted.nth(1)?);
        return Some(format!("address '{address}' is used by node '{node}' of the cluster"));
    }
    if let Some(rest) = line.strip_prefix("can't add existing node ") {
        return Some(format!("the cluster lists a node named {rest} already"));
    }
    if line.starts_with("cluster not ready - no quorum?") {
        return Some("the cluster is not quorate".to_owned());
    }
    if line.starts_with("no links and no fallback ip") {
        return Some("no link was given".to_owned());
    }
    if line.starts_with("unable to create directory '/etc/pve/") {
        return Some(
            "'/etc/pve' took no writes on the cluster node: another join may be under way".to_owned(),
        );
    }
    None
}

/// What pvecm says of this node and of its way to the cluster node.
fn local_side(line: &str) -> Option<String> {
    if let Some(why) = line.strip_prefix("unable to copy ssh ID: ") {
        return Some(if why.contains("Permission denied") {
            "the cluster node does not accept the ssh key of root on this node".to_owned()
        } else {
            // ssh-copy-id's own words are thrown away by pvecm
            "the cluster node cannot be reached over ssh: it does not answer, or its host key is not known"
                .to_owned()
        });
    }
    if let Some(rest) = line.strip_prefix("cluster config ")
        && rest.ends_with("already exists")
    {
        return Some(format!("the cluster configuration {rest}"));
    }
    if line.starts_with("starting pve-cluster failed") {
        return Some("corosync or pmxcfs did not start with the cluster's configuration".to_owned());
    }
    if line.starts_with("Navigate out of /etc/pve") {
        return Some("pvecm was run below '/etc/pve'".to_owned());
    }
    if let Some(rest) = line.strip_prefix("clustername: ") {
        return Some(match rest {
            "value may only be 15 characters long" => {
                "the cluster name is longer than 15 characters".to_owned()
            }
            _ => "the cluster name is not valid".to_owned(),
        });
    }
    if line.starts_with("Cannot delete myself from cluster!") {
        return Some("a node cannot remove itself".to_owned());
    }
    if line.starts_with("Node/IP: ") && line.ends_with("is not a known host of the cluster.") {
        return Some("the cluster does not list it".to_owned());
    }
    if let Some(option) = line.strip_prefix("Unknown option: ") {
        return Some(format!("this pvecm has no option '{option}'"));
    }
    if let Some(rest) = line.strip_prefix("nodeid: ") {
        return Some(format!("pvecm does not take the nodeid: {rest}"));
    }
    if line.starts_with("400 not enough arguments") {
        return Some("pvecm misses an argument".to_owned());
    }
    None
}

/// What to say of a pvecm that failed: the reason it gave, or its last words.
pub(crate) fn failure(stdout: &str, stderr: &str) -> String {
    let last =
        |text: &str| text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    explain(stdout, stderr)
        .or_else(|| last(stderr))
        .or_else(|| last(stdout))
        .unwrap_or_else(|| "pvecm printed nothing".to_owned())
}

/// The copy of the old database that pvecm made before it replaced it.
pub(crate) fn backup(stdout: &str) -> Option<&str> {
    let line = stdout.lines().find_map(|line| line.trim().strip_prefix("backup old database to '"))?;
    line.strip_suffix('\'')
}

/// How far pvecm came, by the last line of its progress; none when it changed nothing by then.
pub(crate) fn progress(stdout: &str) -> Option<&'static str> {
    const STEPS: [(&str, &str); 12] = [
        ("successfully added node", "after the last step"),
        ("merge authorized SSH keys", "while merging the ssh keys"),
        ("generate new node certificate", "while making the node certificate"),
        ("(re)generate node files", "while making the node's files"),
        ("waiting for quorum...OK", "after reaching quorum"),
        ("waiting for quorum...", "while waiting for quorum"),
        ("backup old database to", "after setting the old database aside"),
        ("stopping pve-cluster service", "while stopping pve-cluster"),
        ("copy corosync auth key", "after the cluster had listed this node"),
        ("Restart corosync and cluster filesystem", "while restarting corosync and pmxcfs"),
        ("Writing corosync config to", "after writing the cluster's configuration"),
        ("Writing corosync key to", "after writing the authentication key"),
    ];
    STEPS.iter().find(|(words, _)| stdout.contains(words)).map(|(_, step)| *step)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECK: &str = "Check if node may join a cluster failed!\n";

    /// Recorded output of pvecm create, add and addnode, and what is made of it.
    #[test]
    fn each_recorded_failure_has_its_words() {
        let ssh = "unable to add node: command failed (ssh 10.77.0.11 -o BatchMode=yes pvecm addnode pve2 --force 1 \
                   --link1 10.77.0.12 --link0 10.77.1.12)\n";
        let parameter = "400 Parameter verification failed.\n";
        let table: [(&str, &str, &str); 26] = [
            // captures/3-node_quorate--pvecm_delnode_pve1--pve1
            ("", "Cannot delete myself from cluster!\n", "a node cannot remove itself"),
            // captures/3-node_quorate--pvecm_delnode_pve9--pve1, and the same on a standalone node
            ("", "Node/IP: pve9 is not a known host of the cluster.\n", "the cluster does not list it"),
            // captures/1-node_cluster--pvecm_create_other--pve1
            (
                "",
                "cluster config '/etc/pve/corosync.conf' already exists\n",
                "the cluster configuration '/etc/pve/corosync.conf' already exists",
            ),
            // captures/standalone--pvecm_create--pve1
            (
                "",
                "400 not enough arguments\npvecm create <clustername> [OPTIONS]\n",
                "pvecm misses an argument",
            ),
            // captures/standalone--pvecm_create_-x--pve1
            (
                "",
                "Unknown option: x\n400 unable to parse option\npvecm create <clustername> [OPTIONS]\n",
                "this pvecm has no option 'x'",
            ),
            // captures/standalone--pvecm_create_averyveryverylongclustername--pve1
            (
                "",
                &format!(
                    "{parameter}clustername: value may only be 15 characters long\npvecm create <clustername> [OPTIONS]\n"
                ),
                "the cluster name is longer than 15 characters",
            ),
            // captures/standalone--pvecm_create_bad_name--pve1
            (
                "",
                &format!(
                    "{parameter}clustername: invalid format - value does not look like a valid node name\n\npvecm create <clustername> [OPTIONS]\n"
                ),
                "the cluster name is not valid",
            ),
            // captures/3-node_pve-cluster_stopped_on_pve1--pvecm_create_x1--pve1, and the same for add
            (
                "",
                "ipcc_send_rec[1] failed: Connection refused\nipcc_send_rec[2] failed: Connection refused\n\
                 ipcc_send_rec[3] failed: Connection refused\n\
                 Unable to load access control list: Connection refused\n",
                "pmxcfs is not running on this node: start it with 'systemctl start pve-cluster'",
            ),
            // captures/2-node_cluster--pvecm_add_again_when_already_member--pve2
            (
                "detected the following error(s):\n* authentication key '/etc/corosync/authkey' already exists\n\
                 * cluster config '/etc/pve/corosync.conf' already exists\n\
                 * corosync is already running, is this node already in a cluster?!\n",
                CHECK,
                "the authentication key '/etc/corosync/authkey' already exists; the cluster configuration \
                 '/etc/pve/corosync.conf' already exists; corosync is already running on this node",
            ),
            // captures/removed_node_pve3_was_online_at_delnode--pvecm_add_again_on_the_removed_node_not_cleaned--pve3
            (
                "detected the following error(s):\n* authentication key '/etc/corosync/authkey' already exists\n\
                 * cluster config '/etc/pve/corosync.conf' already exists\n",
                CHECK,
                "the authentication key '/etc/corosync/authkey' already exists; the cluster configuration \
                 '/etc/pve/corosync.conf' already exists",
            ),
            // captures/stale_etc_corosync_files_on_a_standalone_node--pvecm_add_api_with_a_left-over_authkey--pve4
            (
                "detected the following error(s):\n* authentication key '/etc/corosync/authkey' already exists\n",
                CHECK,
                "the authentication key '/etc/corosync/authkey' already exists",
            ),
            // captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_use_ssh_with_a_local_guest_100--pve2
            (
                "detected the following error(s):\n* this host already contains virtual guests\n",
                CHECK,
                "this host already contains virtual guests",
            ),
            // captures/standalone--pvecm_add_10.77.0.11_--link0_10.77.1.99_--use_ssh--pve1
            (
                "detected the following error(s):\n* link0: cannot use IP '10.77.1.99', not found on local node!\n\n",
                CHECK,
                "link0 has address '10.77.1.99', which is not on this node",
            ),
            // captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_use_ssh_no_host_key_known--pve2; the same
            // words for a host that does not answer and for one that shuts this one out
            (
                "",
                "unable to copy ssh ID: exit code 1\n",
                "the cluster node cannot be reached over ssh: it does not answer, or its host key is not known",
            ),
            // captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_use_ssh_host_key_known_but_no_key_..--pve2
            (
                "",
                "unable to copy ssh ID: root@10.77.0.11: Permission denied (publickey,password).\n",
                "the cluster node does not accept the ssh key of root on this node",
            ),
            // captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_use_ssh_with_a_link1_the_cluster_lacks--pve2
            (
                "corosync: link 1 specified for new node doesn't exist in cluster config\n",
                ssh,
                "link 1 does not exist in the cluster",
            ),
            // captures/two_links_join--pvecm_add_api_with_only_link0_into_a_two-link_cluster--pve2, the cluster node's part
            (
                "corosync: link 1 exists in cluster config but wasn't specified for new node\n",
                ssh,
                "the cluster has a link 1, for which no address of this node is given",
            ),
            // captures/2-node_cluster--pvecm_addnode_address_already_used--pve1
            (
                "",
                "corosync: address '10.77.1.12' already used on link ring0_addr by node 'pve2'\n",
                "address '10.77.1.12' is used by node 'pve2' of the cluster",
            ),
            // captures/2-node_cluster--pvecm_addnode_existing_node--pve1
            ("", "can't add existing node 'pve2'\n", "the cluster lists a node named 'pve2' already"),
            // captures/1-node_cluster--pvecm_addnode_pve1--pve1
            (
                "",
                "no links and no fallback ip (new_node_ip) given, cannot join cluster\n",
                "no link was given",
            ),
            // captures/inquorate_pve1_cut_off_from_3-node_corosync_net--pvecm_addnode_pve9_--link0_10.77.1.19--pve1
            ("", "cluster not ready - no quorum?\n", "the cluster is not quorate"),
            // captures/standalone--pvecm_addnode_pve9_--link0_10.77.1.19--pve1
            (
                "",
                "invalid corosync.conf\nerror0: no nodes found\n",
                "the cluster node has no valid corosync.conf: it may not be a member of a cluster",
            ),
            // captures/parallel_API_joins_of_pve2_and_pve3_into_a_1-node_cluster--parallel_join_of_pve3--pve3
            (
                "unable to create directory '/etc/pve/nodes/pve3' - Permission denied\n",
                ssh,
                "'/etc/pve' took no writes on the cluster node: another join may be under way",
            ),
            // captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_from_within_etc_pve--pve2
            (
                "",
                "Navigate out of /etc/pve before running 'pvecm add', for example by running 'cd'.\n",
                "pvecm was run below '/etc/pve'",
            ),
            // captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_use_ssh_bad_nodeid--pve2
            (
                "",
                &format!(
                    "{parameter}nodeid: type check ('integer') failed - got 'abc'\npvecm add <hostname> [OPTIONS]\n"
                ),
                "pvecm does not take the nodeid: type check ('integer') failed - got 'abc'",
            ),
            // captures/nodeid_clash--pvecm_add_api_with_the_nodeid_of_pve2--pve3
            (
                "stopping pve-cluster service\nbackup old database to \
                 '/var/lib/pve-cluster/backup/config-1795199284.sql.gz'\n\
                 Job for corosync.service failed because the control process exited with error code.\n",
                "starting pve-cluster failed: See \"systemctl status corosync.service\" and \"journalctl -xeu \
                 corosync.service\" for details.\n",
                "corosync or pmxcfs did not start with the cluster's configuration",
            ),
        ];
        for (stdout, stderr, expected) in table {
            assert_eq!(explain(stdout, stderr).as_deref(), Some(expected), "{stdout}{stderr}");
        }
    }

    #[test]
    fn unknown_words_are_passed_on() {
        assert_eq!(explain("", "something new\n"), None);
        assert_eq!(failure("", "first\nsomething new\n\n"), "something new");
        assert_eq!(failure("only this\n", ""), "only this");
        assert_eq!(failure("", ""), "pvecm printed nothing");
    }

    #[test]
    fn a_successful_join_has_no_reason_but_a_backup() {
        // captures/join_from_fresh_node_into_1-node_cluster--pvecm_add_use_ssh_success--pve2
        let stdout = "copy corosync auth key\nstopping pve-cluster service\n\
                      backup old database to '/var/lib/pve-cluster/backup/config-1795197802.sql.gz'\n\
                      waiting for quorum...OK\n(re)generate node files\ngenerate new node certificate\n\
                      merge authorized SSH keys\n\
                      generated new node certificate, restart pveproxy and pvedaemon services\n\
                      successfully added node 'pve2' to cluster.\n";
        assert_eq!(explain(stdout, ""), None);
        assert_eq!(backup(stdout), Some("/var/lib/pve-cluster/backup/config-1795197802.sql.gz"));
        assert_eq!(progress(stdout), Some("after the last step"));
        assert_eq!(backup("copy corosync auth key\n"), None);
    }

    #[test]
    fn how_far_it_came() {
        assert_eq!(
            progress("detected the following error(s):\n* this host already contains virtual guests\n"),
            None
        );
        assert_eq!(progress("copy corosync auth key\n"), Some("after the cluster had listed this node"));
        let waiting = "copy corosync auth key\nstopping pve-cluster service\nbackup old database to 'x'\nwaiting for quorum...";
        assert_eq!(progress(waiting), Some("while waiting for quorum"));
        let key = "Corosync Cluster Engine Authentication key generator.\nWriting corosync key to /etc/corosync/authkey.\n";
        assert_eq!(progress(key), Some("after writing the authentication key"));
    }
}
