# SPDX-License-Identifier: GPL-3.0-or-later
"""What the daemons of high availability, its programs and the API share: its files, its locks, the watchdog."""

import json
import os
import re
import socket
import time

from . import cfs, files, paths, sections
from .errors import PveError

HA = f"{paths.CLUSTER_DIR}/ha"
RESOURCES = f"{HA}/resources.cfg"
RULES = f"{HA}/rules.cfg"
MANAGER = f"{HA}/manager_status"
COMMANDS = f"{HA}/crm_commands"
LOCK = "domain-ha"
MANAGER_LOCK = "ha_manager_lock"

WATCHDOG = "/run/watchdog-mux.sock"
# How long pmxcfs keeps a lock that nobody renews.
LOCK_SECONDS = 120
GUEST_FOLDERS = {"vm": "qemu-server", "ct": "lxc"}


def read_json(path):
    """What is in a file of JSON; nothing where there is none, or no whole one."""
    try:
        found = json.loads(files.read(path))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def manager_status():
    return read_json(MANAGER)


def lrm_path(node):
    return f"{paths.node_dir(node)}/lrm_status"


def lrm_status(node):
    return read_json(lrm_path(node))


def nodes():
    """The nodes that the cluster lists: name -> whether it is online."""
    return {name: bool(entry.get("online")) for name, entry in (cfs.members().get("nodelist") or {}).items()}


def works():
    """Whether /etc/pve is there and is writable; without the first, it is a bare folder in which nothing must be left."""
    return cfs.mounted() and cfs.quorate()


def resources():
    """What is to be kept running: SID -> its properties, of which `state` is always there."""
    found = {}
    for kind, name, properties in sections.read(RESOURCES):
        if kind in GUEST_FOLDERS:
            found[f"{kind}:{name}"] = {"state": "started", **properties}
    return found


def guest_node(sid):
    """The node that has the guest's configuration."""
    entry = cfs.guests().get(sid.partition(":")[2])
    return entry and entry["node"]


def move_guest(sid, source, target):
    """Give a guest's configuration to another node."""
    kind, _colon, vmid = sid.partition(":")
    folder = GUEST_FOLDERS[kind]
    os.rename(f"{paths.node_dir(source)}/{folder}/{vmid}.conf", f"{paths.node_dir(target)}/{folder}/{vmid}.conf")


def node_priorities(text):
    """`pve1,pve3:2` as {node: priority}."""
    found = {}
    for item in re.split(r"[,;\s]+", text):
        if item:
            node, _colon, priority = item.partition(":")
            found[node] = int(priority) if priority.isdigit() else 0
    return found


def affinity(sid):
    """The nodes that a rule prefers for a service, {node: priority}, and whether it takes no other ones."""
    for kind, _name, properties in sections.read(RULES):
        if kind == "node-affinity" and "disable" not in properties and sid in re.split(r"[,;\s]+", properties.get("resources", "")):
            return node_priorities(properties.get("nodes", "")), properties.get("strict") == "1"
    return {}, False


def queue(command):
    """Add a command for the master, which takes it up when there is one."""

    def change():
        os.makedirs(HA, exist_ok=True)
        files.replace(COMMANDS, files.read(COMMANDS, "") + command + "\n", 0o640)

    cfs.locked(LOCK, 10, change)


class Lock:
    """A cluster-wide lock that is held by renewing it. Who restarts cannot know that it was his, and waits until it is stale."""

    def __init__(self, name):
        self.name, self.directory = name, f"{paths.CFS_LOCKS}/{name}"
        self.renewed = None

    def held(self):
        return self.renewed is not None and time.monotonic() - self.renewed < LOCK_SECONDS

    def get(self):
        """Take it or renew it; whether it is held."""
        if not works():
            return False
        now = time.monotonic()
        try:
            if self.held():
                moment = time.time()
                os.utime(self.directory, (moment, moment))
            else:
                self.renewed = None
                self._take()
        except OSError as error:
            if self.renewed is not None:
                print(f"lost lock '{self.name} - cfs lock update failed - {error.strerror}", flush=True)
                self.renewed = None
            return False
        if self.renewed is None:
            print(f"successfully acquired lock '{self.name}'", flush=True)
        self.renewed = now
        return True

    def _take(self):
        os.makedirs(paths.CFS_LOCKS, exist_ok=True)
        try:
            # Asks for the release of a stale one.
            os.utime(self.directory, (0, 0))
        except OSError:
            pass
        os.mkdir(self.directory)

    def release(self):
        self.renewed = None
        try:
            os.rmdir(self.directory)
        except OSError:
            pass


class Watchdog:
    """A client of the multiplexer: once open, its node is reset unless it is fed."""

    def __init__(self):
        self.connection = None

    def open(self):
        if self.connection is None:
            self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self.connection.connect(WATCHDOG)
            except OSError as error:
                self.connection = None
                raise PveError(f"unable to open watchdog socket - {error.strerror}\n") from error
            print("watchdog active", flush=True)

    def feed(self):
        if self.connection:
            try:
                self.connection.send(b"\0")
            except OSError:
                self.connection = None

    def close(self):
        if self.connection:
            try:
                self.connection.send(b"V")
            except OSError:
                pass
            self.connection.close()
            self.connection = None
            print("watchdog closed (disabled)", flush=True)
