# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs ask of the cluster filesystem."""

import errno
import json
import os
import signal
import socket
import sys
import time

from . import files, paths
from .errors import PveError

CONTROL = "/run/pmxcfs-standin.sock"

# Who speaks in the cluster log: a command line, or the daemon that works for the API.
speaker = "pvecm"


def node_name():
    return os.uname().nodename.split(".")[0]


def mounted():
    return os.path.ismount(paths.CLUSTER_DIR)


def require_mounted():
    """Every program loads the access list first, and dies when the filesystem does not answer."""
    if mounted():
        return
    for attempt in (1, 2, 3):
        print(f"ipcc_send_rec[{attempt}] failed: Connection refused", file=sys.stderr)
    raise PveError("Unable to load access control list: Connection refused\n", code=111)


def quorate():
    """The owner's write bit of the link `local`; access(2) says yes to root whatever the state."""
    try:
        return bool(os.lstat(f"{paths.CLUSTER_DIR}/local").st_mode & 0o200)
    except OSError:
        return False


def require_quorum():
    if not quorate():
        raise PveError("cluster not ready - no quorum?\n")


def require_conf():
    if not files.exists(paths.CLUSTER_CONF):
        raise PveError(
            f"Error: Corosync config '{paths.CLUSTER_CONF}' does not exist - is this node part of a cluster?\n",
            code=2,
        )


def _dot_file(name):
    try:
        return json.loads(files.read(f"{paths.CLUSTER_DIR}/{name}"))
    except (OSError, ValueError):
        return {}


def members():
    return _dot_file(".members")


def guests():
    return _dot_file(".vmlist").get("ids") or {}


def address_of(node):
    """The management address of `node` as the cluster knows it, or as this node's name resolves."""
    entry = members().get("nodelist", {}).get(node, {})
    if entry.get("ip"):
        return entry["ip"]
    try:
        found = socket.getaddrinfo(node, None, type=socket.SOCK_STREAM)
    except OSError:
        return None
    return found[0][4][0] if found else None


def _tell(message):
    """A datagram to the stand-in of the filesystem, which may be down."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as control:
            control.connect(CONTROL)
            control.send(json.dumps(message).encode())
    except OSError:
        pass


def log_message(priority, message, user="root@pam"):
    """Into the cluster log."""
    _tell({"log": {"pri": priority, "tag": speaker, "pid": os.getpid(), "user": user, "msg": message}})


def announce(key):
    """That this node has a new value under `key` for all members."""
    _tell({"value": key})


class _Timeout(Exception):
    pass


def _expire(_signal, _frame):
    raise _Timeout


def locked(name, timeout, action):
    """Run `action` holding the cluster-wide lock `name`: a directory that goes stale after 120 s.

    Without quorum it is tried as long as where somebody else holds it; the exit code is the last attempt's errno.
    """
    directory = f"{paths.CFS_LOCKS}/{name}"
    deadline = time.monotonic() + timeout
    while True:
        try:
            os.mkdir(directory)
            break
        except OSError as error:
            failed = error
        if time.monotonic() + 1 >= deadline:
            if not quorate():
                raise PveError(f"cfs-lock '{name}' error: no quorum!\n", code=errno.EACCES) from failed
            raise PveError(f"cfs-lock '{name}' error: got lock request timeout\n", code=errno.EEXIST) from failed
        print(f"trying to acquire cfs lock '{name}' ...", file=sys.stderr, flush=True)
        try:
            # Asks for the release of a stale lock.
            os.utime(directory, (0, 0))
        except OSError:
            pass
        time.sleep(1)
    try:
        return action()
    finally:
        try:
            os.rmdir(directory)
        except OSError:
            pass


def file_locked(path, timeout, action):
    """Run `action` holding a lock of this node alone."""
    import fcntl

    with open(path, "a", encoding="ascii") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("trying to acquire lock...", end="", file=sys.stderr, flush=True)
            previous = signal.signal(signal.SIGALRM, _expire)
            signal.alarm(timeout)
            try:
                fcntl.flock(stream, fcntl.LOCK_EX)
            except _Timeout:
                raise PveError(f"can't lock file '{path}' - got timeout\n") from None
            finally:
                signal.alarm(0)
                signal.signal(signal.SIGALRM, previous)
            print(" OK", file=sys.stderr, flush=True)
        return action()
