# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing a running cluster's corosync.conf: in use on every node, or as before; with the real corosync."""

import json
import re
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from corosync import LOCK, NODES, Story, paths, running, task
from harness import Inventory, lab, on, play, state, wait


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

    def test_46_a_copy_that_was_edited_is_replaced(self):
        on("pve2", "sed -i 's/^  version: 2/&\\n  token: 7000/' /etc/corosync/corosync.conf")
        answer = task("pve2")
        self.assertIn("another text than the file, under the same config_version: run the task", answer["warnings"][0])
        answer = task("pve2", logging={"debug": "off"})
        self.assertEqual((answer["changed"], len(answer["healed"])), (True, 1))

    def test_47_a_node_that_missed_a_version_gets_the_next(self):
        def version():
            return int(running("pve1", "totem.config_version"))

        def behind(number):
            """Someone writes the next version by hand, and two nodes take it."""
            on("pve1", f"sed 's/config_version: .*/config_version: {number + 1}/' /etc/pve/corosync.conf > /etc/pve/corosync.conf.new"
               " && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")
            for node in ("pve1", "pve2"):
                wait(node, f"corosync-cmapctl -g totem.config_version | grep -q '= {number + 1}$'")
            self.assertEqual(running("pve3", "totem.config_version"), str(number))

        was = version()
        on("pve3", "mount --bind /etc/corosync /etc/corosync && mount -o remount,bind,ro /etc/corosync")
        behind(was)
        on("pve3", "umount /etc/corosync")
        told = f"corosync on 'pve3' runs config_version {was}, and the file has {was + 1}: it was not loaded there"
        answer = task("pve1")
        self.assertIn(told, answer["warnings"][0])
        self.assertEqual([row["result"] for row in answer["nodes"]], ["in_step", "in_step", "behind"])
        answer = task("pve1", logging={"debug": "off"})
        self.assertEqual((answer["changed"], answer["healed"], answer["config_version"]), (True, [told], was + 2))
        self.assertEqual([(row["config_version"], row["result"]) for row in answer["nodes"]], [(was + 2, "updated")] * 3)
        self.whole()
        # where nobody copies the file, it says where to look
        was = version()
        on("pve3", "systemctl stop pve-cluster")
        behind(was)
        answer = task("pve3", check=False, logging={"debug": "off"})
        self.assertEqual(answer["reasons"], ["/etc/pve is not mounted: start the service 'pve-cluster' on this node"])
        answer = task("pve1", check=False, logging={"debug": "off"}, timeout=5)
        self.assertIn("'pve3' was behind already: see that the service 'pve-cluster' runs there", answer["msg"])
        self.assertEqual([row["result"] for row in answer["nodes"]], ["in_step", "in_step", "behind"])
        on("pve3", "systemctl start pve-cluster")
        wait("pve3", f"mkdir {LOCK}-probe && rmdir {LOCK}-probe")
        ran = play(Inventory(3), "cluster-corosync.yml", "-e", json.dumps({"corosync_logging": {"debug": "off"}}))
        self.assertEqual((ran.rc, sum(ran.changed().values())), (0, 1), ran.output)
        self.assertEqual(running("pve3", "totem.config_version"), running("pve1", "totem.config_version"))

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
        version = int(running("pve1", "totem.config_version"))
        # it cannot for some seconds after the change, long after the others have, and can when it is undone
        on("pve3", "mount --bind /etc/corosync /etc/corosync && mount -o remount,bind,ro /etc/corosync;"
           f" (until grep -q 'config_version: {version + 1}' /etc/pve/corosync.conf; do sleep 0.1; done; sleep 5; umount /etc/corosync)"
           " > /dev/null 2>&1 < /dev/null &")
        answer = task("pve1", check=False, totem={"token": 4000}, timeout=12)
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
            # far less than the 120 s that the dead run's lock would stand
            self.assertLess(time.monotonic() - begun, 60)
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
        self.assertIn("bring it back with 'state: returned' on it", answer["warnings"][0])
        lab("start", "pve3")
        # with the old file its corosync ends as soon as it sees the others
        wait("pve3", "systemctl is-failed --quiet corosync")
        answer = task("pve3", state="returned", content=on("pve1", "cat /etc/pve/corosync.conf"))
        self.assertEqual((answer["changed"], answer["restarted"]), (True, True))
        wait("pve1", "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")
        self.assertEqual(running("pve3", "totem.merge"), "260")
        self.assertFalse(task("pve3", state="returned", content=on("pve1", "cat /etc/pve/corosync.conf"))["changed"])
        self.assertFalse(task("pve2", totem={"merge": 260})["changed"])
        # what a person did to the copy of a node that runs on is repaired without a restart
        pid = on("pve2", "pidof corosync")
        on("pve2", "sed -i 's/^}$//' /etc/corosync/corosync.conf")
        answer = task("pve2", state="returned", content=on("pve1", "cat /etc/pve/corosync.conf"))
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


class TwoNodes(Story):
    """A cluster of two, which loses its quorum with one of them unless corosync is told."""

    nodes = NODES[:2]

    def test_10_two_node_is_set_while_it_runs(self):
        answer = task("pve1", quorum={"two_node": True})
        self.assertEqual((answer["changed"], answer["changes"][0]["key"]), (True, "quorum.two_node"))
        for node in self.nodes:
            self.assertRegex(on(node, "corosync-quorumtool -s", check=False), r"(?m)^Flags:.*2Node", node)
        self.assertFalse(task("pve2", quorum={"two_node": "1"})["changed"])

    def test_20_it_is_changed_like_any_other(self):
        answer = task("pve2", totem={"token": 5000})
        self.assertEqual((answer["changed"], len(answer["members"])), (True, 2))
        self.assertEqual([running(node, "totem.token") for node in self.nodes], ["5000"] * 2)

    def test_30_a_link_is_added_and_the_first_one_moved(self):
        for number, node in enumerate(self.nodes, 11):
            on(node, f"ip addr add 10.77.5.{number}/24 dev eth0; ip addr add 10.77.6.{number}/24 dev eth1")
        type(self).links = 2
        five, six = ({node: f"10.77.{net}.{number}" for number, node in enumerate(self.nodes, 11)} for net in (5, 6))
        self.assertEqual(task("pve1", links=[{"number": 1, "addresses": five}])["steps"], 1)
        self.assertEqual(task("pve2", links=[{"number": 0, "addresses": six}])["steps"], 2)
        self.assertEqual(paths("pve1"), [("0", "10.77.6.11", "10.77.6.12"), ("1", "10.77.5.11", "10.77.5.12")])

    def test_40_back_to_what_proxmox_sets(self):
        self.assertTrue(task("pve1", quorum={"two_node": None})["changed"])
        for node in self.nodes:
            self.assertNotIn("2Node", on(node, "corosync-quorumtool -s", check=False), node)


if __name__ == "__main__":
    unittest.main()
