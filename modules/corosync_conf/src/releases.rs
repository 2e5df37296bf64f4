// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether corosync on this node knows the options that a change sets.

use cluster_state::{StateError, versions};
use corosync_document::{Release, since};
use host::Host;

use crate::plan::Changed;

/// Why corosync on this node would pass over options that a change sets, or may. The package database is asked only where one of them
/// came in after the first release.
pub(crate) fn refusals(host: &dyn Host, changes: &[Changed], node: &str) -> Vec<String> {
    if newer(changes).is_empty() {
        return Vec::new();
    }
    judged(changes, versions::corosync(host), node)
}

/// The options that a change sets, of those that not every release knows.
fn newer(changes: &[Changed]) -> Vec<(&str, Release)> {
    let set = changes.iter().filter(|change| change.after.is_some());
    set.filter_map(|change| Some((change.key.as_str(), since(&change.key)?))).collect()
}

fn judged(changes: &[Changed], installed: Result<Option<String>, StateError>, node: &str) -> Vec<String> {
    let release = installed.as_ref().ok().and_then(Option::as_deref).and_then(Release::of_package);
    let has = match (&installed, release) {
        (Ok(Some(version)), Some(_)) => {
            format!("{node} has {version}, which takes it and does nothing: upgrade corosync there first")
        }
        (Ok(Some(version)), None) => format!("{node} has '{version}', which is no release that is known"),
        (Ok(None), _) => {
            format!("the package database of {node} has no corosync, so that it may do nothing there")
        }
        (Err(error), _) => format!("it is not known which one {node} has: {error}"),
    };
    let found =
        newer(changes).into_iter().filter(|(_, since)| release.is_none_or(|release| release < *since));
    found.map(|(key, since)| format!("'{key}' came in with corosync {since}, and {has}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    fn changed(key: &str, after: Option<&str>) -> Changed {
        Changed { key: key.to_owned(), before: None, after: after.map(str::to_owned) }
    }

    #[test]
    fn what_corosync_does_not_know_is_refused_with_node_version_and_option() {
        let changes = [
            changed("totem.token", Some("5000")),
            changed("totem.ip_dscp", Some("ef")),
            changed("totem.knet_mtu", Some("1400")),
            changed("totem.cancel_token_hold_on_retransmit", None),
        ];
        assert_eq!(judged(&changes, Ok(Some("3.1.10-pve1".into())), "node 'pve1'"), [""; 0]);
        assert_eq!(
            judged(&changes, Ok(Some("3.1.9-pve2".into())), "node 'pve1'"),
            [
                "'totem.ip_dscp' came in with corosync 3.1.10, and node 'pve1' has 3.1.9-pve2, which takes it and does nothing: upgrade corosync \
              there first"
            ]
        );
        assert_eq!(
            judged(&changes, Ok(Some("3.1.2-2".into())), "node 'pve1'"),
            [
                "'totem.ip_dscp' came in with corosync 3.1.10, and node 'pve1' has 3.1.2-2, which takes it and does nothing: upgrade corosync \
                 there first",
                "'totem.knet_mtu' came in with corosync 3.1.7, and node 'pve1' has 3.1.2-2, which takes it and does nothing: upgrade corosync \
                 there first",
            ]
        );
        assert_eq!(
            judged(&changes[..2], Ok(Some("git".into())), "this node"),
            [
                "'totem.ip_dscp' came in with corosync 3.1.10, and this node has 'git', which is no release that is known"
            ]
        );
        assert_eq!(
            judged(&changes[..2], Ok(None), "this node"),
            [
                "'totem.ip_dscp' came in with corosync 3.1.10, and the package database of this node has no corosync, so that it may do nothing there"
            ]
        );
    }

    #[test]
    fn nothing_is_asked_where_every_release_knows_the_options() {
        let host = FakeHost::new();
        let changes = [changed("totem.token", Some("5000")), changed("totem.ip_dscp", None)];
        assert_eq!(refusals(&host, &changes, "this node"), [""; 0]);
        assert!(host.commands().is_empty());
    }
}
