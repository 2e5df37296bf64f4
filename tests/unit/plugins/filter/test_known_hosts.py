# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pinning the nodes' host keys, and taking outdated ones out."""

from __future__ import annotations

import unittest

from ansible.errors import AnsibleFilterError

from ansible_collections.pve.cluster.plugins.filter.known_hosts_current import known_hosts_current
from ansible_collections.pve.cluster.plugins.filter.known_hosts_pinned import known_hosts_pinned

PVE1 = {"names": ["pve1", "pve1.lab.local", "10.77.0.11"], "ports": [22], "keys": [{"type": "ssh-ed25519", "key": "AAAA1"}]}
PVE2 = {"names": ["pve2", "10.77.0.12"], "ports": [2222], "keys": [{"type": "ssh-ed25519", "key": "AAAA2"}]}
BLOCK = (
    "# BEGIN pve.cluster lab\n"
    "pve1,pve1.lab.local,10.77.0.11 ssh-ed25519 AAAA1\n"
    "pve2,[pve2]:2222,10.77.0.12,[10.77.0.12]:2222 ssh-ed25519 AAAA2\n"
    "# END pve.cluster lab\n"
)
# `ssh-keygen -H` made these.
HASHED_PVE1 = "|1|C1HbQYQJR/VFUdm1XKVc9Xh4nss=|jWtJajojZxFxCeXdGjZT9tH4fe8= ssh-ed25519 OLD\n"
HASHED_PVE2_2222 = "|1|bJB01/1QY/lVTIO1ozwwOAkTxAQ=|UrIWSCJJnNu33ynN1fyvfdfsATE= ssh-ed25519 OLD\n"
HASHED_ELSEWHERE = "|1|WkNRUe2eajWRKq98WAdV2l7Q1JQ=|psYiQzfvezyt945+d5c85ItQnTY= ssh-ed25519 OLD\n"


def pinned(content, hosts=(PVE1, PVE2)):
    """What becomes of a file."""
    return known_hosts_pinned(content, "lab", hosts)


class Pinned(unittest.TestCase):
    """The block, and what else the file says of the nodes."""

    def test_a_missing_file_becomes_the_block(self):
        self.assertEqual(pinned(""), BLOCK)

    def test_a_key_that_names_another_host_is_refused(self):
        for evil in ({"key": "AAAA\npve2 ssh-ed25519 EVIL"}, {"type": "pve2,pve3 ssh-rsa"}, {"key": "{{ 1 }}"}, {"key": ""}, {"key": "AAAA note"}):
            with self.subTest(evil):
                host = {**PVE1, "keys": [{**PVE1["keys"][0], **evil}]}
                with self.assertRaisesRegex(AnsibleFilterError, "^cannot pin the host keys of 'pve1': .* is no public key; see its /etc/ssh$"):
                    pinned("", [host])

    def test_a_second_time_nothing_changes(self):
        for content in ("", "other ssh-rsa X\n", "other ssh-rsa X", "# note\n\n" + BLOCK + "other ssh-rsa X\n", BLOCK + "\n\n"):
            with self.subTest(content=content):
                once = pinned(content)
                self.assertEqual(pinned(once), once)

    def test_what_others_wrote_stays_byte_by_byte(self):
        kept = (
            "# pve1 ssh-rsa commented\n"
            "\n"
            "elsewhere,10.0.0.1 ssh-rsa X  comment with pve1\n"
            "*.lab.local ssh-rsa X\n"
            "@cert-authority pve1 ssh-rsa X\n"
            "@revoked pve1 ssh-rsa X\n"
            "[pve1]:2222 ssh-rsa another-sshd\n"
            "short line\n"
            "\tindented ssh-rsa X\n"
        )
        self.assertEqual(pinned(kept), kept + BLOCK)

    def test_the_block_stays_where_it_is(self):
        self.assertEqual(pinned("a ssh-rsa X\n" + BLOCK.replace("AAAA1", "OLD") + "b ssh-rsa X\n"), "a ssh-rsa X\n" + BLOCK + "b ssh-rsa X\n")

    def test_keys_of_a_reinstalled_node_go(self):
        cases = {
            "pve1 ssh-ed25519 OLD\n": "",
            "PVE1 ssh-rsa OLD\n": "",
            "pve1,elsewhere,10.77.0.11 ssh-rsa OLD note\n": "elsewhere ssh-rsa OLD note\n",
            "[pve2]:2222 ssh-rsa OLD\n": "",
            "pve1 ssh-ed25519 AAAA1\n": "",
            "pve1,*.lab.local ssh-rsa OLD\n": "*.lab.local ssh-rsa OLD\n",
        }
        for old, left in cases.items():
            with self.subTest(old=old):
                self.assertEqual(pinned(old), left + BLOCK)

    def test_a_removed_node_leaves_the_block_and_the_rest(self):
        content = "pve2 ssh-rsa X\n" + BLOCK + "[10.77.0.12]:2222,elsewhere ssh-rsa X\n"
        self.assertEqual(
            pinned(content, (PVE1,)),
            "# BEGIN pve.cluster lab\npve1,pve1.lab.local,10.77.0.11 ssh-ed25519 AAAA1\n# END pve.cluster lab\nelsewhere ssh-rsa X\n",
        )

    def test_the_block_of_another_cluster_stays(self):
        other = BLOCK.replace("cluster lab", "cluster lab-2").replace("pve", "x").replace("x.cluster", "pve.cluster").replace("10.77", "10.78")
        self.assertEqual(pinned(other), other + BLOCK)

    def test_a_block_without_its_end_loses_nothing_else(self):
        self.assertEqual(pinned("# BEGIN pve.cluster lab\npve1 ssh-rsa OLD\nother ssh-rsa X\n"), "other ssh-rsa X\n" + BLOCK)

    def test_hashed_names_are_recognized(self):
        self.assertEqual(pinned(HASHED_PVE1 + HASHED_ELSEWHERE + HASHED_PVE2_2222), HASHED_ELSEWHERE + BLOCK)

    def test_a_damaged_hash_stays(self):
        for damaged in ("|1|C1HbQYQJR|x| ssh-rsa X\n", "|1| ssh-rsa X\n", "|1|***|*** ssh-rsa X\n"):
            with self.subTest(damaged=damaged):
                self.assertEqual(pinned(damaged), damaged + BLOCK)


class Current(unittest.TestCase):
    """Files that Proxmox VE writes itself."""

    def test_only_keys_that_the_node_no_longer_has_go(self):
        content = "pve1 ssh-ed25519 AAAA1\npve1 ssh-rsa OLD\n10.77.0.11,elsewhere ssh-rsa OLD\npve2 ssh-ed25519 AAAA2\npve9 ssh-rsa X\n"
        self.assertEqual(
            known_hosts_current(content, [PVE1, PVE2]),
            "pve1 ssh-ed25519 AAAA1\nelsewhere ssh-rsa OLD\npve2 ssh-ed25519 AAAA2\npve9 ssh-rsa X\n",
        )

    def test_nothing_to_do_changes_nothing(self):
        for content in ("", "# note\n\npve1 ssh-ed25519 AAAA1", "@revoked pve1 ssh-rsa OLD\n"):
            self.assertEqual(known_hosts_current(content, [PVE1, PVE2]), content)
