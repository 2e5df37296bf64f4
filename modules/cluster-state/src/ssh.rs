// SPDX-License-Identifier: GPL-3.0-or-later
//! The node's ssh keys, public halves only, and what root's authorized_keys is.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use host::{FileKind, Host};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::read::{names_in, text_if_there};
use crate::{ParseError, StateError};

/// Where sshd has its keys.
pub const HOST_KEYS: &str = "/etc/ssh";
/// Where root has its keys.
pub const ROOT: &str = "/root/.ssh";
/// Whom root lets in: on a PVE node a link to [`CLUSTER_AUTHORIZED_KEYS`].
pub const AUTHORIZED_KEYS: &str = "/root/.ssh/authorized_keys";
/// A second, always local file that Debian's sshd reads too.
pub const AUTHORIZED_KEYS2: &str = "/root/.ssh/authorized_keys2";
/// Whom root lets in on every node of the cluster.
pub const CLUSTER_AUTHORIZED_KEYS: &str = "/etc/pve/priv/authorized_keys";

/// The files of root's own key pairs, which pvecm and the nodes log in with. Another `id_*.pub` that lies there may be
/// somebody else's, and what is listed here becomes a key of the whole cluster.
const ROOTS_OWN: [&str; 2] = ["id_ed25519.pub", "id_rsa.pub"];

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    /// The file it was read from.
    pub file: String,
    /// Its type, e.g. `ssh-ed25519`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The key, in base64.
    pub key: String,
    /// What is written behind it, usually user and host.
    pub comment: String,
    /// `SHA256:..`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
}

/// What a file is that sshd reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyFile {
    /// `link`, `file`, `absent` or `other`.
    pub kind: &'static str,
    /// Where a link leads.
    pub target: Option<String>,
    /// Whether it can be read, through the link too. Not so on a PVE node while pmxcfs is stopped.
    pub readable: bool,
}

impl KeyFile {
    /// Whether it is PVE's link to the cluster's file.
    #[must_use]
    pub fn is_cluster_link(&self) -> bool {
        self.target.as_deref() == Some(CLUSTER_AUTHORIZED_KEYS)
    }
}

/// The ssh side of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ssh {
    /// sshd's own keys.
    pub host_keys: Vec<PublicKey>,
    /// Root's own keys.
    pub root_public_keys: Vec<PublicKey>,
    /// Root's authorized_keys.
    pub authorized_keys: KeyFile,
    /// Root's authorized_keys2.
    pub authorized_keys2: KeyFile,
}

/// Reads them.
///
/// # Errors
/// When a directory or file cannot be read, or a public key is not one.
pub fn query(host: &dyn Host) -> Result<Ssh, StateError> {
    Ok(Ssh {
        host_keys: keys(host, HOST_KEYS, |name| name.starts_with("ssh_host_") && name.ends_with("_key.pub"))?,
        root_public_keys: keys(host, ROOT, |name| ROOTS_OWN.contains(&name))?,
        authorized_keys: key_file(host, AUTHORIZED_KEYS)?,
        authorized_keys2: key_file(host, AUTHORIZED_KEYS2)?,
    })
}

/// The public keys in the files of a directory that are wanted by their name.
fn keys(
    host: &dyn Host,
    directory: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<PublicKey>, StateError> {
    let mut keys = Vec::new();
    for name in names_in(host, Path::new(directory))? {
        if !wanted(&name) {
            continue;
        }
        let file = format!("{directory}/{name}");
        if let Some(text) = text_if_there(host, Path::new(&file))? {
            keys.push(parse(&file, &text).map_err(StateError::unexpected(&file))?);
        }
    }
    Ok(keys)
}

/// Reads one public key: `ssh-ed25519 AAAA.. root@pve1`.
///
/// # Errors
/// When it is not one.
pub fn parse(file: &str, text: &str) -> Result<PublicKey, ParseError> {
    let no = |reason| ParseError::Encoding { reason };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).ok_or(no("it is empty"))?;
    let mut words = line.splitn(3, char::is_whitespace);
    let kind = words.next().unwrap_or_default();
    let key = words.next().ok_or(no("it is not an ssh public key"))?;
    let blob = STANDARD.decode(key).map_err(|_| no("its key is not base64"))?;
    // The blob itself begins with its type: four bytes of length, then the name.
    let inside = blob.get(4..4 + kind.len());
    if inside != Some(kind.as_bytes()) {
        return Err(no("its key is not of the type it names"));
    }
    Ok(PublicKey {
        file: file.to_owned(),
        kind: kind.to_owned(),
        key: key.to_owned(),
        comment: words.next().unwrap_or_default().trim().to_owned(),
        fingerprint: format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&blob))),
    })
}

fn key_file(host: &dyn Host, path: &str) -> Result<KeyFile, StateError> {
    let path = Path::new(path);
    let (kind, target) = match host.stat(path) {
        Ok(stat) if stat.kind == FileKind::Link => {
            ("link", Some(host.read_link(path)?.to_string_lossy().into_owned()))
        }
        Ok(stat) if stat.kind == FileKind::File => ("file", None),
        Ok(_) => ("other", None),
        Err(error) if error.is_not_found() => ("absent", None),
        Err(error) => return Err(error.into()),
    };
    Ok(KeyFile { kind, target, readable: host.read(path).is_ok() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    // made with ssh-keygen; the fingerprints are what `ssh-keygen -l` says
    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE/wfdNKP6GpXrV4KHs3N0nJTDbp4PXO8zsM6TkPKXxv root@pve1 (made for a test)";
    const ED25519_FINGERPRINT: &str = "SHA256:pjsKZJHzI0VpJAHtDAGjSQEGrFyfrb3MJq1gwBgpeR8";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC8bqi5XnhsOgQ/AdncvCTPOV3g2AGedIvSg+pPVdgnFLsRxmxQkDt8aq21/Bp+SiU8VS5FDg+Wxu3hWiVWAT2YPuBKTysNlsnZeYOBWAGW1ZSiOVWg8A/6S1efjmYTHb3XfUSNctCsW6QphxA4gaIxhlcvXfn9NnHEmfzFKT/oQynekguPlle8yBkULrBFZjzLQK2cG0uo1kOzL2e68G+gLvoOJJNrRpG0P5Ts8yFX2NK5xr/F9u0O++wDs8IufnJPgKnWL+IVZSrxRpJNx1noY2XLYdJKzUrEqky2dTn2dyZa0W9xP5QnZ1ReOvDpRBRP9nnUxuBwsvQeQGKUjcKB root@pve1";
    const RSA_FINGERPRINT: &str = "SHA256:Z/gk56OspZMXWAjFv7ZcsXH+9ki70kssNzDNuXYagsQ";

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        let key = parse("x.pub", ED25519).unwrap();
        assert_eq!((key.fingerprint.as_str(), key.kind.as_str()), (ED25519_FINGERPRINT, "ssh-ed25519"));
        assert_eq!(key.comment, "root@pve1 (made for a test)");
        assert_eq!(parse("x.pub", RSA).unwrap().fingerprint, RSA_FINGERPRINT);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let table = [
            ("\n", "it is empty"),
            ("ssh-rsa", "it is not an ssh public key"),
            ("ssh-rsa !!", "its key is not base64"),
            ("ssh-rsa AAAA", "its key is not of the type it names"),
        ];
        for (text, said) in table {
            assert_eq!(parse("x.pub", text).unwrap_err().to_string(), said);
        }
        let mislabelled = ED25519.replace("ssh-ed25519 ", "ssh-rsa ");
        assert!(parse("x.pub", &mislabelled).is_err());
    }

    fn node() -> FakeHost {
        FakeHost::new()
            .pmxcfs("/etc/pve")
            .file(CLUSTER_AUTHORIZED_KEYS, RSA)
            .file("/etc/ssh/ssh_host_ed25519_key", "never read")
            .file("/etc/ssh/ssh_host_ed25519_key.pub", ED25519)
            .file("/etc/ssh/sshd_config", "")
            .file("/root/.ssh/id_rsa", "never read")
            .file("/root/.ssh/id_rsa.pub", RSA)
            .link(AUTHORIZED_KEYS, CLUSTER_AUTHORIZED_KEYS)
    }

    #[test]
    fn a_pve_node() {
        let host = node();
        let found = query(&host).unwrap();
        assert_eq!(found.host_keys.len(), 1);
        assert_eq!(found.root_public_keys[0].file, "/root/.ssh/id_rsa.pub");
        assert!(found.authorized_keys.is_cluster_link() && found.authorized_keys.readable);
        assert_eq!(found.authorized_keys2, KeyFile { kind: "absent", target: None, readable: false });
        let steps = format!("{:?}", host.steps());
        assert!(
            !steps.contains("id_rsa\"") && !steps.contains("ed25519_key\""),
            "a private key was read: {steps}"
        );
    }

    #[test]
    fn the_link_leads_nowhere_while_pmxcfs_is_stopped() {
        let host = node();
        host.change(|machine| machine.unmount("/etc/pve"));
        let found = query(&host).unwrap().authorized_keys;
        assert!(found.is_cluster_link() && !found.readable);
    }
}
