# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes when each play of a run began, for the benchmark alone."""

DOCUMENTATION = """
name: bench_plays
type: aggregate
short_description: Notes when each play began
description: Appends a line with the time and the name of each play, and one at the end, to the file that BENCH_PLAYS names.
"""

import os
import time

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Ansible looks for this name."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "bench_plays"
    CALLBACK_NEEDS_ENABLED = True

    def _note(self, name):
        with open(os.environ["BENCH_PLAYS"], "a", encoding="utf-8") as file:
            file.write(f"{time.time()} {name}\n")

    def v2_playbook_on_play_start(self, play):
        """A play begins."""
        self._note(play.get_name())

    def v2_playbook_on_stats(self, stats):
        """The last one has ended."""
        self._note("end")
