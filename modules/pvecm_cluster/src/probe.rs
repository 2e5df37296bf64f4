// SPDX-License-Identifier: GPL-3.0-or-later
//! One look at the cluster from the cluster node, over the very ssh login that `pvecm add --use_ssh` needs.
//!
//! pvecm hides what ssh says ("unable to copy ssh ID: exit code 1"), and begins to change things before it has seen
//! everything. So the module logs in once before, with the same host argument and the same rules, and reads all it
//! needs in one go.

use std::time::Duration;

use cluster_state::pmxcfs::Mount;
use cluster_state::{cmap, members, quorumtool, versions};
use corosync_document::Document;
use host::{Command, Ending, Host, Output};

use crate::seen::{ConfFile, NoAnswer, Peer, Running, There, Tools, View};

/// Seconds that the network and sshd may take.
const CONNECT: u64 = 10;
/// What all of it may take: the programs in the script answer within a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads only. Each part begins with a line `@@ name`; the last one says that nothing is missing.
const SCRIPT: &str = r#"exec 2>/dev/null
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
part() { printf '\n@@ %s\n' "$1"; }
part node; uname -n
part local; stat -c %a /etc/pve/local
part members; cat /etc/pve/.members
part corosync.conf; cat /etc/pve/corosync.conf
part cmap; corosync-cmapctl
part quorum; corosync-quorumtool -siH
part lock; ls -d /etc/pve/priv/lock/file-corosync_conf
part rsync; command -v rsync
part api; grep -h JOIN_API_VERSION /usr/share/perl5/PVE/Cluster/Setup.pm || pvecm apiver
part version; dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' pve-manager || pveversion
part end
exit 0
"#;

/// Asks the cluster node.
pub(crate) fn ask(host: &dyn Host, target: &str) -> There {
    let command = command(target);
    match host.run(&command) {
        Ok(output) => read(&output),
        Err(error) => There::NoAnswer(NoAnswer::Other(error.to_string())),
    }
}

/// The login that pvecm will use: root's own keys, no questions, only known hosts.
pub(crate) fn command(target: &str) -> Command {
    Command::new("ssh")
        .args(["-T", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o"])
        .arg(format!("ConnectTimeout={CONNECT}"))
        .arg(format!("root@{target}"))
        .arg("/bin/sh")
        .stdin(SCRIPT)
        .timeout(PATIENCE)
}

/// Understands what ssh gave.
fn read(output: &Output) -> There {
    match output.ending {
        Ending::TimedOut => There::NoAnswer(NoAnswer::Silent { seconds: PATIENCE.as_secs() }),
        Ending::Exited(0) => match peer(&output.stdout) {
            Ok(peer) => There::Answered(Box::new(peer)),
            Err(what) => There::NoAnswer(NoAnswer::Garbled(what)),
        },
        Ending::Exited(_) | Ending::Signaled(_) => There::NoAnswer(refused(&output.stderr, output.rc())),
    }
}

/// Why the login failed, from ssh's words.
fn refused(stderr: &str, rc: i32) -> NoAnswer {
    let says = |words: &str| stderr.contains(words);
    if says("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        NoAnswer::HostKeyChanged
    } else if says("Host key verification failed") || says("host key is known for") {
        NoAnswer::HostKeyUnknown
    } else if says("Permission denied") || says("Too many authentication failures") {
        NoAnswer::KeyRefused
    } else if says("Could not resolve hostname") {
        NoAnswer::NameUnknown
    } else if says("Connection timed out") || says("timed out during banner exchange") {
        NoAnswer::Silent { seconds: CONNECT }
    } else if says("kex_exchange_identification") || says("Connection reset by") {
        NoAnswer::Closed
    } else {
        let last = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
        NoAnswer::Other(last.map_or_else(|| format!("ssh ended with exit code {rc}"), str::to_owned))
    }
}

/// The text of a part; empty when its program printed nothing.
fn part<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let heading = format!("\n@@ {name}\n");
    let (_, rest) = text.split_once(&heading)?;
    Some(rest.split_once("\n@@ ").map_or(rest, |(part, _)| part))
}

/// Understands the script's output.
fn peer(text: &str) -> Result<Peer, String> {
    if part(text, "end").is_none() {
        return Err("it is incomplete".to_owned());
    }
    let of = |name: &str| part(text, name).unwrap_or_default();
    let word = |name: &str| Some(of(name).trim()).filter(|word| !word.is_empty());
    let node = word("node").unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
    let table = match word("members") {
        Some(text) => Some(members::parse(text).map_err(|error| format!("'{}': {error}", members::PATH))?),
        None => None,
    };
    let mount = match (&table, word("local").and_then(|mode| u32::from_str_radix(mode, 8).ok())) {
        (None, _) => Mount::NotMounted,
        (Some(_), Some(mode)) if mode & 0o200 != 0 => Mount::Writable,
        (Some(_), _) => Mount::ReadOnly,
    };
    let conf = match of("corosync.conf") {
        text if text.trim().is_empty() => ConfFile::Absent,
        text => ConfFile::of(&Document::parse(text.as_bytes())),
    };
    Ok(Peer {
        view: View { node, mount, members: table, conf, corosync: running(of("cmap"), of("quorum"))? },
        locked: word("lock").is_some(),
        tools: Tools {
            rsync: word("rsync").is_some(),
            join_api: word("api")
                .and_then(|text| versions::parse_join_api(text).or_else(|| text.parse().ok())),
            pve: word("version").and_then(|text| {
                versions::parse_packages(text).pve.or_else(|| versions::parse_pveversion(text))
            }),
        },
    })
}

/// The running corosync, from the output of its two tools; none when it is not running.
fn running(cmap: &str, quorum: &str) -> Result<Option<Running>, String> {
    if cmap.trim().is_empty() || quorum.trim().is_empty() {
        return Ok(None);
    }
    let cmap = cmap::parse(cmap).map_err(|error| format!("'corosync-cmapctl': {error}"))?;
    let quorum = quorumtool::parse(quorum).map_err(|error| format!("'corosync-quorumtool': {error}"))?;
    Ok(Some(joined(&cmap, &quorum)))
}

/// What two of corosync's tools say together.
pub(crate) fn joined(cmap: &cmap::Cmap, quorum: &quorumtool::Quorum) -> Running {
    Running {
        nodeid: quorum.nodeid,
        quorate: quorum.quorate,
        votes: quorum.total_votes,
        expected_votes: quorum.expected_votes,
        versions: cmap.member_versions(),
    }
}
