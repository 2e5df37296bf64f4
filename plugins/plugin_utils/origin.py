# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls a module, for the journal of the node that it changes."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket


def _started(pid):
    """When a process began, in a unit of the system's own; empty where the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # behind the name, which may have anything in it
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _user():
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def origin(task):
    """The run (the same for every task that one ansible-playbook starts), who began it and where, and the name of the task."""
    # A task runs in a child of ansible-playbook's process.
    pid, machine = os.getppid(), socket.gethostname()
    run = hashlib.sha256(f"{machine} {pid} {_started(pid)}".encode()).hexdigest()[:12]
    return {"run": run, "by": f"{_user()}@{machine}", "task": str(task)}
