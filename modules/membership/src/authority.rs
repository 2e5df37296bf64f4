// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether the cluster still has the authority that its certificates were made by.
//!
//! pvecm makes an authority where it finds none, without a lock, and the key takes seconds to make. A joining node that is quorate
//! before its pmxcfs has met another finds none (`verify::unmet`), and writes its new key over the cluster's if the two meet
//! meanwhile (`gen_pveca_cert` in `PVE/Cluster/Setup.pm`). Nothing fails then; but no certificate of the others is
//! believed any more.

use cluster_state::leftovers::AUTHKEY;
use host::{Command, Host};

use crate::observe::certificate_path;
use crate::seen::{Conf, quoted};

/// The certificate of the cluster's authority.
const AUTHORITY: &str = "/etc/pve/pve-root-ca.pem";

/// How long after a join its last steps may have come, in another run.
const LATER: i64 = 3600;
/// By how much the clocks of two nodes may differ.
const SLACK: i64 = 60;

/// What to say when the join of `node` has replaced the authority that the certificates of other nodes are of. One that
/// somebody renewed at another time is his own affair.
pub fn lost(host: &dyn Host, conf: &Conf, node: &str) -> Option<String> {
    let made = |path: &str| host.stat(path.as_ref()).ok().map(|stat| stat.mtime);
    let age = made(AUTHORITY)? - made(AUTHKEY)?;
    if !(-SLACK..=LATER).contains(&age) {
        return None;
    }
    let others: Vec<&str> =
        conf.nodes.values().map(|other| other.name.as_str()).filter(|name| *name != node).collect();
    let strangers: Vec<&str> = others.into_iter().filter(|name| is_strange(host, name)).collect();
    if strangers.is_empty() {
        return None;
    }
    Some(format!(
        "its join recreated '{AUTHORITY}', because it was quorate before pmxcfs had met another node's, and the certificate of {} \
         is of the one before: run 'pvecm updatecerts --force' and 'systemctl restart pveproxy pvedaemon' on {}",
        quoted(&strangers),
        quoted(&strangers)
    ))
}

/// Whether a node has a certificate of pvecm's that the authority did not sign. One that somebody put there himself is his own
/// affair, and time does not matter here.
fn is_strange(host: &dyn Host, node: &str) -> bool {
    let certificate = certificate_path(node);
    if !host.stat(certificate.as_ref()).is_ok_and(|stat| stat.size > 0) {
        return false;
    }
    let words = ["verify", "-no_check_time", "-CAfile", AUTHORITY, &certificate];
    let command = Command::new("openssl").args(words).timeout(cluster_state::PATIENCE);
    // Without openssl there is nothing to tell.
    host.run(&command).is_ok_and(|output| {
        let says = |words: &str| output.stderr.contains(words);
        output.rc() == 2 && says("verification failed") && says("PVE Cluster Node")
    })
}
