# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ssh is told of unusual ports."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.ssh_ports import ssh_ports


class SshPorts(unittest.TestCase):
    """A block for whom it needs, and no file when nobody does."""

    def test_port_22_needs_no_words(self):
        for ports in ([22], [2222, 22], []):
            with self.subTest(ports=ports):
                self.assertEqual(ssh_ports([{"names": ["pve1"], "ports": ports}]), "")

    def test_another_port(self):
        hosts = [{"names": ["PVE1", "10.77.0.11"], "ports": [2222, 2223]}, {"names": ["pve2"], "ports": [22]}]
        self.assertEqual(
            ssh_ports(hosts),
            "# The nodes' ssh ports. Written by Ansible (pve.cluster).\nHost pve1 10.77.0.11\n    Port 2222\n",
        )
