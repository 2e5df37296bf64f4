# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judging ssh on a member."""

from __future__ import annotations

import base64
import unittest

from ansible_collections.pve.cluster.plugins.filter.ssh_findings import ssh_findings


def facts(version="9.1.6"):
    """A node with one host key."""
    return {"nodename": "pve1", "versions": {"pve_cluster": version}, "ssh": {"host_keys": [{"type": "ssh-rsa", "key": "AAAA"}]}}


def printed(keys="/etc/pve/priv/authorized_keys", writable="yes", pinned="pve1 ssh-rsa AAAA\n", more=""):
    """What a node prints, with the line ends of a terminal."""
    pins = base64.b64encode(pinned.encode()).decode()
    return f"keys {keys}\r\nwritable {writable}\r\npinned {pins}\r\n{more}"


class SshFindings(unittest.TestCase):
    """One case a finding, texts whole."""

    def test_all_is_well(self):
        self.assertEqual(ssh_findings(printed(), facts()), [])

    def test_a_file_in_place_of_the_link(self):
        message = "root's authorized_keys leads to '/root/.ssh/authorized_keys', not to the cluster's file '/etc/pve/priv/authorized_keys'"
        for writable, repaired in (("yes", True), ("no", False)):
            with self.subTest(writable=writable):
                self.assertEqual(
                    ssh_findings(printed("/root/.ssh/authorized_keys", writable), facts()),
                    [{"message": message, "repaired_by_pve": repaired}],
                )

    def test_pinned_keys_that_are_not_the_nodes(self):
        finding = [{"message": "'/etc/pve/nodes/pve1/ssh_known_hosts' has none of its host keys", "repaired_by_pve": True}]
        for pinned in ("", "pve1 ssh-rsa OLD\n", "pve2 ssh-rsa AAAA\n", "\n", "pve1\n"):
            with self.subTest(pinned=pinned):
                self.assertEqual(ssh_findings(printed(pinned=pinned), facts()), finding)

    def test_older_releases_pin_elsewhere(self):
        for version, findings in (("8.0.5", 0), ("8.0.6", 1), ("8.0.10-2", 1), ("10.0", 1), (None, 0)):
            with self.subTest(version=version):
                self.assertEqual(len(ssh_findings(printed(pinned=""), facts(version))), findings)

    def test_nodes_that_are_not_reached(self):
        more = "unreached pve2: Host key verification failed.\r\nunreached 10.77.0.12: no answer\r\n"
        self.assertEqual(
            ssh_findings(printed(more=more), facts()),
            [
                {"message": "it does not reach pve2: Host key verification failed", "repaired_by_pve": False},
                {"message": "it does not reach 10.77.0.12: no answer", "repaired_by_pve": False},
            ],
        )
