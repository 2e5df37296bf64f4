# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run on one screen: its phases, what was changed, what is said, and what went wrong, each once."""

from __future__ import annotations

DOCUMENTATION = """
name: brief
type: stdout
short_description: A run on one screen
version_added: 0.1.0
description:
  - Prints a line for each play that does something, one for each change, what C(ansible.builtin.debug) says, and what went wrong. What is the same on
    several hosts is printed once, with their names in front. Tasks that found all as it should be, or were not needed, are not listed.
  - With C(-v) and more everything is printed as by the default callback.
  - Characters that a terminal would obey are printed as their codes, whoever sent them.
requirements:
  - Set by C(stdout_callback = pve.cluster.brief) in the configuration, or C(ANSIBLE_STDOUT_CALLBACK=pve.cluster.brief).
extends_documentation_fragment:
  - default_callback
  - result_format_callback
"""

from ansible import constants
from ansible.plugins.callback.default import CallbackModule as Default

from ansible_collections.pve.cluster.plugins.plugin_utils.told import where_first, said, shown

_PREFIXES = ("", "ansible.builtin.", "ansible.legacy.")
_DEBUG = {f"{prefix}debug" for prefix in _PREFIXES}
_META = {f"{prefix}meta" for prefix in _PREFIXES}


def _of(result):
    """The host, the task and the values of a result, as ansible-core calls them from 2.19 on, and as it did before."""
    if hasattr(result, "host"):
        return result.host, result.task, result.result
    return result._host, result._task, result._result


class CallbackModule(Default):
    """Ansible looks for this name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "pve.cluster.brief"

    def __init__(self):
        super().__init__()
        self._heading = self._headed = None
        self._wrong = {}
        self._items = set()

    @property
    def _brief(self):
        return self._display.verbosity == 0

    def _say(self, text, color=None, stderr=False):
        self._say_heading()
        self._display.display(text, color=color, stderr=stderr)

    def _tell_what_is_wrong(self):
        """What hosts have in common is known when all of them are through with a task."""
        told, self._wrong, self._items = self._wrong, {}, set()
        for (kind, task, text), hosts in told.items():
            self._say(f"  {kind}: {where_first(hosts, task, text)}", constants.COLOR_ERROR, stderr=self.get_option("display_failed_stderr"))

    def _keep(self, kind, result, item=None):
        host, task, values = _of(result)
        self._handle_warnings(values)
        text = said(values)
        if item is not None:
            self._items.add((host.get_name(), task._uuid))
            text = f"{shown(item)}: {text}"
        # What is done once is of all hosts, and says itself what it is.
        once = bool(task.run_once)
        hosts = self._wrong.setdefault((kind, "" if once else shown(self._named(task)), text), [])
        if not once and host.get_name() not in hosts:
            hosts.append(host.get_name())

    @staticmethod
    def _named(task):
        return task.get_name(include_role_fqcn=False).strip()

    def v2_playbook_on_play_start(self, play):
        """Its name is printed with its first task, so that nothing is printed of one that nobody takes part in."""
        if not self._brief:
            super().v2_playbook_on_play_start(play)
            return
        self._tell_what_is_wrong()
        self._heading = shown(play.get_name().strip()) or None

    def _task_start(self, task, prefix=None):
        if not self._brief:
            super()._task_start(task, prefix)
            return
        self._tell_what_is_wrong()
        if task.action not in _META:
            self._say_heading()

    def _say_heading(self):
        heading, self._heading = self._heading, None
        # a play of one host after the other begins with each
        if heading not in (None, self._headed):
            self._display.display(heading, color=constants.COLOR_HIGHLIGHT)
            self._headed = heading

    def _print_task_banner(self, task):
        if not self._brief:
            super()._print_task_banner(task)

    def v2_runner_on_ok(self, result):
        """Nothing, unless it is a change, or something to be read."""
        if not self._brief:
            super().v2_runner_on_ok(result)
            return
        host, task, values = _of(result)
        self._handle_warnings(values)
        if task.action in _DEBUG:
            # of a loop each item has been read out
            if "results" not in values:
                self._read_out(result)
        elif values.get("changed", False):
            word = "would change" if task.check_mode else "changed"
            self._say(f"  {word}: {host.get_name()}: {shown(self._named(task))}", constants.COLOR_CHANGED)

    def _read_out(self, result):
        host, task, values = _of(result)
        for line in said(values).split("\n"):
            self._say((f"  {line}" if task.run_once else f"  {host.get_name()}: {line}").rstrip())

    def v2_runner_item_on_ok(self, result):
        """An item of a loop: nothing, as a change is one of the whole loop, but for what is to be read."""
        if not self._brief:
            super().v2_runner_item_on_ok(result)
        elif _of(result)[1].action in _DEBUG:
            self._read_out(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """Kept until all hosts are through."""
        if not self._brief:
            super().v2_runner_on_failed(result, ignore_errors)
            return
        host, task, _values = _of(result)
        if not ignore_errors and (host.get_name(), task._uuid) not in self._items:
            self._keep("failed", result)

    def v2_runner_item_on_failed(self, result):
        """An item of a loop: told instead of the whole loop."""
        if not self._brief:
            super().v2_runner_item_on_failed(result)
            return
        _host, task, values = _of(result)
        if not task.ignore_errors:
            self._keep("failed", result, str(self._get_item_label(values)))

    def v2_runner_on_unreachable(self, result):
        """Kept until all hosts are through."""
        if not self._brief:
            super().v2_runner_on_unreachable(result)
            return
        if not _of(result)[1].ignore_unreachable:
            self._keep("unreachable", result)

    def v2_runner_on_skipped(self, result):
        """Nothing."""
        if not self._brief:
            super().v2_runner_on_skipped(result)

    def v2_runner_item_on_skipped(self, result):
        """Nothing."""
        if not self._brief:
            super().v2_runner_item_on_skipped(result)

    def v2_playbook_on_include(self, included_file):
        """Nothing."""
        if not self._brief:
            super().v2_playbook_on_include(included_file)

    def v2_playbook_on_no_hosts_matched(self):
        """Nothing: a play that nobody takes part in."""
        if not self._brief:
            super().v2_playbook_on_no_hosts_matched()

    def v2_playbook_on_no_hosts_remaining(self):
        """Nothing: what went wrong has been told."""
        self._tell_what_is_wrong()
        if not self._brief:
            super().v2_playbook_on_no_hosts_remaining()

    def v2_playbook_on_stats(self, stats):
        """The numbers of each host."""
        self._tell_what_is_wrong()
        super().v2_playbook_on_stats(stats)
