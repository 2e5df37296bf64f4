# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: work in a process of its own, with a log and an entry in the index.

On a command line the parent passes the worker's output on, and **exits 0 whatever became of the work**. A worker
whose parent was killed goes on until it next prints, and then dies of the broken pipe.
"""

import ctypes
import fcntl
import os
import signal
import sys
import syslog
import time

from . import cfs, files, paths
from .errors import PveError


class Interrupted(Exception):
    pass


def _interrupt(_signal, _frame):
    raise Interrupted


def start_ticks(pid):
    try:
        text = files.read(f"/proc/{pid}/stat")
    except OSError:
        return None
    return int(text.rsplit(")", 1)[1].split()[19])


def name_process(title):
    """Have this process list itself by `title`, as a worker of the real programs does: over the command line it was started with, and on into
    the environment behind it, of which the process keeps a copy elsewhere."""
    numbers = files.read("/proc/self/stat").rsplit(")", 1)[1].split()
    begin, end, limit = int(numbers[45]), int(numbers[46]), int(numbers[48])
    for name, value in os.environ.items():
        os.putenv(name, value)
    text = title.encode()[: limit - begin - 1]
    # A last byte that is not NUL is what has the kernel show more than the first command line.
    text = text.ljust(end - begin, b" ") if len(text) < end - begin else text
    ctypes.memmove(begin, text + b"\0", len(text) + 1)
    with open("/proc/self/comm", "w", encoding="utf-8") as stream:
        stream.write(title[:15])


class Task:
    def __init__(self, kind, what, pid, user="root@pam", node=None):
        self.node = node or cfs.node_name()
        self.kind, self.what, self.user, self.pid = kind, what, user, pid
        self.ticks = start_ticks(pid) or 0
        self.started = int(time.time())
        self.upid = (
            f"UPID:{self.node}:{pid:08X}:{self.ticks:08X}:{self.started:08X}:{kind}:{what}:{user}:"
        )

    @property
    def log(self):
        return f"{paths.TASKS}/{self.upid.split(':')[4][-1]}/{self.upid}"

    @classmethod
    def from_upid(cls, upid):
        parts = upid.split(":")
        if len(parts) != 9 or parts[0] != "UPID":
            raise PveError(f"unable to parse worker upid '{upid}'\n", status=400)
        task = cls.__new__(cls)
        task.upid, task.node = upid, parts[1]
        task.pid, task.ticks, task.started = (int(part, 16) for part in parts[2:5])
        task.kind, task.what, task.user = parts[5:8]
        return task

    def running(self):
        return start_ticks(self.pid) == self.ticks

    def open_log(self):
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        fd = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
        _give_to_www_data(self.log)
        return os.fdopen(fd, "ab", buffering=0)

    def begin(self):
        cfs.log_message(6, f"starting task {self.upid}")
        _change_active(lambda entries: [f"{self.upid} 0"] + entries)
        cfs.announce("tasklist")

    def end(self, status):
        ended = f"{int(time.time()):08X}"
        cfs.log_message(6 if status == "OK" else 3, f"end task {self.upid} {status}")
        cfs.announce("tasklist")
        line = f"{self.upid} {ended} {status}"

        def finish(entries):
            others = [entry for entry in entries if entry.split()[0] != self.upid]
            return [f"{self.upid} 1 {ended} {status}"] + others[:24]

        _change_active(finish)
        with open(f"{paths.TASKS}/index", "a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        _give_to_www_data(f"{paths.TASKS}/index")

    def status(self):
        """What became of it, from the last line of its log."""
        lines = files.read(self.log, "").rstrip("\n").split("\n")
        last = lines[-1]
        if last == "TASK OK":
            return "OK"
        if last.startswith("TASK ERROR: "):
            return last[len("TASK ERROR: ") :]
        return "unexpected status"


def _give_to_www_data(path):
    import pwd

    try:
        entry = pwd.getpwnam("www-data")
        os.chown(path, entry.pw_uid, entry.pw_gid)
    except (KeyError, OSError):
        pass


def _change_active(change):
    os.makedirs(paths.TASKS, exist_ok=True)
    with open(f"{paths.TASKS}/.active.lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        active = f"{paths.TASKS}/active"
        entries = [line for line in files.read(active, "").split("\n") if line]
        files.replace(active, "".join(entry + "\n" for entry in change(entries)), 0o640)
        _give_to_www_data(active)


def _flatten(message):
    return message.rstrip("\n").replace("\n", " ")


def perform(action):
    """Run the work of a task; answers its status."""
    try:
        action()
        return "OK"
    except PveError as error:
        message = error.message
        if 400 <= error.status < 500 and not message.startswith(str(error.status)):
            message = f"{error.status} {message}"
    except Interrupted:
        message = "received interrupt"
    except BrokenPipeError:
        os._exit(255)
    except Exception as error:  # The real program dies of its own defects with a text, too.
        message = f"{error}"
    message = _flatten(message)
    syslog.syslog(syslog.LOG_ERR, message)
    return message


def run_in_foreground(kind, what, action):
    """The worker of a command line: returns when it has ended, and never fails."""
    out_read, out_write = os.pipe()
    result_read, result_write = os.pipe()
    go_read, go_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(out_read)
        os.close(result_read)
        os.close(go_write)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, _interrupt)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        old_group = None
        if os.isatty(0):
            # A new session would lose the terminal, which the work may ask for a password.
            old_group = os.getpgrp()
            os.setpgid(0, 0)
            os.tcsetpgrp(0, os.getpid())
        else:
            os.setsid()
        os.dup2(out_write, 1)
        os.dup2(out_write, 2)
        os.close(out_write)
        sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="surrogateescape", closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="surrogateescape", closefd=False)
        name_process(f"task {os.read(go_read, 4096).decode()}")
        status = perform(action)
        sys.stdout.flush()
        sys.stderr.flush()
        if old_group is not None:
            try:
                os.tcsetpgrp(0, old_group)
            except OSError:
                pass
        try:
            os.write(result_write, status.encode("utf-8", "surrogateescape"))
        finally:
            os._exit(0 if status == "OK" else 255)
    os.close(out_write)
    os.close(result_write)
    os.close(go_read)
    task = Task(kind, what, pid)
    log = task.open_log()
    task.begin()
    interrupts = 0

    def pass_on(_number, _frame):
        nonlocal interrupts
        try:
            os.killpg(pid, signal.SIGTERM if interrupts < 3 else signal.SIGKILL)
        except OSError:
            pass
        interrupts += 1

    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, pass_on)
    os.write(go_write, task.upid.encode())
    os.close(go_write)
    last = b"\n"
    while True:
        chunk = os.read(out_read, 4096)
        if not chunk:
            break
        log.write(chunk)
        os.write(1, chunk)
        last = chunk[-1:]
    status = os.read(result_read, 65536).decode("utf-8", "surrogateescape")
    os.waitpid(pid, 0)
    if not status:
        status = "unexpected status"
    if last != b"\n":
        log.write(b"\n")
    closing = "TASK OK\n" if status == "OK" else f"TASK ERROR: {status}\n"
    log.write(closing.encode("utf-8", "surrogateescape"))
    task.end(status)
    if status != "OK":
        print(status, file=sys.stderr, flush=True)


def run_in_background(kind, what, action):
    """The worker of an API call: answers its UPID at once. Called in a process that forks safely."""
    ready_read, ready_write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ready_write)
        with os.fdopen(ready_read, encoding="utf-8") as stream:
            return stream.readline().strip()
    os.close(ready_read)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    task = Task(kind, what, os.getpid())
    log = task.open_log()
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log.fileno(), 1)
    os.dup2(log.fileno(), 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="surrogateescape", closefd=False)
    task.begin()
    name_process(f"task {task.upid}")
    os.write(ready_write, task.upid.encode() + b"\n")
    os.close(ready_write)
    status = perform(action)
    sys.stdout.flush()
    sys.stderr.flush()
    closing = "TASK OK\n" if status == "OK" else f"TASK ERROR: {status}\n"
    os.write(1, closing.encode("utf-8", "surrogateescape"))
    task.end(status)
    os._exit(0)
