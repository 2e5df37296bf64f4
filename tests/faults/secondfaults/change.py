# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of corosync.conf, its rescue, and high availability while it is made."""

import json
import time

from .table import THREE, case

PLAYBOOK = "cluster-corosync.yml"
# Long enough for a change on a busy machine to be under way when its controller dies, and short enough to wait for.
FIRES = 90
# Longer than a dead run's lock needs to expire, for what other programs do before the rescues fire.
OTHERS_FIRST = 240


def change(scene, *words, **variables):
    """Begin it: `totem` and the like are the role's variables without their prefix."""
    given = {"totem": {"token": 4000}, **variables}
    return scene.begin(PLAYBOOK, *words, **{f"corosync_{name}": value for name, value in given.items()})


def in_use(version):
    """The new version is in a node's own file."""
    return f"holds('/etc/corosync/corosync.conf', 'config_version: {version}')"


def die_armed(scene, after=FIRES, node="pve1", **variables):
    """A run makes its change and dies with every rescue armed; the version before it."""
    before = scene.version()
    task = change(scene, rescue_after=after, **variables)
    scene.at(task, node, in_use(before + 1))
    scene.die(task)
    for name in scene.case.members:
        scene.must("pve-cluster-rescue.timer" in scene.on(name, "ls /etc/systemd/system"), f"no rescue is armed on '{name}'")
    return before


def fired(scene, *names, seconds=FIRES + 240):
    """Wait until the rescue of each of these nodes has looked."""
    for name in names:
        scene.holds(name, "journalctl -t corosync_rescue -o cat --no-pager | grep -q .", seconds)
    # what it does about it
    time.sleep(20)
    scene.note(f"the rescue has looked on {', '.join(names)}")


def ended(scene, *names):
    """Wait until no rescue is armed on these nodes."""
    for name in names:
        scene.holds(name, "test ! -e /etc/systemd/system/pve-cluster-rescue.timer && test ! -e /var/lib/pve-cluster-collection/rescue", 420)


def again(scene, **variables):
    """The same change by one more run, and then one that has nothing to do."""
    scene.done(scene.end(change(scene, **variables)), "the change made by one more run")
    outcome = scene.end(change(scene, **variables))
    scene.must(outcome.ok and not outcome.changed, f"the run after that still changed something, or failed: {outcome.words()[:600]}")


def begun(scene, name):
    return scene.on(name, "systemctl show -p ExecMainStartTimestampMonotonic --value corosync").strip()


@case("restart-fails/run-goes-on", "change with `corosync_restart: true`", "corosync does not start again on pve2", "the run goes on to its end",
      "no rescue is called off; the run fails and names pve2; every node ends on one version, and the next run makes the change")
def _(scene):
    scene.spoil("pve2", "corosync")
    outcome = scene.end(change(scene, totem={"link_mode": "active"}, restart=True, rescue_after=FIRES))
    scene.failed(outcome, "pve2")
    scene.unspoil("pve2", "corosync")
    scene.rescued()
    scene.one_version(*THREE)
    again(scene, totem={"link_mode": "active"}, restart=True)
    scene.well()


@case("restart-fails/controller-dies", "change with `corosync_restart: true`", "corosync does not start again on pve2", "the controller is killed at that moment",
      "every rescue fires; one version on all nodes; the next run makes the change")
def _(scene):
    scene.spoil("pve2", "corosync")
    task = change(scene, totem={"link_mode": "active"}, restart=True, rescue_after=FIRES)
    scene.at(task, "pve2", "stopped('corosync')")
    scene.die(task)
    time.sleep(1)
    scene.unspoil("pve2", "corosync")
    scene.rescued()
    scene.one_version(*THREE)
    again(scene, totem={"link_mode": "active"}, restart=True)
    scene.well()


@case("restart-fails/other-node-off", "change with `corosync_restart: true`", "corosync does not start again on pve2", "pve3 loses its power meanwhile",
      "the run fails; nothing is called done; with pve3 back one version on all nodes")
def _(scene):
    scene.spoil("pve2", "corosync")
    task = change(scene, totem={"link_mode": "active"}, restart=True, rescue_after=FIRES)
    scene.at(task, "pve2", "stopped('corosync')")
    scene.off("pve3")
    scene.failed(scene.end(task))
    scene.unspoil("pve2", "corosync")
    scene.start("pve3")
    scene.rescued()
    scene.one_version(*THREE)
    again(scene, totem={"link_mode": "active"}, restart=True)
    scene.well()


@case("unconfirmed/sshd-stopped", "change of the token", "sshd of pve3 stops once the new version is in use there", "its open connections are cut",
      "the missing confirmation keeps the rescues armed; they leave a good change; the next run ends well")
def _(scene):
    before = scene.version()
    task = change(scene, rescue_after=FIRES)
    scene.at(task, "pve3", in_use(before + 1))
    scene.on("pve3", "systemctl stop ssh.socket ssh; pkill sshd; true")
    outcome = scene.end(task)
    scene.failed(outcome)
    scene.on("pve3", "systemctl start ssh")
    scene.rescued()
    scene.one_version(*THREE)
    again(scene)
    scene.well()


@case("died-armed/left-alone", "change of the token", "controller and modules are killed once the new version is in use", "nobody comes",
      "the rescues find a good change and leave it")
def _(scene):
    before = die_armed(scene)
    scene.rescued()
    scene.must(scene.one_version(*THREE) == before + 1, "the good change was undone")
    again(scene)
    scene.well()


@case("died-armed/foreign-join", "change of the token", "the run dies armed", "`pvecm add` of pve4 from elsewhere, and pve2 is cut off when the rescues fire",
      "pve4 stays a member: no rescue writes another set of nodes; when pve2 is back all four run one version", begin="three and one")
def _(scene):
    die_armed(scene, after=OTHERS_FIRST)
    scene.unlocked("pve1")
    fingerprint = scene.on("pve1", "openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem").strip().split("=")[1]
    scene.on("pve4", f"echo labpass1 | pvecm add 10.77.0.11 --link0 10.77.1.14 --fingerprint {fingerprint}", check=True, seconds=120)
    for name in scene.case.nodes:
        scene.sees(name, 4, 60)
    scene.note("pve4 joined by hand")
    scene.cut("pve2")
    fired(scene, *THREE, seconds=OTHERS_FIRST + 240)
    scene.repair("pve2")
    for name in scene.case.nodes:
        scene.sees(name, 4, 90)
    scene.must(scene.nodes_listed() == ["pve1", "pve2", "pve3", "pve4"], f"listed are {scene.nodes_listed()}")
    scene.one_version(*scene.case.nodes)
    scene.rescued()
    scene.well(members=scene.case.nodes)


@case("died-armed/foreign-delnode", "change of the token", "the run dies armed", "pve3 is removed by `pvecm delnode`, and pve2 is cut off when the rescues fire",
      "pve3 does not come back into the list of nodes")
def _(scene):
    die_armed(scene, after=OTHERS_FIRST)
    scene.off("pve3")
    scene.sees("pve1", 2)
    scene.unlocked("pve1")
    scene.on("pve1", "pvecm delnode pve3", check=True)
    scene.cut("pve2")
    fired(scene, "pve1", "pve2", seconds=OTHERS_FIRST + 240)
    scene.repair("pve2")
    for name in ("pve1", "pve2"):
        scene.sees(name, 2, 90)
        scene.must(scene.nodes_listed(name) == ["pve1", "pve2"], f"listed on '{name}' are {scene.nodes_listed(name)}")
    scene.one_version("pve1", "pve2")
    ended(scene, "pve1", "pve2")
    scene.note("pve1 and pve2 list each other alone")


@case("died-armed/edited-by-hand", "change of the token", "the run dies armed", "somebody edits corosync.conf, and pve2 is cut off when the rescues fire",
      "the edit stays")
def _(scene):
    die_armed(scene)
    scene.edit("pve1", "s/token: 4000/token: 4321/")
    scene.one_version(*THREE)
    scene.cut("pve2")
    fired(scene, *THREE)
    scene.repair("pve2")
    scene.rescued()
    scene.one_version(*THREE)
    for name in THREE:
        scene.must("4321" in scene.on(name, "corosync-cmapctl -g totem.token"), f"the edit is gone on '{name}'")
    scene.note("the edit is in use on every node")
    scene.well()


@case("died-armed/node-off", "change of the token", "the run dies armed and pve3 loses its power", "pve3 boots after the others' rescues have ended",
      "pve3 takes what the others run; its own rescue ends by itself")
def _(scene):
    before = die_armed(scene)
    scene.off("pve3")
    fired(scene, "pve1", "pve2")
    scene.start("pve3")
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.note(f"version {scene.one_version(*THREE)} runs, {before} ran before")
    again(scene)
    scene.well()


@case("died-armed/weeks-later", "change of the token", "the run dies armed and pve3 loses its power", "it boots weeks later by its clock, cut off, while somebody has edited corosync.conf on the others",
      "its rescue does nothing but go, and says why; with the cut repaired and cluster-repair it runs what the others run")
def _(scene):
    scene.ahead("pve3", "pve-cluster-rescue.service", 21)
    die_armed(scene)
    scene.off("pve3")
    fired(scene, "pve1", "pve2")
    scene.edit("pve1", "s/token: 4000/token: 4321/")
    latest = scene.one_version("pve1", "pve2")
    scene.start("pve3")
    scene.cut("pve3")
    files = "sha256sum < /etc/corosync/corosync.conf"
    before = scene.on("pve3", files)
    ended(scene, "pve3")
    scene.must("armed too long ago" in scene.on("pve3", "journalctl -t corosync_rescue -o cat --no-pager"), f"it did not say why: {scene.journal('pve3')[-600:]}")
    scene.must(scene.on("pve3", files) == before, "its rescue wrote a corosync.conf")
    scene.note("the rescue of pve3 has gone: it was armed too long ago")
    scene.repair("pve3")
    outcome = scene.play("cluster-repair.yml")
    scene.done(outcome, "cluster-repair ends well")
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.must(scene.one_version(*THREE) == latest, "the edit was undone or overtaken")
    for name in THREE:
        scene.must("4321" in scene.on(name, "corosync-cmapctl -g totem.token"), f"the edit is gone on '{name}'")
    scene.rescued()
    scene.well()


@case("died-armed/two-off", "change of the token", "the run dies armed", "pve2 and pve3 lose their power before the rescues fire, and come back later",
      "the one that is left does not undo what it cannot judge for ever: in the end all three run one version")
def _(scene):
    die_armed(scene)
    scene.off("pve2", "pve3")
    fired(scene, "pve1")
    scene.start("pve2", "pve3")
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    again(scene)
    scene.well()


@case("died-armed/pmxcfs-stopped", "change of the token", "the run dies armed", "pmxcfs of pve2 is stopped when the rescues fire, and started 20 s later",
      "the good change stays on all nodes")
def _(scene):
    before = die_armed(scene)
    scene.holds("pve2", "systemctl list-timers --no-legend pve-cluster-rescue.timer | grep -q .", 10)
    scene.on("pve2", "systemctl stop pve-cluster")
    fired(scene, "pve1")
    scene.on("pve2", "systemctl start pve-cluster")
    scene.rescued()
    scene.must(scene.one_version(*THREE) == before + 1, "the good change was undone")
    again(scene)
    scene.well()


@case("died-armed/pmxcfs-restarted", "change of the token", "the run dies armed", "pmxcfs restarts on every node as the rescues fire", "the good change stays on all nodes")
def _(scene):
    before = die_armed(scene)
    scene.on("pve1", "for i in $(seq 3000); do journalctl -t corosync_rescue -o cat --no-pager | grep -q . && break; sleep 0.1; done", seconds=360)
    for name in THREE:
        scene.on(name, "systemctl restart pve-cluster")
    scene.rescued()
    scene.must(scene.one_version(*THREE) == before + 1, "the good change was undone")
    again(scene)
    scene.well()


@case("died-armed/cut-off", "change of the token", "the run dies armed", "pve3 is cut off when the rescues fire, until all have ended",
      "pve1 and pve2 keep quorum all along; with pve3 back one version on all nodes")
def _(scene):
    die_armed(scene)
    scene.cut("pve3")
    fired(scene, *THREE)
    scene.must(scene.quorate("pve1") and scene.quorate("pve2"), "the majority is not quorate")
    scene.repair("pve3")
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    again(scene)
    scene.well()


@case("died-armed/cut-off-pmxcfs-down", "change of the token", "the run dies armed", "pve3 is cut off and its pmxcfs is down when the rescues fire",
      "with both back pve3 runs what the others run")
def _(scene):
    die_armed(scene)
    scene.cut("pve3")
    scene.on("pve3", "systemctl stop pve-cluster")
    fired(scene, "pve1", "pve2")
    scene.repair("pve3")
    scene.on("pve3", "systemctl start pve-cluster")
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    again(scene)
    scene.well()


def _disarm(scene, name):
    task = scene.begin([{"hosts": name, "gather_facts": False, "tasks": [{"pve.cluster.corosync_rescue": {"state": "disarmed"}}]}])
    scene.done(scene.end(task), f"the rescue of {name} alone is called off")


@case("called-off-on-one/two-nodes", "change of the token of two nodes", "the run dies with the rescue called off on pve1 alone", "the link is down when pve2's fires, and comes back",
      "both run one version above both within three minutes", begin="two", hosts=("pve1", "pve2"))
def _(scene):
    before = die_armed(scene)
    _disarm(scene, "pve1")
    scene.cut("pve2")
    fired(scene, "pve2")
    scene.repair("pve2")
    scene.rescued(240)
    for name in ("pve1", "pve2"):
        scene.sees(name, 2, 180)
    scene.note(f"version {scene.one_version('pve1', 'pve2', seconds=120)} runs, {before} ran before")
    again(scene)
    scene.well()


@case("called-off-on-one/third-off", "change of the token", "pve3 is off, and the run dies with the rescue called off on pve1 alone", "the link is down when pve2's fires, and comes back",
      "both run one version above both within three minutes; pve3 takes it when it is back")
def _(scene):
    before = die_armed(scene)
    scene.off("pve3")
    _disarm(scene, "pve1")
    scene.cut("pve2")
    fired(scene, "pve2")
    scene.repair("pve2")
    for name in ("pve1", "pve2"):
        scene.sees(name, 2, 180)
    scene.one_version("pve1", "pve2", seconds=180)
    scene.start("pve3")
    scene.rescued(240)
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.note(f"version {scene.one_version(*THREE, seconds=120)} runs, {before} ran before")
    again(scene)
    scene.well()


@case("change/writer-loses-power", "change of the token", "pve1 loses its power as the new version is in its file", "the controller is killed",
      "the others keep quorum; one version on all nodes once pve1 is back")
def _(scene):
    before = scene.version()
    task = change(scene, rescue_after=FIRES)
    scene.at(task, "pve1", in_use(before + 1))
    scene.off("pve1")
    scene.die(task)
    scene.must(scene.quorate("pve2") or scene.sees("pve2", 2, 30) is None, "the majority is not quorate")
    scene.start("pve1")
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    again(scene)
    scene.well()


@case("change/second-run-at-once", "change of the token", "the controller is killed once the new version is in use", "another run, with another value, begins at once",
      "the second run refuses, or finishes; in the end one version and one token")
def _(scene):
    die_armed(scene)
    outcome = scene.end(change(scene, totem={"token": 5000}, rescue_after=FIRES))
    scene.note("the second run " + ("said done" if outcome.ok else f"refused: \u201c{outcome.words()[:220]}\u201d"))
    scene.rescued()
    scene.one_version(*THREE)
    again(scene, totem={"token": 5000})
    scene.well()


@case("change/two-controllers", "change of the token", "two controllers change it to different values at one moment", "the first of them is killed",
      "one version and one value on all nodes in the end")
def _(scene):
    before = scene.version()
    one = change(scene, rescue_after=FIRES)
    other = change(scene, totem={"token": 5000}, rescue_after=FIRES)
    scene.at(one, "pve2", in_use(before + 1))
    scene.kill_controller(one)
    outcome = scene.end(other)
    scene.note("the other " + ("said done" if outcome.ok else f"refused: \u201c{outcome.words()[:220]}\u201d"))
    scene.rescued()
    scene.one_version(*THREE)
    again(scene, totem={"token": 5000})
    scene.well()


# High availability.

@case("ha/no-master", "change of the token, high availability active", "no node has a living CRM", "the CRMs come back after the refusal",
      "refused with nothing changed; high availability is armed in the end, and no command of ours is left queued")
def _(scene):
    scene.ha("pve2")
    before = scene.version()
    for name in THREE:
        # stopped and not killed: the watchdog of a killed master resets its node
        scene.on(name, "systemctl mask --now pve-ha-crm 2>/dev/null")
    outcome = scene.end(change(scene), 600)
    scene.refused(outcome, "high availability")
    scene.must(scene.version() == before, "the file was changed")
    for name in THREE:
        scene.on(name, "systemctl unmask pve-ha-crm 2>/dev/null; systemctl start pve-ha-crm")
    # the dead master's lock has to go stale, and then a queued command would be carried out
    scene.holds("pve1", "ha-manager status | grep -q '^master .*(active'", 240)
    time.sleep(25)
    scene.armed_in(60)
    scene.must(not scene.on("pve1", "cat /etc/pve/ha/crm_commands").strip(), "a command is still queued")
    again(scene)
    scene.armed_in(60)
    scene.well()


@case("ha/killed-while-disarmed", "change of the token, high availability active", "controller and modules are killed while it is disarmed", "nobody comes",
      "a mark of ours is there; at the latest the rescue arms it again; the change stays")
def _(scene):
    scene.ha("pve2")
    before = scene.version()
    task = change(scene, rescue_after=FIRES)
    scene.at(task, "pve1", in_use(before + 1))
    scene.die(task)
    scene.must(scene.armed() in ("disarmed", "disarming"), f"it is {scene.armed()}")
    scene.rescued()
    scene.armed_in(120)
    scene.one_version(*THREE)
    again(scene)
    scene.armed_in(60)
    scene.well()


@case("ha/killed-while-disarmed-and-pve1-off", "change of the token, high availability active", "controller and modules are killed while it is disarmed", "the node that disarmed it loses its power for good",
      "another node's rescue arms it again")
def _(scene):
    scene.ha("pve2")
    before = scene.version()
    task = change(scene, rescue_after=FIRES)
    scene.at(task, "pve1", in_use(before + 1))
    scene.die(task)
    scene.off("pve1")
    fired(scene, "pve2", "pve3", seconds=480)
    scene.armed_in(300, "pve2")
    scene.start("pve1")
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    again(scene)
    scene.armed_in(60)
    scene.well()


@case("ha/master-dies-at-disarm", "change of the token, high availability active", "the node of the HA master loses its power as the command is queued", "it stays off until the run has ended",
      "refused or done, never half: in the end it is armed and one version runs")
def _(scene):
    scene.ha("pve2")
    master = json.loads(scene.on("pve1", "cat /etc/pve/ha/manager_status"))["master_node"]
    if master == "pve1":
        # pve1 makes the change, so that it has to stay
        scene.on("pve1", "systemctl stop pve-ha-crm", check=True)
        scene.holds("pve1", "! grep -q '\"master_node\":\"pve1\"' /etc/pve/ha/manager_status", 180)
        scene.on("pve1", "systemctl start pve-ha-crm", check=True)
        master = json.loads(scene.on("pve1", "cat /etc/pve/ha/manager_status"))["master_node"]
    task = change(scene, rescue_after=FIRES)
    scene.at(task, "pve1", "holds('/etc/pve/ha/crm_commands', 'disarm-ha') or holds('/etc/pve/ha/manager_status', 'disarm')")
    scene.off(master)
    outcome = scene.end(task, 600)
    scene.note(f"the master was on {master}; the run " + ("said done" if outcome.ok else f"failed: \u201c{outcome.words()[:220]}\u201d"))
    scene.start(master)
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    again(scene)
    scene.armed_in(240)
    scene.well()


@case("ha/slow-programs", "change of the token, high availability active", "every program of PVE takes 8 s to start", "the machine stays as slow until the end",
      "the change is made and high availability is armed again")
def _(scene):
    scene.ha("pve2")
    scene.slow(8, "pvesh", "ha-manager", "pvecm")
    scene.done(scene.end(change(scene, rescue_after=300), 900))
    scene.armed_in(120)
    scene.slow(0)
    scene.one_version(*THREE)
    scene.well()


@case("ha/second-run-meanwhile", "change of the token, high availability active", "a second run begins while the first one disarms", "the first one's controller is killed then",
      "the second run does not go on beside the first; in the end it is armed and one version runs")
def _(scene):
    scene.ha("pve2")
    one = change(scene, rescue_after=FIRES)
    scene.at(one, "pve1", "holds('/etc/pve/ha/manager_status', 'disarm')")
    other = change(scene, totem={"token": 5000}, rescue_after=FIRES)
    scene.at(other, "pve2", "module()")
    # its module lives on without it, and the second run's must not be hit
    scene.kill_controller(one)
    outcome = scene.end(other, 600)
    scene.note("the second run " + ("said done" if outcome.ok else f"failed: \u201c{outcome.words()[:220]}\u201d"))
    scene.rescued()
    scene.one_version(*THREE)
    again(scene, totem={"token": 5000})
    scene.armed_in(120)
    scene.well()


@case("ha/armed-by-somebody", "change of the token, high availability active", "somebody arms it while our change is made", "the controller is killed then",
      "the change is in use or undone on all nodes, and it is armed in the end")
def _(scene):
    scene.ha("pve2")
    task = change(scene, rescue_after=FIRES)
    scene.at(task, "pve1", "holds('/etc/pve/ha/manager_status', 'disarmed')")
    scene.on("pve3", "ha-manager crm-command arm-ha")
    scene.die(task)
    scene.rescued()
    scene.armed_in(120)
    scene.one_version(*THREE)
    again(scene)
    scene.armed_in(60)
    scene.well()


@case("ha/disarmed-by-somebody", "change of the token", "somebody else has disarmed high availability", "the run is killed once the new version is in use",
      "it stays disarmed, for it is not ours to arm; the change is left")
def _(scene):
    scene.ha("pve2")
    scene.on("pve3", "ha-manager crm-command disarm-ha freeze", check=True)
    scene.holds("pve1", "ha-manager status | grep -q 'fencing disarmed'", 60)
    die_armed(scene)
    scene.rescued()
    scene.one_version(*THREE)
    scene.must(scene.armed() == "disarmed", f"it is {scene.armed()}")
    scene.note("still disarmed")
    scene.on("pve3", "ha-manager crm-command arm-ha", check=True)
    scene.armed_in(60)
    scene.well()


def _restart(ha):
    return [{"hosts": "pve2", "gather_facts": False, "tasks": [{"pve.cluster.corosync_restart": {"ha": ha}}]}]


@case("restart-module/pvesh-garbage", "`corosync_restart` with `ha: refuse`", "the LRM of the node is active", "pvesh answers garbage",
      "refused; corosync is not restarted")
def _(scene):
    scene.ha("pve2")
    scene.replace("pve2", "pvesh", "#!/bin/sh\necho '[]'")
    before = begun(scene, "pve2")
    scene.refused(scene.end(scene.begin(_restart("refuse"))), "high availability is active on 'pve2'")
    scene.must(begun(scene, "pve2") == before, "corosync was restarted")
    scene.restore("pve2", "pvesh")
    scene.armed_in(30)
    scene.well()


@case("restart-module/pvesh-slow", "`corosync_restart` with `ha: refuse`", "the LRM of the node is active", "pvesh takes 10 s",
      "refused; corosync is not restarted")
def _(scene):
    scene.ha("pve2")
    scene.slow(10, "pvesh")
    before = begun(scene, "pve2")
    scene.refused(scene.end(scene.begin(_restart("refuse"))), "high availability")
    scene.must(begun(scene, "pve2") == before, "corosync was restarted")
    scene.slow(0)
    scene.armed_in(30)
    scene.well()


@case("restart-module/lrm-garbage", "`corosync_restart` with `ha: refuse`", "lrm_status of the node is garbage", "its LRM is stopped, so that it stays so",
      "refused: unknown is not idle")
def _(scene):
    scene.on("pve2", "systemctl stop pve-ha-lrm; echo '{' > /etc/pve/nodes/pve2/lrm_status", check=True)
    before = begun(scene, "pve2")
    scene.refused(scene.end(scene.begin(_restart("refuse"))), "what high availability would do is not known")
    scene.must(begun(scene, "pve2") == before, "corosync was restarted")
    scene.on("pve2", "systemctl start pve-ha-lrm")
    scene.well()


@case("restart-module/outages-add-up", "`corosync_restart` with `ha: ignore`, twice", "the LRM of the node is active", "a second restart right after the first",
      "the node is not reset: between two outages its LRM has fed the watchdog again")
def _(scene):
    scene.ha("pve2")
    boots = scene.boots()
    for _round in (1, 2, 3):
        scene.done(scene.end(scene.begin(_restart("ignore"))), "restarted")
    time.sleep(75)
    scene.must(scene.boots() == boots, "a node was reset")
    scene.note("no node was reset")
    scene.sees("pve2", 3)
    scene.armed_in(60)
    scene.well()


@case("rolling-restart/ha-active", "change with `corosync_restart: true`, high availability active on two nodes", "programs of PVE take 5 s", "the controller is killed between two restarts",
      "no node is reset; it is armed in the end; one version runs; the next run finishes")
def _(scene):
    scene.ha("pve2", "pve3")
    scene.slow(5, "pvesh", "ha-manager")
    boots = scene.boots()
    task = change(scene, totem={"link_mode": "active"}, restart=True, rescue_after=120)
    scene.at(task, "pve2", "stopped('corosync')", 600)
    scene.die(task)
    scene.rescued(600)
    scene.armed_in(180)
    scene.slow(0)
    scene.must(scene.boots() == boots, "a node was reset")
    scene.one_version(*THREE)
    again(scene, totem={"link_mode": "active"}, restart=True)
    scene.armed_in(120)
    scene.well()


# Other actions while a rescue is armed.

def _while_armed(name, title, words, **more):
    @case(f"armed/{name}", title, "a run died with its rescues armed", "this action is begun before they have fired",
          "refused, naming the armed rescue; nothing of it is begun; afterwards the cluster is whole", **more)
    def body(scene):
        before = die_armed(scene, after=240)
        listed = scene.nodes_listed()
        outcome = words(scene)
        scene.refused(outcome, "rescue")
        scene.must(scene.nodes_listed() == listed, f"listed are {scene.nodes_listed()}")
        scene.rescued()
        scene.note(f"version {scene.one_version(*scene.case.members)} runs, {before} ran before")
        scene.well()
    return body


def _absent(scene):
    return scene.end(scene.begin([{"hosts": "pve3", "gather_facts": False, "tasks": [{"pve.cluster.pvecm_cluster": {"state": "absent", "cluster_name": "lab"}}]}]))


def _removed(scene):
    scene.off("pve3")
    scene.sees("pve1", 2)
    outcome = scene.end(scene.begin([{"hosts": "pve1", "gather_facts": False, "tasks": [{"pve.cluster.pvecm_cluster": {"state": "removed", "cluster_name": "lab", "node": "pve3"}}]}]))
    scene.start("pve3")
    scene.sees("pve1", 3)
    return outcome


def _added(scene):
    return scene.end(scene.begin("cluster-init.yml", hosts=4))


_while_armed("leave", "leave (`state: absent`) of pve3", _absent)
_while_armed("remove", "remove pve3, which is off", _removed)
_while_armed("join", "join of pve4 by cluster-init", _added, begin="three and one")
_while_armed("destroy", "cluster-destroy", lambda scene: scene.play("cluster-destroy.yml", "-e", "confirm=destroy"))


@case("armed/health", "cluster-health", "a run died with its rescues armed", "the node that it wrote on is off",
      "health names the armed rescue; nothing is touched")
def _(scene):
    die_armed(scene, after=240)
    scene.off("pve1")
    scene.sees("pve2", 2)
    before = {name: scene.on(name, "cat /var/lib/pve-cluster-collection/rescue/record") for name in ("pve2", "pve3")}
    said = scene.play("cluster-health.yml").said()
    scene.must("a rescue of corosync.conf is armed on it by the role pve.cluster.corosync" in said, f"health does not name it: {said[-800:]}")
    scene.note("health names the armed rescue")
    for name, record in before.items():
        scene.must(scene.on(name, "cat /var/lib/pve-cluster-collection/rescue/record") == record, f"the rescue of '{name}' was touched")
    scene.start("pve1")
    scene.rescued()
    for name in THREE:
        scene.sees(name, 3, 120)
    scene.one_version(*THREE)
    scene.well()
