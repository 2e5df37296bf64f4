# SPDX-License-Identifier: GPL-3.0-or-later
"""Joining by relay: all nodes at once, while the members' quorum does not depend on them for a moment."""

import base64
import os
import signal
import subprocess
import tempfile
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

from harness import ANSIBLE, LAB, PLAYBOOKS, ROOT, Inventory, Run, fresh, lab, nodes_agree, on, play, wait

# A look each 100 ms at whether the node is quorate and /etc/pve takes a write, as long as the file is there that says so.
LOOKS = """
rm -f /root/looks; touch /root/look
while test -e /root/look; do
  said=ok
  corosync-quorumtool -s | grep -q '^Quorate: *Yes' || said="not quorate"
  : > /etc/pve/looks-$(hostname) || said="$said, no write"
  echo "$(date +%s.%N) $said" >> /root/looks
  sleep 0.1
done
"""
ADMITTED = "grep -q 'quorum_votes: 0' /etc/pve/corosync.conf"
# The lab's processors are few: a corosync that starts beside seven others takes its time.
PATIENT = {"cluster_join_method": "relay", "cluster_join_relay_timeout": 180}


def names(first, last):
    """The nodes from one number to another."""
    return [f"pve{number}" for number in range(first, last + 1)]


@contextmanager
def looked_at(nodes):
    """These nodes are looked at all the time; gives a list that has all that was wrong in the end, and how often they were looked at."""
    seen = {"wrong": [], "looks": {}}
    running = [subprocess.Popen([LAB, "exec", node, LOOKS], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for node in nodes]
    for node in nodes:
        wait(node, "test -s /root/looks")
    try:
        yield seen
    finally:
        for node in nodes:
            on(node, "rm -f /root/look")
        for one in running:
            one.wait(timeout=30)
        for node in nodes:
            lines = on(node, "cat /root/looks").splitlines()
            seen["looks"][node] = len(lines)
            seen["wrong"] += [f"{node}: {line}" for line in lines if not line.endswith(" ok")]


class Relay(unittest.TestCase):
    """What all cases ask."""

    maxDiff = None

    def succeeded(self, run):
        """The run ended well on every host."""
        self.assertEqual(run.rc, 0, run.output)
        for host, numbers in run.recap.items():
            self.assertEqual((numbers["failed"], numbers["unreachable"]), (0, 0), f"{host}\n{run.output}")

    def whole(self, nodes):
        """All these nodes, and no others, are members with a vote each, and /etc/pve of each is writable."""
        views = nodes_agree(nodes)
        self.assertEqual({name: views[nodes[0]] for name in nodes}, views)
        conf = on(nodes[0], "cat /etc/pve/corosync.conf")
        self.assertEqual((conf.count("quorum_votes: 1"), conf.count("quorum_votes: 0")), (len(nodes), 0), conf)
        for node in nodes:
            self.assertRegex(on(node, "corosync-quorumtool -s || true"), rf"(?m)^Total votes: *{len(nodes)}$")
            on(node, f"touch /etc/pve/written-{node} && rm /etc/pve/written-{node} && test -s /etc/pve/nodes/{node}/pve-ssl.pem")
            self.assertEqual(on(node, "ls -A /run/pve-cluster-relay 2> /dev/null || true"), "", "a key is left")

    def second_run(self, inventory, nodes):
        """Nothing is left to do."""
        run = play(inventory)
        self.succeeded(run)
        self.assertEqual(run.changed(), {name: 0 for name in nodes}, run.output)

    @staticmethod
    @contextmanager
    def under_way(inventory, *words):
        """A run in the middle: gives the process, and its output at the end."""
        environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_INVENTORY": str(inventory.folder)}
        with tempfile.TemporaryFile("w+") as output:
            begun = time.monotonic()
            run = subprocess.Popen(
                [LAB, "run", "--", ANSIBLE / "ansible-playbook", "-i", inventory.folder, PLAYBOOKS / "cluster-init.yml", *words],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment, start_new_session=True,
            )

            def ended():
                rc = run.wait(timeout=600)
                output.seek(0)
                return Run(rc, output.read(), time.monotonic() - begun)

            try:
                yield run, ended
            finally:
                if run.poll() is None:
                    os.killpg(run.pid, signal.SIGKILL)
                    run.wait()


class Formation(Relay):
    """From fresh nodes."""

    def form(self, count):
        """All of them at once, beside a first one whose quorum is looked at from its creation on."""
        fresh(count)
        self.succeeded(play(Inventory(1, **PATIENT)))
        wait("pve1", "touch /etc/pve/x && rm /etc/pve/x")
        inventory = Inventory(count, **PATIENT)
        with looked_at(["pve1"]) as seen:
            run = play(inventory)
        self.succeeded(run)
        self.whole(names(1, count))
        self.assertEqual(seen["wrong"], [], seen["looks"])
        self.assertGreater(seen["looks"]["pve1"], 20)
        self.assertIn("Phase 4 of 6: joining the others, all at once", run.output)
        self.assertNotIn("Phase 4 of 6: joining the others, one at a time] ***\n\nTASK", run.output)
        return inventory

    def test_10_check_mode_changes_nothing(self):
        fresh(2)
        run = play(Inventory(2, **PATIENT), "cluster-init.yml", "--check", "--diff")
        self.succeeded(run)
        for node in ("pve1", "pve2"):
            self.assertEqual(on(node, "ls /etc/corosync/corosync.conf /etc/corosync/authkey /etc/pve/corosync.conf 2> /dev/null || true"), "")

    def test_20_two(self):
        self.second_run(self.form(2), names(1, 2))

    def test_30_three_with_nothing_of_the_key_on_the_controller(self):
        fresh(3)
        with tempfile.TemporaryDirectory() as folder:
            temporary, cache = Path(folder) / "tmp", Path(folder) / "cache"
            temporary.mkdir()
            inventory = Inventory(3, **PATIENT)
            environment = {
                "ANSIBLE_LOCAL_TEMP": str(temporary), "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
                "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(cache), "ANSIBLE_KEEP_REMOTE_FILES": "0",
            }
            os.environ.update(environment)
            try:
                run = play(inventory, "cluster-init.yml", "-vvv", "--diff")
            finally:
                for name in environment:
                    del os.environ[name]
            self.succeeded(run)
            self.whole(names(1, 3))
            key = base64.b64decode(on("pve1", "base64 -w0 /etc/corosync/authkey"))
            self.assertGreaterEqual(len(key), 128)
            everything = run.output.encode() + b"".join(
                file.read_bytes() for place in (temporary, cache, inventory.folder) for file in place.rglob("*") if file.is_file()
            )
        # any part of it, in any of the forms that it has on its way
        encoded = base64.b64encode(key)
        forms = {"bytes": key, "base64": encoded, "hex": key.hex().encode(), "latin-1": key.decode("latin-1").encode(), "json": ascii(key.decode("latin-1")).encode()}
        for form, secret in forms.items():
            for at in range(0, len(secret) - 24, 8):
                self.assertNotIn(secret[at:at + 24], everything, form)
        self.assertNotIn(b"PRIVATE KEY", everything)
        # the way that is searched is one on which something is found
        self.assertIn(b"BEGIN CERTIFICATE", everything.replace(b"\\n", b"\n"))
        self.second_run(inventory, names(1, 3))

    def test_40_four(self):
        self.form(4)


class Faults(Relay):
    """What goes wrong on the way, and the next run."""

    SHORT = {"cluster_join_method": "relay", "cluster_join_relay_timeout": 45}

    def setUp(self):
        fresh(4)
        self.succeeded(play(Inventory(1, **self.SHORT)))
        wait("pve1", "touch /etc/pve/x && rm /etc/pve/x")
        self.inventory = Inventory(4, **self.SHORT)

    def tearDown(self):
        # a node in the middle is none that the next case can begin with
        lab("down")

    def converges(self):
        """The next run ends what the one before left."""
        with looked_at(["pve1"]) as seen:
            self.succeeded(play(self.inventory))
        self.whole(names(1, 4))
        self.assertEqual(seen["wrong"], [], seen["looks"])

    def others_went_on(self, run, out):
        """The run has failed and named the node, which is in no nodelist, and the others have votes."""
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(f"cannot let all nodes join cluster 'lab': {out}: ", run.output)
        conf = on("pve1", "cat /etc/pve/corosync.conf")
        self.assertEqual((conf.count("quorum_votes: 1"), conf.count("quorum_votes: 0"), f"name: {out}" in conf), (3, 0, False), conf)

    def test_60_a_newcomer_is_killed_on_the_way(self):
        with looked_at(["pve1"]) as seen, self.under_way(self.inventory) as (_run, ended):
            wait("pve3", "test -e /etc/corosync/corosync.conf", 240)
            lab("kill", "pve3")
            run = ended()
        self.others_went_on(run, "pve3")
        self.assertEqual(seen["wrong"], [], seen["looks"])
        lab("start", "pve3")
        self.converges()

    def test_61_a_newcomer_is_cut_off(self):
        lab("partition", "pve3", "corosync")
        try:
            with looked_at(["pve1"]) as seen:
                # what cannot be measured is not what is tested
                run = play(self.inventory, "cluster-init.yml", "--extra-vars", '{"preflight_measure": false}')
        finally:
            lab("heal", "pve3")
        self.others_went_on(run, "pve3")
        self.assertEqual(seen["wrong"], [], seen["looks"])
        self.converges()

    def test_62_the_controller_is_killed_before_the_votes(self):
        with self.under_way(self.inventory) as (run, _ended):
            wait("pve1", ADMITTED, 240)
            os.killpg(run.pid, signal.SIGKILL)
            run.wait()
        on("pve1", ADMITTED)
        health = play(self.inventory, "cluster-health.yml")
        self.assertIn("no-vote", health.output)
        self.converges()

    def test_63_another_node_is_added_by_hand_meanwhile(self):
        # beside three votes the foreign one takes nobody's quorum
        fresh(4)
        self.succeeded(play(Inventory(3, **self.SHORT)))
        with looked_at(["pve1"]) as seen, self.under_way(self.inventory) as (_run, ended):
            wait("pve1", ADMITTED, 240)
            on("pve1", "pvecm addnode pve9 --link0 10.77.1.19")
            run = ended()
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("somebody else has changed it meanwhile", run.output)
        self.assertIn("cannot let all nodes join cluster 'lab': pve4: ", run.output)
        self.assertEqual(seen["wrong"], [], seen["looks"])
        on("pve1", "pvecm delnode pve9; rm -rf /etc/pve/nodes/pve9")
        self.converges()


if __name__ == "__main__":
    unittest.main()
