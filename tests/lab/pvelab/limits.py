# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of this machine's kernel that all labs share: how much is free, and more of it while a lab is up."""

import ctypes
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .process import LabError, processes
from .settings import Lab

SYSCTL = Path("/proc/sys")
# So many times what is needed is enough without counting what is in use.
PLENTY = 50


def _inotify(pid: int) -> list[Path]:
    """The inotify instances of a process."""
    found = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{name}") == "anon_inode:inotify":
                found.append(Path(f"/proc/{pid}/fdinfo/{name}"))
    except OSError:
        pass  # it ended
    return found


def _instances() -> int:
    """Those of all users, and one that several processes share as often as they have it: more than count for the limit."""
    return sum(len(_inotify(pid)) for pid in processes())


def _free_instances(most: int) -> int:
    """How many more this user may have, `most` at most: they are made and closed again."""
    libc = ctypes.CDLL(None, use_errno=True)
    made: list[int] = []
    try:
        while len(made) < most:
            one = libc.inotify_init1(os.O_CLOEXEC)
            if one < 0:
                break
            made.append(one)
        return len(made)
    finally:
        for one in made:
            os.close(one)


def _watches() -> int:
    used = 0
    for path in (path for pid in processes() for path in _inotify(pid)):
        try:
            used += path.read_text().count("inotify wd:")
        except OSError:
            continue  # it ended
    return used


def _namespaces(kind: str) -> Callable[[], int]:
    def used() -> int:
        seen = set()
        for pid in processes():
            try:
                seen.add(os.readlink(f"/proc/{pid}/ns/{kind}"))
            except OSError:
                continue  # it ended
        return len(seen)

    return used


@dataclass(frozen=True)
class Limit:
    """A limit by its name, and what one node takes of it while it boots."""

    name: str
    a_node: int
    # How much is in use, or more than that.
    used: Callable[[], int]
    # How much is free, up to a number, when the count says that it is too little.
    free: Callable[[int], int] | None = None


# A booted node has 6 inotify instances and 40 watches; what systemd starts while it boots comes on top.
LIMITS = (
    Limit("fs.inotify.max_user_instances", 12, _instances, _free_instances),
    Limit("fs.inotify.max_user_watches", 256, _watches),
    *(Limit(f"user.max_{kind}_namespaces", 16, _namespaces(kind)) for kind in ("mnt", "net", "pid", "ipc", "uts", "cgroup")),
)


def _file(name: str) -> Path:
    return SYSCTL / name.replace(".", "/")


def read(name: str) -> int:
    """A limit as it is now; one that the kernel does not have is no limit."""
    try:
        return int(_file(name).read_text())
    except FileNotFoundError:
        return 2**31 - 1


@dataclass(frozen=True)
class Shortage:
    """A limit that is too low for some nodes."""

    name: str
    value: int
    used: int
    free: int
    needed: int

    @property
    def enough(self) -> int:
        """A value with which they boot. One that was lowered below what is in use has to come up to that first."""
        return max(self.value, self.used) + self.needed

    def __str__(self) -> str:
        name = self.name
        return (f"{name} is {self.value}, of which {self.free} are free, and the nodes need {self.needed}:"
                f" 'sysctl -w {name}={self.enough}' raises it")

    def can_be_raised(self) -> bool:
        """Whether this machine lets the lab do it."""
        return os.access(_file(self.name), os.W_OK)


def shortages(nodes: int) -> list[Shortage]:
    """The limits that are too low for so many more nodes."""
    found = []
    for limit in LIMITS:
        needed, value = limit.a_node * nodes, read(limit.name)
        if nodes == 0 or value > PLENTY * needed:
            continue
        used = limit.used()
        free = max(0, value - used)
        if free < needed and limit.free is not None:
            free = limit.free(needed)
        if free < needed:
            found.append(Shortage(limit.name, value, used, free, needed))
    return found


@contextmanager
def _raised(lab: Lab) -> Iterator[Path]:
    """The file that remembers what the limits were, which all labs share, to one of them at a time."""
    lab.home.mkdir(parents=True, exist_ok=True)
    with open(lab.home / "limits.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lab.home / "limits.json"


def _load(path: Path) -> dict[str, dict[str, int]]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


def _count(nodes: int) -> str:
    return "1 node" if nodes == 1 else f"{nodes} nodes"


def ensure(lab: Lab, nodes: int) -> None:
    """Have enough of everything for so many more nodes: raise what is too low, or refuse."""
    with _raised(lab) as path:
        short = shortages(nodes)
        refused = [one for one in short if not one.can_be_raised()]
        if refused:
            raise LabError(f"cannot boot {_count(nodes)}: " + "; ".join(map(str, refused)))
        for one in short:
            name = one.name
            raised = _load(path)
            raised[name] = {"was": raised.get(name, {}).get("was", one.value), "set": one.enough}
            # First what it was, so that an interrupted command leaves nothing that nobody puts back.
            path.with_suffix(".new").write_text(json.dumps(raised))
            path.with_suffix(".new").rename(path)
            _file(name).write_text(str(one.enough))
            print(f"raised {name} from {one.value} to {one.enough}, until no lab is up", flush=True)
        left = shortages(nodes) if short else []
        if left:
            raise LabError(f"cannot boot {_count(nodes)}: " + "; ".join(map(str, left)))


def put_back(lab: Lab) -> None:
    """After the last lab went down: the limits as they were, except those that somebody else has changed since."""
    with _raised(lab) as path:
        if any(os.path.ismount(memory) for memory in lab.home.glob("*/memory")):
            return
        for name, value in _load(path).items():
            if read(name) == value["set"]:
                _file(name).write_text(str(value["was"]))
        path.unlink(missing_ok=True)
