# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says of every task that takes long what it is, on which nodes, and for how long it has been running."""

from __future__ import annotations

DOCUMENTATION = """
name: progress
type: aggregate
short_description: Says while a task runs what is waited for, and for how long already
version_added: 0.1.0
description:
  - Ansible says nothing while a task runs. This prints a line every few seconds for each task that has been running for longer, with its nodes, and
    one when it has ended.
  - The lines go to standard error, so that what other programs read from standard output is as without them.
requirements:
  - Enabled by C(callbacks_enabled = pve.cluster.progress) in the configuration, or C(ANSIBLE_CALLBACKS_ENABLED=pve.cluster.progress).
options:
  interval:
    description: Seconds between two lines, and before the first.
    type: float
    default: 10
    ini:
      - section: callback_pve_cluster_progress
        key: interval
    env:
      - name: PVE_CLUSTER_PROGRESS_INTERVAL
"""

import threading
import time

from ansible import constants
from ansible.plugins.callback import CallbackBase

# These do nothing themselves, or wait for a person.
_NOT_WORK = {
    f"{prefix}{name}"
    for prefix in ("", "ansible.builtin.", "ansible.legacy.")
    for name in ("import_playbook", "import_role", "import_tasks", "include", "include_role", "include_tasks", "meta", "pause")
}


def _of(result):
    """The host and the task of a result, as ansible-core calls them from 2.19 on, and as it did before."""
    return (result.host, result.task) if hasattr(result, "host") else (result._host, result._task)


class Running:
    """The tasks that run now: what is told, and when. Knows no clock."""

    def __init__(self, interval):
        self._interval = interval
        self._begun = {}
        self._told = {}
        self._lock = threading.Lock()

    def start(self, host, task, name, now):
        """A task has begun on a host."""
        with self._lock:
            self._begun[host, task] = (name, now)

    def end(self, host, task, now):
        """It has ended; what is to be said of that, if anything."""
        with self._lock:
            name, begun = self._begun.pop((host, task), (None, now))
            if self._told.pop((host, task), None) is None:
                return None
        return f"{host}: after {now - begun:.0f} s: {name}"

    def lines(self, now):
        """What is to be said now: a line a task and time, with its hosts."""
        found = {}
        with self._lock:
            for (host, task), (name, begun) in self._begun.items():
                if now - self._told.get((host, task), begun) >= self._interval:
                    self._told[host, task] = now
                    found.setdefault((round(now - begun), name), []).append(host)
        return [f"{', '.join(hosts)}: {seconds} s so far: {name}" for (seconds, name), hosts in found.items()]


class CallbackModule(CallbackBase):
    """Ansible looks for this name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "pve.cluster.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self._running = None
        self._over = threading.Event()

    def v2_playbook_on_start(self, playbook):
        """Begin to look now and then."""
        interval = self.get_option("interval")
        self._running = Running(interval)
        threading.Thread(target=self._look, args=(interval,), daemon=True).start()

    def _look(self, interval):
        while not self._over.wait(interval / 10):
            for line in self._running.lines(time.monotonic()):
                self._say(line)

    def _say(self, line):
        # The display's own lock, which is held while Ansible forks, keeps lines whole and forks safe.
        self._display.display(f"  .. {line}", color=constants.COLOR_VERBOSE, stderr=True)

    def v2_runner_on_start(self, host, task):
        """A task begins on a host."""
        if self._running and task.action not in _NOT_WORK:
            self._running.start(host.get_name(), task._uuid, task.get_name(include_role_fqcn=False), time.monotonic())

    def _ended(self, result):
        if self._running:
            host, task = _of(result)
            line = self._running.end(host.get_name(), task._uuid, time.monotonic())
            if line:
                self._say(line)

    def v2_runner_on_ok(self, result):
        """It has ended well."""
        self._ended(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """It has failed."""
        self._ended(result)

    def v2_runner_on_unreachable(self, result):
        """It could not begin."""
        self._ended(result)

    def v2_runner_on_skipped(self, result):
        """It was not needed."""
        self._ended(result)

    def v2_playbook_on_stats(self, stats):
        """All is over."""
        self._over.set()
