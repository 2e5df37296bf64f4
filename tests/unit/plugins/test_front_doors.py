# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make and mise offer the same, every playbook has its target, and the names of other guides lead where they should."""

from __future__ import annotations

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MAKE = (ROOT / "Makefile").read_text()
MISE = (ROOT / "mise.toml").read_text()
# A name that other guides use -> ours.
ALIASES = {"test-cluster": "cluster-preflight", "create-cluster": "cluster-init", "destroy-cluster": "cluster-destroy"}
PLAYBOOK_ALIASES = {"create-proxmox-cluster.yml": "cluster_init.yml", "destroy-proxmox-cluster.yml": "cluster_destroy.yml"}


def targets():
    """What make offers: target -> its description."""
    return dict(re.findall(r"(?m)^([a-z-]+):.*?## (.+)$", MAKE))


def tasks():
    """What mise offers: task -> (description, command)."""
    found = re.findall(r'(?m)^\[tasks\."?([a-z:-]+)"?\]\ndescription = "(.+)"\nrun = "(.+)"$', MISE)
    return {name: (described, command) for name, described, command in found}


def task_of(target):
    """The name that a target has in mise."""
    return re.sub(r"^(cluster|lab)-", r"\1:", target)


def dry(*words):
    """What make would run."""
    return subprocess.run(["make", "--dry-run", "--no-print-directory", *words], cwd=ROOT, env={"PATH": "/usr/bin:/bin"},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # fmt: skip


class FrontDoors(unittest.TestCase):
    """Nothing is reachable in one way alone."""

    def test_mise_offers_what_make_offers(self):
        # mise lists its own tasks
        wanted = {task_of(target): f"make {target}" for target in targets() if target != "help"}
        self.assertGreater(len(wanted), 30)
        self.assertEqual({name: command for name, (_said, command) in tasks().items()}, wanted)
        self.assertEqual(MISE.count("[tasks."), len(wanted), "a task is written in another way")

    def test_both_say_the_same_of_it(self):
        for target, said in targets().items():
            if target != "help":
                with self.subTest(target):
                    here = re.sub(r"\b(cluster|lab)-(?=[a-z])", r"\1:", said)
                    self.assertEqual(re.sub(r"\b(cluster|lab)-(?=[a-z])", r"\1:", tasks()[task_of(target)][0]), here)

    def test_every_target_is_phony(self):
        phony = re.search(r"(?m)^\.PHONY: (.+)$", dry("--print-data-base", "help").stdout).group(1).split()
        self.assertEqual(set(phony), set(targets()))

    def test_every_playbook_has_a_target(self):
        playbooks = {path.name for path in (ROOT / "playbooks").glob("cluster-*.yml")}
        # health has a front door of its own
        self.assertEqual({name for name in playbooks if name not in MAKE} - {"cluster-health.yml"}, set())

    def test_the_names_of_other_guides_do_what_ours_do(self):
        readme = (ROOT / "README.md").read_text()
        for alias, ours in ALIASES.items():
            with self.subTest(alias):
                self.assertEqual(dry(alias, "INVENTORY=theirs").stdout, dry(ours, "INVENTORY=theirs").stdout)
                self.assertIn("theirs", dry(alias, "INVENTORY=theirs").stdout)
                self.assertRegex(readme, rf"`make {alias}`[^\n]*`make {ours}`")
        for alias, ours in PLAYBOOK_ALIASES.items():
            with self.subTest(alias):
                self.assertRegex((ROOT / "playbooks" / alias).read_text(), rf"import_playbook: {ours}\n$")
                self.assertIn(alias, readme)

    def test_a_key_is_replaced_by_its_name(self):
        run = dry("cluster-rotate-key", "KEY=/root/new key")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertTrue(run.stdout.endswith("playbooks/cluster-rotate-key.yml -e 'key_rotation_new_private_key_file=\"/root/new key\"'\n"), run.stdout)
        run = dry("cluster-rotate-key")
        self.assertEqual(run.returncode, 2)
        self.assertIn("cannot replace the controller's key: KEY is not given; make cluster-rotate-key KEY=~/.ssh/id_ed25519_new", run.stderr)

    def test_a_cluster_is_adopted_from_an_address(self):
        run = dry("cluster-adopt", "NODE=192.0.2.11")
        self.assertTrue(run.stdout.endswith(".venv/bin/ansible-playbook -i 192.0.2.11, playbooks/cluster-adopt.yml\n"), run.stdout)
        run = dry("cluster-adopt")
        self.assertEqual(run.returncode, 2)
        self.assertIn("cannot adopt a cluster: NODE is not given; make cluster-adopt NODE=192.0.2.11", run.stderr)


if __name__ == "__main__":
    unittest.main()
