# SPDX-License-Identifier: GPL-3.0-or-later
"""Expected votes, repair, the failover test and the pre-flight's probe, with a second fault."""

import hashlib
import re
import time
from pathlib import Path

from harness import HEALTH_LIMITS

from .membership import say
from .table import THREE, case

OFF = "expected_votes_offline=pve2,pve3"
BOTH = ("pve1", "pve2")
OTHERS = ("pve2", "pve3")


def votes(scene, name="pve1"):
    """Expected and total votes and whether it is quorate."""
    return scene.on(name, "corosync-quorumtool -siH | grep -E '^(Expected votes|Total votes|Quorate):' | tr -s ' '")


def lonely(scene, name="pve1"):
    """Wait until a node has noticed that it has no quorum."""
    scene.holds(name, "corosync-quorumtool -siH | grep -q '^Quorate: *No'", 30)


def expected(scene, *words):
    return scene.play("cluster-expected-votes.yml", "-e", OFF, *words)


def never(scene, outcome, before, *patterns):
    scene.refused(outcome, *patterns)
    scene.must(votes(scene) == before, f"the votes of pve1 are {votes(scene)!r} and were {before!r}")


def back(scene):
    """All three are members again."""
    scene.heal()
    for name in OTHERS:
        scene.on(name, "systemctl start corosync")
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.well()


@case("votes/corosync-stopped", "cluster-expected-votes for pve2 and pve3", "pve1 is cut off from corosync's network", "corosync is stopped on the other two, which answer",
      "refused, naming both; the votes stay")
def _(scene):
    scene.cut("pve1")
    for name in OTHERS:
        scene.on(name, "systemctl stop corosync")
    lonely(scene)
    never(scene, expected(scene), votes(scene), "pve2", "pve3")
    back(scene)


@case("votes/site-link-cut", "cluster-expected-votes for pve2 and pve3", "the link between pve1 and the others is cut, on both networks", "the controller reaches both sides",
      "refused: they answered the same run; the votes stay")
def _(scene):
    scene.deaf("pve1", OTHERS)
    lonely(scene)
    before = votes(scene)
    outcome = expected(scene)
    if outcome.ok:
        # from the other side there is nothing to do
        scene.must("nothing to do" in outcome.said() and votes(scene) == before, f"it said done; the votes of pve1 are {votes(scene)!r}")
        scene.note("the quorate side says that there is nothing to do")
    else:
        never(scene, outcome, before, "pve2|pve3")
    back(scene)


@case("votes/site-link-cut-corosync-stopped", "cluster-expected-votes for pve2 and pve3", "the link between pve1 and the others is cut, on both networks", "corosync of the others is stopped; the controller reaches them",
      "refused, naming both; the votes stay")
def _(scene):
    scene.deaf("pve1", OTHERS)
    for name in OTHERS:
        scene.on(name, "systemctl stop corosync")
    lonely(scene)
    never(scene, expected(scene), votes(scene), "pve2", "pve3")
    back(scene)


@case("votes/one-alive-behind-the-cut", "cluster-expected-votes for pve2 and pve3", "the link between pve1 and the others is cut; pve2 has no power", "corosync of pve3 is stopped; the controller reaches it",
      "refused, naming pve3; the votes stay")
def _(scene):
    scene.deaf("pve1", OTHERS)
    scene.off("pve2")
    scene.on("pve3", "systemctl stop corosync")
    lonely(scene)
    never(scene, expected(scene), votes(scene), "pve3")
    back(scene)


@case("votes/resets-connections", "cluster-expected-votes for pve2 and pve3", "both are cut off from corosync's network", "pve2 answers no ping and refuses every connection, as a firewall does; pve3 has no power",
      "refused, naming pve2: a refusal is a sign of life; the votes stay")
def _(scene):
    scene.off("pve3")
    scene.cut("pve2")
    scene.on("pve2", "nft -f - <<'END'\ntable inet second_fault {\n chain in { type filter hook input priority -300; ip saddr 10.77.0.11 icmp type echo-request drop; ip saddr { 10.77.0.11, 10.77.0.1 } tcp dport { 22, 8006 } reject with tcp reset; }\n}\nEND", check=True)
    lonely(scene)
    before = votes(scene)
    never(scene, expected(scene), before, "node 'pve2' is not off", "refuses connections")
    back(scene)


@case("votes/killed-then-again", "cluster-expected-votes for pve2 and pve3", "both have no power", "the module is killed as the votes are set", "the next run ends well; with both back the votes are three again")
def _(scene):
    scene.off(*OTHERS)
    lonely(scene)
    task = scene.begin("cluster-expected-votes.yml", "-e", OFF)
    scene.at(task, "pve1", "module()", kill="module")
    scene.end(task)
    outcome = expected(scene)
    scene.done(outcome, "done by the next run")
    scene.must("Quorate: Yes" in votes(scene), f"the votes are {votes(scene)!r}")
    back(scene)


@case("votes/comes-back-meanwhile", "cluster-expected-votes for pve2 and pve3", "both have no power", "pve2 is switched on as the run asks", "never two sides that are quorate apart; in the end all three are members")
def _(scene):
    scene.off(*OTHERS)
    lonely(scene)
    task = scene.begin("cluster-expected-votes.yml", "-e", OFF)
    scene.start("pve2")
    say(scene, "the run", scene.end(task))
    for name in BOTH:
        scene.sees(name, 2, 120)
    scene.note("pve1 and pve2 see each other")
    back(scene)


@case("votes/rescue-armed", "cluster-expected-votes for pve2 and pve3", "a run died with its rescues armed, and both have no power", "the votes are asked for before the rescue of pve1 fires",
      "refused, naming the rescue, or nothing is undone by it; in the end one version on all")
def _(scene):
    from .change import die_armed  # pylint: disable=import-outside-toplevel  # these two modules look at each other

    die_armed(scene, after=150)
    scene.off(*OTHERS)
    lonely(scene)
    outcome = expected(scene)
    scene.refused(outcome, "rescue")
    scene.holds("pve1", "journalctl -t corosync_rescue -o cat --no-pager | grep -q .", 420)
    scene.start(*OTHERS)
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    scene.well()


# Repair.

def digest(scene):
    return {name: scene.on(name, "cat /etc/corosync/corosync.conf /etc/pve/corosync.conf | sha256sum") for name in THREE}


def two_sides(scene):
    """pve3 is cut off, and somebody has made it quorate by itself."""
    scene.cut("pve3")
    lonely(scene, "pve3")
    scene.on("pve3", "pvecm expected 1", check=True)
    scene.holds("pve3", "corosync-quorumtool -siH | grep -q '^Quorate: *Yes'", 30)


@case("repair/two-quorate-sides", "cluster-repair", "pve3 is cut off", "somebody ran `pvecm expected 1` on it: two sides are quorate", "refused, naming both sides; nothing is changed on any node")
def _(scene):
    two_sides(scene)
    before = digest(scene)
    scene.refused(scene.play("cluster-repair.yml"), "quorate on 2 sides that do not see each other: pve1, pve2 .* and pve3 ")
    scene.must(digest(scene) == before, "a corosync.conf was changed")
    back(scene)


@case("repair/two-sides-and-stranded", "cluster-repair", "two sides are quorate", "pve2 runs on an old corosync.conf", "refused, naming both sides; no node is repaired through whichever side answers first; after the cut it is repaired, with the restart that is asked for if need be")
def _(scene):
    scene.on("pve2", "cp /etc/corosync/corosync.conf /root/old.conf; systemctl stop corosync")
    scene.edit("pve1", "s/^totem {/totem {\\n  token: 4000/")
    scene.on("pve2", "systemctl stop pve-cluster; cp /root/old.conf /etc/corosync/corosync.conf; systemctl start pve-cluster corosync")
    two_sides(scene)
    outcome = scene.play("cluster-repair.yml")
    scene.refused(outcome, "quorate on 2 sides that do not see each other: pve1, pve2 .* and pve3 ")
    scene.repair("pve3")
    outcome = scene.play("cluster-repair.yml", cluster_repair_timeout=60)
    if not outcome.ok:
        say(scene, "the run after the cut", outcome)
        behind = re.search(r"corosync runs config_version (\d+) on '(pve\d)' and (\d+) on .*run 'systemctl restart corosync' on those behind", outcome.words())
        scene.must(behind and behind[1] < behind[3], f"it names no remedy: {outcome.words()[:800]}")
        scene.on(behind[2], "systemctl restart corosync", check=True)
        outcome = scene.play("cluster-repair.yml")
    scene.done(outcome, "repaired after the cut")
    back(scene)


@case("repair/healed-meanwhile", "cluster-repair", "two sides are quorate", "the cut ends while the run looks", "refused, or all see three members; no corosync.conf is overwritten")
def _(scene):
    two_sides(scene)
    before = digest(scene)
    task = scene.begin("cluster-repair.yml")
    scene.at(task, "pve1", "module()")
    scene.repair("pve3")
    say(scene, "the run", scene.end(task))
    scene.must(digest(scene) == before, "a corosync.conf was changed")
    back(scene)


def strand(scene):
    """pve3 misses a change and runs on the old file."""
    scene.off("pve3")
    scene.sees("pve1", 2)
    scene.edit("pve1", "s/^totem {/totem {\\n  token: 4000/")
    scene.start("pve3")
    scene.note("pve3 missed a change")


@case("repair/member-without-pmxcfs", "cluster-repair", "pve3 is stranded on an old version", "pmxcfs of pve1 is stopped", "repaired through pve2, or refused; never through a member that cannot tell")
def _(scene):
    strand(scene)
    scene.on("pve1", "systemctl stop pve-cluster")
    say(scene, "the run", scene.play("cluster-repair.yml"))
    scene.on("pve1", "systemctl start pve-cluster")
    outcome = scene.play("cluster-repair.yml")
    scene.done(outcome, "repaired")
    back(scene)


@case("repair/member-lost-under-way", "cluster-repair", "pve3 is stranded on an old version", "pve1 loses its power as the module works on pve3", "said; the next run ends well with pve1 back")
def _(scene):
    strand(scene)
    task = scene.begin("cluster-repair.yml")
    scene.at(task, "pve3", "module()")
    scene.off("pve1")
    say(scene, "the run", scene.end(task))
    scene.start("pve1")
    scene.holds("pve1", "corosync-quorumtool -siH | grep -q '^Quorate: *Yes'", 120)
    scene.done(scene.play("cluster-repair.yml"), "repaired by the next run")
    back(scene)


@case("repair/killed-and-cut", "cluster-repair", "pve3 is stranded on an old version", "the module on it is killed, and pve3 is cut off for a while", "the next run ends well")
def _(scene):
    strand(scene)
    task = scene.begin("cluster-repair.yml")
    scene.at(task, "pve3", "module()", kill="module")
    scene.cut("pve3")
    scene.end(task)
    say(scene, "the run in the cut", scene.play("cluster-repair.yml"))
    scene.repair("pve3")
    outcome = scene.play("cluster-repair.yml")
    scene.done(outcome, "repaired after the cut")
    back(scene)


@case("repair/renamed", "cluster-repair", "pve3 is stranded on an old version", "its host name is another one",
      "refused for it, with the name that it had; nothing is cleaned; with its name back it is repaired")
def _(scene):
    scene.on("pve3", "mkdir -p /etc/pve/nodes/pve3/qemu-server; printf 'cores: 1\\n' > /etc/pve/nodes/pve3/qemu-server/303.conf", check=True)
    strand(scene)
    rename = "hostname {1}; echo {1} > /etc/hostname; sed -i 's/\\b{0}\\b/{1}/g' /etc/hosts; systemctl restart pve-cluster"
    scene.on("pve3", rename.format("pve3", "pve9"), check=True)
    before = digest(scene)
    scene.refused(scene.play("cluster-repair.yml"), "lists .*'pve3'.* host name is 'pve9'|host name is 'pve9'")
    scene.must(digest(scene) == before, "a corosync.conf was changed")
    scene.must(scene.on("pve3", "ls /etc/pve/nodes/pve3/qemu-server/303.conf 2>/dev/null").strip(), "the guest that it has is gone")
    scene.note("nothing is cleaned")
    scene.on("pve3", rename.format("pve9", "pve3"), check=True)
    scene.done(scene.play("cluster-repair.yml"), "repaired with its name back")
    back(scene)
    scene.must(scene.on("pve3", "ls /etc/pve/nodes/pve3/qemu-server/303.conf 2>/dev/null").strip(), "the guest that it has is gone")


# The failover test.

def healthy(scene):
    """Wait until cluster-health finds nothing: a test of a cluster that has just booted would be refused."""
    for _attempt in range(6):
        outcome = scene.play("cluster-health.yml", **HEALTH_LIMITS)
        if outcome.ok:
            return
    scene.must(False, f"the cluster does not get well: {outcome.said()[:1200]}")


def failover(scene, *words, **variables):
    given = {**HEALTH_LIMITS, "failover_test_confirmed": "lab", "failover_test_allow_guests": True, "cluster_report_dir": str(scene.folder), **variables}
    return scene.begin("cluster-failover-test.yml", *words, **given)


def uncut(scene):
    for name in THREE:
        scene.holds(name, "! nft list tables | grep -q pve_cluster_failover", 120)
        scene.holds(name, "! systemctl list-timers --no-pager --no-legend 'pve-cluster-failover*' | grep -q .", 120)
    scene.note("nothing is cut or armed")


def starts(scene, name):
    return scene.on(name, "systemctl show -p ExecMainStartTimestampMonotonic --value corosync; cat /proc/sys/kernel/random/boot_id")


@case("failover/node-stays-away", "cluster-failover-test of pve2 and pve3 (network)", "corosync of pve2 dies during its cut and cannot start", "the test's next case would be pve3",
      "it stops before pve3, names pve2; pve3 is untouched, and nothing stays cut", begin="two links")
def _(scene):
    healthy(scene)
    before = starts(scene, "pve3")
    task = failover(scene, failover_test_kinds=["network"], failover_test_nodes=["pve2", "pve3"])
    scene.holds("pve2", "nft list tables | grep -q pve_cluster_failover", 200)
    scene.spoil("pve2", "corosync")
    scene.on("pve2", "pkill -KILL corosync; true")
    scene.failed(scene.end(task, 600), "pve2")
    scene.must(starts(scene, "pve3") == before, "pve3 was touched")
    uncut(scene)
    scene.unspoil("pve2", "corosync")
    back(scene)


@case("failover/power-node-stays-off", "cluster-failover-test of all nodes (power)", "pve2 stays without power once it was reset", "the test's next case would be pve3",
      "it stops and says so; pve3 is not reset", begin="two links")
def _(scene):
    healthy(scene)
    before = starts(scene, "pve3")
    task = failover(scene, failover_test_kinds=["power"], failover_test_nodes=["pve2", "pve3"], failover_test_boot=60)
    scene.holds("pve1", "corosync-quorumtool -s | grep -qx 'Nodes: *2'", 300)
    scene.off("pve2")
    scene.failed(scene.end(task, 600), "pve2")
    scene.must(starts(scene, "pve3") == before, "pve3 was reset")
    scene.start("pve2")
    uncut(scene)
    back(scene)


@case("failover/another-node-lost", "cluster-failover-test of pve2 (network)", "pve1 loses its power during the cut", "two of three are away at one time",
      "the cut ends; the run stops and names pve1", begin="two links")
def _(scene):
    healthy(scene)
    task = failover(scene, failover_test_kinds=["network"], failover_test_nodes=["pve2", "pve3"])
    scene.holds("pve2", "nft list tables | grep -q pve_cluster_failover", 240)
    scene.off("pve1")
    outcome = scene.end(task, 600)
    scene.failed(outcome, "pve1")
    scene.start("pve1")
    uncut(scene)
    back(scene)


@case("failover/controller-killed-second-run", "cluster-failover-test of pve2 (network)", "the controller is killed during the cut", "the test is begun again at once",
      "the second run refuses or waits until the node has undone the first cut", begin="two links")
def _(scene):
    healthy(scene)
    task = failover(scene, failover_test_kinds=["network"], failover_test_nodes=["pve2"])
    scene.holds("pve2", "nft list tables | grep -q pve_cluster_failover", 240)
    scene.kill_controller(task)
    outcome = scene.end(failover(scene, failover_test_kinds=["network"], failover_test_nodes=["pve3"]), 600)
    say(scene, "the second run", outcome)
    uncut(scene)
    back(scene)


@case("failover/slow-boot", "cluster-failover-test of pve2 (power)", "pve2's pveproxy takes 45 s to start", "programs of PVE take 2 s", "waited for; the test passes", begin="two links")
def _(scene):
    healthy(scene)
    scene.on("pve2", "mkdir -p /etc/systemd/system/pveproxy.service.d; printf '[Service]\\nExecStartPre=/usr/bin/sleep 45\\n' > /etc/systemd/system/pveproxy.service.d/slow.conf; systemctl daemon-reload")
    scene.slow(2, "pvesh", "pvecm", "ha-manager")
    scene.done(scene.end(failover(scene, failover_test_kinds=["power"], failover_test_nodes=["pve2"]), 900), "the test passes")
    scene.slow(0)
    uncut(scene)
    back(scene)


# The pre-flight's probe.

@case("probe/flood", "cluster-preflight of three nodes", "pve3 sends packets to the probe's ports for ever", "programs of PVE take 3 s", "it ends, in the time that it may take", begin="fresh three")
def _(scene):
    flood = ("import socket,time\ns=[socket.socket(socket.AF_INET,socket.SOCK_DGRAM) for _ in range(1)][0]\nend=time.time()+600\n"
             "while time.time()<end:\n for port in range(5405,5413):\n  for host in ('10.77.1.11','10.77.1.12'):\n   s.sendto(b'x'*64,(host,port))\n time.sleep(0.1)\n")
    scene.on("pve3", f"cat > /root/flood.py <<'END'\n{flood}END\n(setsid python3 /root/flood.py > /dev/null 2>&1 < /dev/null &)")
    scene.slow(3)
    began = time.monotonic()
    outcome = scene.play("cluster-preflight.yml")
    say(scene, "the pre-flight", outcome)
    scene.must(time.monotonic() - began < 300, "it took more than 300 s")
    scene.on("pve3", "pkill -f '[f]lood.py'; true")
    scene.slow(0)
    scene.done(scene.end(scene.begin("cluster-init.yml"), 900), "formed afterwards")
    scene.well(members=THREE)


FORGER = Path(__file__).with_name("forger.py")


def forge(scene, *tokens):
    """pve3 sends packets to pve1 in the name of pve2, which is the second in the list, under these tokens."""
    scene.on("pve3", "pkill -f '[f]orger.py'; true")
    scene.on("pve3", f"cat > /root/forger.py <<'END'\n{FORGER.read_text(encoding='utf-8')}END\n"
                     f"(setsid python3 /root/forger.py 10.77.1.12 1 10.77.1.11 900 {' '.join(tokens)} > /dev/null 2>&1 < /dev/null &)")


def answered(outcome, host, other):
    """Whether a node's probe said that it has got an answer of another one on link 0."""
    found = [peer["links"][0]["answered"] for name, result in outcome.answers if name == host
             for peer in result.get("peers", ()) if isinstance(peer, dict) and peer.get("name") == other and peer.get("links")]
    return found[-1] if found else None


@case("probe/forged-packets", "cluster-preflight of three nodes", "pve2 is cut off from corosync's network",
      "pve3 sends packets of the probe in its name to pve1, under guessed tokens and that of an earlier run",
      "none of them counts: pve1 has no answer of pve2, and the pre-flight names the link; with the very token they would have been believed", begin="fresh three")
def _(scene):
    scene.cut("pve2")
    known = "0123456789abcdef" * 2
    # what shows that these packets would be believed: the same ones under the token of the run
    forge(scene, known)
    outcome = scene.play("cluster-preflight.yml", preflight_run=known)
    scene.must(answered(outcome, "pve1", "pve2") is True, f"the packets are not such as would be believed: {outcome.words()[:600]}")
    scene.note("under the token of the run itself the packets are believed")
    names = ("", "lab", "lab pve1 pve2 pve3", "lab pve1 pve2 pve3 20", "pve1 pve2 pve3 20")
    guesses = ["0" * 32, "f" * 32, f"{1:032x}", f"{int(time.time()):032x}", *(hashlib.md5(name.encode(), usedforsecurity=False).hexdigest() for name in names)]
    forge(scene, known, *guesses)
    outcome = scene.play("cluster-preflight.yml")
    scene.must(answered(outcome, "pve1", "pve2") is False, f"a forged packet was taken for an answer of pve2: {outcome.words()[:600]}")
    scene.refused(outcome, "pve2")
    scene.repair("pve2")
    scene.done(scene.end(scene.begin("cluster-init.yml"), 900), "with the link repaired the cluster is formed, whatever is sent")
    scene.on("pve3", "pkill -f '[f]orger.py'; true")
    scene.well(members=THREE)
