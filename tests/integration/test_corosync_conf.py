# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing a running cluster's corosync.conf: in use on every node, or as before; with the real corosync.

Takes the module from libexec, or from the path in the variable MODULE.
"""

import json
import os
import re
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import ROOT, Inventory, form, fresh, install, lab, nodes_agree, on, play, state, wait

NODES = ["pve1", "pve2", "pve3"]
MODULE = Path(os.environ.get("MODULE", ROOT / "libexec/corosync_conf"))
FILES = "/etc/pve/corosync.conf /etc/corosync/corosync.conf"
LOCK = "/etc/pve/priv/lock/file-corosync_conf"


def task(node, check=True, prelude="", **options):
    """Run the module on a node and return its answer."""
    arguments = json.dumps({"_ansible_diff": True, **options})
    printed = on(node, f"{prelude} file=$(mktemp); cat > $file <<'END'\n{arguments}\nEND\n/root/module corosync_conf $file; rm -f $file", check=False)
    answer = json.loads(printed.strip().splitlines()[-1])
    if check and answer.get("failed"):
        raise AssertionError(answer["msg"])
    return answer


def running(node, key):
    """A value of the corosync that runs on a node; none when it has no such key."""
    found = re.search(r" = (.*)$", on(node, f"corosync-cmapctl {key} 2>/dev/null | grep '^{key} '", check=False))
    return found and found[1].strip()


def addresses(network):
    """Addresses of all nodes in a network."""
    return {node: f"{network}.{10 + number}" for number, node in enumerate(NODES, 1)}


def paths(node):
    """Which link runs between which addresses, as corosync on a node has it."""
    return sorted(re.findall(r"LINK: (\d) \w+ \((\S+)->(\S+)\) enabled connected", on(node, "corosync-cfgtool -n")))


class Story(unittest.TestCase):
    """Each test goes on where the one before ended, and ends with a cluster that is whole."""

    maxDiff = None
    links = 1

    @classmethod
    def setUpClass(cls):
        fresh(3)
        install(MODULE, NODES)
        form(NODES, "prod")

    def tearDown(self):
        self.whole()

    def whole(self):
        """One version in all three places of every node, all links connected, quorate, nothing left behind."""
        views = nodes_agree(NODES)
        self.assertEqual({node: views["pve1"] for node in NODES}, views)
        (version,), members, joined = views["pve1"]
        self.assertEqual((members, joined), ([version] * 3, ["1", "2", "3"]))
        for node in NODES:
            found = on(node, f"grep -h config_version {FILES}; cmp {FILES} && echo same")
            self.assertEqual(found.split(), ["config_version:", version] * 2 + ["same"], node)
            self.assertRegex(on(node, "corosync-quorumtool -s", check=False), r"(?m)^Quorate:\s+Yes", node)
            self.assertEqual(on(node, "corosync-cfgtool -n").count(" connected "), 2 * self.links, node)
            self.assertEqual(on(node, "corosync -t 2>&1 >/dev/null | grep -c ' error '; true").strip(), "0", node)
        self.assertEqual(on("pve1", f"ls /etc/pve | grep '[.]new$'; ls -d {LOCK} 2>/dev/null; true"), "")


class Changes(Story):
    """Options of a running cluster."""

    def test_10_check_mode_tells_and_touches_nothing(self):
        before = {node: state(node) for node in NODES}
        answer = task("pve1", totem={"token": 5000}, _ansible_check_mode=True)
        self.assertTrue(answer["changed"])
        self.assertIn("\n  token: 5000\n", answer["diff"][0]["after"])
        self.assertEqual({node: state(node) for node in NODES}, before)

    def test_20_a_changed_token_is_in_use_everywhere(self):
        answer = task("pve1", totem={"token": 5000})
        self.assertEqual((answer["changed"], answer["config_version"]), (True, 4))
        self.assertEqual(answer["changes"], [{"key": "totem.token", "before": None, "after": "5000"}])
        for node in NODES:
            self.assertEqual(running(node, "totem.token"), "5000", node)
            self.assertEqual(running(node, "runtime.config.totem.token"), "5125", node)
            # the links are given up with the token, not with the one before it
            self.assertEqual(running(node, "runtime.config.totem.interface.0.knet_ping_timeout"), "2562", node)
        self.assertIn("config_version: 3\n", on("pve1", f"cat {answer['backup']}"))

    def test_30_the_same_again_changes_nothing_from_any_node(self):
        before = {node: state(node) for node in NODES}
        for node in NODES:
            self.assertFalse(task(node, totem={"token": "5000"})["changed"], node)
        self.assertEqual({node: state(node) for node in NODES}, before)

    def test_40_removed_and_set_in_one_change_keeping_comments(self):
        on("pve1", "sed -e 's/config_version: .*/config_version: 5/' -e 's/^totem/# mind the latency\\n\\ntotem/' /etc/pve/corosync.conf"
           " > /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")
        answer = task("pve2", totem={"token": None, "join": 60}, logging={"debug": True})
        self.assertEqual((answer["changed"], answer["config_version"]), (True, 6))
        self.assertIn("# mind the latency\n\ntotem {\n", on("pve3", "cat /etc/pve/corosync.conf"))
        for node in NODES:
            self.assertEqual((running(node, "totem.token"), running(node, "totem.join")), (None, "60"), node)
            self.assertEqual(running(node, "logging.debug"), "on", node)
        task("pve2", totem={"join": None}, logging={"debug": "off"})

    def test_45_encryption_is_changed_while_the_cluster_runs(self):
        ring = [re.search(r"(?m)^Ring ID:.*", on(node, "corosync-quorumtool -s", check=False))[0] for node in NODES]
        for wish in ({"crypto_cipher": "aes128", "crypto_hash": "sha512"}, {"crypto_cipher": None, "crypto_hash": None}):
            self.assertTrue(task("pve1", totem=wish)["changed"])
            now = "aes128/sha512" if wish["crypto_cipher"] else "aes256/sha256"
            for node in NODES:
                self.assertIn(now, on(node, "journalctl -b -u corosync | grep 'crypto reconfigured' | tail -n 1"), node)
        self.assertEqual([re.search(r"(?m)^Ring ID:.*", on(node, "corosync-quorumtool -s", check=False))[0] for node in NODES], ring)

    def test_48_a_whole_file_is_compared_by_what_it_says(self):
        before = {node: state(node) for node in NODES}
        text = on("pve1", "cat /etc/pve/corosync.conf")
        self.assertFalse(task("pve2", content="# from a template\n" + re.sub(r"config_version: .*", "config_version: 1", text))["changed"])
        for wrong, reason in (
            (text.replace("secauth: on", "secauth: on # always"), "the comment behind the value of 'secauth'"),
            (text.rstrip()[:-1], "the section is not closed"),
            (text.replace("version: 2", "version: 2\n  transport: bogus"), "'totem.transport' is 'bogus'"),
            (text.replace("name: pve3", "name: pve4"), "lacks the node 'pve3'"),
        ):
            self.assertIn(reason, task("pve1", check=False, content=wrong)["msg"])
        self.assertEqual({node: state(node) for node in NODES}, before)
        answer = task("pve1", content=text.replace("version: 2", "version: 2\n  merge: 240"))
        self.assertEqual([change["key"] for change in answer["changes"]], ["totem.merge"])
        self.assertEqual(running("pve3", "totem.merge"), "240")
        self.assertEqual([change["key"] for change in task("pve2", content=text)["changes"]], ["totem.merge"])

    def test_50_what_cannot_be_is_refused_whole(self):
        before = {node: state(node) for node in NODES}
        answer = task("pve1", check=False, totem={"tokn": 1, "token": 5})
        self.assertIn("did you mean 'token'", answer["msg"])
        answer = task("pve1", check=False, totem={"ip_version": "ipv6", "token": 300}, quorum={"two_node": True})
        for reason in ("cannot be changed at run-time", "too short for knet", "the nodelist has 3"):
            self.assertIn(reason, answer["msg"])
        self.assertEqual({node: state(node) for node in NODES}, before)

    def test_60_a_change_that_a_node_cannot_take_is_undone(self):
        on("pve3", "mount --bind /etc/corosync /etc/corosync && mount -o remount,bind,ro /etc/corosync;"
           " (sleep 3; umount /etc/corosync) > /dev/null 2>&1 < /dev/null &")
        version = int(running("pve1", "totem.config_version"))
        answer = task("pve1", check=False, totem={"token": 4000}, timeout=4)
        self.assertEqual((answer["changed"], answer["rolled_back"], answer["config_version"]), (True, True, version + 2), answer)
        self.assertEqual(answer["reasons"], [f"corosync on 'pve3' runs config_version {version}, not {version + 1}"])
        wait("pve3", "! mountpoint -q /etc/corosync")
        self.assertEqual([running(node, "totem.token") for node in NODES], [None] * 3)

    def test_70_of_two_at_once_none_is_lost(self):
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(task, "pve1", check=False, totem={"token": 4000})
            second = pool.submit(task, "pve2", check=False, totem={"merge": 250})
            answers = [first.result(), second.result()]
        for answer in answers:
            if answer.get("failed"):
                self.assertIn("was changed by someone else in the meantime; run the task again", answer["msg"])
                self.assertFalse(answer["changed"])
        self.assertTrue(any(answer["changed"] for answer in answers), answers)
        task("pve1", totem={"token": 4000})
        task("pve2", totem={"merge": 250})
        self.assertEqual((running("pve3", "totem.token"), running("pve3", "totem.merge")), ("4000", "250"))

    def test_80_a_run_that_is_killed_is_completed_by_the_next(self):
        for moment in ("0.1", "0.6"):
            wish = {"totem": {"token": 4100 if moment == "0.1" else 4200}}
            on("pve1", f"echo '{json.dumps(wish)}' > /tmp/wish; /root/module corosync_conf /tmp/wish > /dev/null & pid=$!; sleep {moment}; kill -9 $pid; true")
            begun = time.monotonic()
            task("pve1", **wish)
            task("pve1", totem={"merge": int(wish["totem"]["token"]) // 10})
            self.assertLess(time.monotonic() - begun, 10)
            self.assertEqual(running("pve2", "totem.token"), str(wish["totem"]["token"]))

    def test_90_a_node_that_is_off_is_a_refusal(self):
        lab("stop", "pve3")
        try:
            answer = task("pve1", check=False, totem={"token": 5000})
            self.assertEqual(answer["reasons"], ["node 'pve3' is offline: it would miss the change; start it, or remove it from the cluster"])
            self.assertFalse(answer["changed"])
        finally:
            lab("start", "pve3")
        wait("pve3", "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")
        wait("pve1", "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")

    def test_92_a_named_node_is_off_and_is_brought_back(self):
        lab("stop", "pve3")
        wait("pve1", "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 2")
        answer = task("pve1", totem={"merge": 260}, allow_offline=["pve3"])
        self.assertEqual((answer["changed"], answer["offline"]), (True, ["pve3"]))
        self.assertIn("bring it back with the option 'current' on it", answer["warnings"][0])
        lab("start", "pve3")
        # with the old file its corosync ends as soon as it sees the others
        wait("pve3", "systemctl is-failed --quiet corosync")
        answer = task("pve3", current=on("pve1", "cat /etc/pve/corosync.conf"))
        self.assertEqual((answer["changed"], answer["restarted"]), (True, True))
        wait("pve1", "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")
        self.assertEqual(running("pve3", "totem.merge"), "260")
        self.assertFalse(task("pve3", current=on("pve1", "cat /etc/pve/corosync.conf"))["changed"])
        self.assertFalse(task("pve2", totem={"merge": 260})["changed"])
        # what a person did to the copy of a node that runs on is mended without a restart
        pid = on("pve2", "pidof corosync")
        on("pve2", "sed -i 's/^}$//' /etc/corosync/corosync.conf")
        answer = task("pve2", current=on("pve1", "cat /etc/pve/corosync.conf"))
        self.assertEqual((answer["changed"], answer["restarted"]), (True, False))
        self.assertEqual(on("pve2", "pidof corosync"), pid)

    def test_95_without_quorum_nothing_is_tried(self):
        lab("partition", "pve1")
        try:
            wait("pve1", "stat -c %A /etc/pve/local | grep -qv w")
            answer = task("pve1", check=False, totem={"token": 5000})
            self.assertIn("this node is not quorate, so /etc/pve is read-only", answer["msg"])
            self.assertIn("node 'pve2' is offline", answer["msg"])
            answer = task("pve2", check=False, totem={"token": 5000})
            self.assertEqual(len(answer["reasons"]), 1, answer)
            self.assertIn("node 'pve1' is offline", answer["msg"])
        finally:
            lab("heal", "pve1")
        for node in NODES:
            wait(node, "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")
        wait("pve1", f"mkdir {LOCK}-probe && rmdir {LOCK}-probe")
        self.assertTrue(task("pve1", totem={"token": 5000})["changed"])


class Links(Story):
    """Links of a running cluster, added, moved and removed while it runs on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for number, node in enumerate(NODES, 11):
            on(node, f"ip addr add 10.77.5.{number}/24 dev eth0; ip addr add 10.77.6.{number}/24 dev eth1")

    def setUp(self):
        self.ring = self.membership()

    def tearDown(self):
        for node in NODES:
            # a machine with other work may take a link for dead for a moment
            wait(node, f"test $(corosync-cfgtool -n | grep -c ' connected ') = {2 * self.links}", 10)
        super().tearDown()
        self.assertEqual(self.membership(), self.ring, "a membership was lost")

    def membership(self):
        """The membership as every node counts it: a node that was lost for a moment makes a new one."""
        return [re.search(r"(?m)^Ring ID:.*", on(node, "corosync-quorumtool -s", check=False))[0] for node in NODES]

    def test_10_the_only_link_is_not_moved(self):
        before = {node: state(node) for node in NODES}
        answer = task("pve1", check=False, links=[{"number": 0, "addresses": addresses("10.77.5")}])
        self.assertIn("link 0 is the only one", answer["msg"])
        self.assertEqual({node: state(node) for node in NODES}, before)

    def test_20_a_link_that_does_not_connect_is_taken_back(self):
        nowhere = {**addresses("10.77.5"), "pve3": "10.77.5.113"}
        answer = task("pve1", check=False, links=[{"number": 1, "addresses": nowhere}], timeout=5)
        self.assertTrue(answer["rolled_back"], answer)
        self.assertEqual(answer["reasons"], ["link 1 to 'pve3' is not connected"])

    def test_30_a_second_link_is_added(self):
        type(self).links = 2
        answer = task("pve1", links=[{"number": 1, "addresses": addresses("10.77.5")}])
        self.assertEqual((answer["changed"], answer["steps"]), (True, 1))
        self.assertIn(("1", "10.77.5.12", "10.77.5.13"), paths("pve2"))
        self.assertFalse(task("pve3", links=[{"number": 1, "addresses": addresses("10.77.5")}])["changed"])

    def test_40_priorities_and_options_are_switched(self):
        answer = task("pve2", links=[{"number": 1, "priority": 20, "options": {"knet_ping_interval": 1000, "knet_ping_timeout": 2000}},
                                     {"number": 0, "priority": 10}])
        self.assertEqual((answer["changed"], answer["steps"]), (True, 1))
        for node in NODES:
            self.assertEqual([running(node, f"totem.interface.{link}.knet_link_priority") for link in (0, 1)], ["10", "20"])
            self.assertEqual(running(node, "runtime.config.totem.interface.1.knet_ping_timeout"), "2000", node)
        task("pve2", links=[{"number": 1, "options": {"knet_ping_interval": None, "knet_ping_timeout": None}}])

    def test_50_a_link_is_moved_to_another_network(self):
        answer = task("pve1", links=[{"number": 0, "addresses": addresses("10.77.6")}])
        self.assertEqual((answer["changed"], answer["steps"]), (True, 2))
        for node, own in addresses("10.77.6").items():
            expected = [("0", own, other) for peer, other in addresses("10.77.6").items() if peer != node]
            self.assertEqual([path for path in paths(node) if path[0] == "0"], expected)
            self.assertEqual(running(node, "totem.interface.0.knet_link_priority"), "10", node)
        self.assertFalse(task("pve2", links=[{"number": 0, "addresses": addresses("10.77.6")}])["changed"])

    def test_60_a_bad_address_ends_as_before(self):
        before = {node: paths(node) for node in NODES}
        answer = task("pve1", check=False, links=[{"number": 0, "addresses": {"pve3": "10.77.6.113"}}], timeout=5)
        self.assertTrue(answer["rolled_back"], answer)
        self.assertEqual({node: paths(node) for node in NODES}, before)
        answer = task("pve1", check=False, links=[{"number": 0, "addresses": {"pve1": "10.77.6.111"}}])
        self.assertIn("'10.77.6.111' for link 0 is no address of this node, 'pve1'", answer["msg"])

    def test_70_a_move_that_is_killed_while_the_link_is_away_is_completed(self):
        wish = {"links": [{"number": 0, "addresses": addresses("10.77.1")}]}
        on("pve1", f"echo '{json.dumps(wish)}' > /tmp/wish; (/root/module corosync_conf /tmp/wish > /dev/null) & pid=$!;"
           " timeout 10 sh -c 'until grep -q \"link 0 is being moved\" /etc/corosync/corosync.conf; do sleep 0.02; done'; pkill -9 -x module; true")
        self.assertNotIn("ring0_addr", on("pve2", "cat /etc/pve/corosync.conf"))
        wait("pve2", "corosync-cmapctl -g totem.config_version | grep -q $(grep -oP 'config_version: \\K.*' /etc/pve/corosync.conf)")
        answer = task("pve1", **wish)
        self.assertEqual((answer["changed"], answer["steps"]), (True, 1))
        self.assertNotIn("being moved", on("pve3", "cat /etc/pve/corosync.conf"))
        self.assertEqual(running("pve3", "totem.interface.0.knet_link_priority"), "10")
        self.assertIn(("0", "10.77.1.13", "10.77.1.12"), paths("pve3"))

    def test_75_votes_count_and_what_is_read_can_be_given_back(self):
        task("pve1", nodes={"pve1": {"quorum_votes": 2}})
        self.assertRegex(on("pve3", "corosync-quorumtool -s", check=False), r"(?m)^Total votes:\s+4$")
        read = task("pve2")
        self.assertEqual((read["changed"], read["config"]["nodes"]["pve1"]), (False, {"quorum_votes": 2}))
        for state_ in ("merged", "replaced"):
            self.assertFalse(task("pve3", state=state_, **read["config"])["changed"], state_)
        read["config"]["nodes"] = {}
        self.assertTrue(task("pve3", state="replaced", **read["config"])["changed"])
        self.assertRegex(on("pve1", "corosync-quorumtool -s", check=False), r"(?m)^Total votes:\s+3$")

    def test_78_the_playbook_asks_every_node(self):
        inventory = Inventory(3)

        def run(*words, **variables):
            done = play(inventory, "cluster-corosync.yml", "-e", json.dumps({f"corosync_{name}": value for name, value in variables.items()}), *words)
            return done, sum(done.changed().values())

        done, changed = run(totem={"token": 5000}, links=[{"number": 0, "addresses": addresses("10.77.6")}])
        self.assertEqual((done.rc, changed), (0, 1), done.output)
        for node in NODES:
            self.assertEqual(running(node, "totem.token"), "5000", node)
        done, changed = run(totem={"token": 5000}, links=[{"number": 0, "addresses": addresses("10.77.6")}])
        self.assertEqual((done.rc, changed), (0, 0), done.output)
        before = {node: state(node) for node in NODES}
        done, changed = run("--check", totem={"token": 4000})
        self.assertEqual((done.rc, changed), (0, 1), done.output)
        # only pve3 can know that it lacks the address
        done, changed = run(links=[{"number": 0, "addresses": {"pve3": "10.77.6.113"}}])
        self.assertEqual((done.rc != 0, changed), (True, 0), done.output)
        self.assertIn("'10.77.6.113' for link 0 is no address of this node, 'pve3'", done.output)
        self.assertEqual({node: state(node) for node in NODES}, before)

    def test_80_a_link_is_removed(self):
        type(self).links = 1
        answer = task("pve3", links=[{"number": 0, "state": "absent"}])
        self.assertEqual((answer["changed"], answer["steps"]), (True, 1))
        for node in NODES:
            self.assertIsNone(running(node, "totem.interface.0.knet_link_priority"), node)
            self.assertEqual({path[0] for path in paths(node)}, {"1"}, node)


if __name__ == "__main__":
    unittest.main()
