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
use locks::{Holder, Owner};
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
/// Only when it is asked to, it takes or gives up the lock of a join, for a process of the joining node: `lock_claim` and
/// `lock_release` of [`locks::SCRIPT`], which stands before it. Another's lock that is in the way is offered to pmxcfs for
/// removal, as PVE does: pmxcfs removes it when it is older than 120 s.
const SCRIPT: &str = r#"exec 2>/dev/null
PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export PATH LC_ALL
part() { printf '\n@@ %s\n' "$1"; }
over=$3
[ "$over" != - ] || over=
case "$1" in
release)
  part holder; lock_holder
  lock_release "$2" "$over"; exit 0 ;;
claim)
  part claim; lock_claim "$2" "$over" "$4" ;;
esac
part holder; lock_holder
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
part rescues
date +%s
for note in /etc/pve/nodes/*/pve-cluster-rescue; do
  [ -e "$note" ] || continue
  node=${note%/*}; echo "= ${node##*/}"; cat "$note"
done
part rsync; command -v rsync
part api; grep -h JOIN_API_VERSION /usr/share/perl5/PVE/Cluster/Setup.pm || pvecm apiver
part version; dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' pve-manager || pveversion
part end
exit 0
"#;

/// Nobody's name, in the place of one whose lock may be taken.
const NOBODY: &str = "-";

/// What the cluster node is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
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

/// Unlocks the cluster after a failed join, also for a run of this node that is no more; a lock that is another's is offered to
/// pmxcfs, which removes it when its holder has been dead for long enough, and never without being asked.
pub fn release(host: &dyn Host, target: &str, me: &Owner) {
    if let Ok(output) = host.run(&command(target, Errand::Release, me, NOBODY))
        && let Some(name) = over(host, me, &output.stdout)
    {
        let _ = host.run(&command(target, Errand::Release, me, &name));
    }
}

/// Asks the cluster node. A claim is made once more where a run of this node that is no more has the lock, or a node that has left.
pub fn ask(host: &dyn Host, target: &str, errand: Errand, me: &Owner) -> There {
    let asked = |over: &str| host.run(&command(target, errand, me, over));
    let answer = asked(NOBODY).and_then(|output| match over(host, me, &output.stdout) {
        Some(name) if matches!(errand, Errand::Claim { .. }) => asked(&name),
        _ => Ok(output),
    });
    match answer {
        Ok(output) => read(target, &output, &|owner| owner.is_mine(host, me)),
        Err(error) => There::NoAnswer(NoAnswer::Login(NoLogin::Other(error.to_string()))),
    }
}

/// The name of a lock that this process may take over from another owner.
fn over(host: &dyn Host, me: &Owner, answer: &str) -> Option<String> {
    let name = part(answer, "holder")?.trim();
    match locks::holder_of(name) {
        Holder::Named(owner) if owner.is_mine(host, me) && !owner.is_same_run(me) => Some(name.to_owned()),
        _ => left(answer),
    }
}

/// The name of a lock whose owner has left the cluster, by what the whole answer says.
fn left(answer: &str) -> Option<String> {
    let name = part(answer, "holder")?.trim();
    let Holder::Named(owner) = locks::holder_of(name) else { return None };
    let peer = peer(answer, &|_| false).ok()?;
    peer.view.has_left(&owner).then(|| name.to_owned())
}

/// Asks this node itself, for another one that is to join; gives its whole answer too.
pub fn ask_here(host: &dyn Host, errand: Errand, node: &str) -> Result<(String, Peer), String> {
    let owner = Owner::reservation(node);
    let asked = |over: &str| {
        let words = words(errand, &owner, over);
        let command = Command::new("/bin/sh").arg("-s").args(words).stdin(script()).timeout(PATIENCE);
        host.run(&command).map_err(|error| error.to_string())
    };
    let mut output = asked(NOBODY)?;
    if let (Errand::Claim { .. }, Some(name)) = (errand, left(&output.stdout)) {
        output = asked(&name)?;
    }
    match output.ending {
        Ending::Exited(0) => peer(&output.stdout, &|one| *one == owner).map(|peer| (output.stdout, peer)),
        Ending::TimedOut => {
            Err(format!("this node tells nothing of its cluster within {} s", PATIENCE.as_secs()))
        }
        Ending::Exited(_) | Ending::Signaled(_) => {
            Err(format!("the shell ended with exit code {}", output.rc()))
        }
    }
}

/// The login that pvecm will use: root's own keys, no questions, only known hosts. `me` is the process that joins.
pub fn command(target: &str, errand: Errand, me: &Owner, over: &str) -> Command {
    login(target).shell(words(errand, me, over), &script())
}

fn login(target: &str) -> Login<'_> {
    Login { target, pinned: None, key_only: false, connect: CONNECT, patience: PATIENCE }
}

fn script() -> String {
    format!("{}{SCRIPT}", locks::SCRIPT)
}

/// The shell's arguments for the script. None of them is empty: ssh would drop it.
fn words(errand: Errand, me: &Owner, over: &str) -> Vec<String> {
    let (word, keep) = match errand {
        Errand::Look => return vec!["look".to_owned()],
        Errand::Claim { keep } => ("claim", keep),
        Errand::Release => ("release", 0),
    };
    let mut words = vec![word.to_owned(), me.word(), over.to_owned()];
    if keep > 0 {
        words.push(keep.to_string());
    }
    words
}

/// Understands what ssh gave.
fn read(target: &str, output: &Output, mine: &dyn Fn(&Owner) -> bool) -> There {
    if !output.exited_zero() {
        return There::NoAnswer(NoAnswer::Login(NoLogin::of(&login(target), output)));
    }
    match peer(&output.stdout, mine) {
        Ok(peer) => There::Answered(Box::new(peer)),
        Err(what) => There::NoAnswer(NoAnswer::Garbled(what)),
    }
}

/// Understands the script's output. `mine` says whose lock this process may take for its own.
pub fn peer(text: &str, mine: &dyn Fn(&Owner) -> bool) -> Result<Peer, String> {
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
    let view = View { node, mount, members: table, conf, corosync: running(of("cmap"), of("quorum"))? };
    let claims = part(text, "claim").is_some();
    let joining = match Joining::of(locks::holder_of(of("holder")), mine) {
        Joining::Nobody if claims => Joining::Refused,
        // It is free for whoever claims it. Behind a claim it counts only that the claim has taken it.
        Joining::Another(Some(owner)) if !claims && view.has_left(&owner) => Joining::Nobody,
        joining => joining,
    };
    Ok(Peer {
        view,
        locked: word("lock").is_some(),
        rescue: part(text, "rescues").and_then(rescue::against_change_there),
        joining,
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
    Ok(Some(Running::of(&cmap, &quorum)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;
    use testkit::FakeHost;

    fn said(code: i32, stdout: &str, stderr: &str) -> There {
        let output = Output { ending: Ending::Exited(code), stdout: stdout.into(), stderr: stderr.into() };
        read("10.77.0.11", &output, &|owner| *owner == fake::joins("pve2", 100))
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
        let (own, other) = (fake::joins("pve2", 100), fake::joins("pve3", 100));
        let claimed = |text: &str| format!("\n@@ claim\n{text}");
        for (text, expected) in [
            (none.clone(), Joining::Nobody),
            (fake::held(&none), Joining::Another(None)),
            (fake::held_by(&none, &other), Joining::Another(Some(other.clone()))),
            (fake::held_by(&none, &own), Joining::ThisNode),
            (claimed(&fake::held_by(&none, &own)), Joining::ThisNode),
            (claimed(&fake::held_by(&none, &other)), Joining::Another(Some(other.clone()))),
            (claimed(&none), Joining::Refused),
        ] {
            let There::Answered(peer) = said(0, &text, "") else { panic!("{text}") };
            assert_eq!(peer.joining, expected, "{text}");
        }
    }

    /// pve2, on which process 101 runs now and process 100 did, or still does.
    fn second_run(first: bool) -> FakeHost {
        let host = FakeHost::new().with_hostname("pve2").with(|machine| machine.set_process(101));
        host.with(|machine| {
            if !first {
                machine.remove("/proc/100")
            }
        })
    }

    #[test]
    fn a_claim_takes_over_from_a_dead_run_of_this_node_and_from_no_live_one() {
        let (free, first) = (fake::peer(1, fake::ALONE, &[(1, 1)]), fake::joins("pve2", 100));
        let (me, claim) = (fake::joins("pve2", 101), Errand::Claim { keep: 0 });
        let line = |over: &str| command("pve1", claim, &me, over).line();
        let name = format!("{}.1767225600", first.word());
        for alive in [true, false] {
            let host = second_run(alive)
                .action(&line("-"), format!("\n@@ claim\n{}", fake::held_by(&free, &first)))
                .action(&line(&name), format!("\n@@ claim\n{}", fake::held_by(&free, &me)));
            let There::Answered(peer) = ask(&host, "pve1", claim, &me) else { panic!() };
            let expected = if alive { Joining::Another(Some(first.clone())) } else { Joining::ThisNode };
            assert_eq!(peer.joining, expected);
            assert_eq!(host.effects().len(), if alive { 1 } else { 2 });
        }
        // a look changes nothing, and is made once
        let look = command("pve1", Errand::Look, &me, "-").line();
        let host = second_run(false).query(&look, fake::held_by(&free, &first));
        let There::Answered(peer) = ask(&host, "pve1", Errand::Look, &me) else { panic!() };
        assert_eq!((peer.joining, host.commands().len()), (Joining::ThisNode, 1));
    }

    const THREE: &[(u32, &str)] = &[(1, "pve1"), (3, "pve3"), (4, "pve4")];

    /// pve1's answer in a cluster of three, in which pve3 has the lock of its leave; these are members.
    fn left_behind(members: &[(u32, u64)]) -> String {
        fake::held_by(&fake::peer(3, THREE, members), &fake::leaves("pve3"))
    }

    /// A node that has left keeps its lock there, which it cannot remove any more.
    #[test]
    fn the_lock_of_a_node_that_has_left_is_in_nobodys_way() {
        let joining = |text: &str| peer(text, &|_| false).unwrap().joining;
        let (gone, there, alone) = ([(1, 3), (4, 3)], [(1, 3), (3, 3), (4, 3)], [(1, 3)]);
        let held = || Joining::Another(Some(fake::leaves("pve3")));
        assert_eq!(joining(&left_behind(&gone)), Joining::Nobody);
        assert_eq!(joining(&left_behind(&there)), held(), "it is still leaving");
        assert_eq!(joining(&left_behind(&alone)), held(), "pve1 is not quorate, and sees nobody");
        assert_eq!(joining(&left_behind(&[(1, 3), (4, 3), (5, 3)])), held(), "a member that is in no list");
        let claimed = format!("\n@@ claim\n{}", left_behind(&gone));
        assert_eq!(joining(&claimed), held(), "a claim that did not get it has nothing");
        let other = fake::held_by(&fake::peer(3, THREE, &gone), &fake::joins("pve3", 100));
        assert!(joining(&other).is_another(), "one that joins is no member yet");
    }

    #[test]
    fn a_claim_takes_the_lock_of_a_node_that_has_left() {
        let (me, claim) = (fake::joins("pve2", 100), Errand::Claim { keep: 0 });
        let name = format!("{}.1767225600", fake::leaves("pve3").word());
        let line = |over: &str| command("pve1", claim, &me, over).line();
        let host = |members: &[(u32, u64)]| {
            let free = fake::peer(3, THREE, members);
            FakeHost::new()
                .with_hostname("pve2")
                .action(&line("-"), format!("\n@@ claim\n{}", left_behind(members)))
                .action(&line(&name), format!("\n@@ claim\n{}", fake::held_by(&free, &me)))
        };
        let gone = host(&[(1, 3), (4, 3)]);
        let There::Answered(peer) = ask(&gone, "pve1", claim, &me) else { panic!() };
        assert_eq!((peer.joining, gone.effects().len()), (Joining::ThisNode, 2));
        let there = host(&[(1, 3), (3, 3), (4, 3)]);
        let There::Answered(peer) = ask(&there, "pve1", claim, &me) else { panic!() };
        assert_eq!((peer.joining, there.effects().len()), (Joining::Another(Some(fake::leaves("pve3"))), 1));
    }

    #[test]
    fn a_release_is_made_for_a_dead_run_of_this_node_too() {
        let (first, me) = (fake::joins("pve2", 100), fake::joins("pve2", 101));
        let line = |over: &str| command("pve1", Errand::Release, &me, over).line();
        let name = format!("{}.1767225600", first.word());
        for (alive, own, calls) in [(true, &first, 1), (false, &first, 2), (false, &me, 1)] {
            let answer = format!("\n@@ holder\n{}.1767225600\n", own.word());
            let host = second_run(alive).action(&line("-"), answer).action(&line(&name), "");
            release(&host, "pve1", &me);
            assert_eq!(host.effects().len(), calls, "{alive} {own:?}");
        }
    }

    /// The script itself, on directories of this machine.
    #[test]
    fn the_script_makes_and_removes_the_lock() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("lock");
        // what asks pmxcfs would make the lock a very old one here
        let script = format!("touch() {{ :; }}\n{}", script().replace(fake::LOCK, lock.to_str().unwrap()));
        let run = |errand: Errand, me: &Owner, over: &str| {
            let remote = command("pve1", errand, me, over);
            let args = remote.args.iter().skip_while(|arg| *arg != "-s");
            let local = Command::new("/bin/sh").args(args.cloned()).stdin(script.clone());
            let output = host::RealHost::new().run(&local).unwrap();
            assert_eq!((output.ending, output.stderr.as_str()), (Ending::Exited(0), ""));
            output.stdout
        };
        let joining =
            |errand, me: &Owner, over| peer(&run(errand, me, over), &|one| one == me).unwrap().joining;
        let made = || host::RealHost::new().list(dir.path()).unwrap().len();
        let (two, next, three) = (fake::joins("pve2", 1), fake::joins("pve2", 2), fake::joins("pve3", 1));
        let claim = Errand::Claim { keep: 0 };

        assert_eq!(joining(Errand::Look, &two, "-"), Joining::Nobody);
        assert_eq!(made(), 0, "a look changes nothing");
        assert_eq!(joining(claim, &two, "-"), Joining::ThisNode);
        assert_eq!(joining(claim, &three, "-"), Joining::Another(Some(two.clone())));
        assert_eq!(joining(Errand::Look, &three, "-"), Joining::Another(Some(two.clone())));
        assert_eq!(joining(claim, &next, "-"), Joining::Another(Some(two.clone())), "it may live");
        let name = part(&run(Errand::Look, &two, "-"), "holder").unwrap().trim().to_owned();
        assert_eq!(joining(claim, &next, &name), Joining::ThisNode, "it is known to be dead");
        let _ = run(Errand::Release, &three, "-");
        assert_eq!(made(), 2, "another's is not released");
        let _ = run(Errand::Release, &next, "-");
        assert_eq!(made(), 0);
    }

    /// The script itself: the file comes back while it looks.
    #[test]
    fn a_corosync_conf_that_is_being_replaced_is_looked_for_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        let script = script()
            .replace("/etc/pve/corosync.conf", &format!("{path}/new"))
            .replace("/etc/corosync/corosync.conf", &format!("{path}/copy"));
        let run = |before: &str| {
            let command = Command::new("/bin/sh").args(["-s", "look"]);
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
            command("pve1.example.org", Errand::Look, &fake::joins("pve2", 100), "-").line(),
            "ssh -T -o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no -o ConnectTimeout=10 root@pve1.example.org /bin/sh \
             -s look"
        );
    }
}
