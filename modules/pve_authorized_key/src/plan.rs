// SPDX-License-Identifier: GPL-3.0-or-later
//! Every decision and refusal.

use std::path::{Path, PathBuf};

use authorized_keys_document::{Document, Entry, check_options};
use cluster_state::pmxcfs::Mount;
use host::User;

use crate::args::State;
use crate::edit::Edit;
use crate::lockout;
use crate::observe::{CLUSTER_FILE, Cluster, DROP_INS, Local, LocalFile, Observed, drop_in_path};
use crate::request::Request;

/// Bytes that pmxcfs takes in a file.
pub(crate) const LARGEST: usize = 1024 * 1024;
/// Bytes from which on older releases of PVE can no longer merge keys into the file.
const MERGEABLE: usize = 128 * 1024;
/// Bits of a mode that let others write, for which sshd refuses a file.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// What is to be done. In this order: the cluster's file, which can fail for reasons of the cluster; the local
/// ones; and last sshd's configuration, which makes it read what is then already there.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) user: User,
    pub(crate) cluster: Option<ClusterChange>,
    pub(crate) local: Vec<LocalChange>,
    pub(crate) drop_in: Option<DropIn>,
    /// Files that are as wanted already.
    pub(crate) settled: Vec<(&'static str, PathBuf)>,
    pub(crate) spared: Vec<Entry>,
    pub(crate) warnings: Vec<String>,
}

/// A change of the cluster's file.
#[derive(Debug, Clone)]
pub(crate) struct ClusterChange {
    pub(crate) edit: Edit,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
}

/// A change of a file on the node's own disk.
#[derive(Debug, Clone)]
pub(crate) struct LocalChange {
    pub(crate) path: PathBuf,
    pub(crate) edit: Edit,
    pub(crate) before: Vec<u8>,
    pub(crate) after: Vec<u8>,
    /// The mode it has; nothing when it is new.
    pub(crate) mode_before: Option<u32>,
    pub(crate) mode: u32,
    /// Owner and group that it keeps; nothing when it is new.
    pub(crate) owner: Option<(u32, u32)>,
    pub(crate) is_users: bool,
    /// Directories to make first, with their mode.
    pub(crate) missing: Vec<(PathBuf, u32)>,
}

/// A part of sshd's configuration that makes it read one more file for the user.
#[derive(Debug, Clone)]
pub(crate) struct DropIn {
    pub(crate) path: PathBuf,
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) after: Vec<u8>,
    /// What sshd must say afterwards that it reads.
    pub(crate) entry: String,
}

impl Plan {
    pub(crate) fn changes(&self) -> bool {
        self.cluster.is_some() || !self.local.is_empty() || self.drop_in.is_some()
    }
}

/// Decides, or says everything that speaks against it at once.
pub(crate) fn plan(request: &Request, seen: &Observed) -> Result<Plan, Vec<String>> {
    let mut plan = Plan {
        user: seen.user.clone(),
        cluster: None,
        local: Vec::new(),
        drop_in: None,
        settled: Vec::new(),
        spared: Vec::new(),
        warnings: Vec::new(),
    };
    let mut refusals = lockout::given(request, seen);
    if let Some(cluster) = &seen.cluster {
        let edit = Edit::of(request, &seen.nodes, true);
        plan_cluster(edit, cluster, &mut plan, &mut refusals);
    }
    if let Some(local) = &seen.local {
        plan_local(request, seen, local, &mut plan, &mut refusals);
    }
    refusals.extend(lockout::replaced(request, seen, &plan));
    warn(request, seen, &mut plan);
    if refusals.is_empty() { Ok(plan) } else { Err(refusals) }
}

fn plan_cluster(edit: Edit, cluster: &Cluster, plan: &mut Plan, refusals: &mut Vec<String>) {
    if let Some(reason) = unreachable(&cluster.pmxcfs.mount) {
        refusals.push(format!("cannot change '{CLUSTER_FILE}': {reason}"));
        return;
    }
    let before = cluster.content.clone().unwrap_or_default();
    let after = edit.apply(&before);
    plan.spared.extend(edit.spared(&before));
    if after == before {
        plan.settled.push(("cluster", CLUSTER_FILE.into()));
        return;
    }
    if let Some(why) = &cluster.read_only {
        refusals.push(format!("cannot change '{CLUSTER_FILE}': {why}"));
    }
    if let Some(refusal) = too_large(after.len()) {
        refusals.push(refusal);
    }
    if after.len() > MERGEABLE && after.len() > before.len() {
        plan.warnings.push(format!(
            "'{CLUSTER_FILE}' will have {} bytes; releases of PVE that read at most {MERGEABLE} can then no longer \
             merge keys into it when a node joins",
            after.len()
        ));
    }
    plan.cluster = Some(ClusterChange { edit, before, after });
}

/// The refusal of a file that pmxcfs would not take.
pub(crate) fn too_large(bytes: usize) -> Option<String> {
    (bytes > LARGEST).then(|| {
        format!("cannot change '{CLUSTER_FILE}': it would have {bytes} bytes, and pmxcfs takes {LARGEST} bytes a file")
    })
}

/// Why the cluster's file cannot be reached.
fn unreachable(mount: &Mount) -> Option<String> {
    match mount {
        Mount::NoDirectory => {
            Some("there is no /etc/pve, so this is not a Proxmox VE node; use scope 'local'".to_owned())
        }
        Mount::NotMounted => Some(
            "pmxcfs is not mounted on /etc/pve, and a file in the empty directory would keep it from being mounted; \
             run 'systemctl start pve-cluster' on this node, or use scope 'local'"
                .to_owned(),
        ),
        Mount::Dead { reason } => {
            Some(format!("pmxcfs has died ({reason}): run 'systemctl restart pve-cluster' on this node, or use scope 'local'"))
        }
        Mount::ReadOnly | Mount::Writable => None,
    }
}

fn plan_local(
    request: &Request,
    seen: &Observed,
    local: &Local,
    plan: &mut Plan,
    refusals: &mut Vec<String>,
) {
    let target = match request.state {
        State::Absent => None,
        State::Present => match target(seen, local) {
            Ok(target) => Some(target),
            Err(refusal) => {
                refusals.push(refusal);
                None
            }
        },
    };
    for file in local.files.iter().filter(|file| !file.in_pmxcfs) {
        let adds = target.is_some_and(|target| target.path == file.path);
        if !adds && file.stat.is_none() {
            continue; // a file that does not exist holds nothing to remove
        }
        if !adds && request.state == State::Present && !request.exclusive {
            continue;
        }
        if let Some(problem) = &file.problem {
            refusals.push(format!("cannot change '{}': {problem}", file.path.display()));
            continue;
        }
        let edit = Edit::of(request, &seen.nodes, adds);
        plan.spared.extend(edit.spared(file.content.as_deref().unwrap_or_default()));
        match local_change(edit, file, seen) {
            Some(change) => plan.local.push(change),
            None => plan.settled.push(("local", file.path.clone())),
        }
    }
    if let Some(target) = target.filter(|target| !target.listed) {
        match drop_in(seen, local, target) {
            Ok(drop_in) => plan.drop_in = Some(drop_in),
            Err(refusal) => refusals.push(refusal),
        }
    }
}

/// The file on the node's own disk that keys are added to.
///
/// For root never `.ssh/authorized_keys`: PVE makes it a link to the cluster's file. sshd's other usual file comes
/// first, then any that it reads, then one that it can be told to read.
fn target<'a>(seen: &Observed, local: &'a Local) -> Result<&'a LocalFile, String> {
    let user = &seen.user;
    let root = user.uid == 0;
    let pves = user.home.join(".ssh/authorized_keys");
    let usable = |file: &&LocalFile| !(file.in_pmxcfs || (root && file.named == pves));
    let usual = |file: &&LocalFile| file.listed && file.named.ends_with(".ssh/authorized_keys2");
    if seen.sshd.as_ref().is_some_and(|sshd| sshd.key_files.is_empty()) {
        return Err(format!(
            "cannot add a local key for '{}': sshd is configured to read no file for this user \
             (AuthorizedKeysFile none)",
            user.name
        ));
    }
    let all: Vec<&LocalFile> = local.files.iter().filter(usable).collect();
    let found = all.iter().copied().find(|file| root && usual(file));
    found
        .or_else(|| all.iter().copied().find(|file| file.listed))
        .or_else(|| all.first().copied())
        .ok_or_else(|| {
            format!(
                "cannot add a local key for '{}': every file that sshd could read lies in /etc/pve",
                user.name
            )
        })
}

/// The change of a file; nothing when it is as wanted.
fn local_change(edit: Edit, file: &LocalFile, seen: &Observed) -> Option<LocalChange> {
    let before = file.content.clone().unwrap_or_default();
    let after = edit.apply(&before);
    let mode_before = file.stat.as_ref().map(|stat| stat.mode);
    // A file of another user than root in a directory of root's: sshd opens it as that user.
    let foreign = seen.user.uid != 0 && !file.is_users;
    let mode = mode_before.map_or(if foreign { 0o644 } else { 0o600 }, |mode| mode & !WRITABLE_BY_OTHERS);
    if after == before && mode_before == Some(mode) {
        return None;
    }
    Some(LocalChange {
        path: file.path.clone(),
        edit,
        before,
        after,
        mode_before,
        mode,
        owner: file.stat.as_ref().map(|stat| (stat.uid, stat.gid)),
        is_users: file.is_users,
        missing: file.missing.clone(),
    })
}

fn drop_in(seen: &Observed, local: &Local, target: &LocalFile) -> Result<DropIn, String> {
    let user = &seen.user;
    let path = drop_in_path(user);
    let named = path.display();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !user.name.chars().all(plain) {
        return Err(format!("cannot create '{named}': the user's name would mean something else to sshd"));
    }
    if !local.drop_ins {
        return Err(format!(
            "cannot create '{named}': there is no '{DROP_INS}'; sshd must be made to read '{}' for '{}' some other way",
            target.named.display(),
            user.name
        ));
    }
    let read = seen.sshd.as_ref().map(|sshd| sshd.key_files.join(" ")).unwrap_or_default();
    let after = format!(
        "# Written by the Ansible module pve.cluster.pve_authorized_key: one more file with this user's keys, which\n\
         # is there while /etc/pve is not. What is configured elsewhere for all users no longer holds for this one.\n\
         Match User {}\n    AuthorizedKeysFile {read} {}\n",
        user.name, target.entry
    );
    Ok(DropIn { path, before: local.drop_in.clone(), after: after.into_bytes(), entry: target.entry.clone() })
}

fn warn(request: &Request, seen: &Observed, plan: &mut Plan) {
    let present = request.state == State::Present;
    if seen.cluster.as_ref().is_some_and(|cluster| cluster.read_by_sshd == Some(false)) && present {
        plan.warnings.push(format!(
            "sshd on this node does not read '{CLUSTER_FILE}' for root: no file that it reads leads there; \
             'pvecm updatecerts' restores the link"
        ));
    }
    if let Some(sshd) = seen.sshd.as_ref().filter(|_| present) {
        if !sshd.takes_keys {
            plan.warnings.push("sshd on this node takes no keys (PubkeyAuthentication no)".to_owned());
        }
        if seen.user.uid == 0 && sshd.root_login == "no" {
            plan.warnings.push("sshd on this node does not let root in (PermitRootLogin no)".to_owned());
        }
    }
    if let Some(change) = &plan.cluster {
        let before = Document::parse(&change.before);
        let after = Document::parse(&change.after);
        let gone = |entry: &&Entry| !after.contains(&entry.key) && seen.nodes.hold(entry);
        let lost: Vec<String> = before.entries().filter(gone).map(words).collect();
        if !lost.is_empty() {
            plan.warnings.push(format!(
                "removed the key of a node, which can then not log in to the others: {}",
                lost.join(", ")
            ));
        }
    }
    let contents = plan.cluster.iter().map(|change| (Path::new(CLUSTER_FILE), &change.after));
    let contents = contents.chain(plan.local.iter().map(|change| (change.path.as_path(), &change.after)));
    let mut ignored = Vec::new();
    for (path, content) in contents.filter(|_| present) {
        let document = Document::parse(content);
        let given = |entry: &&Entry| request.keys.iter().any(|key| key.key == entry.key);
        for entry in document.entries().filter(given) {
            if check_options(&String::from_utf8_lossy(&entry.options)).is_err() {
                ignored.push(format!(
                    "sshd may ignore the line of {} in '{}': its options are not ones known here",
                    words(entry),
                    path.display()
                ));
            }
        }
    }
    plan.warnings.append(&mut ignored);
}

/// A key in a sentence.
fn words(entry: &Entry) -> String {
    let comment = String::from_utf8_lossy(&entry.comment);
    if comment.is_empty() {
        entry.key.fingerprint()
    } else {
        format!("{} ({comment})", entry.key.fingerprint())
    }
}
