# SPDX-License-Identifier: GPL-3.0-or-later
"""The four connections to corosync, each recreated when lost.

A connection is tried at once at the start and then, by a job that runs every second, when
the last try lies more than 5 whole seconds back. This gives the delays of the recordings:
a node whose corosync starts after pmxcfs is writable 5 to 6 s later.
"""

import os
import time

from . import corosync, journal

RETRY_AFTER = 5
# With this file corosync becomes ready between the first connection to its map and the others, as it can by itself.
LATE_MAP = "/etc/pve-standin-late-map"
JOB_PERIOD = 1.0


class Service:
    """One connection. `part` has `connect()`, which returns a descriptor or raises `Failed`,
    `dispatch()`, which is False when the connection broke, and `close()`."""

    def __init__(self, domain, part):
        self.domain = domain
        self.part = part
        self.fd = None
        self.last_try = 0
        self.failures = 0
        self.paused = False


class QuorumService:
    def __init__(self, status):
        self.status = status
        self.connection = None

    def connect(self):
        self.connection = corosync.Quorum(self.set_quorate)
        try:
            self.connection.track()
            return self.connection.fileno()
        except corosync.Failed:
            self.close()
            raise

    def set_quorate(self, quorate):
        if quorate != self.status.quorate:
            self.status.quorate = quorate
            journal.notice("status", "node has quorum" if quorate else "node lost quorum")

    def dispatch(self):
        try:
            self.connection.dispatch()
            return True
        except corosync.Failed as failure:
            journal.crit("quorum", f"quorum_dispatch failed: {failure.name}")
            self.close()
            self.set_quorate(False)
            return False

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


class MapService:
    """The member list as corosync runs it."""

    def __init__(self, status):
        self.status = status
        self.connection = None
        self.dirty = False
        self.late = os.path.exists(LATE_MAP)

    def connect(self):
        if self.late:
            self.late = False
            raise corosync.Failed("cmap_initialize", corosync.TRY_AGAIN)
        self.connection = corosync.Map(self._changed)
        try:
            self.connection.track("totem.config_version")
            fd = self.connection.fileno()
            self._read()
            return fd
        except corosync.Failed:
            self.close()
            raise

    def _changed(self):
        self.dirty = True

    def _read(self):
        self.dirty = False
        names = {}
        for key in self.connection.keys("nodelist.node."):
            if key.endswith(".nodeid"):
                prefix = key[: -len("nodeid")]
                try:
                    names[self.connection.number(key)] = self.connection.text(prefix + "name")
                except corosync.Failed:
                    names[self.connection.number(key)] = self.connection.text(prefix + "ring0_addr")
        cluster = self.connection.text("totem.cluster_name")
        version = self.connection.number("totem.config_version") or 0
        self.status.set_cluster(cluster, version, names)
        journal.notice("status", f"update cluster info (cluster name  {cluster}, version = {version})")

    def dispatch(self):
        try:
            self.connection.dispatch()
            if self.dirty:
                self._read()
            return True
        except corosync.Failed as failure:
            journal.crit("confdb", f"cmap_dispatch failed: {failure.number}")
            self.close()
            return False

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None


def describe(failure):
    unreachable = failure.call.endswith("_initialize") and failure.number == corosync.LIBRARY
    return f"{failure.call} failed: {failure.name}" + (" (failed to connect to corosync)" if unreachable else "")


class Services:
    """Keeps the services connected and dispatches them, quorum first."""

    def __init__(self, loop, parts):
        self.loop = loop
        self.services = [Service(domain, part) for domain, part in parts]

    def start(self):
        self._job()

    def _job(self):
        now = int(time.time())
        for service in self.services:
            if service.fd is None and not service.paused and now - service.last_try > RETRY_AFTER:
                service.last_try = now
                self._connect(service)
        self.loop.after(JOB_PERIOD, self._job)

    def _connect(self, service):
        try:
            service.fd = service.part.connect()
        except corosync.Failed as failure:
            journal.crit(service.domain, describe(failure))
            if not service.failures:
                journal.crit(service.domain, "can't initialize service")
            service.failures += 1
            return
        service.failures = 0
        self.loop.watch(service.fd, self._dispatch)

    def _dispatch(self):
        for service in self.services:
            if service.fd is None or service.paused:
                continue
            fd = service.fd
            if not service.part.dispatch():
                self.loop.forget(fd)
                service.fd = None
                service.failures = 0

    def pause(self):
        for service in self.services:
            if not service.paused:
                service.paused = True
                if service.fd is not None:
                    self.loop.forget(service.fd)

    def resume(self, only=None):
        """Goes on dispatching, all services or the one of a part alone."""
        for service in self.services:
            if service.paused and only in (None, service.part):
                service.paused = False
                if service.fd is not None:
                    self.loop.watch(service.fd, self._dispatch)
        self._dispatch()

    def stop(self):
        for service in self.services:
            service.part.close()
