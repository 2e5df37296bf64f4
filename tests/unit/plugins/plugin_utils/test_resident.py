# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way a module is run, by an action whose connection is made up."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from ansible.errors import AnsibleActionFail
from ansible_collections.pve.cluster.plugins.plugin_utils import resident
from ansible_collections.pve.cluster.plugins.plugin_utils.resident import ResidentActionModule, lacking, no_answer

from .test_elf import program

ROOT = Path(__file__).resolve().parents[4]


class Action(ResidentActionModule):
    """An action without Ansible around it; `said` are the answers of the node, one a command."""

    def __init__(self, binary, said, become=False, async_val=0, pipelining=True, **args):
        self._task = SimpleNamespace(action="pve.cluster.cluster_facts", args=args, async_val=async_val, collections=[], no_log=False,
                                     get_name=lambda: "Look")  # fmt: skip
        self._connection = SimpleNamespace(become=become, has_pipelining=pipelining, _shell=SimpleNamespace(join_path=lambda *words: "/".join(words)))
        self._templar = SimpleNamespace(template=lambda value: value)
        self._binary = lambda: binary
        self.said, self.did = list(said), []

    def _update_module_args(self, module_name, module_args, task_vars):
        module_args["_ansible_check_mode"] = False

    def _compute_environment_string(self):
        return "LANG=C"

    def _low_level_execute_command(self, cmd, sudoable=True, in_data=None):
        self.did.append("place" if "mv -f" in cmd else "run")
        self.given = in_data
        code, printed = self.said.pop(0)
        return {"rc": code, "stdout": printed, "stderr": ""}

    def _make_tmp_path(self):
        return "/tmp/x"

    def _transfer_file(self, local_path, remote_path):
        self.did.append(f"send {remote_path}")

    def _remove_tmp_path(self, tmp_path):
        self.did.append(f"remove {tmp_path}")

    def _execute_module(self, task_vars=None, wrap_async=False):
        self.did.append("as usual")
        return self.said.pop(0) if self.said else {"changed": False}


class Ways(unittest.TestCase):
    """Resident, or Ansible's own."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.binary = str(self.folder / "pve-cluster")
        Path(self.binary).write_bytes(program())
        # what a task of Ansible's own begins with
        self.begin, resident.ActionBase.run = resident.ActionBase.run, lambda *_words: {}
        self.addCleanup(setattr, resident.ActionBase, "run", self.begin)

    def test_one_command_where_the_module_is_there(self):
        action = Action(self.binary, [(0, '{"changed": true, "_ansible_no_log": false}\n')], gather=["health"])
        self.assertEqual(action.run(task_vars={}), {"changed": True})
        given = json.loads(action.given)
        self.assertEqual(set(given.pop("_ansible_pve_cluster_origin")), {"run", "by", "task"})
        self.assertEqual((action.did, given), (["run"], {"gather": ["health"], "_ansible_check_mode": False}))

    def test_it_is_placed_where_it_is_not(self):
        action = Action(self.binary, [(97, ""), (0, ""), (0, '{"changed": false}\n')])
        self.assertEqual(action.run(task_vars={}), {"changed": False})
        self.assertEqual(action.did, ["run", "send /tmp/x/pve-cluster", "place", "remove /tmp/x", "run"])

    def test_a_home_from_which_nothing_may_be_run(self):
        action = Action(self.binary, [(97, ""), (0, ""), (97, "")])
        self.assertEqual(action.run(task_vars={}), {"changed": False})
        self.assertEqual(action.did[-1], "as usual")

    def test_ansibles_own_way(self):
        for words in ({"become": True}, {"async_val": 10}, {"pipelining": False}, {"day": resident}):
            action = Action(self.binary, [], **words)
            self.assertEqual(action.run(task_vars={}), {"changed": False})
            self.assertEqual(action.did, ["as usual"], words)
        for value, wanted in ((False, "as usual"), ("no", "as usual"), ("yes", "run"), (True, "run")):
            action = Action(self.binary, [{"changed": False}] if wanted == "as usual" else [(0, '{"changed": false}')])
            action.run(task_vars={"pve_cluster_resident": value})
            self.assertEqual(action.did, [wanted], value)

    def test_an_ansible_core_whose_insides_are_others(self):
        self.assertEqual(lacking(Action(self.binary, [])), [])
        for name, other in (
            ("_update_module_args", None), ("_compute_environment_string", lambda raw: ""), ("_low_level_execute_command", lambda command: {}),
            ("_make_tmp_path", lambda user: ""), ("_transfer_file", lambda one: ""), ("_remove_tmp_path", lambda: None),
        ):
            action = Action(self.binary, [])
            setattr(action, name, other)
            self.assertEqual(lacking(action), [name])
            self.assertEqual(action.run(task_vars={}), {"changed": False})
            self.assertEqual(action.did, ["as usual"], name)

    def test_a_folder_that_is_not_trusted_ends_the_task(self):
        said = "not-trusted 0 l 0 777 /root/.ansible/pve.cluster\n"
        for answers in ([(98, said)], [(97, ""), (98, said)]):
            with self.assertRaises(AnsibleActionFail) as raised:
                Action(self.binary, answers).run(task_vars={})
            self.assertIn("'/root/.ansible/pve.cluster': it is a link: remove the link", str(raised.exception))

    def test_a_module_that_cannot_be_placed_ends_the_task(self):
        with self.assertRaises(AnsibleActionFail) as raised:
            Action(self.binary, [(97, ""), (1, "mv: No space left on device\n")]).run(task_vars={})
        self.assertEqual(
            str(raised.exception),
            "cannot place the modules in '~/.ansible/pve.cluster' on the node: mv: No space left on device: make room or make it writable, or set "
            "pve_cluster_resident to false to have them copied for each task",
        )

    def test_a_binary_that_is_not_whole_is_not_sent(self):
        Path(self.binary).write_bytes(program()[:-1])
        os.utime(self.binary, (1, 1))
        action = Action(self.binary, [])
        with self.assertRaises(AnsibleActionFail) as raised:
            action.run(task_vars={})
        self.assertEqual(
            str(raised.exception),
            f"cannot run module 'cluster_facts': '{self.binary}' on the controller: it is not whole (227 bytes of 228): install the collection again, "
            "or run 'make build' in a clone",
        )
        self.assertEqual(action.did, [])

    def test_no_answer_is_explained_either_way(self):
        wanted = "cannot run module 'cluster_facts' on the node: it ended by signal 11 and without an answer: look into the node's journal, then run this again"
        found = Action(self.binary, [(139, "")]).run(task_vars={})
        self.assertEqual((found["failed"], found["msg"], found["rc"]), (True, wanted, 139))
        own = {"failed": True, "msg": "Module result deserialization failed", "module_stdout": "", "module_stderr": "", "rc": 139, "exception": "x"}
        found = Action(self.binary, [own], become=True).run(task_vars={})
        self.assertEqual((found["msg"], "exception" in found), (wanted, False))

    def test_a_failure_of_the_modules_own_is_left_as_it_is(self):
        said = {"failed": True, "msg": "cannot join"}
        self.assertEqual(Action(self.binary, [said], become=True).run(task_vars={}), said)


class NoAnswer(unittest.TestCase):
    """What came instead of an answer, as dash and the kernel put it."""

    def test_each_cause_has_its_remedy(self):
        place = "/root/.ansible/tmp/ansible-tmp-1764-1-2"
        for printed, code, wanted in (
            (f"/bin/sh: 1: {place}/AnsiballZ_cluster_facts: Permission denied\r\n", 126,
             "nothing may be run from '/root/.ansible/tmp', which is on a file system that is mounted noexec, or closed to the user that the task becomes: "
             "set ansible_remote_tmp to a folder from which programs may be run (for example /root/.ansible/tmp)"),
            (f"/bin/sh: 1: {place}/AnsiballZ_cluster_facts: Exec format error", 126,
             "the collection's modules are built for x86_64, and the node is another machine (see 'uname -m' there): it cannot be a node of these clusters"),
            ("3: Syntax error: word unexpected", 2,
             "the collection's modules are built for x86_64, and the node is another machine (see 'uname -m' there): it cannot be a node of these clusters"),
            ("cp: No space left on device", 1, "there is no space left on the node's file system: make room, then run this again"),
            ("touch: Read-only file system", 1,
             "its temporary folder is on a file system that is mounted read-only: set ansible_remote_tmp to a folder that can be written in"),
            ("Killed", 137, "it ended by signal 9 and without an answer (it printed: 'Killed'): look into the node's journal, then run this again"),
            ("", 0, "it ended with exit code 0 and without an answer: look into the node's journal, then run this again"),
            ("", None, "it ended with exit code None and without an answer: look into the node's journal, then run this again"),
        ):
            self.assertEqual(no_answer(printed, code, "x86_64"), wanted)

    def test_a_refusal_that_the_program_printed_is_not_taken_for_the_shells(self):
        self.assertIn("exit code 1", no_answer("/x/ansible-tmp-1/y: Permission denied", 1, "x86_64"))

    def test_what_a_secret_task_printed_is_not_shown(self):
        self.assertNotIn("hunter2", no_answer("hunter2", 1, "x86_64", secret=True))
        self.assertIn("hunter2", no_answer("hunter2", 1, "x86_64"))


class Documented(unittest.TestCase):
    """The list of what is used of Ansible's insides."""

    def test_every_name_is_in_the_table(self):
        table = (ROOT / "docs/ANSIBLE.md").read_text().partition("## What is used of Ansible's insides")[2].partition("\n## ")[0]
        listed = set(re.findall(r"(?m)^\| `([\w.]+)`", table))
        used = set()
        plugins = ROOT / "plugins"
        for file in [*sorted(plugins.glob("action/*.py")), *sorted(plugins.glob("callback/*.py")), plugins / "plugin_utils/resident.py"]:
            text = file.read_text()
            own = set(re.findall(r"def (_\w+)", text)) | set(re.findall(r"self\.(_\w+) = ", text))
            used |= {name for name in re.findall(r"(?=\b(?:self|result|task|host|constants|_connection)\.(_[a-z]\w+))", text) if name not in own}
            used |= set(re.findall(r'"(_\w+)": \(\(', text))
        self.assertEqual(sorted(used - listed), [], "used and not listed")
        self.assertEqual(sorted(listed - used), [], "listed and not used")
        self.assertGreater(len(used), 8)


if __name__ == "__main__":
    unittest.main()
