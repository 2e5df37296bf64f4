# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan before the first change, and what the run then did: nothing happens that was not in it."""

import json
import re
import unittest

from harness import Inventory, fresh, on, play, two_links, untouched

THREE = ["pve1", "pve2", "pve3"]
# What a task that changed something is in the plan. A task that is not here must not change anything.
IDS = {
    "Accept the controller's key, in the cluster's file and in one that outlives it": "controller-key",
    "Accept the controller's key still, in a file that outlives the cluster's": "controller-key",
    "Make the key pairs that are missing": "key-pairs",
    "Restore the public keys that are lost": "key-pairs",
    "Accept every node's root keys where the others join": "node-keys",
    "Accept it and every node's root keys in the cluster's file": "node-keys",
    "Know every node's host keys under all its names, and no others": "known-hosts",
    "Take outdated host keys out of the machine's file": "outdated-host-keys",
    "Find the ports of nodes that do not listen on port 22": "ssh-ports",
    "Resolve every node's names": "names",
    "Enable the services that do not start with the machine": "boot-services",
}


def done(output):
    """Each change of a run: the id that it has in a plan, and the node."""
    found, task = set(), ""
    for line in output.splitlines():
        heading = re.match(r"TASK \[(?:\S+ : )?(.*)\] \*+$", line)
        if heading:
            task = heading[1]
        changed = re.match(r"changed: \[([^] ]+)", line)
        if changed:
            identity = "create" if task.startswith("Create the cluster") else "join" if task.startswith(("Join", "Add")) else IDS.get(task, task)
            found.add((identity, changed[1]))
    return found


class Plan(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        on("pve2", "systemctl disable --quiet pvestatd")
        cls.two, cls.three = two_links(2), two_links(3)

    def planned(self, inventory, playbook="cluster-plan.yml", *words):
        """The plan as data, and the run."""
        file = inventory.folder.parent / f"{inventory.folder.name}-plan.json"
        self.addCleanup(file.unlink, missing_ok=True)
        run = play(inventory, playbook, "-e", f"cluster_plan_file={file}", *words)
        return json.loads(file.read_text()), run

    def promised(self, plan, sure=True):
        """The actions of the plan, those that are sure or all."""
        return {(one["id"], one["node"]) for one in plan["actions"] if one["sure"] or not sure}

    def conf(self):
        """The cluster's corosync.conf without its version."""
        return [line for line in on("pve1", "cat /etc/pve/corosync.conf").rstrip("\n").split("\n") if "config_version" not in line]

    def test_10_fresh_nodes(self):
        with untouched(self, THREE):
            alone, run = self.planned(self.two)
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(set(run.changed().values()), {0}, run.output)
        self.assertIn("create cluster 'lab' with link 0 10.77.1.11, link 1 10.77.0.11, nodeid 1, 1 vote; restarts corosync and pve-cluster there", run.output)
        self.assertIn("pve2: join through pve1", run.output)
        plan, run = self.planned(self.two, "cluster-init.yml")
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual([one for one in plan["actions"] if one not in alone["actions"]], [], "the plan alone is another one")
        self.assertEqual(done(run.output), self.promised(plan))
        self.assertEqual(self.conf(), plan["corosync_conf"])

    def test_20_a_member_that_is_asked_about_and_not_confirmed(self):
        with untouched(self, THREE):
            plan, run = self.planned(self.three, "cluster-init.yml", "-e", "cluster_confirm=true")
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("the plan for cluster 'lab' was not confirmed, and nothing was changed", run.output)
        self.assertIn(("join", "pve3"), self.promised(plan))

    def test_30_a_third_node(self):
        plan, run = self.planned(self.three, "cluster-init.yml")
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(done(run.output), self.promised(plan))
        self.assertEqual(self.conf(), plan["corosync_conf"])

    def test_40_nothing_to_change(self):
        plan, run = self.planned(self.three, "cluster-init.yml", "-e", "cluster_confirm=true")
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual((set(run.changed().values()), plan["actions"], plan["corosync_conf"]), ({0}, [], []), run.output)
        self.assertIn("Nothing is to be changed.", run.output)

    def test_50_what_somebody_has_undone(self):
        on("pve2", "sed -i /pve.cluster/,/pve.cluster/d /etc/hosts; sed -i /pve3/d /root/.ssh/known_hosts; systemctl disable --quiet pveproxy")
        on("pve3", "rm -f /root/.ssh/authorized_keys2 /root/.ssh/id_ed25519.pub")
        plan, run = self.planned(self.three, "cluster-init.yml")
        self.assertEqual(run.rc, 0, run.output)
        # the keys of a file beside the cluster's are only sure when the node looks for them
        self.assertLessEqual(done(run.output), self.promised(plan, sure=False))
        self.assertLessEqual(self.promised(plan), done(run.output))

    def test_60_what_is_refused_is_in_the_plan(self):
        wrong = Inventory(3, cluster_nodes=[
            {"short_name": f"pve{n}", "management_ip": f"10.77.0.1{n}", "node_id": n, "links": [{"number": 0, "address": f"10.77.1.{20 + n}"}]} for n in (1, 2, 3)
        ], corosync_link0_address="")  # fmt: skip
        plan, run = self.planned(wrong)
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("by this plan: ", run.output)
        self.assertNotEqual(plan["refused"], [])


if __name__ == "__main__":
    unittest.main()
