# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what a node printed about its ssh."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.ssh_seen import ssh_seen


class SshSeen(unittest.TestCase):
    """Each sort of line, with the line ends of a terminal."""

    def test_files_and_links(self):
        seen = ssh_seen("link /etc/ssh/ssh_known_hosts /etc/pve/priv/known_hosts\r\nfile /etc/hosts YQpiCg==\r\nfile /empty \r\nfile /odd /w==\r\n")
        self.assertEqual(seen["links"], {"/etc/ssh/ssh_known_hosts": "/etc/pve/priv/known_hosts"})
        self.assertEqual(seen["files"]["/etc/hosts"], "a\nb\n")
        self.assertEqual(seen["files"]["/empty"], "")
        self.assertEqual(seen["files"]["/odd"].encode("utf-8", "surrogateescape"), b"\xff")

    def test_keys_that_may_log_in(self):
        seen = ssh_seen("keys /root/.ssh/authorized_keys AAAA1 AAAA2 \r\nkeys /root/.ssh/authorized_keys2\r\nkeyfiles .ssh/a %h/b\r\n")
        self.assertEqual(seen["keys"], {"/root/.ssh/authorized_keys": ["AAAA1", "AAAA2"], "/root/.ssh/authorized_keys2": []})
        self.assertEqual(seen["key_files"], [".ssh/a", "%h/b"])

    def test_ports(self):
        cases = {
            "": [22],
            "listen [::]:22\r\nlisten 0.0.0.0:22\r\n": [22],
            "listen 10.77.0.11:2222\nlisten 127.0.0.1:22\nlisten [::1]:22\n": [2222],
            "listen [::]:2222\nlisten [::]:22\n": [2222, 22],
        }
        for printed, ports in cases.items():
            with self.subTest(printed=printed):
                self.assertEqual(ssh_seen(printed)["ports"], ports)

    def test_what_is_no_port_and_no_file_is_not_taken(self):
        seen = ssh_seen("listen [::]:{{ 1 }}\nlisten [::]:-1\nlisten [::]:\npair {{ x }}\nprivate ../../etc/x ssh-rsa A\npair a;b\npair id_rsa\n")
        self.assertEqual((seen["ports"], seen["pairs"]), ([22], {"id_rsa": "missing"}))

    def test_key_pairs(self):
        cases = {
            "pair id_rsa": "missing",
            "pair id_rsa\nprivate id_rsa ssh-rsa A\npublic id_rsa ssh-rsa A root@pve1": "whole",
            "pair id_rsa\nprivate id_rsa ssh-rsa A root@pve1\npublic id_rsa ssh-rsa A": "whole",
            "pair id_rsa\nprivate id_rsa ssh-rsa A": "public_lost",
            "pair id_rsa\nprivate id_rsa ssh-rsa A\npublic id_rsa ssh-rsa B": "public_lost",
            "pair id_rsa\nprivate id_rsa \npublic id_rsa ssh-rsa B": "locked",
            "pair id_rsa\r\nprivate id_rsa\r\n": "locked",
        }
        for printed, state in cases.items():
            with self.subTest(printed=printed):
                self.assertEqual(ssh_seen(printed)["pairs"], {"id_rsa": state})
