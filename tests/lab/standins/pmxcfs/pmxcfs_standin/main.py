# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, daemonising and stopping."""

import ctypes
import errno
import fcntl
import grp
import json
import os
import signal
import socket
import sys
import time

from . import corosync_conf, fuse, journal, paths
from .files import Files
from .loop import Loop
from .status import Status
from .tree import Tree

LOCK_TRIES = 10
TICK = 1.0


class Quit(Exception):
    """The start cannot go on; the reason has been logged. Its argument is the exit code."""


def main(arguments):
    show_as(arguments)
    journal.open_log()
    try:
        options = parse(arguments[1:])
        daemon = Daemon(options)
    except Quit as end:
        return end.args[0] if end.args else 255
    try:
        daemon.prepare()
    except Quit:
        daemon.release()
        journal.notice("main", "exit proxmox configuration filesystem (-1)")
        return 255
    return daemon.run()


def show_as(arguments):
    """Makes `ps` and systemctl show the command itself, without its interpreter.

    A process may overwrite its argument area; when the area's last byte is not zero, the
    kernel shows the area's first string alone.
    """
    command = " ".join(["/usr/bin/pmxcfs", *arguments[1:]]).encode() + b"\0"
    try:
        with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
    except (OSError, ValueError, IndexError):
        return  # only cosmetic
    if len(command) < end - start:
        ctypes.memmove(start, command, len(command))
        ctypes.memmove(end - 1, b"x", 1)


def parse(arguments):
    options = {"foreground": False, "local": False}
    for argument in arguments:
        if argument in ("-f", "--foreground"):
            options["foreground"] = True
        elif argument in ("-l", "--local"):
            options["local"] = True
        elif argument.startswith("-"):
            journal.crit("main", f"option parsing failed: Unknown option {argument}")
            raise Quit(1)
        else:
            journal.crit("main", "too many arguments")
            raise Quit
    return options


def resolve(node_name):
    """The first address of the node's name that is not a loopback address."""
    try:
        found = socket.getaddrinfo(node_name, None, type=socket.SOCK_STREAM)
    except OSError:
        found = []
    for _family, _, _, _, address in found:
        text = address[0]
        if not text.startswith("127.") and text != "::1":
            journal.notice("main", f"resolved node name '{node_name}' to '{text}' for default node IP address")
            return text
    journal.crit(
        "main",
        f"Unable to resolve node name '{node_name}' to a non-loopback IP address"
        " - missing entry in '/etc/hosts' or DNS?",
    )
    raise Quit


class Daemon:
    def __init__(self, options):
        self.options = options
        node_name = os.uname().nodename.split(".")[0]
        self.status = Status(node_name, resolve(node_name))
        try:
            self.group_id = grp.getgrnam("www-data").gr_gid
        except KeyError:
            journal.crit("main", "Unable to get www-data group ID")
            raise Quit from None
        self.lock = None
        self.tree = Tree(paths.DATABASE, self.status)
        self.fuse_fd = None
        self.clustered = False

    # --- before the fork ----------------------------------------------------------------

    def prepare(self):
        os.umask(0o027)
        os.makedirs(paths.STATE_DIRECTORY, 0o755, exist_ok=True)
        self._take_lock()
        entry = self.status.new_log_entry(6, "cluster", os.getpid(), "root", "starting cluster log")
        self.status.add_log_entries([entry])
        fresh = not os.path.exists(paths.DATABASE)
        self.tree.open()
        os.chmod(paths.DATABASE, 0o600)
        self.tree.load()
        if fresh and not self.options["local"]:
            self._import_configuration()
        content = self.tree.read("corosync.conf")
        if content is None:
            self.status.quorate = True
        elif self.options["local"]:
            journal.notice("main", "forcing local mode (although corosync.conf exists)")
            self.status.quorate = True
        else:
            self.clustered = True
            if corosync_conf.copy(content):
                status = os.system(f"({corosync_conf.RELOAD_COMMAND}) >/dev/null 2>&1")
                corosync_conf.report_reload(os.waitstatus_to_exitcode(status))
        self._mount()

    def _take_lock(self):
        self.lock = os.open(paths.LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        for attempt in range(LOCK_TRIES + 1):
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as failure:
                if attempt == LOCK_TRIES:
                    journal.crit("main", f"unable to acquire pmxcfs lock: {failure.strerror}")
                    raise Quit from None
                if attempt == 0:
                    journal.notice("main", "unable to acquire pmxcfs lock - trying again")
                time.sleep(1)

    def _import_configuration(self):
        """A node with an empty database takes the cluster's configuration left by `pvecm add`."""
        try:
            with open(paths.COROSYNC_CONF, "rb") as file:
                content = file.read()
        except OSError:
            return
        now = int(time.time())
        # with a leading slash: this is no change that .version counts
        self.tree.create("/corosync.conf", 0, now)
        self.tree.write("/corosync.conf", 0, now, content, 0, True)

    def _mount(self):
        fuse.unmount(paths.MOUNT_POINT, force=True)
        os.makedirs(paths.MOUNT_POINT, 0o755, exist_ok=True)
        try:
            if os.listdir(paths.MOUNT_POINT):
                print("fuse: mountpoint is not empty", file=sys.stderr)
                print("fuse: if you are sure this is safe, use the 'nonempty' mount option", file=sys.stderr)
                sys.stderr.flush()
                raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
            self.fuse_fd = fuse.mount(paths.MOUNT_POINT)
        except OSError as failure:
            journal.crit("main", f"fuse_mount error: {failure.strerror}")
            raise Quit from None

    def release(self):
        self.tree.close()

    # --- forking ------------------------------------------------------------------------

    def run(self):
        if self.options["foreground"]:
            self._write_pid_file(os.getpid())
            return Runtime(self).run(None)
        # locks of the database do not survive a fork: the child opens it again
        self.tree.close()
        reader, writer = os.pipe()
        child = os.fork()
        if child:
            os.close(writer)
            started = os.read(reader, 1)
            if not started:
                return 255
            self._write_pid_file(child)
            os._exit(0)
        os.close(reader)
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        if null > 2:
            os.close(null)
        journal.detach_stderr()
        self.tree.open()
        return Runtime(self).run(writer)

    @staticmethod
    def _write_pid_file(pid):
        try:
            with open(paths.PID_FILE, "w", encoding="ascii") as file:
                file.write(f"{pid}\n")
        except OSError:
            pass


class Runtime:
    """The running daemon."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.tree = daemon.tree
        self.status = daemon.status
        self.loop = Loop()
        self.files_group = None
        self.status_group = None
        self.services = None
        self.ipc = None
        submit = self._submit_to_cluster if daemon.clustered else self._submit_locally
        self.server = fuse.Server(daemon.fuse_fd, Files(self.tree, self.status, daemon.group_id, submit))

    def run(self, started):
        self.born = time.monotonic()
        self._watch_signals()
        if self.daemon.clustered:
            self._make_services()
            self.services.start()

        def serve():
            # requests are answered only after the first second, as the real one does
            self.loop.watch(self.daemon.fuse_fd, self._on_fuse)
            self._open_ipc()
            if started is not None:
                os.write(started, b"1")
                os.close(started)

        self.loop.after(TICK, serve)
        self.loop.run()
        return 0

    # --- changes ------------------------------------------------------------------------

    def _submit_locally(self, operation, data, then):
        from .states import apply

        now = int(time.time())
        digest = operation.get("unlock")
        if digest is not None and self.tree.lock_expired(operation["path"], digest):
            then(self.tree.delete(operation["path"], 0, now))
        else:
            then(apply(self.tree, operation, data, 0, now))

    def _submit_to_cluster(self, operation, data, then):
        if not self.status.quorate:
            then(-errno.EACCES)
            return
        digest = operation.pop("unlock", None)
        if digest is not None:
            self.files_group.send({"do": "unlock-request", "path": operation["path"], "digest": digest})
        self.files_group.send(operation, data, then)

    # --- the cluster --------------------------------------------------------------------

    def _make_services(self):
        from .group import SyncGroup
        from .services import MapService, QuorumService, Services
        from .states import FilesState, StatusState

        status_state = StatusState(self.status)
        self.files_group = SyncGroup(self.loop, "pve_dcdb_v1", "dcdb", FilesState(self.tree, self.status, self), True)
        self.status_group = SyncGroup(self.loop, "pve_kvstore_v1", "status", status_state, False)
        status_state.group = self.status_group
        parts = [
            ("quorum", QuorumService(self.status)),
            ("confdb", MapService(self.status)),
            ("dcdb", self.files_group),
            ("status", self.status_group),
        ]
        self.services = Services(self.loop, parts)

    def pause(self):
        self.services.pause()

    def resume(self, only=None):
        self.services.resume(only)

    # --- what local programs tell -------------------------------------------------------

    def _open_ipc(self):
        """Datagrams of JSON: {"log": {"pri", "tag", "pid", "user", "msg"}} or {"value": KEY}."""
        try:
            os.unlink(paths.IPC_SOCKET)
        except FileNotFoundError:
            pass
        self.ipc = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self.ipc.bind(paths.IPC_SOCKET)
        os.chmod(paths.IPC_SOCKET, 0o600)
        self.loop.watch(self.ipc, self._on_ipc)

    def _on_ipc(self):
        try:
            message = json.loads(self.ipc.recv(65536))
            if "log" in message:
                told = message["log"]
                entry = self.status.new_log_entry(
                    int(told["pri"]), told["tag"], int(told["pid"]), told["user"], told["msg"]
                )
                self.status.add_log_entries([entry])
                self._tell({"do": "log", "entry": entry})
            if "value" in message:
                self.status.set_own_value(str(message["value"]))
                self._tell({"do": "value", "key": str(message["value"])})
        except (OSError, ValueError, KeyError, TypeError) as failure:
            journal.crit("ipcs", f"bad message: {failure}")

    def _tell(self, operation):
        if self.status_group is not None and self.status_group.joined:
            self.status_group.send(operation)

    # --- stopping -----------------------------------------------------------------------

    def _watch_signals(self):
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._signal_sockets = (reader, writer)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)

        def on_signal():
            if any(number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) for number in reader.recv(64)):
                self._teardown()

        self.loop.watch(reader, on_signal)

    def _on_fuse(self):
        if not self.server.on_readable():
            self._teardown()

    def _teardown(self):
        """Unmounts at once; the rest ends with the current second of the daemon's life."""
        if self.server.closed:
            return
        journal.notice("main", "teardown filesystem")
        self.server.closed = True
        self.loop.forget(self.daemon.fuse_fd)
        fuse.unmount(paths.MOUNT_POINT)
        os.close(self.daemon.fuse_fd)
        if self.ipc is not None:
            self.loop.forget(self.ipc)
            os.unlink(paths.IPC_SOCKET)
        lived = time.monotonic() - self.born
        self.loop.after(TICK - lived % TICK, self._end)

    def _end(self):
        if self.services is not None:
            self.services.stop()
        self.tree.close()
        try:
            os.unlink(paths.PID_FILE)
        except FileNotFoundError:
            pass
        journal.notice("main", "exit proxmox configuration filesystem (0)")
        self.loop.stop()
