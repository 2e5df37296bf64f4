# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said behind Ansible's own words about a node that does not let in."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.way_in import remedy, with_remedy

# What ssh and Ansible's connection plugin said -> how the remedy begins.
CASES = {
    "Failed to connect to the host via ssh: No ED25519 host key is known for 10.0.0.1 and you have requested strict checking.\r\nHost key verification failed.":
        "the controller does not know the host key that this node shows. Pin it with playbooks/cluster-host-keys.yml",
    "Using a SSH password instead of a key is not possible because Host Key checking is enabled and sshpass does not support this.  Please add this host's "
    "fingerprint to your known_hosts file to manage this host.": "the controller does not know the host key that this node shows.",
    "@@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@@\nHost key verification failed.": "the node shows another host key than",
    "to use the 'ssh' connection type with passwords or pkcs11_provider, you must install the sshpass program": "a login by password needs sshpass",
    "Invalid/incorrect password: Permission denied, please try again.": "the node refuses this login.",
    "Failed to connect to the host via ssh: root@10.0.0.1: Permission denied (publickey,password).": "the node refuses this login.",
    "Failed to connect to the host via ssh: root@10.0.0.1: Permission denied (publickey).": "the node takes keys alone",
    "Failed to connect to the host via ssh: ssh: connect to host 10.0.0.1 port 22: Connection refused": "no sshd answers there.",
    "Failed to connect to the host via ssh: ssh: connect to host 10.0.0.1 port 22: No route to host": "no sshd answers there.",
    "Failed to connect to the host via ssh: ssh: Could not resolve hostname pve1: Name or service not known": "the name is not known to the controller.",
    "something else": "",
}


class WayIn(unittest.TestCase):
    maxDiff = None

    def test_each_has_its_remedy(self):
        for said, begins in CASES.items():
            with self.subTest(said):
                found = remedy(said)
                self.assertTrue(found.startswith(begins) if begins else found == "", found)

    def test_the_remedy_comes_last_and_in_one_line(self):
        self.assertEqual(
            with_remedy("@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@@\nHost key verification failed."),
            "WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! Host key verification failed: the node shows another host key than the one that the controller "
            "knows. If it was installed again, pin the new one with playbooks/cluster-host-keys.yml (make cluster-host-keys) and host_keys_replace=true; if not, "
            "do not log in: another machine answers for it",
        )

    def test_what_nobody_knows_stays_as_it_was(self):
        self.assertEqual(with_remedy("a\nb."), "a\nb.")
