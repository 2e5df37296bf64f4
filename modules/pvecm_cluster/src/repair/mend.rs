// SPDX-License-Identifier: GPL-3.0-or-later
//! What is done about each fault.

use std::path::Path;
use std::time::Duration;

use ansible_module::Context;
use cluster_state::corosync_conf;
use cluster_state::leftovers::AUTHKEY;
use cluster_state::pmxcfs::Mount;
use host::{Attributes, Host, HostError, replace_file};

use super::consult::{self, Member};
use super::fault::{Fault, Seen};
use crate::args::Args;
use crate::pmxcfs_service as service;
use crate::{absence, database_copy};

/// Mends it. Returns where the copies are, if any were made; why it could not be mended, and the same.
pub(crate) fn mend(
    host: &dyn Host,
    args: &Args,
    context: &Context,
    seen: &Seen,
    fault: &Fault,
    deadline: Duration,
) -> Result<Option<String>, (String, Option<String>)> {
    let plain = |why: String| (why, None);
    match fault {
        Fault::PmxcfsStopped { strays } => start(host, seen, !strays.is_empty(), deadline),
        // Joining with force is what is done about it.
        Fault::Listed { .. } => Ok(None),
        Fault::Leftovers | Fault::Forgotten { .. } => leave(host, args, context),
        Fault::Stranded { .. } => match &seen.member {
            Some(member) => rescue(host, args, seen, member),
            None => Err(plain("no member answers".to_owned())),
        },
        Fault::CorosyncStopped => {
            restart(host).map_err(plain)?;
            Ok(None)
        }
    }
}

/// Starts pmxcfs, after what lay in its way was moved aside.
fn start(
    host: &dyn Host,
    seen: &Seen,
    strays: bool,
    deadline: Duration,
) -> Result<Option<String>, (String, Option<String>)> {
    let mut aside = None;
    if strays {
        let directory = database_copy::directory(host, "stray").map_err(|error| (error.to_string(), None))?;
        aside = Some(directory.to_string_lossy().into_owned());
        service::set_strays_aside(host, &directory).map_err(|error| (error.to_string(), aside.clone()))?;
    }
    let unmounted = match seen.here.view.mount {
        Mount::Dead { .. } => service::unmount(host, deadline),
        _ => Ok(()),
    };
    unmounted.and_then(|()| service::start(host, deadline)).map_err(|why| (why, aside.clone()))?;
    Ok(aside)
}

/// Makes the node standalone, without anything of the cluster; its database is copied.
fn leave(
    host: &dyn Host,
    args: &Args,
    context: &Context,
) -> Result<Option<String>, (String, Option<String>)> {
    let leaving =
        absence::Args { cluster_name: args.cluster_name.clone(), force: true, timeout: args.timeout };
    let backup = |data: &serde_json::Map<String, serde_json::Value>| {
        data.get("backup").and_then(|backup| backup.as_str()).map(str::to_owned)
    };
    match absence::run(&leaving, Vec::new(), context, host) {
        Ok(outcome) => Ok(backup(&outcome.data)),
        Err(failure) => Err((failure.msg, backup(&failure.data))),
    }
}

/// Gives corosync the cluster's files and starts it anew
/// (`captures/parallel_API_joins_of_pve3_and_pve4_into_a_2-node_cluster--stranded_node_current_corosync.conf_copied_in_corosync_restarted--pve3`).
/// The database, which the cluster's then replaces, is copied first.
fn rescue(
    host: &dyn Host,
    args: &Args,
    seen: &Seen,
    member: &Member,
) -> Result<Option<String>, (String, Option<String>)> {
    let root =
        database_copy::write(host, &format!("stranded-{}", args.cluster_name)).map_err(|why| (why, None))?;
    let told = Some(root.to_string_lossy().into_owned());
    let words = |error: HostError| (error.to_string(), told.clone());
    service::copy(host, Path::new(corosync_conf::LOCAL), &root.join("corosync/corosync.conf"))
        .map_err(words)?;
    service::copy(host, Path::new(corosync_conf::CLUSTER), &root.join("corosync.conf")).map_err(words)?;
    if seen.authkey != member.authkey && member.authkey.is_some() {
        let key = consult::authkey(host, &member.target).map_err(|why| (why, told.clone()))?;
        let attributes = Attributes::Exactly { mode: 0o400, uid: 0, gid: 0 };
        replace_file(host, Path::new(AUTHKEY), &key, attributes).map_err(words)?;
        let digest = consult::own_digest(host).map_err(|why| (why, told.clone()))?;
        if digest != member.authkey {
            let why = format!("the key that came from '{}' is not the one that it told of", member.node);
            return Err((why, told));
        }
    }
    let attributes = Attributes::Exactly { mode: 0o644, uid: 0, gid: 0 };
    let text = format!("{}\n", member.text.trim_end());
    replace_file(host, Path::new(corosync_conf::LOCAL), text.as_bytes(), attributes).map_err(words)?;
    restart(host).map_err(|why| (why, told.clone()))?;
    Ok(told)
}

fn restart(host: &dyn Host) -> Result<(), String> {
    service::systemctl(host, "reset-failed", &["corosync"])?;
    service::systemctl(host, "restart", &["corosync"])
}
