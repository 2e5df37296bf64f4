# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of a running cluster, added, moved and removed while no membership is lost; with the real corosync."""

import json
import re
import unittest

from corosync import NODES, Story, addresses, paths, running, task
from harness import ROOT, Inventory, lab, on, play, state, wait


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

    def test_72_an_address_that_only_the_file_has_is_brought_into_use(self):
        version = int(running("pve1", "totem.config_version"))
        on("pve1", f"sed -e 's/config_version: .*/config_version: {version + 1}/' -e 's/10[.]77[.]5[.]/10.77.6./' /etc/pve/corosync.conf"
           " > /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")
        wait("pve1", "journalctl -b -u corosync | tail -n 30 | grep -q 'Internal value was NOT changed'")
        # corosync keeps the address that it has, and the version
        self.assertIn(("1", "10.77.5.11", "10.77.5.12"), paths("pve1"))
        self.assertEqual(running("pve1", "totem.config_version"), str(version))
        self.assertIn("link 1 to 'pve2' runs from 10.77.5.11 to 10.77.5.12", " ".join(task("pve1")["warnings"]))
        answer = task("pve2", links=[{"number": 1, "addresses": addresses("10.77.6")}])
        self.assertEqual((answer["changed"], answer["steps"]), (True, 2))
        self.assertIn(("1", "10.77.6.11", "10.77.6.12"), paths("pve1"))
        task("pve2", links=[{"number": 1, "addresses": addresses("10.77.5")}])

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
        version = running("pve1", "totem.config_version")
        for node in NODES:
            self.assertEqual(running(node, "totem.token"), "5000", node)
            self.assertIn(f"{node}: updated; config_version {version} runs, {version} in /etc/pve, {version} in /etc/corosync;"
                          " links connected: 0, 1", done.output)
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

    def test_79_a_node_that_is_off_is_named_and_brought_back(self):
        inventory = Inventory(3)

        def run(**variables):
            done = play(inventory, "cluster-corosync.yml", "-e", json.dumps({f"corosync_{name}": value for name, value in variables.items()}))
            return done, {node: count for node, count in done.changed().items() if count}

        lab("stop", "pve3")
        wait("pve1", "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 2")
        done, changed = run(totem={"merge": 270})
        self.assertEqual((done.rc != 0, changed), (True, {}), done.output)
        self.assertEqual(done.recap["pve3"]["unreachable"], 1)
        done, changed = run(totem={"merge": 270}, allow_offline=["pve3"])
        # one change, counted for whichever host Ansible lets ask for it
        self.assertEqual((done.rc, sum(changed.values())), (0, 1), done.output)
        self.assertIn("pve3: offline; config_version unknown runs", done.output)
        self.assertIn("pve2: updated; config_version", done.output)
        self.assertEqual(running("pve1", "totem.merge"), "270")
        lab("start", "pve3")
        # the addresses that were added by hand are gone with the restart
        on("pve3", "ip addr add 10.77.5.13/24 dev eth0; ip addr add 10.77.6.13/24 dev eth1; systemctl restart corosync; true")
        wait("pve3", "systemctl is-failed --quiet corosync")
        done, changed = run(totem={"merge": 270})
        self.assertEqual((done.rc, changed), (0, {"pve3": 1}), done.output)
        self.assertEqual(running("pve3", "totem.merge"), "270")
        wait("pve1", "corosync-cmapctl | grep -c 'status.*= joined' | grep -qx 3")
        self.ring = self.membership()

    def test_80_a_link_is_removed(self):
        type(self).links = 1
        answer = task("pve3", links=[{"number": 0, "state": "absent"}])
        self.assertEqual((answer["changed"], answer["steps"]), (True, 1))
        for node in NODES:
            self.assertIsNone(running(node, "totem.interface.0.knet_link_priority"), node)
            self.assertEqual({path[0] for path in paths(node)}, {"1"}, node)


class Documented(Story):
    """The changes that people make most, word for word as the role's README has them, in its order."""

    HEADINGS = ("Add a second link", "Raise the token timeout", "Move a link to another network")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for number, node in enumerate(NODES, 11):
            on(node, f"ip addr add 10.78.0.{number}/24 dev eth0; ip addr add 10.79.0.{number}/24 dev eth1")
        cls.inventory = Inventory(3)
        cls.readme = (ROOT / "roles/corosync/README.md").read_text()

    def wish(self, heading):
        """The variables that a section shows, in a file."""
        section = self.readme.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
        self.assertTrue(lines, heading)
        path = self.inventory.folder / "wish.yml"
        path.write_text("\n".join(lines) + "\n")
        return f"@{path}"

    def run_it(self, heading, *words):
        ran = play(self.inventory, "cluster-corosync.yml", "-e", self.wish(heading), *words)
        self.assertEqual(ran.rc, 0, ran.output)
        return ran, sum(ran.changed().values())

    def change(self, heading):
        """What `--check --diff` says first, what is done then, and that nothing is left to do."""
        self.assertIn("ansible-playbook playbooks/cluster-corosync.yml --check --diff", self.readme)
        before = {node: state(node) for node in NODES}
        said, changed = self.run_it(heading, "--check", "--diff")
        self.assertEqual(changed, 1, said.output)
        self.assertEqual({node: state(node) for node in NODES}, before)
        done, changed = self.run_it(heading, "--diff")
        self.assertEqual(changed, 1, done.output)

        def shown(ran):
            return re.findall(r"(?m)^[+-].*$", ran.output)

        self.assertEqual(shown(said), shown(done))
        self.assertTrue(shown(done))

    def test_10_a_second_link(self):
        type(self).links = 2
        self.change(self.HEADINGS[0])
        self.assertIn(("1", "10.78.0.12", "10.78.0.13"), paths("pve2"))

    def test_20_the_token(self):
        self.change(self.HEADINGS[1])
        for node in NODES:
            self.assertEqual(running(node, "totem.token"), "5000", node)

    def test_30_a_link_to_another_network(self):
        self.change(self.HEADINGS[2])
        self.assertIn(("0", "10.79.0.12", "10.79.0.13"), paths("pve2"))

    def test_40_none_of_them_has_anything_left_to_do(self):
        for heading in self.HEADINGS:
            ran, changed = self.run_it(heading)
            self.assertEqual(changed, 0, ran.output)


if __name__ == "__main__":
    unittest.main()
