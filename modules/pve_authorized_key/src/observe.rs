// SPDX-License-Identifier: GPL-3.0-or-later
//! Every read: the cluster's file, the files on the node's own disk, and what sshd makes of them.

use std::path::{Path, PathBuf};

use ansible_module::Failure;
use authorized_keys_document::{PublicKey, given_keys};
use cluster_state::pmxcfs::{self, Mount, Pmxcfs};
use host::{Host, HostError, Stat, User, if_there, is_there};

use crate::args::Args;
use crate::caller::{self, Caller};
use crate::edit::Nodes;
use crate::place::{self, Place};
use crate::read_only;
use crate::request::Request;
use crate::sshd::{self, Effective};

/// The file that holds root's keys on all nodes.
pub(crate) const CLUSTER_FILE: &str = "/etc/pve/priv/authorized_keys";
/// Where a file that sshd does not read yet is put, in this order of preference.
const FALLBACKS: [&str; 2] = [".ssh/authorized_keys2", "/etc/ssh/authorized_keys.d/%u"];
/// Where parts of sshd's configuration lie.
pub(crate) const DROP_INS: &str = "/etc/ssh/sshd_config.d";

/// Everything that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) user: User,
    /// When the scope has the cluster's file.
    pub(crate) cluster: Option<Cluster>,
    /// When the scope has the local files.
    pub(crate) local: Option<Local>,
    /// What sshd's configuration says; with the local files it is always there.
    pub(crate) sshd: Option<Effective>,
    pub(crate) nodes: Nodes,
    pub(crate) caller: Caller,
}

/// The cluster's file.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    pub(crate) pmxcfs: Pmxcfs,
    /// Why it is read-only, where it can be read all the same.
    pub(crate) read_only: Option<String>,
    /// Its content; nothing when there is none or it cannot be reached.
    pub(crate) content: Option<Vec<u8>>,
    /// Whether a file that sshd reads for root leads to it; nothing when sshd could not be asked.
    pub(crate) read_by_sshd: Option<bool>,
}

/// The files on the node's own disk.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    /// Those that sshd reads, in its order, then those it could be told to read.
    pub(crate) files: Vec<LocalFile>,
    /// The user's drop-in for sshd, if there is one.
    pub(crate) drop_in: Option<Vec<u8>>,
    /// Whether there is a directory for drop-ins.
    pub(crate) drop_ins: bool,
}

/// A file that may hold the user's keys.
#[derive(Debug, Clone)]
pub(crate) struct LocalFile {
    /// What `AuthorizedKeysFile` calls it.
    pub(crate) entry: String,
    /// Whether sshd reads it.
    pub(crate) listed: bool,
    /// The path that the entry means.
    pub(crate) named: PathBuf,
    /// The same without links.
    pub(crate) path: PathBuf,
    /// Whether that lies in /etc/pve.
    pub(crate) in_pmxcfs: bool,
    /// The file, if there is one.
    pub(crate) stat: Option<Stat>,
    pub(crate) content: Option<Vec<u8>>,
    /// Why sshd takes no keys from it, or why it is not safe to change.
    pub(crate) problem: Option<String>,
    /// Whether it must be changed with the user's own rights.
    pub(crate) is_users: bool,
    /// Directories to make first, with their mode.
    pub(crate) missing: Vec<(PathBuf, u32)>,
}

/// Reads the public key files that were named.
pub(crate) fn key_files(args: &Args, host: &dyn Host) -> Result<Vec<(PathBuf, Vec<u8>)>, HostError> {
    let named = args.key_file.iter().flatten();
    named.map(|path| Ok((path.clone(), host.read(path)?))).collect()
}

/// Looks at everything that the request is about.
pub(crate) fn observe(request: &Request, host: &dyn Host) -> Result<Observed, Failure> {
    let user = host.user(&request.user)?.ok_or_else(|| {
        Failure::new(format!("cannot change the keys of '{}': there is no such user", request.user))
    })?;
    let sshd = match effective(host, &user) {
        Ok(effective) => Some(effective),
        // the cluster's file does not depend on this node's sshd
        Err(_) if !request.scope.has_local() => None,
        Err(failure) => return Err(failure),
    };
    let files = match &sshd {
        Some(effective) => local_files(effective, &user, host)?,
        None => Vec::new(),
    };
    let cluster =
        if request.scope.has_cluster() { Some(cluster(sshd.as_ref(), &files, host)?) } else { None };
    let local = if request.scope.has_local() {
        Some(Local {
            files,
            drop_in: if_there(host.read(&drop_in_path(&user)))?,
            drop_ins: is_there(host, Path::new(DROP_INS))?,
        })
    } else {
        None
    };
    let nodes = if user.uid == 0 { nodes(host)? } else { Nodes::default() };
    let caller = caller::look(host, || {
        let contents = cluster.iter().filter_map(|cluster| cluster.content.as_deref());
        let locals = local.iter().flat_map(|local| &local.files).filter_map(|file| file.content.as_deref());
        caller::names_a_time(request, contents.chain(locals))
    })?;
    Ok(Observed { user, cluster, local, sshd, nodes, caller })
}

/// The user's drop-in. First in the order of the names, because of several values sshd takes the first.
pub(crate) fn drop_in_path(user: &User) -> PathBuf {
    Path::new(DROP_INS).join(format!("00-pve-authorized-key-{}.conf", user.name))
}

/// What sshd's configuration says for the user.
pub(crate) fn effective(host: &dyn Host, user: &User) -> Result<Effective, Failure> {
    let why = format!("cannot tell which files sshd reads for '{}'", user.name);
    let command = sshd::ask(&user.name);
    let output = host.run(&command).map_err(|error| Failure::new(format!("{why}: {error}")))?;
    if !output.exited_zero() {
        let said = output.stderr.trim();
        return Err(Failure::new(format!("{why}: '{}' failed: {said}", command.line()))
            .with_command(&command, &output));
    }
    sshd::parse(&output.stdout).ok_or_else(|| {
        Failure::new(format!("{why}: '{}' names no AuthorizedKeysFile", command.line()))
            .with_command(&command, &output)
    })
}

fn cluster(sshd: Option<&Effective>, files: &[LocalFile], host: &dyn Host) -> Result<Cluster, Failure> {
    let pmxcfs = pmxcfs::query(host).map_err(|error| Failure::new(error.to_string()))?;
    let content =
        if pmxcfs.is_mounted() { pmxcfs::read_settled(host, Path::new(CLUSTER_FILE))? } else { None };
    let leads_there = |file: &LocalFile| file.listed && file.path == Path::new(CLUSTER_FILE);
    let read_by_sshd = sshd.map(|_| files.iter().any(leads_there));
    let read_only = (pmxcfs.mount == Mount::ReadOnly).then(|| read_only::why(host));
    Ok(Cluster { pmxcfs, read_only, content, read_by_sshd })
}

fn local_files(effective: &Effective, user: &User, host: &dyn Host) -> Result<Vec<LocalFile>, Failure> {
    let listed = effective.key_files.iter().map(|entry| (entry.as_str(), true));
    let mut files: Vec<LocalFile> = Vec::new();
    for (entry, listed) in listed.chain(FALLBACKS.map(|entry| (entry, false))) {
        let Some(named) = sshd::expand(entry, user) else { continue };
        let file = local_file(entry, listed, named, user, host)?;
        if files.iter().all(|earlier| earlier.path != file.path) {
            files.push(file);
        }
    }
    Ok(files)
}

fn local_file(
    entry: &str,
    listed: bool,
    named: PathBuf,
    user: &User,
    host: &dyn Host,
) -> Result<LocalFile, HostError> {
    let place = place::follow(host, &named)?;
    let home = place::follow(host, &user.home)?;
    let in_pmxcfs = place.path.starts_with(pmxcfs::MOUNT_POINT);
    let in_home = place.path.starts_with(&home.path);
    let problem = if in_pmxcfs {
        None
    } else if in_home && home.end.is_none() {
        Some(format!("the home directory '{}' does not exist", user.home.display()))
    } else {
        place::problem(&place, user, &home.path)
    };
    let is_users = place::is_users(&place, user);
    let content = match &place.end {
        Some(_) if !in_pmxcfs && problem.is_none() => {
            with_rights(host, is_users.then_some(user), || if_there(host.read(&place.path)))?
        }
        _ => None,
    };
    let Place { path, end, missing, .. } = place;
    let entry = entry.to_owned();
    let mode = if in_home { 0o700 } else { 0o755 };
    let missing = missing.into_iter().map(|directory| (directory, mode)).collect();
    Ok(LocalFile { entry, listed, named, path, in_pmxcfs, stat: end, content, problem, is_users, missing })
}

/// Does something with the rights of a user, if one is given.
pub(crate) fn with_rights<T>(
    host: &dyn Host,
    user: Option<&User>,
    deed: impl FnOnce() -> Result<T, HostError>,
) -> Result<T, HostError> {
    if user.is_none() {
        return deed();
    }
    host.act_as(user)?;
    let result = deed();
    host.act_as(None)?;
    result
}

/// The nodes' names and root's own public keys here.
fn nodes(host: &dyn Host) -> Result<Nodes, HostError> {
    // without pmxcfs there is no such directory
    let names = if_there(host.list(Path::new("/etc/pve/nodes")))?.unwrap_or_default();
    let mut own: Vec<PublicKey> = Vec::new();
    for file in ["/root/.ssh/id_rsa.pub", "/root/.ssh/id_ed25519.pub", "/root/.ssh/id_ecdsa.pub"] {
        if let Some(bytes) = if_there(host.read(Path::new(file)))? {
            // a damaged file names no key; it is not this module's to judge
            let keys = given_keys(&String::from_utf8_lossy(&bytes)).unwrap_or_default();
            own.extend(keys.into_iter().map(|given| given.key));
        }
    }
    Ok(Nodes { names, own })
}
