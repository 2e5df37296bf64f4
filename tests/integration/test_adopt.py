# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that was made by hand is taken over from the address of one of its members."""

import os
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import yaml
from harness import ANSIBLE, BUSY, LAB, PLAYBOOKS, ROOT, Run, form, fresh, lab, on, untouched

THREE = ["pve1", "pve2", "pve3"]


def ansible(*words):
    """Run a playbook with these words, in the controller's network and without an inventory of the harness."""
    environment = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    begun = time.monotonic()
    done = subprocess.run(
        [LAB, "run", "--", ANSIBLE / "ansible-playbook", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=600, cwd=ROOT, env=environment, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout, time.monotonic() - begun)


class Adopt(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        form(THREE, name="byhand")
        cls.folder = Path(tempfile.mkdtemp(prefix="adopt-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.file = cls.folder / "taken-over.yml"
        cls.known = cls.folder / "known_hosts"
        cls.key = lab("run", "--", "sh", "-c", "echo $PVE_LAB_KEY").strip()
        # the controller has met one node alone
        cls.first = "10.77.0.11 " + on("pve1", "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")
        cls.known.write_text(cls.first)

    def adopt(self, *words):
        """A run from the address of one member."""
        ssh = f"-o IdentitiesOnly=yes -o UserKnownHostsFile={self.known} -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes"
        return ansible(
            "-i", "10.77.0.11,", "-u", "root", "--private-key", self.key, "--ssh-common-args", ssh, PLAYBOOKS / "cluster-adopt.yml",
            "-e", f"cluster_adopt_file={self.file}", *words,
        )  # fmt: skip

    def refused(self, run, reason):
        """The run wrote nothing, and said why."""
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn(reason, run.output)
        self.assertFalse(self.file.exists())
        self.assertEqual(self.known.read_text(), self.first, "a key was pinned")

    def test_10_a_node_that_shows_a_key_that_the_cluster_does_not_know(self):
        on("pve3", "mkdir /root/keys && cp -a /etc/ssh/ssh_host_* /root/keys/ && rm /etc/ssh/ssh_host_*_key* && ssh-keygen -qA && systemctl restart ssh")
        self.addCleanup(on, "pve3", "cp -a /root/keys/. /etc/ssh/ && rm -r /root/keys && systemctl restart ssh")
        run = self.adopt()
        self.refused(run, "'pve3' shows ")
        self.assertIn("none of these is expected: it may be another machine", run.output)

    def test_20_a_node_whose_key_nobody_knows(self):
        on("pve1", "mv /etc/pve/nodes/pve2/ssh_known_hosts /etc/pve/priv/away")
        shared = on("pve1", "test ! -e /etc/pve/priv/known_hosts || mv -v /etc/pve/priv/known_hosts /etc/pve/priv/away2")
        back = "mv /etc/pve/priv/away /etc/pve/nodes/pve2/ssh_known_hosts" + ("; mv /etc/pve/priv/away2 /etc/pve/priv/known_hosts" if shared else "")
        self.addCleanup(on, "pve1", back)
        self.refused(self.adopt(), "cannot adopt cluster 'byhand': the cluster knows no host key of node 'pve2': run 'pvecm updatecerts' on it")

    def test_30_it_is_taken_over(self):
        with untouched(self, THREE):
            run = self.adopt("-e", "cluster_environment=production")
        self.assertEqual(run.rc, 0, run.output)
        self.assertIn(f"is in {self.file}", run.output)
        text = self.file.read_text()
        self.assertNotIn("corosync_conf:", text)
        read = yaml.safe_load(text)["all"]["children"]["pve_cluster_nodes"]
        self.assertEqual(read["hosts"], {f"pve{n}": {"ansible_host": f"10.77.0.1{n}"} for n in (1, 2, 3)})
        self.assertEqual(
            {key: value for key, value in read["vars"].items() if key not in ("ansible_ssh_common_args", "cluster_exported")},
            {
                "ansible_user": "root", "ansible_ssh_private_key_file": self.key, "cluster_name": "byhand", "cluster_group": "pve_cluster_nodes",
                "cluster_environment": "production",
                "cluster_nodes": [
                    {"short_name": f"pve{n}", "management_ip": f"10.77.0.1{n}", "fqdn": f"pve{n}.lab.local",
                     "links": [{"number": 0, "address": f"10.77.1.1{n}"}], "node_id": n, "votes": 1}
                    for n in (1, 2, 3)
                ],
            },
        )  # fmt: skip

    def test_40_it_is_never_overwritten(self):
        before = self.file.read_text()
        run = self.adopt()
        self.assertNotEqual(run.rc, 0)
        self.assertIn(f"cannot adopt cluster 'byhand': '{self.file}' exists, and no inventory is ever overwritten.", run.output)
        self.assertEqual(self.file.read_text(), before)

    def test_50_check_mode_says_what_differs_and_then_nothing_does(self):
        more = [word for name, value in BUSY.items() for word in ("-e", f"{name}={value}")]
        init = ("-i", self.file, PLAYBOOKS / "cluster-init.yml", *more)
        with untouched(self, THREE):
            run = ansible(*init, "--check", "--diff")
        self.assertEqual(run.rc, 0, run.output)
        # the cluster itself is as it is: only the ssh side and the names differ
        self.assertNotIn("would join", run.output)
        promised = run.changed()
        run = ansible(*init)
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual({host: number > 0 for host, number in run.changed().items()}, {host: number > 0 for host, number in promised.items()})
        self.assertIn("pve2.lab.local", on("pve1", "cat /etc/hosts"))
        run = ansible(*init)
        self.assertEqual((run.rc, set(run.changed().values())), (0, {0}), run.output)

    def test_60_a_node_that_is_off(self):
        self.file.unlink()
        self.known.write_text(self.first)
        on("pve3", "systemctl stop corosync")
        self.addCleanup(on, "pve3", "systemctl start corosync")
        deadline = time.monotonic() + 60
        while "Nodes:            2" not in on("pve1", "pvecm status") and time.monotonic() < deadline:
            pass
        self.refused(self.adopt(), "node 'pve3' is not online: start it, or remove it from the cluster (pvecm delnode pve3). Nothing was written")


if __name__ == "__main__":
    unittest.main()
