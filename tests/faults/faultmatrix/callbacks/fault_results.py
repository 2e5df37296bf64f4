# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what each task came to as a line of JSON, for the fault matrix to read."""

from __future__ import annotations

import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: fault_results
type: aggregate
short_description: results as lines of JSON
description: Appends a line for each result to the file that FAULT_RESULTS names.
"""


class CallbackModule(CallbackBase):
    """Ansible looks for this name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "fault_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, kind, result):
        # pylint: disable=protected-access
        entry = {"kind": kind, "host": result._host.get_name(), "task": result._task.get_name(), "result": result._result}
        with open(os.environ["FAULT_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, default=str) + "\n")

    def v2_runner_on_ok(self, result):
        """A task that went well."""
        self._write("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A task that failed."""
        if not ignore_errors:
            self._write("failed", result)

    def v2_runner_on_unreachable(self, result):
        """A host that was not reached."""
        self._write("unreachable", result)
