// SPDX-License-Identifier: GPL-3.0-or-later
//! One look at the cluster from the cluster node, over the very ssh login that `pvecm add --use_ssh` needs.
//!
//! pvecm hides what ssh says ("unable to copy ssh ID: exit code 1"), and begins to change things before it has seen
//! everything. So the module logs in before, with the same host argument and the same rules, and reads all it needs in
//! one go.
//!
//! Two nodes that join at the same moment strand one of them (`captures/timeline--two_nodes_join_at_the_same_moment`),
//! so the one that is about to join makes a lock directory in the cluster and looks once more behind it.

use std::time::Duration;

use cluster_state::pmxcfs::Mount;
use cluster_state::{cmap, members, quorumtool, versions};
use corosync_document::Document;
use host::{Command, Ending, Host, Output};
use ssh_login::{Login, NoLogin, part};

use crate::seen::{ConfFile, Joining, NoAnswer, Peer, Running, There, Tools, View};

/// Seconds that the network and sshd may take.
const CONNECT: u64 = 10;
/// What all of it may take: the programs in the script answer within a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads only. Each part begins with a line `@@ name`; the last one says that nothing is missing.
///
/// A corosync.conf that is being renamed over can be missing for a moment to readers on the same node, so it is looked for
/// again where corosync has a copy.
///
/// Only when it is asked to, it makes or removes the lock of a join, with a directory beside it that names the owner: the
/// next run of a node takes up the lock that a killed one left behind. A lock that is to live longer than the 120 s that pmxcfs
/// gives it is renewed for so many seconds, from here, because pmxcfs lets only the node that made a lock set its time
/// (`memdb_mtime` in `pmxcfs/memdb.c`; PVE's own `PVE/HA/Env/PVE2.pm` renews locks so). Another node's lock that is in the way is offered to pmxcfs for
/// removal by setting its time to 0, as PVE does: pmxcfs removes it when it is older than 120 s.
const SCRIPT: &str = r#"exec 2>/dev/null
joining=/etc/pve/priv/lock/pvecm_cluster-join
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
part() { printf '\n@@ %s\n' "$1"; }
mine=$joining-by-$2
case "$1" in
release)
  if [ -d "$mine" ]; then rmdir "$joining"; else touch -c -d @0 "$joining"; fi
  rmdir "$mine"; exit 0 ;;
claim)
  part claim
  if mkdir "$joining"; then rmdir "$joining"-by-*; mkdir "$mine"; echo taken
  elif [ ! -d "$mine" ]; then touch -c -d @0 "$joining"
  fi
  if [ -d "$mine" ] && [ -n "$3" ]; then
    unit=pvecm_cluster-join-$2.service
    systemctl stop "$unit"
    systemd-run --quiet --collect --unit="$unit" --property=RuntimeMaxSec="$3" /bin/sh -c \
      'while sleep 20 && [ -d "$1" ]; do touch -c -d "@$(date +%s)" "$0"; done' "$joining" "$mine"
  fi ;;
esac
part mine; ls -d "$mine"
part joining; ls -d "$joining"
part node; uname -n
part local; stat -c %a /etc/pve/local
part members; cat /etc/pve/.members
part corosync.conf
tries=0
until conf=$(cat /etc/pve/corosync.conf) || [ ! -e /etc/corosync/corosync.conf ] || [ $tries -ge 10 ]; do
  tries=$((tries + 1)); sleep 0.1
done
printf '%s\n' "$conf"
part cmap; corosync-cmapctl
part quorum; corosync-quorumtool -siH
part lock; ls -d /etc/pve/priv/lock/file-corosync_conf
part rsync; command -v rsync
part api; grep -h JOIN_API_VERSION /usr/share/perl5/PVE/Cluster/Setup.pm || pvecm apiver
part version; dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' pve-manager || pveversion
part end
exit 0
"#;

/// Seconds for which pmxcfs keeps a lock that nobody renews.
pub(crate) const LOCK_LIFE: u64 = 120;

/// The lock of a join, in the cluster.
pub(crate) const LOCK: &str = "/etc/pve/priv/lock/pvecm_cluster-join";

/// What the cluster node is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// To tell how the cluster is.
    Look,
    /// To lock the cluster for this node's join, and to tell how it is then.
    Claim {
        /// For how many seconds the lock is renewed; 0 where the time that it has by itself will do.
        keep: u64,
    },
    /// To unlock it.
    Release,
}

/// Unlocks the cluster after a failed join; a lock that is not this node's is offered to pmxcfs, which removes it when its holder
/// has been dead for long enough, and never without being asked.
pub(crate) fn release(host: &dyn Host, target: &str, node: &str) {
    let _ = host.run(&command(target, Errand::Release, node));
}

/// The directory that names a node as the owner of the lock.
pub(crate) fn owner(node: &str) -> String {
    format!("{LOCK}-by-{node}")
}

/// Asks the cluster node.
pub(crate) fn ask(host: &dyn Host, target: &str, errand: Errand, node: &str) -> There {
    let command = command(target, errand, node);
    match host.run(&command) {
        Ok(output) => read(target, &output),
        Err(error) => There::NoAnswer(NoAnswer::Login(NoLogin::Other(error.to_string()))),
    }
}

/// Asks this node itself, for another one that is to join; gives its whole answer too.
pub(crate) fn ask_here(host: &dyn Host, errand: Errand, node: &str) -> Result<(String, Peer), String> {
    let command = Command::new("/bin/sh").arg("-s").args(words(errand, node)).stdin(SCRIPT).timeout(PATIENCE);
    let output = host.run(&command).map_err(|error| error.to_string())?;
    match output.ending {
        Ending::Exited(0) => peer(&output.stdout).map(|peer| (output.stdout, peer)),
        Ending::TimedOut => {
            Err(format!("this node tells nothing of its cluster within {} s", PATIENCE.as_secs()))
        }
        Ending::Exited(_) | Ending::Signaled(_) => {
            Err(format!("the shell ended with exit code {}", output.rc()))
        }
    }
}

/// The login that pvecm will use: root's own keys, no questions, only known hosts. `node` is this node's name.
pub(crate) fn command(target: &str, errand: Errand, node: &str) -> Command {
    login(target).shell(words(errand, node), SCRIPT)
}

fn login(target: &str) -> Login<'_> {
    Login { target, key_only: false, connect: CONNECT, patience: PATIENCE }
}

/// The shell's arguments for the script.
fn words(errand: Errand, node: &str) -> Vec<String> {
    let (word, keep) = match errand {
        Errand::Look => ("look", 0),
        Errand::Claim { keep } => ("claim", keep),
        Errand::Release => ("release", 0),
    };
    let mut words = vec![word.to_owned(), node.to_owned()];
    if keep > 0 {
        words.push(keep.to_string());
    }
    words
}

/// Understands what ssh gave.
fn read(target: &str, output: &Output) -> There {
    if !output.exited_zero() {
        return There::NoAnswer(NoAnswer::Login(NoLogin::of(&login(target), output)));
    }
    match peer(&output.stdout) {
        Ok(peer) => There::Answered(Box::new(peer)),
        Err(what) => There::NoAnswer(NoAnswer::Garbled(what)),
    }
}

/// Understands the script's output.
pub(crate) fn peer(text: &str) -> Result<Peer, String> {
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
        joining: match (word("mine"), word("joining")) {
            (Some(_), Some(_)) => Joining::ThisNode,
            (None, Some(_)) => Joining::AnotherNode,
            (_, None) if part(text, "claim").is_some() => Joining::Refused,
            (_, None) => Joining::Nobody,
        },
        tools: Tools {
            rsync: word("rsync").is_some(),
            join_api: word("api")
                .and_then(|text| versions::parse_join_api(text).or_else(|| text.parse().ok())),
            pve: word("version").and_then(|text| {
                versions::parse_packages(text).pve.or_else(|| versions::parse_pveversion(text))
            }),
        },
        door: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn said(code: i32, stdout: &str, stderr: &str) -> There {
        read(
            "10.77.0.11",
            &Output { ending: Ending::Exited(code), stdout: stdout.into(), stderr: stderr.into() },
        )
    }

    #[test]
    fn a_login_that_failed_has_its_cause() {
        let refused = said(255, "", "root@10.77.0.11: Permission denied (publickey,password).\r\n");
        assert_eq!(refused, There::NoAnswer(NoAnswer::Login(NoLogin::KeyRefused)));
    }

    #[test]
    fn the_whole_answer_of_a_member() {
        let text = fake::peer(2, fake::PAIR, &[(1, 2), (2, 2)]);
        let There::Answered(peer) = said(0, &text, "") else { panic!("{text}") };
        assert_eq!(
            (peer.view.node.as_str(), &peer.view.mount, peer.locked),
            ("pve1", &Mount::Writable, false)
        );
        assert_eq!(peer.view.conf.conf().unwrap().nodes.len(), 2);
        let running = peer.view.corosync.unwrap();
        assert_eq!((running.nodeid, running.quorate, running.votes, running.expected_votes), (1, true, 2, 2));
        assert_eq!(running.versions.into_iter().collect::<Vec<_>>(), [(1, 2), (2, 2)]);
        assert_eq!(peer.tools, Tools { rsync: true, join_api: Some(1), pve: Some("9.1.6".to_owned()) });
    }

    #[test]
    fn the_answers_of_packages_and_sources() {
        let text = fake::peer(2, fake::PAIR, &[(1, 2), (2, 2)])
            .replace("@@ api\n1\n", "@@ api\nuse constant JOIN_API_VERSION => 2;\n")
            .replace(
                "pve-manager/9.1.6/5d1f9a0c6e2b4713 (running kernel: 6.17.2-1-pve)",
                "pve-manager 8.4.1 installed",
            )
            .replace("@@ lock\n", "@@ lock\n/etc/pve/priv/lock/file-corosync_conf\n");
        let There::Answered(peer) = said(0, &text, "") else { panic!("{text}") };
        assert_eq!((peer.tools.join_api, peer.tools.pve.as_deref()), (Some(2), Some("8.4.1")));
        assert!(peer.locked);
    }

    #[test]
    fn whose_lock_it_is() {
        let none = fake::peer(1, fake::ALONE, &[(1, 1)]);
        let held = none.replace("@@ joining\n", &format!("@@ joining\n{LOCK}\n"));
        let mine = |text: &str| text.replace("@@ mine\n", &format!("@@ mine\n{}\n", owner("pve2")));
        let claimed = |text: &str| format!("\n@@ claim\n{text}");
        for (text, expected) in [
            (none.clone(), Joining::Nobody),
            (mine(&none), Joining::Nobody),
            (held.clone(), Joining::AnotherNode),
            (mine(&held), Joining::ThisNode),
            (claimed(&mine(&held)), Joining::ThisNode),
            (claimed(&held), Joining::AnotherNode),
            (claimed(&none), Joining::Refused),
        ] {
            let There::Answered(peer) = said(0, &text, "") else { panic!("{text}") };
            assert_eq!(peer.joining, expected, "{text}");
        }
    }

    /// The script itself, on directories of this machine.
    #[test]
    fn the_script_makes_and_removes_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("lock");
        let script = SCRIPT.replace(LOCK, lock.to_str().unwrap());
        let run = |errand: Errand, node: &str| {
            let remote = command("pve1", errand, node);
            let args = remote.args.iter().skip_while(|arg| *arg != "-s");
            let local = Command::new("/bin/sh").args(args.cloned()).stdin(script.clone());
            let output = host::RealHost::new().run(&local).unwrap();
            assert_eq!((output.ending, output.stderr.as_str()), (Ending::Exited(0), ""));
            output.stdout
        };
        let joining = |errand, node| peer(&run(errand, node)).unwrap().joining;
        let made = || host::RealHost::new().list(dir.path()).unwrap();

        assert_eq!(joining(Errand::Look, "pve2"), Joining::Nobody);
        assert_eq!(made(), Vec::<String>::new(), "a look changes nothing");
        assert_eq!(joining(Errand::Claim { keep: 0 }, "pve2"), Joining::ThisNode);
        assert_eq!(joining(Errand::Claim { keep: 0 }, "pve3"), Joining::AnotherNode);
        assert_eq!(joining(Errand::Look, "pve3"), Joining::AnotherNode);
        assert_eq!(
            joining(Errand::Claim { keep: 0 }, "pve2"),
            Joining::ThisNode,
            "the next run takes up its own"
        );
        assert_eq!(run(Errand::Release, "pve3"), "");
        assert_eq!(made(), ["lock", "lock-by-pve2"], "another's is not released");
        assert_eq!(run(Errand::Release, "pve2"), "");
        assert_eq!(made(), Vec::<String>::new());

        // a lock that has fallen leaves its owner's name, which must not open the next one's
        assert_eq!(joining(Errand::Claim { keep: 0 }, "pve2"), Joining::ThisNode);
        host::RealHost::new().remove_dir(&lock).unwrap();
        assert_eq!(joining(Errand::Look, "pve2"), Joining::Nobody);
        assert_eq!(joining(Errand::Claim { keep: 0 }, "pve3"), Joining::ThisNode);
        assert_eq!(joining(Errand::Claim { keep: 0 }, "pve2"), Joining::AnotherNode);
        assert_eq!(made(), ["lock", "lock-by-pve3"]);
    }

    /// The script itself: the file comes back while it looks.
    #[test]
    fn a_corosync_conf_that_is_being_replaced_is_looked_for_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let script = SCRIPT
            .replace("/etc/pve/corosync.conf", &format!("{path}/new"))
            .replace("/etc/corosync/corosync.conf", &format!("{path}/copy"));
        let run = |before: &str| {
            let command = Command::new("/bin/sh").args(["-s", "look", "pve2"]);
            let output = host::RealHost::new().run(&command.stdin(format!("{before}\n{script}"))).unwrap();
            part(&output.stdout, "corosync.conf").unwrap().trim().to_owned()
        };
        assert_eq!(run(""), "", "a node without a cluster is not waited for");
        host::RealHost::new().create(&dir.path().join("copy"), b"", 0o600).unwrap();
        assert_eq!(run(&format!("(sleep 0.3; echo totem > {path}/new) &")), "totem");
    }

    /// A login shell may print before the script does; whatever does not print, is not there.
    #[test]
    fn parts_may_be_empty() {
        let names = [
            "node",
            "local",
            "members",
            "corosync.conf",
            "cmap",
            "quorum",
            "lock",
            "rsync",
            "api",
            "version",
        ];
        let parts: String = names.iter().map(|name| format!("\n@@ {name}\n")).collect();
        let text = format!("Welcome!\n{parts}\n@@ end\n");
        let There::Answered(peer) = said(0, &text, "") else { panic!("{text}") };
        assert_eq!(peer.view.mount, Mount::NotMounted);
        assert_eq!((peer.view.conf, peer.view.corosync), (ConfFile::Absent, None));
        assert_eq!(peer.tools, Tools::default());
    }

    #[test]
    fn half_an_answer_is_none() {
        let whole = fake::peer(2, fake::PAIR, &[(1, 2), (2, 2)]);
        let half = &whole[..whole.len() / 2];
        assert_eq!(said(0, half, ""), There::NoAnswer(NoAnswer::Garbled("it is incomplete".into())));
        let broken = whole.replace("runtime.members.1.ip (str)", "nonsense");
        let There::NoAnswer(NoAnswer::Garbled(what)) = said(0, &broken, "") else { panic!() };
        assert!(what.starts_with("'corosync-cmapctl': "), "{what}");
    }

    #[test]
    fn the_login_is_the_one_that_pvecm_makes() {
        assert_eq!(
            command("pve1.example.org", Errand::Look, "pve2").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=10 root@pve1.example.org /bin/sh \
             -s look pve2"
        );
    }
}
