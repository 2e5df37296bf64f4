# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading ssh's account of a login, as OpenSSH 9 and 10 give it."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.filter.login_problem import login_problem

OFFERED = (
    "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026\r\n"
    "debug1: Connecting to 10.77.0.11 [10.77.0.11] port 22.\r\n"
    "debug1: Offering public key: /root/.ssh/id_ed25519 ED25519 SHA256:new explicit\r\n"
)
TAKEN = "debug1: Server accepts key: /root/.ssh/id_ed25519 ED25519 SHA256:new explicit\r\n"
DONE = 'Authenticated to 10.77.0.11 ([10.77.0.11]:22) using "publickey".\r\n'


class LoginProblem(unittest.TestCase):
    """One case a reason."""

    def test_the_key_has_logged_in(self):
        self.assertEqual(login_problem(OFFERED + TAKEN + DONE, ["SHA256:other", "SHA256:new"]), "")

    def test_another_key_has_logged_in(self):
        log = OFFERED + TAKEN.replace("SHA256:new", "SHA256:old") + DONE
        self.assertEqual(login_problem(log, ["SHA256:new"]), "another key logged in (SHA256:old), not SHA256:new")

    def test_a_key_that_was_taken_and_could_not_sign(self):
        log = OFFERED + TAKEN + TAKEN.replace("SHA256:new", "SHA256:old") + DONE
        self.assertEqual(login_problem(log, ["SHA256:new"]), "another key logged in (SHA256:old), not SHA256:new")

    def test_no_login(self):
        log = OFFERED + "debug1: No more authentication methods to try.\r\nroot@10.77.0.11: Permission denied (publickey,password).\r\n"
        self.assertEqual(login_problem(log, ["SHA256:new"]), "ssh says: root@10.77.0.11: Permission denied (publickey,password).")

    def test_a_password_is_no_key(self):
        self.assertEqual(login_problem(OFFERED + DONE.replace("publickey", "password"), ["SHA256:new"])[:10], "ssh says: ")

    def test_no_account(self):
        self.assertEqual(
            login_problem("", ["SHA256:new"]), "ssh left no account of the login: the connection plugin 'ssh' is needed for this"
        )
