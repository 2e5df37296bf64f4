# SPDX-License-Identifier: GPL-3.0-or-later
"""The role cluster_remove, with canned answers of the hosts under the real ansible-playbook."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles/cluster_remove"
NODES = ["pve1", "pve2", "pve3"]


def facts(situation, quorate=None, members=(), cluster="lab"):
    listed = [{"name": name} for name in NODES]
    return {"ansible_facts": {"pve_cluster": {
        "situation": situation, "cluster_name": cluster, "quorum": {"quorate": quorate},
        "members": [{"name": name} for name in members], "nodelist": listed,
    }}}


MEMBER = facts("member", True, ["pve1", "pve2"])
OFF = {"unreachable": True, "msg": "no route to host"}


class Ask(unittest.TestCase):
    def ask(self, pve3, pve1=None):
        """The tasks behind the look, with these views; the exit code and what was printed."""
        with tempfile.TemporaryDirectory() as folder:
            tasks = yaml.safe_load((ROLE / "tasks/ask.yml").read_text(encoding="utf-8"))
            self.assertIn("pve.cluster.cluster_facts", tasks[0])
            self.assertNotIn("when", tasks[0], "every host is asked, the node too")
            rest = Path(folder, "rest.yml")
            rest.write_text(yaml.safe_dump(tasks[1:]), encoding="utf-8")
            play = {
                "hosts": "all", "gather_facts": False, "connection": "local",
                "vars": {"views": {"pve1": pve1 or MEMBER, "pve2": OFF, "pve3": pve3}},
                "tasks": [
                    {"ansible.builtin.set_fact": {
                        "cluster_inventory_node": {"name": "{{ inventory_hostname }}"}, "cluster_inventory_hosts": NODES,
                        "cluster_remove_node": "pve3", "cluster_name": "lab", "cluster_remove_view": "{{ views[inventory_hostname] }}",
                    }},
                    {"ansible.builtin.include_tasks": str(rest)},
                    {"ansible.builtin.debug": {"msg": "by {{ cluster_remove_member }}"}, "run_once": True},
                ],
            }
            book = Path(folder, "book.yml")
            book.write_text(yaml.safe_dump([play]), encoding="utf-8")
            done = subprocess.run(
                ["ansible-playbook", "-i", ",".join(NODES) + ",", str(book)], cwd=folder, capture_output=True, text=True, check=False,
                env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_HOME": folder},
            )
        return done.returncode, done.stdout + done.stderr

    def test_a_node_that_is_off_or_has_left_is_removed_by_the_first_member(self):
        for view in (OFF, facts("standalone", cluster=None)):
            code, said = self.ask(view)
            self.assertEqual(code, 0, said)
            self.assertIn("by pve1", said)

    def test_a_node_that_answers_is_not_off(self):
        for view, situation in (
            (facts("not_quorate", False, ["pve3"]), "not_quorate"),
            (facts("pmxcfs_stopped", cluster=None), "pmxcfs_stopped"),
            (facts("member", True, ["pve3"]), "member"),
            ({"failed": True, "msg": "no such module"}, "unknown"),
        ):
            code, said = self.ask(view)
            self.assertNotEqual(code, 0, said)
            self.assertIn(f"cannot remove node 'pve3' from cluster 'lab': it answered in this run ({situation}), although 'pve1' does not see it", said)

    def test_what_the_members_see_themselves_is_left_to_them(self):
        code, said = self.ask(facts("member", True, NODES), facts("member", True, NODES))
        self.assertEqual(code, 0, said)
        self.assertIn("by pve1", said)
