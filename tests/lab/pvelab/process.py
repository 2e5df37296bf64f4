# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and processes of the machine."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path


class LabError(Exception):
    """A refusal or failure, in words for the user."""


def run(argv: list[str], what: str, stdin: str | None = None) -> str:
    """Run a command that has to work and return what it printed."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise LabError(f"cannot {what}: {said}")
    return done.stdout


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll a condition, at least once, until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"cannot {what}: still waiting after {seconds:g} s")
        time.sleep(0.05)


def processes() -> list[int]:
    """The ids of all processes."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def arguments(pid: int) -> list[str]:
    """A process's command line, empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:
        return []


def ancestors() -> set[int]:
    """This process and those that started it."""
    found = set()
    pid = os.getpid()
    while pid > 0:
        found.add(pid)
        # The name in the second field may hold blanks and brackets.
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


def inside_namespace(name: str) -> list[int]:
    """The processes in a named network namespace."""
    try:
        wanted = os.stat(f"/run/netns/{name}")
    except OSError:
        return []
    found = []
    for pid in processes():
        try:
            have = os.stat(f"/proc/{pid}/ns/net")
        except OSError:
            continue
        if (have.st_dev, have.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(pid)
    return found


def alive(pid: int) -> bool:
    """Whether a process still runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def kill_and_wait(pids: list[int], what: str) -> None:
    """End processes at once and wait until they are gone."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: not any(alive(pid) for pid in pids), 20, what)
