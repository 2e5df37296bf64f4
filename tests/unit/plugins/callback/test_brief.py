# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run prints, under the real ansible-playbook, which reaches no host but this one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml
from ansible_collections.pve.cluster.plugins.plugin_utils.told import said, shown, where_first

ROOT = Path(__file__).resolve().parents[4]


def run(plays, *words, **environment):
    """What is printed of these plays on three hosts."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    away = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}
    with tempfile.TemporaryDirectory() as folder:
        inventory, book = Path(folder, "inventory.yml"), Path(folder, "book.yml")
        hosts = {"pve1": local, "pve2": local, "pve3": local, "away": away}
        inventory.write_text(yaml.safe_dump({"all": {"children": {"nodes": {"hosts": {name: hosts[name] for name in ("pve1", "pve2", "pve3")}},
                                                                 "gone": {"hosts": {"away": away}}}}}))
        plays = [{"hosts": "nodes", "gather_facts": False, **play} for play in plays]
        book.write_text(yaml.safe_dump(plays, sort_keys=False))
        done = subprocess.run(
            ["ansible-playbook", "-i", str(inventory), str(book), *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_HOME": folder, "ANSIBLE_FORKS": "1",
                 "ANSIBLE_STDOUT_CALLBACK": "pve.cluster.brief", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"), **environment},
        )  # fmt: skip
    return done.stdout.partition("\nPLAY RECAP")[0].rstrip().splitlines()


def task(name, module, **arguments):
    """A task of a built-in module."""
    return {"name": name, f"ansible.builtin.{module}": arguments}


class Brief(unittest.TestCase):
    """Whole screens."""

    maxDiff = None

    def test_what_was_as_it_should_be_and_what_was_not_needed_is_not_listed(self):
        printed = run([
            {"name": "One", "tasks": [task("Look", "command", argv=["true"]) | {"changed_when": False}, task("Skip", "command", argv=["false"]) | {"when": False}]},
            {"name": "Nobody", "hosts": "all:!all", "tasks": [task("Look", "ping")]},
            {"name": "Two", "tasks": [
                task("Say", "debug", msg=["a", "", "b"]) | {"run_once": True},
                task("Say for each", "debug", msg="I am {{ inventory_hostname }}"),
                task("Loop", "debug", msg="{{ item }}") | {"loop": [1], "run_once": True, "when": False},
                task("Change", "command", argv=["true"]) | {"when": "inventory_hostname != 'pve2'"},
                task("Pass over", "fail", msg="no") | {"ignore_errors": True},
            ]},
        ])  # fmt: skip
        self.assertEqual(
            printed,
            ["One", "Two", "  a", "", "  b", "  pve1: I am pve1", "  pve2: I am pve2", "  pve3: I am pve3", "  changed: pve1: Change", "  changed: pve3: Change"],
        )

    def test_a_loop_of_what_is_said_is_said(self):
        printed = run([{"name": "One", "tasks": [task("Say", "debug", msg="{{ item }}") | {"loop": ["a", "b"], "run_once": True}]}])
        self.assertEqual(printed, ["One", "  a", "  b"])

    def test_what_went_wrong_is_told_once_with_its_hosts_and_no_empty_play_after_it(self):
        printed = run([
            {"name": "One", "tasks": [task("Refuse", "fail", msg="it is {{ 'odd' if inventory_hostname == 'pve2' else 'even' }}\nbelow")]},
            {"name": "Two", "tasks": [task("Look", "ping")]},
        ])  # fmt: skip
        self.assertEqual(
            printed, ["One", "  failed: pve1, pve3: Refuse: it is even", "    below", "  failed: pve2: Refuse: it is odd", "    below"],
        )
        once = run([{"name": "One", "any_errors_fatal": True, "tasks": [task("Refuse", "assert", that="false", fail_msg="cannot do it") | {"run_once": True}]}])
        self.assertEqual(once, ["One", "  failed: cannot do it"])

    def test_what_a_program_printed_is_told_behind_its_failure(self):
        script = ["sh", "-c", "echo one >&2; echo two >&2; exit 3"]
        self.assertEqual(run([{"name": "One", "tasks": [task("Try", "command", argv=script)]}])[1:],
                         ["  failed: pve1, pve2, pve3: Try: non-zero return code", "    one", "    two"])

    def test_items_that_failed_are_told_instead_of_their_loop(self):
        printed = run([{"name": "One", "tasks": [task("Try", "fail", msg="no {{ item }}") | {"loop": ["a", "b"], "failed_when": "item == 'b'"}]}])
        self.assertEqual(printed, ["One", "  failed: pve1, pve2, pve3: Try: b: no b"])

    def test_a_secret_is_not_told(self):
        printed = run([{"name": "One", "tasks": [task("Try", "fail", msg="hunter2") | {"no_log": True}]}])
        self.assertNotIn("hunter2", "\n".join(printed))
        self.assertIn("  failed: pve1, pve2, pve3: Try: the output has been hidden", printed[1])

    def test_a_host_that_is_not_reached_is_told_with_what_to_do(self):
        printed = run([{"name": "One", "hosts": "gone", "tasks": [task("Look", "ping")]}, {"name": "Two", "hosts": "gone", "tasks": [task("Look", "ping")]}])
        self.assertEqual(len(printed), 2, printed)
        self.assertRegex(printed[1], r"^  unreachable: away: Look: .*Connection refused: no sshd answers there\. Look at ansible_host")

    def test_what_a_terminal_would_obey_is_told_as_codes(self):
        text = "{{ '%c]0;title%c[2J' | format(27, 27) }}"
        printed = run([{"name": "One", "tasks": [task("Say", "debug", msg=text) | {"run_once": True}, task("Refuse", "fail", msg=text) | {"run_once": True}]}])
        self.assertEqual(printed, ["One", r"  \x1b]0;title\x1b[2J", r"  failed: \x1b]0;title\x1b[2J"])

    def test_a_check_run_says_that_it_would(self):
        with tempfile.TemporaryDirectory() as folder:
            change = task("Write", "copy", content="x\n", dest=f"{folder}/x")
            printed = run([{"name": "One", "hosts": "pve1", "tasks": [change]}], "--check")
        self.assertEqual(printed, ["One", "  would change: pve1: Write"])

    def test_a_play_of_one_after_the_other_has_one_line(self):
        printed = run([{"name": "One", "serial": 1, "tasks": [task("Change", "command", argv=["true"])]}])
        self.assertEqual(printed, ["One", "  changed: pve1: Change", "  changed: pve2: Change", "  changed: pve3: Change"])

    def test_everything_is_told_where_that_was_asked_for(self):
        plays = [{"name": "One", "tasks": [task("Look", "command", argv=["true"]) | {"changed_when": False}, task("Skip", "ping") | {"when": False}]},
                 {"name": "Two", "tasks": [task("Say", "debug", msg="a"), task("Refuse", "fail", msg="no")]}]

        def plain(lines):
            # without times and names of folders
            return [re.sub(r"/tmp/[^/]*/", "", re.sub(r'"(delta|start|end)": "[^"]*"', r'"\1": ""', line)) for line in lines]

        self.assertEqual(plain(run(plays, "-v")), plain(run(plays, "-v", ANSIBLE_STDOUT_CALLBACK="default")))


class Told(unittest.TestCase):
    """What a result says."""

    def test_its_message_or_all_that_it_has(self):
        for values, text in (
            ({"msg": "no"}, "no"), ({"msg": ["a", 1]}, "a\n1"), ({"argument_errors": ["a", "b"], "msg": "Validation failed"}, "a\nb"),
            ({"censored": "hidden"}, "hidden"), ({"msg": "", "changed": False, "found": 1, "_ansible_no_log": False, "exception": "x"}, '{"found": 1}'),
            ({"failed": True, "msg": "no", "stderr": " e\n", "module_stderr": "m"}, "no\nm\ne"), ({"msg": "yes", "stderr": "e", "rc": 0}, "yes"),
            ({"msg": "no", "stderr": "e", "rc": 1}, "no\ne"), ({"msg": "Connection refused"}, "Connection refused"),
        ):  # fmt: skip
            with self.subTest(values):
                self.assertEqual(said(values), text)
        self.assertRegex(said({"unreachable": True, "msg": "ssh: Connection refused"}), "^ssh: Connection refused: no sshd answers there")

    def test_what_is_shown(self):
        self.assertEqual(shown("a\nb\r\x07\u202eü\U0001f600"), "a\nb\\r\\x07\\u202eü\U0001f600")

    def test_where_first(self):
        self.assertEqual(where_first(["pve1", "pve2"], "Try", "a\nb"), "pve1, pve2: Try: a\n    b")
        self.assertEqual(where_first([], "", "a"), "a")


if __name__ == "__main__":
    unittest.main()
