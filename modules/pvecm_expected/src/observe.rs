// SPDX-License-Identifier: GPL-3.0-or-later
//! Every look at this node, and whether the nodes that it misses answer at any of their addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cluster_state::pmxcfs::{self, Mount};
use cluster_state::quorumtool::Quorum;
use cluster_state::{StateError, cmap, corosync_conf, members, quorumtool};
use corosync_document::Document;
use host::{Command, Host};

/// What all the knocking may take: it is done at all addresses at once.
const PATIENCE: Duration = Duration::from_secs(15);

/// Prints the addresses that answer a ping, or that have something on the port of sshd or of pveproxy.
const SCRIPT: &str = r#"for address in "$@"; do
    {
        if ping -c 2 -W 2 -q -- "$address" >/dev/null 2>&1 ||
            timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/22"' "$address" 2>/dev/null ||
            timeout 4 bash -c 'exec 3<>"/dev/tcp/$0/8006"' "$address" 2>/dev/null; then
            echo "$address"
        fi
    } &
done
wait
"#;

/// All that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// This node's name.
    pub(crate) node: String,
    pub(crate) mount: Mount,
    /// The cluster's file; none on a standalone node.
    pub(crate) conf: Option<Document>,
    /// None when corosync does not run.
    pub(crate) running: Option<Running>,
    /// The nodes' addresses in the management network, by name.
    pub(crate) managed: BTreeMap<String, String>,
}

/// The running corosync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) quorum: Quorum,
    /// The nodeids of the members.
    pub(crate) members: BTreeSet<u32>,
}

/// Looks at everything but other nodes.
pub(crate) fn seen(host: &dyn Host) -> Result<Seen, StateError> {
    let mount = pmxcfs::query(host)?.mount;
    let mounted = matches!(mount, Mount::ReadOnly | Mount::Writable);
    let table = if mounted { members::query(host)? } else { None };
    let nodes = table.map(|table| table.nodelist).unwrap_or_default();
    Ok(Seen {
        node: host.hostname()?,
        conf: if mounted { corosync_conf::cluster(host)? } else { None },
        running: running(host)?,
        managed: nodes.into_iter().filter_map(|(name, node)| Some((name, node.ip?))).collect(),
        mount,
    })
}

fn running(host: &dyn Host) -> Result<Option<Running>, StateError> {
    let cmap = match cmap::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        cmap => cmap?,
    };
    let quorum = match quorumtool::query(host) {
        Err(error) if error.is_corosync_down() => return Ok(None),
        quorum => quorum?,
    };
    Ok(Some(Running { quorum, members: cmap.member_versions().into_keys().collect() }))
}

/// Which of these addresses answer.
pub(crate) fn answering(host: &dyn Host, addresses: &[String]) -> Result<BTreeSet<String>, String> {
    if addresses.is_empty() {
        return Ok(BTreeSet::new());
    }
    let command =
        Command::new("sh").arg("-s").args(addresses.iter().cloned()).stdin(SCRIPT).timeout(PATIENCE);
    let output = host.run(&command).map_err(|error| error.to_string())?;
    if !output.exited_zero() {
        return Err(format!(
            "'{}' ended with {}, so that it is not known who answers",
            command.line(),
            output.rc()
        ));
    }
    Ok(output.stdout.lines().map(|line| line.trim().to_owned()).collect())
}
