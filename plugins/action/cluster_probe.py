# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, which stays on the node, and notes when."""

from __future__ import annotations

import time

from ansible_collections.pve.cluster.plugins.plugin_utils.resident import ResidentActionModule


class ActionModule(ResidentActionModule):
    """Ansible looks for this name."""

    def run(self, tmp=None, task_vars=None):
        """The module's answer, with the time in which it ran by one clock for all nodes: did two of them measure at the same time?"""
        # all tasks of a run are processes of one machine, and this clock is one for all of them and is never set
        begun = time.monotonic()
        result = super().run(tmp, task_vars)
        result["controller"] = {"begun": round(begun, 3), "ended": round(time.monotonic(), 3)}
        return result
