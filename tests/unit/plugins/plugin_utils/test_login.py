# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a host is logged in to, as variables."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.login import login

# What ansible-playbook makes of a command line without any of them.
NONE = {"remote_user": None, "private_key_file": None, "ssh_common_args": "", "ssh_extra_args": "", "become": False, "become_method": "sudo",
        "become_user": None}  # fmt: skip


class Login(unittest.TestCase):
    def test_nothing_is_made_up(self):
        self.assertEqual(login({}, NONE), {})
        self.assertEqual(login({"ansible_port": 22, "ansible_become": False, "ansible_user": "", "ansible_become_user": "root"}, NONE), {})

    def test_the_command_line(self):
        options = {**NONE, "remote_user": "ops", "private_key_file": "/k", "ssh_common_args": "-J a", "ssh_extra_args": "-4", "become": True,
                   "become_method": "doas", "become_user": "toor"}  # fmt: skip
        self.assertEqual(
            login({}, options),
            {"ansible_user": "ops", "ansible_ssh_private_key_file": "/k", "ansible_ssh_common_args": "-J a", "ansible_ssh_extra_args": "-4",
             "ansible_become": True, "ansible_become_method": "doas", "ansible_become_user": "toor"},
        )  # fmt: skip

    def test_variables_win_and_no_password_is_kept(self):
        variables = {"ansible_ssh_user": "root", "ansible_ssh_port": "2222", "ansible_private_key_file": "~/k", "ansible_become": "yes",
                     "ansible_password": "secret", "ansible_become_password": "secret"}  # fmt: skip
        self.assertEqual(
            login(variables, {**NONE, "remote_user": "ops", "become": True}),
            {"ansible_user": "root", "ansible_port": 2222, "ansible_ssh_private_key_file": "~/k", "ansible_become": True},
        )
        self.assertEqual(login({"ansible_become": "no"}, {**NONE, "become": True}), {})


if __name__ == "__main__":
    unittest.main()
