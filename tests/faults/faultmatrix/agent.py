# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a node, outside its logins: says when a step is reached, and kills at that moment when it is told to.

Orders come as lines of JSON on stdin, what happens goes as lines of JSON to stdout. Times are of the machine's monotonic
clock, which all nodes of a lab share. It looks every few milliseconds; a look costs a list of processes and some stats.
"""

import glob
import json
import os
import re
import select
import signal
import time

PAUSE = 0.006
# While nothing is watched for.
IDLE = 0.5
# A process is its parent's copy until it becomes another program; after this time it no longer does.
YOUNG = 1.0


class Processes:
    """The node's processes by id, with their command lines."""

    def __init__(self):
        self.known = {}

    def look(self):
        """Read what is new."""
        now = time.monotonic()
        alive = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        for pid in set(self.known) - alive:
            del self.known[pid]
        for pid in alive:
            born, _words = self.known.get(pid, (now, []))
            if pid not in self.known or now - born < YOUNG:
                self.known[pid] = (born, self.words(pid))

    @staticmethod
    def words(pid):
        """A command line; empty for what is gone, a zombie, or of the kernel."""
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                return file.read().decode(errors="replace").rstrip("\0").split("\0")
        except OSError:
            return []

    def of(self, match):
        """The ids of those whose command line matches."""
        return sorted(pid for pid, (_born, words) in self.known.items() if words[0:1] and match(words))


def is_module(words):
    """A module of the collection itself, not the shell that starts it: the file that the shell looked at and opened, by its descriptor."""
    return re.fullmatch(r"/proc/self/fd/\d+", words[0]) is not None and words[2:] == ["/dev/stdin"]


def is_pvecm(words, command):
    """pvecm at a command; its worker is called `task UPID:..`. `pvecm help create` is none."""
    return any(os.path.basename(one) == "pvecm" and two == command for one, two in zip(words, words[1:]))


def is_daemon(words, name):
    """corosync or pmxcfs, which may be run by an interpreter; not the systemctl that starts one."""
    by_interpreter = os.path.basename(words[0]).startswith("python")
    return os.path.basename(words[0]) == name or (by_interpreter and any(os.path.basename(word) == name for word in words[1:3]))


class Agent:
    """Watches for points and carries out kills."""

    def __init__(self):
        self.processes = Processes()
        self.points = {}
        self.before = {}
        self.ran = set()
        self.files = {}
        self.kills = {}
        self.armed = set()

    # What points are made of.

    def module(self):
        """The module is at work here."""
        return bool(self.processes.of(is_module))

    def pvecm(self, command):
        """pvecm is at this command now."""
        found = bool(self.processes.of(lambda words: is_pvecm(words, command)))
        if found:
            self.ran.add(command)
        return found

    def ended(self, command):
        """pvecm was at this command and no longer is, and the module is still there."""
        return not self.pvecm(command) and command in self.ran and self.module()

    def pids(self, name):
        """The ids of a daemon's processes."""
        return set(self.processes.of(lambda words: is_daemon(words, name)))

    def started(self, name):
        """A daemon runs that did not when the watch began."""
        return bool(self.pids(name) - self.before[name])

    def stopped(self, name):
        """The daemon that ran when the watch began is gone."""
        return not self.pids(name) & self.before[name]

    @staticmethod
    def exists(path):
        """There is such a path."""
        return os.path.lexists(path)

    def new(self, pattern):
        """There is a path of this pattern that was not there when the watch began."""
        if pattern not in self.files:
            self.files[pattern] = set(glob.glob(pattern))
        return bool(set(glob.glob(pattern)) - self.files[pattern])

    @staticmethod
    def holds(path, text):
        """The file is there and has this text."""
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return text in file.read()
        except OSError:
            return False

    @staticmethod
    def lacks(path, text):
        """The file is there, whole, and does not have this text."""
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                content = file.read()
            return bool(content) and text not in content
        except OSError:
            return False

    @staticmethod
    def writable():
        """pmxcfs is writable."""
        try:
            return bool(os.lstat("/etc/pve/local").st_mode & 0o200)
        except OSError:
            return False

    # What it does.

    def watch(self, points, kills=None):
        """Begin: `points` are expressions of the above by name; `kills` says what to kill at which."""
        self.processes.look()
        self.before = {name: self.pids(name) for name in ("corosync", "pmxcfs")}
        self.ran, self.files = set(), {}
        self.kills = kills or {}
        self.points = dict(points)
        for pattern in re.findall(r"new\('([^']*)'\)", " ".join(points.values())):
            self.new(pattern)
        say(watching=sorted(points))

    def rest(self):
        """Watch no longer; what is to be killed as soon as it runs stays so."""
        self.points = {}

    def look(self):
        """One look at everything watched for."""
        if not self.points and not self.armed:
            return
        self.processes.look()
        for name in sorted(self.armed):
            found = self.targets(name)
            if found:
                say(killed=name, pids=self.end(found), t=time.monotonic(), armed=True)
                self.armed.discard(name)
        names = {name: getattr(self, name) for name in dir(self) if not name.startswith("_")}
        for command in ("create", "add", "delnode"):
            self.pvecm(command)
        # The points come in their order: the next two are enough, and files of pmxcfs are not read for nothing.
        for point, expression in list(self.points.items())[:2]:
            if eval(expression, {"__builtins__": {}}, names):  # pylint: disable=eval-used  # of this project's own table
                del self.points[point]
                now = time.monotonic()
                if point in self.kills:
                    self.kill(self.kills[point])
                say(point=point, t=now)

    @staticmethod
    def end(pids):
        """End processes at once; those that were there."""
        found = []
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
                found.append(pid)
            except ProcessLookupError:
                pass
        return found

    def sessions(self):
        """sshd's processes of the login that the module runs in: its ancestors, but for the daemon that listens."""
        found = set()
        for pid in self.processes.of(is_module):
            while pid > 1:
                try:
                    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                        name, rest = file.read().rpartition(")")[::2]
                except OSError:
                    break
                if "(sshd" in name and not any("listener" in word for word in Processes.words(pid)):
                    found.add(pid)
                pid = int(rest.split()[1])
        return found

    def kill(self, what):
        """Kill the module, the login it runs in, or a daemon, as they are now."""
        self.processes.look()
        say(killed=what, pids=self.end(self.targets(what)), t=time.monotonic())

    def targets(self, what):
        """The processes that this is, now: the module, the login it runs in, or a daemon."""
        if what == "module":
            return set(self.processes.of(is_module))
        return self.sessions() if what == "session" else self.pids(what)

    def arm(self, what):
        """Kill it as soon as it runs."""
        self.armed.add(what)
        say(armed_for=what)


def say(**what):
    """One line for whoever gives the orders."""
    print(json.dumps(what), flush=True)


def main():
    """Obey until stdin ends."""
    agent = Agent()
    rest = b""
    while True:
        ready, _, _ = select.select([0], [], [], PAUSE if agent.points or agent.armed else IDLE)
        if ready:
            read = os.read(0, 65536)
            if not read:
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                order = json.loads(line)
                getattr(agent, order.pop("do"))(**order)
        agent.look()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # Whoever gave the orders is gone; what would be written at the end has nowhere to go either.
        os._exit(0)
