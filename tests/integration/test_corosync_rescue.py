# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of corosync.conf that nobody lives to undo: every node puts itself back, with the real corosync.

Takes the module from libexec, or from the path in the variable RESCUE.
"""

import base64
import json
import os
import signal
import subprocess
import threading
import unittest
from pathlib import Path

from corosync import FILES, LOCK, NODES, addresses, paths
from harness import LAB, PLAYBOOKS, ROOT, Inventory, form, fresh, lab, nodes_agree, on, play, wait

RESCUE = Path(os.environ.get("RESCUE", ROOT / "libexec/corosync_rescue"))
UNITS = "pve-cluster-rescue.timer pve-cluster-rescue.service"


def put(path, node, name):
    """Put a program on a node under this name."""
    packed = base64.b64encode(path.read_bytes())
    subprocess.run([LAB, "exec", node, f"mkdir -p /root/bin; base64 -d > /root/bin/{name} && chmod 755 /root/bin/{name}"], input=packed, check=True)


def rescue(node, check=True, **options):
    """Run the module on a node and return its answer."""
    printed = on(node, f"file=$(mktemp); cat > $file <<'END'\n{json.dumps(options)}\nEND\n/root/bin/corosync_rescue $file; rm -f $file", check=False)
    answer = json.loads(printed.strip().splitlines()[-1])
    if check and answer.get("failed"):
        raise AssertionError(f"{node}: {answer}")
    return answer


def intended(edit):
    """The digest of the cluster's file after this sed expression, as the module takes it."""
    return on("pve1", f"sed -e '{edit}' /etc/pve/corosync.conf | grep -v config_version: | sha256sum").split()[0]


def write(node, edit):
    """Change the cluster's file as someone does who then dies: by this sed expression, under the next version."""
    on(node, "version=$(grep -oP 'config_version: \\K[0-9]+' /etc/pve/corosync.conf);"
       f" sed -e \"s/config_version: .*/config_version: $((version + 1))/\" -e '{edit}' /etc/pve/corosync.conf > /tmp/changed;"
       " cp /tmp/changed /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")


def journal(node):
    """What the rescue on a node has said."""
    return on(node, "journalctl -u pve-cluster-rescue.service -o cat --no-pager", check=False)


def forming():
    """A cluster of three with the module on each node."""
    fresh(3)
    for node in NODES:
        put(RESCUE, node, "corosync_rescue")
    form(NODES)


def well(case, links=1, version=None, seconds=300):
    """All nodes are back, agree, and nothing of the rescue is left; the version they run."""
    for node in NODES:
        wait(node, "test ! -e /etc/systemd/system/pve-cluster-rescue.timer && test ! -e /var/lib/pve-cluster-collection/rescue", seconds)
    for node in NODES:
        wait(node, "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")
        wait(node, f"test $(corosync-cfgtool -n | grep -c ' connected ') = {2 * links}")
        wait(node, f"mkdir {LOCK}-{node} && rmdir {LOCK}-{node}")
    views = nodes_agree(NODES)
    case.assertEqual(len({str(view) for view in views.values()}), 1, views)
    runs = views["pve1"][0][0]
    case.assertEqual(views["pve1"][1:], ([runs] * 3, ["1", "2", "3"]))
    for node in NODES:
        found = on(node, f"grep -h config_version {FILES}; cmp {FILES} && echo same")
        case.assertEqual(found.split(), ["config_version:", runs] * 2 + ["same"], node)
        case.assertEqual(on(node, "corosync -t 2>&1 >/dev/null | grep -c ' error '; true").strip(), "0", node)
        # the lock of a module that was killed goes when the next one asks for it, 120 s later
        wait(node, f"touch -c -d @0 {LOCK} 2>/dev/null; ! test -e {LOCK}", 150)
        case.assertEqual(on(node, f"systemctl list-units --all --no-legend {UNITS}; ls -d {LOCK} /run/pve-cluster-rescue 2>/dev/null; true"), "", node)
    if version is not None:
        case.assertEqual(int(runs), version)
    return int(runs)


class Rescue(unittest.TestCase):
    """Three nodes, of which every test takes quorum, or tries to."""

    @classmethod
    def setUpClass(cls):
        forming()

    def well(self, version=None, seconds=300):
        return well(self, version=version, seconds=seconds)

    def arm(self, after, edit=None):
        """Arm every node for the change that this sed expression makes; the version of the copy."""
        texts = [intended(edit)] if edit else []
        return [rescue(node, after=after, intended=texts) for node in NODES][0]["config_version"]

    def test_10_armed_and_called_off(self):
        before = self.well()
        answers = [rescue(node, after=3600) for node in NODES]
        self.assertEqual([(a["changed"], a["earlier"], a["links"], a["restored_version"]) for a in answers], [(True, False, 2, before + 100)] * 3)
        self.assertIn("enabled", on("pve2", "systemctl is-enabled pve-cluster-rescue.timer"))
        again = rescue("pve1", after=3600)
        self.assertTrue(again["earlier"])
        self.assertEqual([rescue(node, state="disarmed")["changed"] for node in NODES], [True] * 3)
        self.assertEqual([rescue(node, state="disarmed")["changed"] for node in NODES], [False] * 3)
        self.well(before)

    def test_20_a_good_change_is_left(self):
        edit = "s/^totem {/totem {\\n  token: 4000/"
        version = self.arm(20, edit)
        write("pve1", edit)
        self.well(version + 1)
        for node in NODES:
            self.assertIn("the cluster is well: the change is in use and did no harm", journal(node))
        self.assertIn("4000", on("pve3", "corosync-cmapctl -g totem.token"))

    def test_30_all_lose_quorum_and_come_back(self):
        # votes that nobody has: every node is without quorum as soon as it reads this
        edit = "s/^quorum {/quorum {\\n  expected_votes: 20/"
        version = self.arm(15, edit)
        write("pve2", edit)
        wait("pve1", "corosync-quorumtool -s | grep -q 'Quorate: *No'")
        self.well(version + 100)
        self.assertIn("putting the copy back on this node: this node is not quorate", journal("pve1"))
        self.assertIn("4000", on("pve3", "corosync-cmapctl -g totem.token"))

    def test_40_addresses_that_nobody_has(self):
        edit = "s/10[.]77[.]1[.]1/10.77.9.1/"
        version = self.arm(15, edit)
        write("pve3", edit)
        # corosync keeps the addresses that it has until it starts again
        for node in NODES:
            wait(node, "grep -q 10.77.9.1 /etc/corosync/corosync.conf")
        for node in NODES:
            on(node, "systemctl restart corosync", check=False)
        wait("pve2", "! corosync-quorumtool -s | grep -q 'Quorate: *Yes'")
        self.well(version + 100)

    def test_50_a_node_without_power_follows_when_it_is_back(self):
        edit = "s/token: 4000/token: 3000/"
        version = self.arm(15, edit)
        lab("kill", "pve3")
        write("pve1", edit)
        for node in ("pve1", "pve2"):
            wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {version + 100}$'", 200)
        # it may come back with another version, so they look again until it does
        wait("pve1", "journalctl -u pve-cluster-rescue.service -o cat | grep -q 'not over yet, looking again in a minute'", 200)
        lab("start", "pve3")
        self.well(version + 100)
        self.assertIn("4000", on("pve3", "corosync-cmapctl -g totem.token"))

    def test_60_a_node_without_power_finds_a_change_that_was_made(self):
        edit = "s/token: 4000/token: 3000/"
        version = self.arm(60, edit)
        lab("kill", "pve3")
        for node in ("pve1", "pve2"):
            wait(node, "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 2")
        write("pve1", edit)
        for node in ("pve1", "pve2"):
            wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {version + 1}$'")
            rescue(node, state="disarmed")
        lab("start", "pve3")
        # alone it put back what it had; what the others have proved is in use again under a version above both
        self.well(version + 101)
        self.assertIn("giving the cluster its own file under config_version", journal("pve3"))
        self.assertIn("3000", on("pve3", "corosync-cmapctl -g totem.token"))

    def test_70_what_somebody_else_changed_is_left(self):
        version = self.arm(20, "s/token: 3000/token: 5000/")
        # the run is dead, and an administrator goes on; a link is down when the rescue looks
        write("pve1", "s/token: 3000/token: 6000/")
        for node in NODES:
            wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {version + 1}$'")
        lab("partition", "pve3")
        try:
            for node in NODES:
                wait(node, "test ! -e /etc/systemd/system/pve-cluster-rescue.timer", 200)
                self.assertIn("has a text that the change did not bring: somebody else has changed it, and it is left as it is", journal(node))
        finally:
            lab("heal", "pve3")
        self.well(version + 1)

    def test_75_while_one_is_armed_every_node_names_it(self):
        self.well()
        rescue("pve2", after=3600, owner="a test")
        for node in NODES:
            self.assertIn("owner a test", on(node, "cat /etc/pve/nodes/pve2/pve-cluster-rescue"))
        rescue("pve2", state="disarmed")
        self.assertEqual(on("pve1", "ls /etc/pve/nodes/pve2 | grep rescue; true"), "")

    def test_80_one_that_is_found_too_late_does_nothing(self):
        version = self.arm(30, "s/token: 6000/token: 5000/")
        for node in NODES:
            on(node, "sed -i \"s/^armed .*/armed $(($(date +%s) - 90000))/\" /var/lib/pve-cluster-collection/rescue/record")
        write("pve1", "s/token: 6000/token: 5000/")
        lab("partition", "pve3")
        try:
            for node in NODES:
                wait(node, "test ! -e /etc/systemd/system/pve-cluster-rescue.timer", 200)
                self.assertIn("it was armed too long ago", journal(node))
        finally:
            lab("heal", "pve3")
        self.well(version + 1)

    def test_90_called_off_on_one_node_only_it_is_kept(self):
        version = self.arm(40, "s/token: 5000/token: 4000/")
        write("pve1", "s/token: 5000/token: 4000/")
        for node in NODES:
            wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {version + 1}$'")
        # who calls them off dies after the first
        rescue("pve1", state="disarmed")
        for node in NODES:
            lab("partition", node)
        for node in ("pve2", "pve3"):
            wait(node, "journalctl -u pve-cluster-rescue.service -o cat | grep -q 'every node has proved the change'", 200)
            self.assertIn(f"= {version + 1}", on(node, "corosync-cmapctl -g totem.config_version"))
        for node in NODES:
            lab("heal", node)
        self.well(version + 1)


# a signal to the module wherever it runs on a node, by as few processes as it takes: it may be done a second later
SIGNAL = r"ls -l /proc/[0-9]*/exe 2> /dev/null | sed -n 's|.* /proc/\([0-9]*\)/exe -> .*/[.]ansible/pve[.]cluster/.*|\1|p' | xargs -r kill -{}; true"
STOP, KILL = SIGNAL.format("STOP"), SIGNAL.format("KILL")
ARMING = "pvesh get /cluster/ha/status/current --output-format json | grep -o '\"armed-state\": *\"[a-z]*\"'"


class Playbook(unittest.TestCase):
    """The role: every node is armed, high availability disarmed, and nothing of it is left."""

    @classmethod
    def setUpClass(cls):
        forming()
        cls.inventory = Inventory(3)
        # one node keeps a guest running, so that its watchdog would reset it
        on("pve2", "echo > /etc/pve/nodes/pve2/qemu-server/101.conf && ha-manager add vm:101 --state started")
        wait("pve2", """grep -q '"state":"active"' /etc/pve/nodes/pve2/lrm_status""")

    def arming(self, node="pve3"):
        return on(node, ARMING, check=False).strip().split('"')[-2]

    def run_it(self, *more, **variables):
        words = {f"corosync_{name}": value for name, value in variables.items()}
        return play(self.inventory, "cluster-corosync.yml", "-e", json.dumps(words), *more)

    def test_10_disarmed_changed_and_armed_again(self):
        version = well(self)
        self.assertEqual(self.arming(), "armed")
        seen, armed, done = set(), set(), threading.Event()

        def watch():
            while not done.is_set():
                seen.add(self.arming())
                armed.update(node for node in NODES if on(node, "systemctl is-active pve-cluster-rescue.timer", check=False).strip() == "active")

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            ran = self.run_it(totem={"token": 4000})
        finally:
            done.set()
            watcher.join()
        self.assertEqual((ran.rc, sum(ran.changed().values())), (0, 1), ran.output)
        self.assertIn("disarmed", seen)
        self.assertEqual(armed, set(NODES))
        self.assertEqual(self.arming(), "armed")
        well(self, version=version + 1)
        ran = self.run_it(totem={"token": 4000})
        self.assertEqual((ran.rc, sum(ran.changed().values())), (0, 0), ran.output)

    def test_20_refused_it_touches_nothing(self):
        version = well(self)
        ran = self.run_it(totem={"token": 5000}, ha="refuse")
        self.assertNotEqual(ran.rc, 0)
        self.assertIn("high availability is active on 'pve2'", ran.output)
        for node in NODES:
            on(node, "touch /etc/pve-standin-old-ha")
        ran = self.run_it(totem={"token": 5000})
        for node in NODES:
            on(node, "rm /etc/pve-standin-old-ha")
        self.assertNotEqual(ran.rc, 0)
        self.assertIn("this Proxmox VE cannot disarm it", ran.output)
        well(self, version=version)

    def dies(self, moment, controller=True, **variables):
        """Run it, and at a moment kill the module on whichever node it is, and the controller before it: nobody is left who could go on.

        The controller may live on: it sees a module that ended without an answer.
        """
        words = json.dumps({f"corosync_{name}": value for name, value in variables.items()})
        environment = {**os.environ, "ANSIBLE_INVENTORY": str(self.inventory.folder)}
        # the moment may be a short one: every node looks for it by itself
        for node in NODES:
            on(node, f"(timeout 400 sh -c 'until {moment}; do sleep 0.1; done'; {STOP if controller else KILL}) < /dev/null > /dev/null 2>&1 & echo $! > /root/killer.pid")
        run = subprocess.Popen(
            [LAB, "run", "--", ROOT / ".venv/bin/ansible-playbook", "-i", self.inventory.folder, PLAYBOOKS / "cluster-corosync.yml", "-e", words],
            cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            for node in NODES:
                wait(node, "! kill -0 $(cat /root/killer.pid)", 420)
            if not controller:
                self.assertNotEqual(run.wait(300), 0)
                return
            self.assertIsNone(run.poll(), "the run was over before the moment came")
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
        for node in NODES:
            on(node, KILL)

    def test_30_a_controller_that_dies_leaves_a_good_change_and_armed_watchdogs(self):
        version = well(self)
        # far more than the change takes on a busy machine: the rescue must find it in use
        self.dies(f'grep -q "config_version: {version + 1}" /etc/corosync/corosync.conf', totem={"token": 5000}, rescue_after=240)
        self.assertEqual(self.arming(), "disarmed")
        well(self, version=version + 1, seconds=500)
        self.assertEqual(self.arming(), "armed")
        said = "".join(journal(node) for node in NODES)
        self.assertIn("high availability is armed again", said)
        self.assertIn("the change is in use and did no harm", said)

    def test_35_a_module_that_dies_leaves_the_rescue_armed(self):
        version = well(self)
        self.dies(f'grep -q "config_version: {version + 1}" /etc/corosync/corosync.conf', controller=False, totem={"token": 4500}, rescue_after=120)
        for node in NODES:
            self.assertIn("pve-cluster-rescue.timer", on(node, "ls /etc/systemd/system"), node)
        well(self, version=version + 1, seconds=300)
        self.assertEqual(self.arming(), "armed")
        self.assertIn("high availability is armed again", "".join(journal(node) for node in NODES))

    def test_40_what_needs_a_restart_is_done_node_by_node(self):
        version = well(self)
        ran = self.run_it(totem={"link_mode": "active"})
        self.assertNotEqual(ran.rc, 0)
        self.assertIn("'totem.link_mode' does not change while corosync runs", ran.output)
        log = "while :; do echo $(date +%s.%N) $(corosync-quorumtool -s 2>/dev/null | grep -c 'Quorate: *Yes'); sleep 0.2; done > /root/quorate"
        begun = "systemctl show -p ExecMainStartTimestampMonotonic corosync"
        before = [on(node, begun) for node in NODES]
        for node in NODES:
            on(node, f"({log}) < /dev/null > /dev/null 2>&1 & echo $! > /root/quorate.pid")
        ran = self.run_it(totem={"link_mode": "active"}, restart=True)
        for node in NODES:
            on(node, "kill $(cat /root/quorate.pid)")
        self.assertEqual((ran.rc, sorted(ran.changed().values())), (0, [1, 1, 2]), ran.output)
        for node, was in zip(NODES, before):
            self.assertNotEqual(on(node, begun), was, node)
        gone = {}
        for node in NODES:
            samples = [line.split() for line in on(node, "cat /root/quorate").splitlines()]
            times = [float(time) for time, quorate in samples if quorate == "0"]
            self.assertTrue(times, f"{node} was never away, so nothing was seen")
            gone[node] = (min(times), max(times))
        for one, other in (("pve1", "pve2"), ("pve1", "pve3"), ("pve2", "pve3")):
            self.assertTrue(gone[one][1] < gone[other][0] or gone[other][1] < gone[one][0], gone)
        self.assertEqual(self.arming(), "armed")
        well(self, version=version + 1)
        ran = self.run_it(totem={"link_mode": "active"}, restart=True)
        self.assertEqual((ran.rc, sum(ran.changed().values())), (0, 0), ran.output)

    def test_50_restarts_that_did_not_come_are_found_by_the_next_run(self):
        version = well(self)
        self.dies(f'grep -q "config_version: {version + 1}" /etc/corosync/corosync.conf', totem={"link_mode": "passive"}, restart=True, rescue_after=3600)
        for node in NODES:
            wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {version + 1}$'")
            # corosync tells the new value, and goes on with the old one
            self.assertIn("passive", on(node, "corosync-cmapctl -g totem.link_mode"))
            self.assertIn(f"node {node} since ", on(node, "cat /etc/pve/corosync-restart-pending"))
        self.assertEqual(self.arming(), "disarmed")
        ran = self.run_it(totem={"link_mode": "passive"})
        self.assertNotEqual(ran.rc, 0)
        self.assertIn("runs 'active' until it is restarted", ran.output)
        # one is restarted by hand meanwhile, which the others do not know
        begun = "systemctl show -p ExecMainStartTimestampMonotonic corosync"
        before = [on(node, begun) for node in NODES]
        # three restarts, and high availability that the dead run has left disarmed
        ran = self.run_it("--check", totem={"link_mode": "passive"}, restart=True)
        self.assertEqual((ran.rc, sorted(ran.changed().values())), (0, [1, 1, 2]), ran.output)
        self.assertEqual([on(node, begun) for node in NODES], before)
        self.assertEqual(self.arming(), "disarmed")
        ran = self.run_it(totem={"link_mode": "passive"}, restart=True)
        self.assertEqual((ran.rc, sorted(ran.changed().values())), (0, [1, 1, 2]), ran.output)
        for node, was in zip(NODES, before):
            self.assertNotEqual(on(node, begun), was, node)
            self.assertIn(f"{node}: in_step; config_version {version + 1} runs, {version + 1} in /etc/pve, {version + 1} in /etc/corosync", ran.output)
        self.assertEqual(on("pve1", "ls /etc/pve | grep restart-pending; true"), "")
        # what the dead run had disarmed, too
        self.assertEqual(self.arming(), "armed")
        well(self, version=version + 1)
        ran = self.run_it(totem={"link_mode": "passive"})
        self.assertEqual((ran.rc, sum(ran.changed().values())), (0, 0), ran.output)

    def test_60_a_controller_that_dies_in_a_change_that_costs_the_quorum(self):
        for number, node in enumerate(NODES, 11):
            on(node, f"ip addr add 10.77.5.{number}/24 dev eth0; ip addr add 10.77.6.{number}/24 dev eth1")
        ran = self.run_it(links=[{"number": 1, "addresses": addresses("10.77.5")}])
        self.assertEqual((ran.rc, sum(ran.changed().values())), (0, 1), ran.output)
        version = well(self, links=2)
        before = {node: paths(node) for node in NODES}
        # link 0 is away on its way to another network, and link 1, which carries meanwhile, is lost at that moment
        self.dies('grep -q "link 0 is being moved" /etc/corosync/corosync.conf', links=[{"number": 0, "addresses": addresses("10.77.6")}], rescue_after=240)
        for node in NODES:
            lab("partition", node, "mgmt")
        try:
            for node in NODES:
                wait(node, "corosync-quorumtool -s | grep -q 'Quorate: *No'")
                self.assertNotIn("ring0_addr", on(node, "cat /etc/corosync/corosync.conf"), node)
            self.assertIn("disarmed", self.arming())
            for node in NODES:
                wait(node, "corosync-quorumtool -s | grep -q 'Quorate: *Yes'", 500)
                self.assertIn("putting the copy back on this node: this node is not quorate", journal(node))
        finally:
            for node in NODES:
                lab("heal", node)
        well(self, links=2, version=version + 100)
        self.assertEqual({node: paths(node) for node in NODES}, before)
        self.assertEqual(self.arming(), "armed")
        # and the change can be made all the same
        ran = self.run_it(links=[{"number": 0, "addresses": addresses("10.77.6")}])
        self.assertEqual((ran.rc, sum(ran.changed().values())), (0, 1), ran.output)
        well(self, links=2, version=version + 102)


if __name__ == "__main__":
    unittest.main()
