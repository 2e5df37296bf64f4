# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that join, leave and are removed, with a second fault."""

import re
import time

from .change import begun
from .table import ALL, FIVE, THREE, case

BOTH = ("pve1", "pve2")
LISTED = "/etc/pve/priv/lock/pvecm_cluster-join"
RULES = "/etc/pve/ha/rules.cfg"


def module(scene, host, **options):
    """Begin pvecm_cluster on one node."""
    return scene.begin([{"hosts": host, "gather_facts": False, "tasks": [{"pve.cluster.pvecm_cluster": {"cluster_name": "lab", "timeout": 80, **options}}]}])


def removal(scene, host, name="pve3", **options):
    return module(scene, host, state="removed", node=name, **options)


def without(scene, name="pve3", members=BOTH):
    """The members list each other alone, and nothing of the node is left."""
    for member in members:
        scene.must(name not in scene.nodes_listed(member), f"'{name}' is listed on '{member}'")
        left = scene.on(member, f"ls -d /etc/pve/nodes/{name} 2>/dev/null; grep -l 'root@{name}' /etc/pve/priv/authorized_keys")
        scene.must(not left.strip(), f"left on '{member}': {left.split()}")
    scene.well(members=members)


def once_more(scene, host, name="pve3", members=BOTH):
    """One more removal has nothing to do."""
    outcome = scene.end(removal(scene, host, name))
    scene.must(outcome.ok and not outcome.changed, f"one more run still changed something, or failed: {outcome.words()[:600]}")
    without(scene, name, members)


def finish(scene, host, words):
    """One more removal ends well; where it refuses for members with two versions, after the restart of corosync that it asks for."""
    outcome = scene.end(removal(scene, host, timeout=200))
    asked = re.search(r"run 'systemctl restart corosync' on '(pve\d)'", outcome.words())
    if not outcome.ok and asked:
        say(scene, "the next run", outcome)
        scene.on(asked[1], "systemctl restart corosync", check=True)
        for name in BOTH:
            scene.sees(name, 2, 60)
            scene.writable(name, 60)
        outcome = scene.end(removal(scene, host, timeout=200))
        words = f"after the restart that it asks for: {words}"
    scene.done(outcome, words)


def say(scene, who, outcome):
    scene.note(f"{who} " + ("said done" if outcome.ok else f"refused: \u201c{outcome.words()[:220]}\u201d"))


@case("remove/two-members", "remove pve3, which is off", "a second removal of it begins on another member at the same moment", "both controllers live",
      "they do not work at one time; the node is gone with all it left, and no lock stays")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    one, other = removal(scene, "pve1"), removal(scene, "pve2")
    for who, task in (("pve1", one), ("pve2", other)):
        say(scene, who, scene.end(task))
    once_more(scene, "pve1")


@case("remove/one-member-twice", "remove pve3, which is off", "a second removal of it begins on the same member at the same moment", "the first one's controller is killed while its module has the lock",
      "the second run does not take the lock of a live one; the node is gone with all it left, and no lock stays")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    one = removal(scene, "pve1")
    scene.at(one, "pve1", f"exists('{LISTED}')")
    other = removal(scene, "pve1")
    scene.kill_controller(one)
    say(scene, "the second", scene.end(other))
    once_more(scene, "pve1")


@case("remove/rule-refused", "remove pve3, which is off", "a rule that names it cannot be changed, for `ha-manager` refuses it", "the run is begun again without a remedy",
      "refused before the node is taken out, or all the rest is done; with the rule repaired it ends well")
def _(scene):
    for number in (100, 200):
        scene.on("pve1", f"ls /etc/pve/nodes/*/qemu-server/{number}.conf || printf 'cores: 1\\n' > /etc/pve/nodes/pve1/qemu-server/{number}.conf")
    scene.on("pve1", f"mkdir -p /etc/pve/ha; printf 'vm: 100\\n\\tstate ignored\\n\\n' > /etc/pve/ha/resources.cfg; cat > {RULES} <<'END'\n"
             "node-affinity: one\n\tnodes pve1,pve3\n\tresources vm:100\n\nnode-affinity: two\n\tnodes pve2,pve3\n\tresources vm:100\n\nEND", check=True)
    scene.off("pve3")
    scene.sees("pve1", 2)
    listed = scene.nodes_listed()
    first = scene.end(removal(scene, "pve1"))
    scene.refused(first, "rule|ha-manager|rules.cfg")
    scene.note("still listed" if scene.nodes_listed() == listed else "no longer listed")
    scene.refused(scene.end(removal(scene, "pve1")), "rule|ha-manager|rules.cfg")
    scene.on("pve1", "ha-manager rules remove two", check=True)
    scene.done(scene.end(removal(scene, "pve1")), "done once the second rule is removed")
    once_more(scene, "pve1")


@case("remove/rule-names-it-alone", "remove pve3, which is off", "a rule names it and no other node", "a replication job leads to it, whose removal takes 8 s to start",
      "refused, naming the rule, with nothing touched; with the rule removed it ends well")
def _(scene):
    scene.on("pve1", f"mkdir -p /etc/pve/ha; printf 'vm: 100\\n\\tstate ignored\\n\\n' > /etc/pve/ha/resources.cfg; printf 'node-affinity: only\\n\\tnodes pve3\\n\\tresources vm:100\\n\\n' > {RULES};"
             " printf 'local: 100-0\\n\\ttarget pve3\\n\\n' > /etc/pve/replication.cfg", check=True)
    scene.slow(8, "pvesr", "ha-manager")
    scene.off("pve3")
    scene.sees("pve1", 2)
    listed = scene.nodes_listed()
    scene.refused(scene.end(removal(scene, "pve1")), "only")
    scene.must(scene.nodes_listed() == listed, "it is no longer listed")
    scene.on("pve1", "ha-manager rules remove only", check=True)
    scene.done(scene.end(removal(scene, "pve1")), "done once the rule is removed")
    scene.must(not scene.on("pve1", "cat /etc/pve/replication.cfg").strip(), "the job is left")
    once_more(scene, "pve1")


@case("remove/pmxcfs-dead", "remove pve3", "it is cut off from the others", "its pmxcfs is dead, while its guests and sshd run",
      "refused: it answers; nothing is touched")
def _(scene):
    scene.cut("pve3")
    scene.on("pve3", "systemctl stop pve-cluster")
    scene.sees("pve1", 2)
    listed = scene.nodes_listed()
    scene.refused(scene.end(removal(scene, "pve1")), "pve3")
    scene.must(scene.nodes_listed() == listed, "it is no longer listed")
    scene.repair("pve3")
    scene.on("pve3", "systemctl start pve-cluster")
    for name in THREE:
        scene.sees(name, 3, 90)
    scene.well()


@case("remove/cut-off-from-members", "cluster-remove-node of pve3", "it is cut off from the other members on both networks", "the controller reaches all of them",
      "refused: it answered the same run; nothing is touched")
def _(scene):
    scene.deaf("pve3", BOTH)
    scene.sees("pve1", 2)
    listed = scene.nodes_listed()
    scene.refused(scene.play("cluster-remove-node.yml", "-e", "node=pve3"), "pve3")
    scene.must(scene.nodes_listed() == listed, "it is no longer listed")
    scene.deaf("pve3", (), undo=True)
    for name in THREE:
        scene.sees(name, 3, 90)
    scene.well()


@case("remove/another-case", "cluster-remove-node of PVE3", "the name is written in another case", "the node is off",
      "refused, or removed: never a run that says done and did nothing")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    outcome = scene.end(scene.begin("cluster-remove-node.yml", "-e", "node=PVE3", hosts=2))
    if outcome.ok:
        scene.must("pve3" not in scene.nodes_listed(), "it said done, and pve3 is listed as before")
        scene.note("removed")
    else:
        scene.refused(outcome, "(?i)pve3")
    scene.done(scene.end(removal(scene, "pve1")), "done by its name")
    once_more(scene, "pve1")


@case("remove/left-lock", "remove pve3, which is off", "PVE's own addnode died and left its lock", "the controller is killed while the run waits for it",
      "a later run ends well, once the lock is stale, and takes no lock of a living program")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    scene.on("pve2", "mkdir /etc/pve/priv/lock/file-corosync_conf", check=True)
    task = removal(scene, "pve1")
    scene.at(task, "pve1", "module()")
    time.sleep(3)
    scene.die(task)
    outcome = scene.end(removal(scene, "pve1", timeout=200))
    say(scene, "the next run", outcome)
    if not outcome.ok:
        scene.unlocked("pve1", seconds=150)
        scene.done(scene.end(removal(scene, "pve1")), "done once the lock is stale")
    once_more(scene, "pve1")


@case("remove/member-lost-under-way", "remove pve3, which is off", "pve2 loses its power as the removal locks the cluster", "the quorum is gone with it",
      "the run fails and says so; with pve2 back the next one ends well")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    task = removal(scene, "pve1")
    scene.at(task, "pve1", f"exists('{LISTED}')")
    scene.off("pve2")
    say(scene, "the run", scene.end(task))
    scene.start("pve2")
    for name in BOTH:
        scene.writable(name, 90)
    # a lock that lost its quorum under way goes by itself
    scene.done(scene.end(removal(scene, "pve1", timeout=200)), "done with pve2 back")
    once_more(scene, "pve1")


@case("remove/remover-reset", "remove pve3, which is off", "the member that does it is reset once the node is no longer listed", "the next run is made on the other member before it is back",
      "the other member refuses for want of quorum; with both back and the dead run's lock expired the rest is done, after the restart that the refusal asks for if need be")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    task = removal(scene, "pve1")
    scene.at(task, "pve1", "lacks('/etc/corosync/corosync.conf', 'name: pve3')")
    scene.off("pve1")
    scene.die(task)
    scene.refused(scene.end(removal(scene, "pve2")), "quorate")
    scene.start("pve1")
    for name in BOTH:
        scene.writable(name, 90)
    # pve2 knows nothing of the run on pve1 but its lock
    scene.unlocked("pve2", "pvecm_cluster-join")
    finish(scene, "pve2", "done with pve1 back")
    once_more(scene, "pve2")


@case("remove/comes-back-meanwhile", "remove pve3, which is off", "pve3 is switched on as the removal begins", "its corosync still has the old list",
      "refused, or removed and no longer a member: never half")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    task = removal(scene, "pve1")
    scene.at(task, "pve1", "module()")
    scene.start("pve3")
    outcome = scene.end(task)
    say(scene, "the run", outcome)
    if "pve3" in scene.nodes_listed():
        for name in THREE:
            scene.sees(name, 3, 120)
        scene.well()
    else:
        scene.off("pve3")
        scene.done(scene.end(removal(scene, "pve1", timeout=200)), "finished with pve3 off")
        once_more(scene, "pve1")


@case("remove/slow-programs", "remove pve3, which is off", "programs of PVE take 6 s", "the module is killed once the node is no longer listed", "the next run ends well")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    scene.slow(6, nodes=BOTH)
    task = removal(scene, "pve1")
    scene.at(task, "pve1", "lacks('/etc/corosync/corosync.conf', 'name: pve3')", kill="module")
    scene.end(task)
    scene.done(scene.end(removal(scene, "pve1", timeout=200)), "done by the next run")
    once_more(scene, "pve1")


# Leaving.

def leaving(scene, host, **options):
    return module(scene, host, state="absent", **options)


def forgotten(scene, name):
    """The cluster takes a node that has left out of its list. That it stands alone is believed when a member can see it there, so that it lets one in again."""
    key = scene.on("pve1", "cat /root/.ssh/id_rsa.pub", check=True).strip()
    scene.on(name, f"grep -qxF '{key}' /etc/pve/priv/authorized_keys || echo '{key}' >> /etc/pve/priv/authorized_keys", check=True)
    scene.done(scene.end(removal(scene, "pve1", name)), f"the cluster has taken {name} out of its list")


@case("leave/two-of-four", "leave (`state: absent`) of pve3 and pve4 at the same moment", "each sees three others stay", "neither waits for the other",
      "at least one refuses or waits: the members that stay keep their quorum", begin="four", hosts=ALL)
def _(scene):
    # one play, so that both modules look at the same moment
    outcome = scene.end(leaving(scene, "pve3,pve4"))
    why = {host: str(result.get("msg")) for host, result in outcome.failures}
    left = [name for name in ("pve3", "pve4") if name not in why]
    scene.note("; ".join(f"{name} " + (f"refused: \u201c{why[name][:220]}\u201d" if name in why else "said done") for name in ("pve3", "pve4")))
    scene.must(len(left) < 2, "both left, and the two that stay of four have no quorum")
    staying = [name for name in ALL if name not in left]
    for name in staying:
        scene.must(scene.quorate(name), f"'{name}' is not quorate")
    scene.well(members=staying, listed=ALL, standalone=tuple(left))


@case("leave/three-of-five", "leave (`state: absent`) of pve3, pve4 and pve5 at the same moment", "each sees four others stay", "neither waits for the others",
      "at least one refuses or waits: the members that stay keep their quorum", begin="five", hosts=FIVE)
def _(scene):
    # one play, so that all three modules look at the same moment
    outcome = scene.end(leaving(scene, "pve3,pve4,pve5"))
    why = {host: str(result.get("msg")) for host, result in outcome.failures}
    leaves = FIVE[2:]
    left = [name for name in leaves if name not in why]
    scene.note("; ".join(f"{name} " + (f"refused: \u201c{why[name][:220]}\u201d" if name in why else "said done") for name in leaves))
    scene.must(len(left) < 3, "all three left, and the two that stay of five have no quorum")
    staying = [name for name in FIVE if name not in left]
    for name in staying:
        scene.must(scene.quorate(name), f"'{name}' is not quorate")
    scene.well(members=staying, listed=FIVE, standalone=tuple(left))
    # one after the other, with those that left taken out of the list between, all of them get there
    for name in left:
        forgotten(scene, name)
    for name in [name for name in leaves if name not in left]:
        scene.done(scene.end(leaving(scene, name)), f"{name} has left")
        forgotten(scene, name)
    scene.well(members=BOTH, standalone=leaves)


@case("leave/removed-at-once", "leave (`state: absent`) of pve3", "pve1 removes it at the same moment", "both controllers live",
      "pve3 stands alone or is a member; the others are quorate, and the next runs end well")
def _(scene):
    one, other = leaving(scene, "pve3"), removal(scene, "pve1")
    say(scene, "pve3", scene.end(one))
    say(scene, "pve1", scene.end(other))
    scene.done(scene.end(leaving(scene, "pve3")), "pve3 has left")
    forgotten(scene, "pve3")
    without(scene)


@case("leave/another-off", "leave (`state: absent`) of pve3", "pve2 is off", "the leaving would cost pve1 its quorum", "refused; pve3 stays a member")
def _(scene):
    scene.off("pve2")
    scene.sees("pve1", 2)
    scene.refused(scene.end(leaving(scene, "pve3")), "the others .'pve1'. would not be quorate without it")
    scene.start("pve2")
    for name in THREE:
        scene.sees(name, 3, 90)
    scene.well()


@case("leave/another-lost-under-way", "leave (`state: absent`) of pve3", "pve2 loses its power as corosync of pve3 is stopped", "the module on pve3 is killed",
      "pve3 stands alone after the next run, and with pve2 back the others are quorate")
def _(scene):
    task = leaving(scene, "pve3")
    scene.at(task, "pve3", "stopped('corosync')", kill="module")
    scene.off("pve2")
    scene.end(task)
    say(scene, "the next run on pve3", scene.end(leaving(scene, "pve3")))
    scene.start("pve2")
    for name in BOTH:
        scene.writable(name, 90)
    scene.done(scene.end(leaving(scene, "pve3")), "pve3 has left")
    scene.well(members=BOTH, listed=THREE, standalone=("pve3",))


@case("leave/active-lrm", "leave (`state: absent`) of pve3", "its LRM is active", "the guest was taken out of high availability a moment ago, and the watchdog still runs",
      "refused: the node would be reset; it is not")
def _(scene):
    scene.ha("pve3")
    boots = scene.boots()
    scene.on("pve3", "ha-manager remove vm:103", check=True)
    scene.holds("pve3", "! grep -q vm:103 /etc/pve/ha/manager_status", 30)
    scene.refused(scene.end(leaving(scene, "pve3")), "high availability|watchdog|LRM")
    time.sleep(80)
    scene.must(scene.boots() == boots, "a node was reset")
    scene.note("no node was reset")
    scene.well()


@case("leave/others-active-lrm", "leave (`state: absent`) of pve3", "pve2 is cut off for a moment", "pve1's LRM is active", "no node is reset; what is left is quorate")
def _(scene):
    scene.ha("pve1")
    boots = scene.boots()
    scene.cut("pve2")
    scene.sees("pve1", 2)
    scene.refused(scene.end(leaving(scene, "pve3")), "would not be quorate without it")
    scene.repair("pve2")
    for name in THREE:
        scene.sees(name, 3, 90)
    scene.must(scene.boots() == boots, "a node was reset")
    scene.note("no node was reset")
    scene.well()


@case("leave/stray-file", "leave (`state: absent`) of pve3", "the module is killed as the node stands alone", "somebody writes a file into /etc/pve before the next run",
      "the next run ends well and the file is there or copied")
def _(scene):
    task = leaving(scene, "pve3")
    scene.at(task, "pve3", "stopped('pmxcfs')", kill="module")
    scene.end(task)
    scene.on("pve3", "mountpoint -q /etc/pve && echo newer > /etc/pve/newer.txt || { echo newer > /etc/pve/newer.txt; }")
    outcome = scene.end(leaving(scene, "pve3"))
    scene.done(outcome, "pve3 has left")
    kept = scene.on("pve3", "grep -rl newer /etc/pve/newer.txt /var/backups/pve-cluster-collection 2>/dev/null")
    scene.must(kept.strip(), "the newer file is lost")
    scene.note("the newer file is kept")
    scene.well(members=BOTH, listed=THREE, standalone=("pve3",))


# Joining.

def joining(scene, name, **options):
    number = int(name[-1])
    return module(scene, name, state="joined", cluster_node="10.77.0.11", links=[{"number": 0, "address": f"10.77.1.{10 + number}"}], nodeid=number, **options)


@case("init/controller-dies-pvecm-lives", "cluster-init of two nodes", "the controller is killed as pvecm works on pve2", "cluster-init is run again at once",
      "what is under way is seen and waited for, no false cause is told; both are members", begin="one and one", hosts=BOTH)
def _(scene):
    task = scene.begin("cluster-init.yml")
    scene.at(task, "pve2", "exists('/etc/corosync/authkey')")
    scene.kill_controller(task)
    outcome = scene.play("cluster-init.yml")
    say(scene, "the second run", outcome)
    if not outcome.ok:
        said = outcome.words()
        scene.must("systemctl start corosync" not in said, f"a false remedy: {said[:600]}")
        scene.holds("pve2", "! pgrep -f '^task UPID' && ! pgrep -f '[p]vecm add'", 120)
        scene.done(scene.play("cluster-init.yml"), "the third run ends well")
    outcome = scene.play("cluster-init.yml")
    scene.must(outcome.ok and not outcome.changed, f"one more run changed something or failed: {outcome.words()[:500]}")
    scene.well(members=BOTH)


@case("init/module-dies-worker-lives", "cluster-init of two nodes", "the module is killed as pvecm works on pve2", "its `pvecm add` is killed too, and its worker is left alone",
      "the next run waits for the worker or refuses truly; both are members", begin="one and one", hosts=BOTH)
def _(scene):
    task = scene.begin("cluster-init.yml")
    scene.at(task, "pve2", "exists('/etc/corosync/authkey')", kill="module")
    scene.on("pve2", "pkill -KILL -f '[p]vecm add'; true")
    scene.end(task)
    outcome = scene.play("cluster-init.yml")
    say(scene, "the next run", outcome)
    if not outcome.ok:
        scene.holds("pve2", "! pgrep -f '^task UPID'", 120)
        outcome = scene.play("cluster-init.yml")
        say(scene, "the run after the worker's end", outcome)
        if not outcome.ok:
            scene.done(scene.play("cluster-repair.yml"), "cluster-repair ends well")
    outcome = scene.play("cluster-init.yml")
    scene.must(outcome.ok, f"cluster-init fails: {outcome.words()[:500]}")
    scene.well(members=BOTH)


@case("init/two-controllers", "cluster-init of three nodes", "a second controller begins the same at the same moment", "the first one is killed as the cluster is created, where it has not refused by then",
      "each waits, refuses or finishes; one more run ends well", begin="fresh three")
def _(scene):
    one = scene.begin("cluster-init.yml")
    other = scene.begin("cluster-init.yml")
    # their measurements get in each other's way, so that either may refuse before anything is created
    while not (one.ended() and other.ended() or scene.on("pve1", "ls /etc/pve/corosync.conf 2>/dev/null")):
        time.sleep(0.3)
    if one.ended():
        say(scene, "the first", scene.end(one))
    else:
        scene.kill_controller(one)
    say(scene, "the second", scene.end(other, 900))
    outcome = scene.end(scene.begin("cluster-init.yml"), 900)
    if not outcome.ok:
        say(scene, "the third run", outcome)
        scene.done(scene.play("cluster-repair.yml"), "cluster-repair ends well")
        outcome = scene.end(scene.begin("cluster-init.yml"), 900)
    scene.done(outcome, "formed")
    scene.well(members=THREE)


@case("init/primary-lost-in-join", "cluster-init of three nodes", "pve1 loses its power as pve2 joins", "the controller is killed",
      "with pve1 back the next run, or the remedy that it names, forms the cluster", begin="fresh three")
def _(scene):
    task = scene.begin("cluster-init.yml")
    scene.at(task, "pve1", "holds('/etc/pve/corosync.conf', 'name: pve2')")
    scene.off("pve1")
    scene.die(task)
    scene.start("pve1")
    outcome = scene.end(scene.begin("cluster-init.yml"), 900)
    say(scene, "the next run", outcome)
    if not outcome.ok:
        say(scene, "cluster-repair", scene.play("cluster-repair.yml"))
        outcome = scene.end(scene.begin("cluster-init.yml"), 900)
        if not outcome.ok:
            # 'force' or 'delnode' is what a refusal names where an entry was left
            scene.on("pve1", "pvecm expected 1")
            scene.on("pve1", "pvecm delnode pve2")
            outcome = scene.end(scene.begin("cluster-init.yml", cluster_join_repair=True), 900)
    scene.done(outcome, "formed in the end")
    scene.well(members=THREE)


@case("init/slow-machine", "cluster-init of three nodes", "programs of PVE take 5 s", "pve3's pveproxy is stopped", "formed, or refused with pve3's service named; then formed", begin="fresh three")
def _(scene):
    scene.slow(5)
    scene.on("pve3", "systemctl stop pveproxy")
    outcome = scene.end(scene.begin("cluster-init.yml"), 900)
    say(scene, "the run", outcome)
    scene.slow(0)
    scene.on("pve3", "systemctl start pveproxy")
    if not outcome.ok:
        scene.done(scene.end(scene.begin("cluster-init.yml"), 900), "formed")
    scene.well(members=THREE)


@case("init/swapped-addresses", "cluster-init of three nodes", "the addresses of pve2 and pve3 are swapped in the inventory", "phase 1 could write before phase 2 judges",
      "refused before anything is written: hosts, known hosts and keys are as before", begin="fresh three",
      variables={"cluster_nodes": [
          {"short_name": name, "fqdn": f"{name}.lab.local", "management_ip": f"10.77.0.{10 + other}", "corosync_ip": f"10.77.1.{10 + other}", "node_id": number}
          for number, (name, other) in enumerate((("pve1", 1), ("pve2", 3), ("pve3", 2)), 1)]})
def _(scene):
    files = "sha256sum /etc/hosts /root/.ssh/* /etc/ssh/ssh_known_hosts /etc/pve/priv/authorized_keys 2>/dev/null"
    before = {name: scene.on(name, files) for name in THREE}
    scene.refused(scene.play("cluster-init.yml"))
    changed = [name for name in THREE if scene.on(name, files) != before[name]]
    scene.must(not changed, f"files were written on {changed}")
    scene.note("nothing was written")


@case("join/lrm-and-slow", "join of pve4 to three members", "programs of PVE take 5 s", "pve2's LRM is active", "joined; no node is reset; high availability stays armed", begin="three and one")
def _(scene):
    scene.ha("pve2")
    boots = scene.boots()
    scene.slow(5)
    outcome = scene.end(scene.begin("cluster-init.yml", hosts=4), 900)
    scene.done(outcome, "joined")
    scene.slow(0)
    scene.must(scene.boots() == boots, "a node was reset")
    scene.armed_in(60)
    scene.well(members=ALL)


@case("join/member-lost", "join of pve4 to three members", "pve2 loses its power as the cluster lists pve4", "the controller is killed", "the members that are there stay quorate; the next run ends well",
      begin="three and one")
def _(scene):
    task = scene.begin("cluster-init.yml", hosts=4)
    scene.at(task, "pve1", "holds('/etc/pve/corosync.conf', 'name: pve4')")
    scene.off("pve2")
    scene.kill_controller(task)
    scene.start("pve2")
    scene.holds("pve1", "corosync-quorumtool -siH | grep -q 'Quorate: *Yes'", 120)
    outcome = scene.end(scene.begin("cluster-init.yml", hosts=4), 900)
    say(scene, "the next run", outcome)
    if not outcome.ok:
        say(scene, "cluster-repair", scene.end(scene.begin("cluster-repair.yml", hosts=4)))
        outcome = scene.end(scene.begin("cluster-init.yml", hosts=4), 900)
    scene.done(outcome, "joined in the end")
    scene.well(members=ALL)


# Taking a cluster apart.

@case("destroy/one-off", "cluster-destroy", "pve3 is off", "the run is made again with pve3 back", "refused with nothing touched; then all stand alone")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    before = begun(scene, "pve1")
    outcome = scene.play("cluster-destroy.yml", "-e", "confirm=destroy")
    scene.must(not outcome.ok, "it said done")
    scene.note(f"refused: \u201c{outcome.words()[:220]}\u201d")
    scene.must(begun(scene, "pve1") == before and scene.quorate("pve1"), "pve1 was touched")
    scene.start("pve3")
    for name in THREE:
        scene.sees(name, 3, 90)
    scene.done(scene.play("cluster-destroy.yml", "-e", "confirm=destroy"))
    scene.well(members=(), standalone=THREE)


@case("destroy/power-and-controller", "cluster-destroy", "pve2 loses its power as corosync of pve1 is stopped", "the controller is killed", "the next run ends well: all stand alone")
def _(scene):
    task = scene.begin("cluster-destroy.yml", "-e", "confirm=destroy")
    scene.at(task, "pve1", "stopped('corosync')")
    scene.off("pve2")
    scene.die(task)
    scene.start("pve2")
    outcome = scene.play("cluster-destroy.yml", "-e", "confirm=destroy")
    if not outcome.ok:
        say(scene, "the next run", outcome)
        outcome = scene.play("cluster-destroy.yml", "-e", "confirm=destroy")
    scene.done(outcome, "taken apart")
    scene.well(members=(), standalone=THREE)


@case("destroy/ha-active", "cluster-destroy", "high availability is active on pve2", "the resource is removed a moment before, and the watchdog still runs", "refused, or no node is reset")
def _(scene):
    scene.ha("pve2")
    boots = scene.boots()
    scene.on("pve2", "ha-manager remove vm:102", check=True)
    scene.holds("pve2", "! grep -q vm:102 /etc/pve/ha/manager_status", 30)
    outcome = scene.play("cluster-destroy.yml", "-e", "confirm=destroy")
    say(scene, "the run", outcome)
    time.sleep(80)
    scene.must(scene.boots() == boots, "a node was reset")
    scene.note("no node was reset")
    if outcome.ok:
        scene.well(members=(), standalone=THREE)
    else:
        scene.well()


# What a node may still answer, cut off from the others as it is.


def _sign_of_life(name, title, rules, stop):
    @case(f"remove/{name}", "remove pve3", "it is cut off from corosync's network, and its pmxcfs is dead", title, "refused: the machine is on; the node stays listed")
    def body(scene):
        scene.cut("pve3")
        scene.on("pve3", f"systemctl stop pve-cluster {stop}; true")
        if rules:
            scene.on("pve3", "nft -f - <<'END'\ntable inet second_fault {\n chain in { type filter hook input priority -300; ip saddr { 10.77.0.11, 10.77.0.12 } "
                     + "; ip saddr { 10.77.0.11, 10.77.0.12 } ".join(rules) + "; }\n}\nEND", check=True)
        scene.sees("pve1", 2)
        listed = scene.nodes_listed()
        scene.refused(scene.end(removal(scene, "pve1")), "pve3")
        scene.must(scene.nodes_listed() == listed, "it is no longer listed")
        scene.deaf("pve3", (), undo=True)
        scene.repair("pve3")
        scene.on("pve3", "systemctl start pve-cluster ssh pveproxy")
        for name in THREE:
            scene.sees(name, 3, 90)
        scene.well()
    return body


_sign_of_life("refuses-connections", "sshd and pveproxy are stopped, so that its ports answer with a reset", (), "ssh.socket ssh pveproxy")
_sign_of_life("answers-pings-alone", "its firewall drops what comes to ssh and the API; it answers pings", ("tcp dport { 22, 8006 } drop",), "")


@case("remove/known-off", "remove pve3 with `known_off: [pve3]`", "it has no power", "another machine answers at its address",
      "refused without the option, for something answers; with it done, with a warning that says who answers")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    scene.on("pve2", "ip address add 10.77.0.13/24 dev eth0", check=True)
    scene.refused(scene.end(removal(scene, "pve1")), "signs of life")
    outcome = scene.end(removal(scene, "pve1", known_off=["pve3"]))
    scene.done(outcome)
    warnings = str([result.get("warnings") for _host, result in outcome.answers])
    scene.must("10.77.0.13" in warnings and "pve3" in warnings, f"the warnings are {warnings}")
    scene.note("it warns that something answers at 10.77.0.13")
    scene.on("pve2", "ip address delete 10.77.0.13/24 dev eth0", check=True)
    without(scene)


@case("remove/frozen-run", "remove pve3, which is off", "the module is frozen (SIGSTOP) for 150 s with the lock in its hands", "a second removal is begun meanwhile",
      "the second takes nothing from a living process; the first goes on only with a lock that is certain, and else stops; the next run ends well")
def _(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    stop = r"ls -l /proc/[0-9]*/exe 2>/dev/null | sed -n 's|.* /proc/\([0-9]*\)/exe -> .*/[.]ansible/pve[.]cluster/.*|\1|p' | xargs -r kill -{}; true"
    one = removal(scene, "pve1", timeout=300)
    scene.at(one, "pve1", f"exists('{LISTED}')")
    scene.on("pve1", stop.format("STOP"))
    began = time.monotonic()
    scene.refused(scene.end(removal(scene, "pve2")), "node 'pve1' is removing a node")
    while time.monotonic() < began + 150:
        time.sleep(1)
    scene.on("pve1", stop.format("CONT"))
    scene.refused(scene.end(one), "is no longer certain")
    scene.done(scene.end(removal(scene, "pve1", timeout=200)), "done by the next run")
    once_more(scene, "pve1")


@case("remove/job-fails-afterwards", "remove pve3, which is off", "`pvesr delete` fails once the node is no longer listed", "a rule names the node as well",
      "what can be done is done, what is left is named; the next run ends well")
def _(scene):
    scene.on("pve1", f"mkdir -p /etc/pve/ha; printf 'vm: 100\\n\\tstate ignored\\n\\n' > /etc/pve/ha/resources.cfg; printf 'node-affinity: both\\n\\tnodes pve1,pve3\\n\\tresources vm:100\\n\\n' > {RULES};"
             " printf 'local: 100-0\\n\\ttarget pve3\\n\\n' > /etc/pve/replication.cfg", check=True)
    scene.off("pve3")
    scene.sees("pve1", 2)
    scene.replace("pve1", "pvesr", "#!/bin/sh\ncase \"$*\" in delete*) echo 'no' >&2; exit 2;; esac\nexec /usr/bin/pvesr.kept \"$@\"")
    scene.failed(scene.end(removal(scene, "pve1")), "100-0")
    scene.must("pve3" not in scene.nodes_listed(), "it is still listed")
    left = scene.on("pve1", f"ls -d /etc/pve/nodes/pve3 2>/dev/null; grep -l 'root@pve3' /etc/pve/priv/authorized_keys; grep pve3 {RULES}")
    scene.must(not left.strip(), f"for one job all the rest was left: {left!r}")
    scene.restore("pve1", "pvesr")
    scene.done(scene.end(removal(scene, "pve1")), "done by the next run")
    scene.must(not scene.on("pve1", "cat /etc/pve/replication.cfg").strip(), "the job is left")
    once_more(scene, "pve1")


@case("leave/lrm-garbage", "leave (`state: absent`) of pve3", "its lrm_status is garbage", "its LRM is stopped, so that it stays so", "refused, with nothing stopped: unknown is not idle")
def _(scene):
    scene.on("pve3", "systemctl stop pve-ha-lrm; echo '{' > /etc/pve/nodes/pve3/lrm_status", check=True)
    before = begun(scene, "pve3")
    scene.refused(scene.end(leaving(scene, "pve3")))
    scene.must(begun(scene, "pve3") == before and scene.quorate("pve3"), "pve3 was touched")
    scene.on("pve3", "systemctl start pve-ha-lrm")
    scene.well()


@case("leave/power-lost-with-the-lock", "leave (`state: absent`) of pve3 and pve4", "pve3 loses its power once it has the lock of leaving", "pve4 is waiting for it",
      "pve4 counts without pve3 and refuses, or goes on later; those that stay keep quorum", begin="four", hosts=ALL)
def _(scene):
    task = leaving(scene, "pve3")
    scene.at(task, "pve3", "stopped('corosync') or exists('/var/backups/pve-cluster-collection/leaving.json')")
    scene.off("pve3")
    scene.die(task)
    outcome = scene.end(leaving(scene, "pve4"))
    say(scene, "pve4", outcome)
    scene.must(not outcome.ok, "pve4 left, and two of four are not quorate")
    for name in BOTH:
        scene.must(scene.quorate(name), f"'{name}' is not quorate")
    scene.start("pve3")
    outcome = scene.end(leaving(scene, "pve3", timeout=200))
    scene.done(outcome, "pve3 has left with the next run")
    scene.well(members=("pve1", "pve2", "pve4"), listed=ALL, standalone=("pve3",))
