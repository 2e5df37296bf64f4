# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole story, short: it is run on every ansible-core that the README promises (`on-versions`)."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from harness import ANSIBLE, HEALTH_LIMITS, Inventory, fresh, lab, nodes_agree, on, play, state

# Everything that an ansible-core says will change is a failure here, before it does.
os.environ["ANSIBLE_DEPRECATION_WARNINGS"] = "True"
TWO, THREE = ["pve1", "pve2"], ["pve1", "pve2", "pve3"]


class Version(unittest.TestCase):
    """What the tests of one ansible-core share."""

    maxDiff = None

    def quiet(self, run):
        """Ansible neither warns of anything nor says that something will change."""
        self.assertEqual(re.findall(r"(?m)^.*(?:\[DEPRECATION WARNING\]|\[WARNING\]|Traceback).*$", run.output), [], run.output)

    def succeeded(self, run, changed=None):
        """The run ended well on every host, with this many changes on each where that is told."""
        self.assertEqual(run.rc, 0, run.output)
        for host, numbers in run.recap.items():
            self.assertEqual((numbers["failed"], numbers["unreachable"]), (0, 0), f"{host}\n{run.output}")
        if changed is not None:
            self.assertEqual(set(run.changed().values()), {changed}, run.output)
        self.quiet(run)

    def refused(self, run, *sentences):
        """The run ended badly, and says why in these words."""
        self.assertEqual(run.rc, 2, run.output)
        for sentence in sentences:
            self.assertIn(sentence, run.output)
        self.quiet(run)

    def whole(self, names):
        """All of these are in one cluster, and only they."""
        views = nodes_agree(names)
        self.assertEqual(len({json.dumps(view) for view in views.values()}), 1, views)
        self.assertEqual(len(views[names[0]][2]), len(names), views)


class Story(Version):
    """One story: each test goes on where the one before ended."""

    @classmethod
    def setUpClass(cls):
        fresh(3, key=False)
        cls.two, cls.three = Inventory(2, password=True), Inventory(3, password=True)
        cls.reports = Path(tempfile.mkdtemp(prefix="reports-"))
        cls.addClassCleanup(shutil.rmtree, cls.reports, ignore_errors=True)

    def untouched(self, names, run):
        """The run leaves every file and service of these nodes as it is."""
        before = {name: state(name) for name in names}
        done = run()
        for name in names:
            self.assertEqual(set(before[name]) ^ set(state(name)), set(), f"{name} was touched")
        return done

    def test_00_it_is_the_version_that_is_meant(self):
        said = subprocess.run([ANSIBLE / "ansible-playbook", "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
        self.assertRegex(said, r"^ansible-playbook \[core " + re.escape(os.environ.get("PVE_ANSIBLE_VERSION", "2.")))

    def test_10_a_check_run_changes_nothing(self):
        self.succeeded(self.untouched(TWO, lambda: play(self.two, "cluster-init.yml", "--check", "--diff")))

    def test_20_two_nodes_are_formed(self):
        self.succeeded(play(self.two))
        self.whole(TWO)

    def test_30_a_second_run_changes_nothing(self):
        self.succeeded(self.untouched(TWO, lambda: play(self.two)), changed=0)

    def test_35_a_run_that_changes_nothing_fits_on_one_screen(self):
        with mock.patch.dict(os.environ, ANSIBLE_STDOUT_CALLBACK="pve.cluster.brief"):
            run = play(self.two)
        self.succeeded(run, changed=0)
        # without what is warned of in this lab alone
        lines = [line for line in run.output.partition("\nPLAY RECAP")[0].splitlines() if not re.search(r"\[[a-z-]+\]$|^  Warned of:$|^$", line)]
        self.assertEqual(
            [re.sub("Proxmox VE .*", "Proxmox VE", line) for line in lines],
            ["Find the cluster's hosts", "Read the inventory and the state of every node",
             "Before phase 1: pre-flight checks of all that it does not change", "What will be done", "  Plan for cluster 'lab'", "  Now:",
             "    pve1: member of cluster 'lab', 2 of 2 votes, 0 guests, Proxmox VE", "    pve2: member of cluster 'lab', 2 of 2 votes, 0 guests, Proxmox VE",
             "  Nothing is to be changed.", "Phase 1 of 6: SSH preparation", "Phase 2 of 6: pre-flight checks of what phase 1 wrote",
             "Phase 3 of 6: creation on the primary", "Phase 4 of 6: confirming the members, all at once", "Phase 5 of 6: SSH after joining",
             "Phase 6 of 6: final verification",
             "  cluster 'lab': 2 members, quorate with 2 of 2 votes (2 needed), config_version 2 everywhere", "  pve1, pve2"],
        )
        self.assertLessEqual(len(run.output.splitlines()), 40, run.output)

    def test_40_a_third_node_joins(self):
        self.succeeded(play(self.three, "cluster-add-node.yml"))
        self.whole(THREE)

    def test_50_a_check_run_on_members_changes_nothing(self):
        self.succeeded(self.untouched(THREE, lambda: play(self.three, "cluster-init.yml", "--check", "--diff")), changed=0)

    def test_60_it_is_well_and_the_limits_may_be_text(self):
        document = self.reports / "health.json"
        # as an INI inventory, `-e name=value` and, before 2.19, every template give them
        limits = {name: "{{ '" + str(value) + "' }}" if isinstance(value, int) else value for name, value in HEALTH_LIMITS.items()}
        run = play(self.three, "cluster-health.yml", "-e", json.dumps(limits), "-e", f"cluster_health_output_file={document}")
        self.succeeded(run, changed=0)
        said = json.loads(document.read_text())
        self.assertEqual((said["quorum"]["total_votes"], said["quorum"]["survives"]), (3, 1))
        self.assertEqual((said["limits"]["latency_error_ms"], said["limits"]["certificate_days"]), (1000, 30))
        again = play(self.three, "cluster-health.yml", "-e", json.dumps(limits), "-e", f"cluster_health_compare_with={document}")
        self.succeeded(again)

    def test_70_corosync_conf_is_changed_on_every_node(self):
        change = ["-e", json.dumps({"corosync_totem": {"token": 5000}})]
        self.succeeded(play(self.three, "cluster-corosync.yml", *change))
        for name in THREE:
            self.assertIn("= 5000", on(name, "corosync-cmapctl -g totem.token"))
        self.succeeded(play(self.three, "cluster-corosync.yml", *change), changed=0)

    def test_80_another_cluster_is_refused(self):
        run = self.untouched(THREE, lambda: play(Inventory(3, password=True, name="lab-2")))
        self.refused(run, "cannot work on cluster 'lab-2': pve1 is a member of cluster 'lab'; pve2 is a member of cluster 'lab'; "
                     "pve3 is a member of cluster 'lab'. Correct cluster_name, or take these nodes out of their cluster first.")

    def test_81_a_limit_that_is_no_number_is_refused(self):
        # by the inventory, before the role's argument spec would say it of every node
        run = play(self.three, "cluster-health.yml", "-e", "cluster_health_latency_warning_ms=fast")
        self.refused(run, "cannot use the inventory: cluster_health_latency_warning_ms (of pve1, pve2, pve3) is not a number: 'fast'")
        self.assertEqual(len(re.findall("(?m)^fatal: ", run.output)), 1, run.output)

    def test_90_a_node_that_lost_its_power_is_a_failure_and_is_told(self):
        lab("kill", "pve3")
        run = play(self.three, "cluster-health.yml", "-e", json.dumps(HEALTH_LIMITS))
        self.assertEqual(run.rc, 2, run.output)
        self.assertIn("cluster 'lab' is not well:", run.output)
        self.assertRegex(run.output, r"error: pve3: it could not be asked \(.+see whether it runs and answers ssh \[unreachable\]")
        self.quiet(run)


if __name__ == "__main__":
    unittest.main()
