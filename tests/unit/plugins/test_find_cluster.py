# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every playbook begins with, under the real ansible-playbook, which reaches no host."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
NODES = [{"short_name": "pve2"}, {"short_name": "pve1"}]
CLUSTER = {
    "hosts": {"pve2": {"ansible_host": "192.0.2.2"}, "pve1": {"ansible_host": "192.0.2.1"}},
    "vars": {"cluster_group": "nodes", "cluster_name": "lab", "cluster_nodes": NODES},
}
OTHERS = {"hosts": {"web1": None, "web2": None, "web3": None}}
NO_CLUSTER = (
    "cannot find the cluster in the inventory: no host is in the group that cluster_group names, nor in proxmox_cluster_primary or "
    "proxmox_cluster_nodes; see inventory.example"
)


class Find(unittest.TestCase):
    """The hosts that later plays run on, and what is said when there are none."""

    def run_with(self, children, *words):
        """The exit code and the output of the opening, and of a play on the group that it makes."""
        with tempfile.TemporaryDirectory() as folder:
            inventory, book = Path(folder, "inventory.yml"), Path(folder, "book.yml")
            inventory.write_text(yaml.safe_dump({"all": {"children": children}}, sort_keys=False), encoding="utf-8")
            play = {
                "hosts": "pve_cluster_hosts", "gather_facts": False,
                "tasks": [{"ansible.builtin.debug": {"msg": "found {{ ansible_play_hosts | join(' ') }}"}, "run_once": True}],
            }
            opening = {"name": "Find", "ansible.builtin.import_playbook": str(ROOT / "playbooks/find_cluster.yml")}
            book.write_text(yaml.safe_dump([opening, play]), encoding="utf-8")
            done = subprocess.run(
                ["ansible-playbook", "-i", str(inventory), str(book), *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                check=False,
                env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_HOME": folder,
                     "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections")},
            )  # fmt: skip
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def test_hosts_of_the_cluster_in_the_order_of_the_inventory_and_no_line_for_others(self):
        for words in ((), ("--tags", "phase3"), ("--limit", "pve2,pve1,web2"), ("-e", "cluster_group=nodes")):
            with self.subTest(words):
                code, said = self.run_with({"nodes": CLUSTER, "web": OTHERS}, *words)
                self.assertEqual(code, 0, said)
                if "--tags" not in words:
                    self.assertIn("found pve2 pve1", said)
                self.assertNotRegex(said, "web[123]|WARNING")

    def test_the_other_shape_of_the_inventory(self):
        nodes, primary = {"hosts": {"pve2": None}}, {"hosts": {"pve1": None}}
        code, said = self.run_with({"proxmox_cluster_nodes": nodes, "proxmox_cluster_primary": primary, "web": OTHERS})
        self.assertEqual(code, 0, said)
        self.assertIn("found pve2 pve1", said)

    def test_no_cluster_is_refused_once(self):
        for children, words in (
            ({}, ()), ({"web": OTHERS}, ()), ({"nodes": CLUSTER, "web": OTHERS}, ("--limit", "web1")),
            ({"web": OTHERS}, ("--tags", "phase3")),
        ):  # fmt: skip
            with self.subTest(children=list(children), words=words):
                code, said = self.run_with(children, *words)
                self.assertEqual(code, 2, said)
                self.assertEqual(len(re.findall("fatal: ", said)), 1, said)
                self.assertIn(NO_CLUSTER, said)

    def test_a_group_that_is_not_there_is_named_with_those_that_are(self):
        typo = {**CLUSTER, "vars": {**CLUSTER["vars"], "cluster_group": "ndes"}}
        for children, words, name in (({"nodes": CLUSTER, "web": OTHERS}, ("-e", "cluster_group=typo"), "typo"), ({"nodes": typo, "web": OTHERS}, (), "ndes")):
            with self.subTest(words):
                code, said = self.run_with(children, *words)
                self.assertEqual(code, 2, said)
                self.assertEqual(len(re.findall("fatal: ", said)), 1, said)
                self.assertIn(
                    f'"msg": "cannot find the cluster in the inventory: cluster_group is \'{name}\', and there is no such group; the inventory has nodes, web',
                    said,
                )

    def test_an_option_of_a_role_with_another_type_is_refused_once_and_before_any_node_is_asked(self):
        for words, said in (
            (("-e", "cluster_health_latency_warning_ms=fast"), "cluster_health_latency_warning_ms (of pve2, pve1) is not a number: 'fast'"),
            (("-e", '{"preflight_measure": "{{ [1] }}"}'), "preflight_measure (of pve2, pve1) is neither true nor false: '[1]'"),
        ):
            with self.subTest(words):
                code, output = self.run_with({"nodes": CLUSTER}, *words)
                self.assertEqual(code, 2, output)
                self.assertEqual(len(re.findall("fatal: ", output)), 1, output)
                self.assertIn(f'"msg": "cannot use the inventory: {said}"', output)

    def test_an_option_that_needs_what_is_not_known_yet_is_left_to_its_role(self):
        code, output = self.run_with({"nodes": CLUSTER}, "-e", '{"cluster_create_timeout": "{{ of_a_later_play }}", "corosync_totem": {"token": "{{ x }}"}}')
        self.assertEqual(code, 0, output)

    def test_every_playbook_begins_with_it(self):
        for path in sorted((ROOT / "playbooks").glob("cluster_*.yml")):
            # begins without a cluster in its inventory
            if path.name == "cluster_adopt.yml":
                continue
            plays = yaml.safe_load(path.read_text())
            with self.subTest(path.name):
                self.assertIn(plays[0].get("ansible.builtin.import_playbook"), ("find_cluster.yml", "cluster_init.yml"))
                self.assertNotIn("all", [play.get("hosts") for play in plays])


if __name__ == "__main__":
    unittest.main()
