# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a binary module that stays on the node: one ssh round trip a task instead of six.

Ansible copies a binary module to the node for every task and removes it afterwards: four commands and two transfers. Here
the one binary that holds all modules is kept on the node, in a folder of the login user's own under its SHA-256, and each
task is one command that names the module and gets its arguments on stdin.
Where that cannot work (async, become, a connection without stdin) the task runs as any other does.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shlex

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible_collections.pve.cluster.plugins.plugin_utils.answer import answer

# What the node answers when it does not have the module yet; the modules themselves exit 0 or 1.
_NOT_THERE = 97
_FOLDER = "~/.ansible/pve.cluster"


@functools.lru_cache(maxsize=4)
def _digest(binary, _changed):
    """The SHA-256 of a file, read once for as long as it does not change."""
    with open(binary, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class ResidentActionModule(ActionBase):
    """Runs the module of the same name as the action."""

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Run the task and return the module's answer."""
        result = super().run(tmp, task_vars)
        binary = self._binary()
        if binary is None or self._task.async_val or self._connection.become or not self._connection.has_pipelining:
            return self._as_usual(result, task_vars)

        arguments = dict(self._task.args)
        self._update_module_args(self._task.action, arguments, task_vars)
        try:
            given = json.dumps(arguments).encode()
        except TypeError:
            # an encrypted value or a date straight in the task: Ansible's own way knows how to write it
            return self._as_usual(result, task_vars)
        digest = _digest(binary, os.stat(binary).st_mtime_ns)
        module = self._task.action.rpartition(".")[2]
        resident = f"{_FOLDER}/{os.path.basename(binary)}-{digest}"
        # The content is compared too: a power cut can leave an empty file, which a shell would run as a success.
        whole = f'[ "$(sha256sum < {resident} 2>/dev/null)" = "{digest}  -" ] && [ -x {resident} ]'
        command = f"{whole} || exit {_NOT_THERE}; {self._compute_environment_string()} exec {resident} {module} /dev/stdin"

        ran = self._low_level_execute_command(command, sudoable=False, in_data=given)
        if ran["rc"] == _NOT_THERE:
            self._install(binary, resident)
            ran = self._low_level_execute_command(command, sudoable=False, in_data=given)
        if ran["rc"] == _NOT_THERE:
            # a home directory from which nothing may be run
            return self._as_usual(result, task_vars)
        result.update(self._answer(ran))
        return result

    def _as_usual(self, result, task_vars):
        """Run the module the way Ansible runs any other."""
        result.update(self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val))
        return result

    def _binary(self):
        """The built module on the controller; none when only its documentation is there, which then says so."""
        found = self._shared_loader_obj.module_loader.find_plugin_with_context(
            self._task.action, collection_list=self._task.collections
        )
        path = found.plugin_resolved_path
        if not found.resolved or path is None or path.endswith(".py"):
            return None
        return os.path.realpath(path)

    def _install(self, binary, resident):
        """Put the module where it stays, whole or not at all, and take older builds of it away."""
        folder = self._make_tmp_path()
        try:
            arriving = self._connection._shell.join_path(folder, os.path.basename(binary))
            self._transfer_file(binary, arriving)
            older = resident.rpartition("-")[0] + "-*"
            placed = self._low_level_execute_command(
                f"umask 077; mkdir -p {_FOLDER} && chmod 0700 {shlex.quote(arriving)} && sync {shlex.quote(arriving)}"
                f" && mv -f {shlex.quote(arriving)} {resident}"
                f" && for old in {older}; do [ \"$old\" = {resident} ] || rm -f \"$old\"; done",
                sudoable=False,
            )
            if placed["rc"] != 0:
                raise AnsibleActionFail(f"cannot place the module on the node: {placed['stderr'] or placed['stdout']}")
        finally:
            self._remove_tmp_path(folder)

    @staticmethod
    def _answer(ran):
        """The module's JSON object, or a failure that shows what came instead."""
        found = answer(to_text(ran["stdout"]))
        if found is not None:
            return found
        return {
            "failed": True,
            "msg": f"the module gave no answer (exit code {ran['rc']})",
            "module_stdout": ran["stdout"],
            "module_stderr": ran["stderr"],
            "rc": ran["rc"],
        }
