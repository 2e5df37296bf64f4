# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys can be replaced."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.rotation_problems import rotation_problems

NEW = "ssh-ed25519 AAAANEW new@controller\n"
OLD = "ssh-ed25519 AAAAOLD old@controller\n"
NODES = ["ssh-rsa AAAANODE1 root@pve1", "ssh-ed25519 AAAANODE2 root@pve2"]


class RotationProblems(unittest.TestCase):
    """One case a problem, texts whole."""

    def test_keys_that_can_be_replaced(self):
        for new, old in ((NEW, OLD), (NEW, OLD + 'from="10.0.0.1" ssh-rsa AAAAOLDER\n# ssh-ed25519 AAAANEW\n'), ("\n" + NEW, OLD)):
            with self.subTest(new=new, old=old):
                self.assertEqual(rotation_problems(new, old, NODES), [])

    def test_keys_that_cannot(self):
        same = "the new key is the old one: name the file of the old public key in key_rotation_old_public_key_file"
        cases = [
            ("", OLD, "the new public key must be one key, but 0 were found: see key_rotation_new_private_key_file"),
            (NEW + OLD, "ssh-rsa AAAAX", "the new public key must be one key, but 2 were found: see key_rotation_new_private_key_file"),
            (NEW, "", "no old public key was found: name its file in key_rotation_old_public_key_file"),
            (NEW, NEW, same),
            (NEW, 'restrict,from="10.0.0.1" ' + NEW.replace("new@", "old@"), same),
            (NEW, NODES[0], "an old key is one with which a node logs in to the others: without it the cluster's nodes would not reach each other"),
            (NODES[1], OLD, "the new key is one with which a node logs in to the others: the controller needs a key of its own"),
        ]
        for new, old, problem in cases:
            with self.subTest(new=new, old=old):
                self.assertEqual(rotation_problems(new, old, NODES), [problem])

    def test_a_private_key_is_not_repeated(self):
        private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n"
        for new, old in ((private, OLD), (NEW, private)):
            problems = rotation_problems(new, old, NODES)
            self.assertEqual(problems, ["a private key was given: give the public key, from the file that ends in .pub"])
