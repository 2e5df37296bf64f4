// SPDX-License-Identifier: GPL-3.0-or-later
//! What matters on a node before it creates a cluster or joins one.

use std::net::IpAddr;
use std::path::Path;

use cluster_state::{StateError, leftovers, versions, vmlist};
use host::{Command, Host, HostError, is_there};
use membership::seen::Tools;

use super::args::{State, Wanted};

/// What matters on this node before it creates or joins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Candidate {
    pub(crate) addresses: Vec<(IpAddr, u8)>,
    pub(crate) authkey: bool,
    pub(crate) etc_conf: bool,
    pub(crate) guests: Vec<u32>,
    /// Whether pvecm knows `--token-coefficient`; asked only when the task sets one.
    pub(crate) knows_coefficient: bool,
    pub(crate) tools: Tools,
    pub(crate) id_rsa: bool,
}

/// What matters before this node creates or joins a cluster.
pub(crate) fn look(host: &dyn Host, wanted: &Wanted) -> Result<Candidate, StateError> {
    let joins = wanted.state == State::Joined;
    let addresses = host.addresses()?;
    let guests = vmlist::query(host)?.unwrap_or_default();
    let left = leftovers::query(host)?;
    Ok(Candidate {
        addresses: addresses.into_iter().map(|local| (local.address, local.prefix)).collect(),
        authkey: left.authkey,
        etc_conf: left.corosync_conf,
        guests: guests.into_iter().map(|guest| guest.vmid).collect(),
        knows_coefficient: wanted.token_coefficient.is_some() && knows_coefficient(host)?,
        tools: if joins { tools(host)? } else { Tools::default() },
        id_rsa: is_there(host, Path::new("/root/.ssh/id_rsa"))?,
    })
}

fn tools(host: &dyn Host) -> Result<Tools, StateError> {
    let versions = versions::query(host)?;
    let rsync = match host.run(&Command::new("rsync").arg("--version")) {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => return Err(error.into()),
    };
    Ok(Tools { rsync, join_api: versions.join_api, pve: versions.pve })
}

fn knows_coefficient(host: &dyn Host) -> Result<bool, HostError> {
    Ok(host.run(&Command::new("pvecm").args(["help", "create"]))?.stdout.contains("--token-coefficient"))
}
