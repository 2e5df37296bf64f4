# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module printed, as Ansible is given it."""

from __future__ import annotations

import unittest

from ansible_collections.pve.cluster.plugins.plugin_utils.answer import answer


class Answer(unittest.TestCase):
    """From what arrives on a terminal, where warnings of a login shell stand beside it."""

    def test_the_object_is_found_among_other_lines(self):
        self.assertEqual(answer('bash: warning: setlocale\n{"changed": true}\r\nConnection closed.\n'), {"changed": True})
        self.assertEqual(answer('{"changed": false}\n{"changed": true}\n{ not json\n'), {"changed": True})

    def test_what_is_no_object_is_no_answer(self):
        for printed in ("", "Permission denied\n", "[1]\n", '"{}"\n', '{"changed": tr', "text {}\n"):
            self.assertIsNone(answer(printed), printed)

    def test_a_module_cannot_speak_for_ansible(self):
        printed = (
            '{"_ansible_no_log": false, "_ansible_verbose_always": true, "add_host": {"host_name": "x"}, "add_group": "x",'
            ' "ansible_facts": {"discovered_interpreter_python": "/tmp/x", "ansible_discovered_interpreter_python": "/tmp/x", "cluster": 1},'
            ' "ansible_job_id": "1", "changed": true}\n'
        )
        self.assertEqual(answer(printed), {"ansible_facts": {"cluster": 1}, "ansible_job_id": "1", "changed": True})

    def test_only_warnings_that_say_something_are_passed_on(self):
        self.assertEqual(answer('{"warnings": [], "deprecations": []}'), {})
        self.assertEqual(answer('{"warnings": ["late"], "deprecations": null}'), {"warnings": ["late"]})

    def test_facts_that_are_no_object_are_passed_on(self):
        self.assertEqual(answer('{"ansible_facts": [1]}'), {"ansible_facts": [1]})


if __name__ == "__main__":
    unittest.main()
