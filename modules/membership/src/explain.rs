// SPDX-License-Identifier: GPL-3.0-or-later
//! What pvecm's words mean. It exits 0 whether it worked or not, prints some errors on stdout and some on stderr, and
//! hides the cause of several.

use host::last_line;

/// Finds the reason in what pvecm printed, both streams; none when it says nothing that is known.
pub fn explain(stdout: &str, stderr: &str) -> Option<String> {
    let lines = || stdout.lines().chain(stderr.lines()).map(str::trim);
    let has = |words: &str| lines().any(|line| line.contains(words));

    let checks: Vec<String> = lines().filter_map(|line| line.strip_prefix("* ")).map(check).collect();
    if !checks.is_empty() && !has("forced to continue") {
        return Some(checks.join("; "));
    }
    let asked = lines().map(|line| line.strip_prefix(REFUSED).unwrap_or(line));
    if let Some(reason) = asked.filter_map(cluster_side).next() {
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
    lines().find_map(|line| local_side(line).or_else(|| api_side(line)))
}

/// How a join by password says that the cluster did not take the node.
const REFUSED: &str = "An error occurred on the cluster node: ";

/// What pvecm says of its way to the API of the cluster node. On a terminal its questions stand before it on the line.
fn api_side(line: &str) -> Option<String> {
    if line.contains("401 authentication failure") {
        return Some("the cluster node does not accept the password of root".to_owned());
    }
    if line.contains("Fingerprint not verified, abort!") {
        return Some("no fingerprint was given, and nobody confirmed the one that was found".to_owned());
    }
    if let Some(rest) = line.strip_prefix("fingerprint '")
        && let Some((found, _)) = rest.split_once("' not verified, abort!")
    {
        return Some(format!(
            "the cluster node serves a certificate with the fingerprint '{found}', which is not the given one"
        ));
    }
    if let Some(rest) = line.strip_prefix("500 Can't connect to ")
        && let Some((host, why)) = rest.split_once(" (")
    {
        return Some(format!("the API at '{host}' cannot be reached: {}", why.trim_end_matches(')')));
    }
    if line.starts_with("EOF while reading password") {
        return Some("pvecm was given no password".to_owned());
    }
    if line.starts_with("fingerprint: ") {
        return Some("pvecm does not take the fingerprint".to_owned());
    }
    None
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
    if line.starts_with("no links given but multiple links found") {
        return Some(
            "the cluster has several links, for which no addresses of this node are given".to_owned(),
        );
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
pub fn failure(stdout: &str, stderr: &str) -> String {
    explain(stdout, stderr).unwrap_or_else(|| {
        last_line(stderr).or_else(|| last_line(stdout)).unwrap_or("pvecm printed nothing").to_owned()
    })
}

/// The copy of the old database that pvecm made before it replaced it.
pub fn backup(stdout: &str) -> Option<&str> {
    let line = stdout.lines().find_map(|line| line.trim().strip_prefix("backup old database to '"))?;
    line.strip_suffix('\'')
}

/// How far pvecm came, by the last line of its progress; none when it changed nothing by then.
pub fn progress(stdout: &str) -> Option<&'static str> {
    const STEPS: [(&str, &str); 14] = [
        ("successfully added node", "after the last step"),
        ("merge authorized SSH keys", "while merging the ssh keys"),
        ("generate new node certificate", "while making the node certificate"),
        ("(re)generate node files", "while making the node's files"),
        ("waiting for quorum...OK", "after reaching quorum"),
        ("waiting for quorum...", "while waiting for quorum"),
        ("backup old database to", "after setting the old database aside"),
        ("stopping pve-cluster service", "while stopping pve-cluster"),
        ("copy corosync auth key", "after the cluster had listed this node"),
        ("Join request OK", "after the cluster had listed this node"),
        (ASKING, "while the cluster was asked to list this node"),
        ("Restart corosync and cluster filesystem", "while restarting corosync and pmxcfs"),
        ("Writing corosync config to", "after writing the cluster's configuration"),
        ("Writing corosync key to", "after writing the authentication key"),
    ];
    let (words, step) = STEPS.iter().find(|(words, _)| stdout.contains(words))?;
    // A cluster that says why not has not listed the node; one that broke off may have.
    let refused =
        *words == ASKING && stdout.lines().filter_map(|line| line.strip_prefix(REFUSED)).any(is_refusal);
    (!refused).then_some(*step)
}

/// What a join by password says before the cluster lists the node.
const ASKING: &str = "Request addition of this node";

/// Whether the cluster node says why it did not take the node.
fn is_refusal(words: &str) -> bool {
    words.starts_with("invalid corosync.conf") || cluster_side(words).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let asking = "Login succeeded.\ncheck cluster join API version\nRequest addition of this node\n";
        assert_eq!(progress(asking), Some("while the cluster was asked to list this node"));
        let refused = format!("{asking}{REFUSED}can't add existing node 'pve2'\n");
        assert_eq!(progress(&refused), None);
        let unknown = format!("{asking}{REFUSED}500 read timeout\n");
        assert_eq!(progress(&unknown), Some("while the cluster was asked to list this node"));
        let listed = format!("{asking}Join request OK, finishing setup locally\n");
        assert_eq!(progress(&listed), Some("after the cluster had listed this node"));
        let waiting = "copy corosync auth key\nstopping pve-cluster service\nbackup old database to 'x'\nwaiting for quorum...";
        assert_eq!(progress(waiting), Some("while waiting for quorum"));
        let key = "Corosync Cluster Engine Authentication key generator.\nWriting corosync key to /etc/corosync/authkey.\n";
        assert_eq!(progress(key), Some("after writing the authentication key"));
    }
}
