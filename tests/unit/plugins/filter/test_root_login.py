# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done about root's logins."""

from __future__ import annotations

import base64
import unittest

from ansible_collections.pve.cluster.plugins.filter.root_login import root_login

CONTENT = "# Written by Ansible (pve.cluster): read before what pvecm writes into sshd_config.\nPermitRootLogin prohibit-password\n"
WRITTEN = f"written {base64.b64encode(CONTENT.encode()).decode()}\r\n"


def steps(printed):
    """Whether to write and reload, and whether it has its effect."""
    done = root_login(printed, "prohibit-password")
    return done["write"], done["reload"], done["effective"]


class RootLogin(unittest.TestCase):
    """What a node can print."""

    def test_as_pvecm_leaves_it(self):
        self.assertEqual(root_login("effective yes\r\n", "prohibit-password")["content"], CONTENT)
        self.assertEqual(steps("effective yes\r\n"), (True, True, False))

    def test_done(self):
        self.assertEqual(steps(f"effective without-password\r\n{WRITTEN}loaded yes\r\n"), (False, False, True))
        self.assertEqual(steps(f"effective prohibit-password\n{WRITTEN}loaded yes\n"), (False, False, True))

    def test_interrupted_before_the_reload(self):
        self.assertEqual(steps(f"effective without-password\n{WRITTEN}loaded no\n"), (False, True, True))

    def test_something_else_comes_first(self):
        printed = f"effective yes\n{WRITTEN}loaded yes\n"
        self.assertEqual(steps(printed), (False, False, False))
        self.assertEqual(root_login(printed, "prohibit-password")["is"], "yes")

    def test_the_other_way_round(self):
        done = root_login(f"effective without-password\n{WRITTEN}loaded yes\n", "yes")
        self.assertEqual((done["write"], done["content"].splitlines()[1]), (True, "PermitRootLogin yes"))

    def test_a_configuration_that_sshd_does_not_understand(self):
        self.assertEqual(root_login("sshd_config line 3: Bad option\n", "yes")["is"], "unknown")
