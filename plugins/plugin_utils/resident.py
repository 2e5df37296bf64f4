# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a binary module that stays on the node: one ssh round trip a task instead of six.

Ansible copies a binary module to the node for every task and removes it afterwards: four commands and two transfers. Here
the one binary that holds all modules is kept on the node, in a folder of the login user's own under its SHA-256, and each
task is one command that names the module and gets its arguments on stdin.
Where that cannot work (async, become, a connection without stdin) the task runs as any other does, and so it does where an
ansible-core does not have what is used of its insides. docs/ANSIBLE.md lists these, with the versions they were seen in.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import re
import shlex

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.text.converters import to_text
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.pve.cluster.plugins.plugin_utils import elf, origin, resident_command, way_in
from ansible_collections.pve.cluster.plugins.plugin_utils.answer import answer

# Methods of ActionBase that it does not promise, and what each is called with here. The first runs a module in Ansible's own way, which
# is what is left when one of the others is not as it was.
_INSIDES = {
    "_update_module_args": (("module", {}, {}), {}),
    "_compute_environment_string": ((), {}),
    "_low_level_execute_command": (("command",), {"sudoable": False, "in_data": b""}),
    "_make_tmp_path": ((), {}),
    "_transfer_file": (("from", "to"), {}),
    "_remove_tmp_path": (("folder",), {}),
}


def lacking(action):
    """Those of Ansible's insides that are not there, or are called in another way."""
    found = []
    for name, (words, named) in _INSIDES.items():
        try:
            inspect.signature(getattr(action, name)).bind(*words, **named)
        except (AttributeError, TypeError, ValueError):
            found.append(name)
    return found


@functools.lru_cache(maxsize=4)
def _read(binary, _changed):
    """The SHA-256 of a binary, why it cannot be one, and the machine it is for; read once for as long as it does not change."""
    with open(binary, "rb") as file:
        content = file.read()
    problem = elf.problem(content)
    return hashlib.sha256(content).hexdigest(), problem, None if problem else elf.machine(content)


class ResidentActionModule(ActionBase):
    """Runs the module of the same name as the action."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Run the task and return the module's answer."""
        result = super().run(tmp, task_vars)
        binary = self._binary()
        if binary is None:
            # its documentation alone is there, and says so itself
            result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
            return result
        digest, problem, machine = _read(binary, os.stat(binary).st_mtime_ns)
        if problem:
            raise AnsibleActionFail(
                f"cannot run module '{self._name()}': '{binary}' on the controller: {problem}: install the collection again, or run 'make build' in a clone"
            )
        try:
            answered = None
            if self._may_stay(task_vars):
                answered = self._resident(binary, f"{os.path.basename(binary)}-{digest}", task_vars)
            result.update(self._as_usual(task_vars) if answered is None else answered)
        except AnsibleConnectionFailure as error:
            # The first task that meets a node is one of these: Ansible's own words have no way out.
            raise AnsibleConnectionFailure(way_in.with_remedy(to_text(error))) from None
        except AnsibleActionFail:
            raise
        except AnsibleError as error:
            if way_in.remedy(to_text(error)):
                raise AnsibleActionFail(way_in.with_remedy(to_text(error))) from None
            raise
        return self._explained(result, machine)

    def _name(self):
        return self._task.action.rpartition(".")[2]

    def _may_stay(self, task_vars):
        """Whether this task can be run by the module that stays on the node."""
        wanted = self._templar.template((task_vars or {}).get("pve_cluster_resident", True))
        return (
            boolean(wanted)
            and not self._task.async_val
            and not self._connection.become
            and getattr(self._connection, "has_pipelining", False)
            and not lacking(self)
        )

    def _as_usual(self, task_vars):
        """Run the module the way Ansible runs any other."""
        return self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val)

    def _resident(self, binary, name, task_vars):
        """The answer of the module that stays on the node; none where it cannot be used, and then nothing was run."""
        arguments = dict(self._task.args)
        self._update_module_args(self._task.action, arguments, task_vars)
        arguments["_ansible_pve_cluster_origin"] = origin.origin(self._task.get_name())
        try:
            given = json.dumps(arguments).encode()
        except TypeError:
            # an encrypted value or a date straight in the task: Ansible's own way knows how to write it
            return None
        command = resident_command.run(name, self._name(), self._compute_environment_string())
        ran = self._low_level_execute_command(command, sudoable=False, in_data=given)
        if ran["rc"] == resident_command.NOT_THERE:
            self._install(binary, name)
            ran = self._low_level_execute_command(command, sudoable=False, in_data=given)
        if ran["rc"] == resident_command.NOT_THERE:
            # a home directory from which nothing may be run
            return None
        self._refuse_distrusted(ran)
        found = answer(to_text(ran["stdout"]))
        return {"failed": True, "module_stdout": ran["stdout"], "module_stderr": ran["stderr"], "rc": ran["rc"]} if found is None else found

    def _binary(self):
        """The built module on the controller; none when only its documentation is there, which then says so."""
        try:
            found = self._shared_loader_obj.module_loader.find_plugin_with_context(self._task.action, collection_list=self._task.collections)
            path = found.plugin_resolved_path if found.resolved else None
        except (AttributeError, TypeError):
            # Ansible's own way finds it
            return None
        return None if path is None or path.endswith(".py") else os.path.realpath(path)

    def _install(self, binary, name):
        """Put the module where it stays, whole or not at all, and take older builds of it away."""
        folder = self._make_tmp_path()
        try:
            arriving = self._connection._shell.join_path(folder, os.path.basename(binary))
            self._transfer_file(binary, arriving)
            placed = self._low_level_execute_command(resident_command.place(shlex.quote(arriving), name), sudoable=False)
            self._refuse_distrusted(placed)
            if placed["rc"] != 0:
                raise AnsibleActionFail(
                    f"cannot place the modules in '{resident_command.FOLDER}' on the node: {(placed['stderr'] or placed['stdout']).strip()}: "
                    "make room or make it writable, or set pve_cluster_resident to false to have them copied for each task"
                )
        finally:
            self._remove_tmp_path(folder)

    @staticmethod
    def _refuse_distrusted(ran):
        if ran["rc"] == resident_command.NOT_TRUSTED:
            raise AnsibleActionFail(resident_command.distrust(to_text(ran["stdout"])))

    def _explained(self, result, machine):
        """The result; where the module gave no answer, why, as far as what came instead tells it."""
        if not result.get("failed") or "module_stdout" not in result:
            return result
        printed = f"{to_text(result.get('module_stdout') or '')}\n{to_text(result.get('module_stderr') or '')}"
        kept = {key: result[key] for key in ("module_stdout", "module_stderr", "rc", "changed") if key in result}
        why = no_answer(printed, result.get("rc"), machine, self._task.no_log)
        return {**kept, "failed": True, "msg": f"cannot run module '{self._name()}' on the node: {why}"}


def no_answer(printed, code, machine, secret=False):
    """Why a module printed no answer, and what to do. What it printed is not shown where that is `secret`."""
    denied = re.search(r"(?m)(/\S+)/ansible-tmp-[^/\s]+/[^/\s]+: Permission denied", printed)
    if denied and code == 126:
        return (
            f"nothing may be run from '{denied[1]}', which is on a file system that is mounted noexec, or closed to the user that the task becomes: "
            "set ansible_remote_tmp to a folder from which programs may be run (for example /root/.ansible/tmp)"
        )
    if re.search(r"Exec format error|cannot execute binary file|Syntax error", printed):
        return (
            f"the collection's modules are built for {machine}, and the node is another machine (see 'uname -m' there): "
            "it cannot be a node of these clusters"
        )
    if re.search(r"No space left on device", printed):
        return "there is no space left on the node's file system: make room, then run this again"
    if re.search(r"Read-only file system", printed):
        return "its temporary folder is on a file system that is mounted read-only: set ansible_remote_tmp to a folder that can be written in"
    said = [] if secret else [line.strip() for line in printed.splitlines() if line.strip()]
    ended = f"by signal {code - 128}" if isinstance(code, int) and code > 128 else f"with exit code {code}"
    return f"it ended {ended} and without an answer{f' (it printed: {said[-1]!r})' if said else ''}: look into the node's journal, then run this again"
