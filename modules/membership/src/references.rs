// SPDX-License-Identifier: GPL-3.0-or-later
//! Where the cluster's own configuration names a node: high availability, replication, Ceph.

use std::time::Duration;

use host::{Command, Host, HostError};

use crate::files::text;

const CEPH: &str = "/etc/pve/ceph.conf";
/// What Ceph's monitors may take to answer.
const CEPH_PATIENCE: Duration = Duration::from_secs(15);

/// A section of a PVE configuration file: its header (`rule: x`) and its properties.
pub struct Section<'a> {
    /// The word before the colon.
    pub kind: &'a str,
    /// The word behind it.
    pub id: &'a str,
    /// Names and values, as they follow.
    pub properties: Vec<(&'a str, &'a str)>,
}

/// Reads sections: a header in the first column, its properties indented below.
pub fn sections(text: &str) -> Vec<Section<'_>> {
    let mut found: Vec<Section<'_>> = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            let (key, value) = trimmed.split_once([' ', '\t']).unwrap_or((trimmed, ""));
            if let Some(section) = found.last_mut() {
                section.properties.push((key, value.trim()));
            }
        } else if let Some((kind, id)) = trimmed.split_once(':') {
            found.push(Section { kind: kind.trim(), id: id.trim(), properties: Vec::new() });
        }
    }
    found
}

/// Those of these guests that high availability keeps running, such as `vm:100`. `files` are its own, by path.
pub fn managed(files: &[(String, String)], guests: &[u32]) -> Vec<String> {
    let resources = files.iter().filter(|(path, _)| path.ends_with("/resources.cfg"));
    let ids = resources.flat_map(|(_, text)| cluster_state::ha::parse_resources(text));
    let is_one = |id: &String| {
        let number = id.split(':').nth(1).and_then(|number| number.parse().ok());
        number.is_some_and(|number: u32| guests.contains(&number))
    };
    ids.filter(is_one).collect()
}

/// The sections whose `node` or `nodes` names the node.
pub fn naming(text: &str, node: &str) -> Vec<String> {
    let names = |(key, value): &(&str, &str)| {
        matches!(*key, "node" | "nodes") && value.split([',', ';', ' ']).any(|item| item == node)
    };
    let naming = sections(text).into_iter().filter(|section| section.properties.iter().any(names));
    naming.map(|section| format!("{}: {}", section.kind, section.id)).collect()
}

/// The replication jobs from or to the node.
pub fn replication(text: &str, node: &str) -> Vec<String> {
    let leads = |(key, value): &(&str, &str)| matches!(*key, "target" | "source") && *value == node;
    let jobs = sections(text).into_iter().filter(|section| section.properties.iter().any(leads));
    jobs.map(|section| section.id.to_owned()).collect()
}

/// All replication jobs.
pub fn jobs(text: &str) -> Vec<String> {
    sections(text).into_iter().map(|section| section.id.to_owned()).collect()
}

/// The storages that other nodes reach too: those marked so, and those of a type that lies in the network and is not
/// switched off.
pub fn shared_storages(text: &str) -> Vec<String> {
    // Backup stores (pbs) and sources of imports (esxi) hold no volume that a guest runs from.
    const IN_THE_NETWORK: [&str; 8] =
        ["nfs", "cifs", "cephfs", "rbd", "glusterfs", "iscsi", "iscsidirect", "zfs"];
    let is = |section: &Section<'_>, key: &str| section.properties.contains(&(key, "1"));
    let shared = sections(text).into_iter().filter(|section| {
        (IN_THE_NETWORK.contains(&section.kind) || is(section, "shared"))
            && !section.properties.iter().any(|(key, _)| *key == "disable")
    });
    shared.map(|section| section.id.to_owned()).collect()
}

/// The Ceph daemons that ceph.conf places on the node: sections of its name (`[mon.pve3]`) and with it as their host.
pub fn ceph(text: &str, node: &str) -> Vec<String> {
    let mut daemons: Vec<String> = Vec::new();
    let mut section = "";
    for line in text.lines().map(str::trim) {
        let of_node = if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
            section.split_once('.').is_some_and(|(_, id)| id == node)
        } else {
            let property = line.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
            section.contains('.') && property == Some(("host", node))
        };
        if of_node && !daemons.iter().any(|daemon| daemon == section) {
            daemons.push(section.to_owned());
        }
    }
    daemons
}

/// The OSDs that `ceph osd ls-tree NODE` lists, a number a line.
pub fn osds(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// What Ceph says of the node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ceph {
    /// ceph.conf; empty where Ceph is not used.
    pub conf: String,
    /// Its OSDs; none when they could not be asked for.
    pub osds: Option<Vec<u32>>,
}

/// Ceph's monitors are asked for OSDs only where there is a ceph.conf. A name without any is an error to them.
pub fn ask_ceph(host: &dyn Host, node: &str) -> Result<Ceph, HostError> {
    let conf = text(host, CEPH)?;
    if conf.trim().is_empty() {
        return Ok(Ceph::default());
    }
    let command =
        Command::new("ceph").args(["--connect-timeout", "10", "osd", "ls-tree", node]).timeout(CEPH_PATIENCE);
    let osds = match host.run(&command) {
        Ok(output) if output.exited_zero() => Some(osds(&output.stdout)),
        Ok(output) if output.stderr.contains("ENOENT") => Some(Vec::new()),
        Ok(_) => None,
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    Ok(Ceph { conf, osds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replication_jobs() {
        let text = "local: 100-0\n\ttarget pve3\n\trate 10\n\nlocal: 101-0\n\tsource pve3\n\ttarget pve1\n\nlocal: 102-0\n\
                    \ttarget pve30\n\tcomment pve3\n";
        assert_eq!(replication(text, "pve3"), ["100-0", "101-0"]);
    }

    #[test]
    fn storages_of_several_nodes() {
        let text = "dir: local\n\tpath /var/lib/vz\n\tcontent iso\n\nnfs: nas\n\tserver 10.0.0.9\n\texport /x\n\nlvm: san\n\
                    \tvgname san\n\tshared 1\n\nnfs: old\n\tserver 10.0.0.8\n\tdisable\n\npbs: backup\n\tserver 10.0.0.7\n\n\
                    lvmthin: local-lvm\n\tshared 0\n";
        assert_eq!(shared_storages(text), ["nas", "san"]);
        assert_eq!(jobs("local: 100-0\n\ttarget pve3\n\nlocal: 101-1\n\ttarget pve1\n"), ["100-0", "101-1"]);
    }

    #[test]
    fn ceph_daemons() {
        let text = "[global]\n\thost = pve3\n\tmon_host = 10.0.0.1\n\n[mon.pve3]\n\thost = pve3\n[mds.a]\n\thost = pve3\n\
                    [mon.pve1]\n\tpublic_addr = 10.0.0.1\n";
        assert_eq!(ceph(text, "pve3"), ["mon.pve3", "mds.a"]);
        assert_eq!(osds("4\n5\n"), [4, 5]);
    }
}
