# SPDX-License-Identifier: GPL-3.0-or-later
"""The two states that the daemons of a cluster agree on: the files, and the status."""

import errno
import os
import subprocess

from . import corosync_conf, journal


def apply(tree, operation, data, writer, now):
    """Carries out one change and returns its result."""
    do, path = operation["do"], operation["path"]
    if do == "create":
        return tree.create(path, writer, now)
    if do == "write":
        return tree.write(path, writer, now, data, operation["offset"], operation["truncate"])
    if do == "mkdir":
        return tree.mkdir(path, writer, now)
    if do == "delete":
        return tree.delete(path, writer, now)
    if do == "rename":
        return tree.rename(path, operation["to"], writer, now)
    if do == "mtime":
        return tree.set_mtime(path, writer, operation["mtime"])
    return -errno.ENOTSUP


class FilesState:
    """The files. `runtime` gives the loop and holds back all services while corosync reloads."""

    def __init__(self, tree, status, runtime):
        self.tree = tree
        self.status = status
        self.runtime = runtime

    def deliver(self, group, nodeid, own, header, data, then):
        if not self.status.quorate:
            journal.crit("dcdb", "received write while not quorate - trigger resync")
            then(-errno.EPERM)
            group.fail()
            return
        operation = header["operation"]
        if operation["do"] in ("unlock-request", "unlock"):
            self._unlock(group, nodeid, operation, header["time"])
            then(0)
            return
        result = apply(self.tree, operation, data, nodeid, header["time"])
        changed = operation.get("to", operation["path"])
        if result >= 0 and changed == "corosync.conf" and operation["do"] in ("write", "create", "rename"):
            if corosync_conf.copy(self.tree.read("corosync.conf") or b"") and own:
                self._reload(group, lambda: then(result))
                return
        then(result)

    def _reload(self, group, then):
        """Tells corosync after a second. Until it has answered nothing else is dispatched."""
        group.block()
        self.runtime.pause()
        process = subprocess.Popen(
            ["sh", "-c", corosync_conf.RELOAD_COMMAND],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        exited = os.pidfd_open(process.pid)

        def done():
            self.runtime.loop.forget(exited)
            os.close(exited)
            corosync_conf.report_reload(process.wait())
            then()
            group.unblock()
            # changes sent meanwhile are still carried out; only then is a lost quorum noticed
            self.runtime.resume(only=group)
            if not group.blocked:  # else one of them was the next change of the file
                self.runtime.resume()

        self.runtime.loop.watch(exited, done)

    def _unlock(self, group, nodeid, operation, now):
        path, digest = operation["path"], operation["digest"]
        if self.tree.lock_digest(path) != digest:
            return
        if operation["do"] == "unlock":
            self.tree.delete(path, nodeid, now)
        elif group.is_lowest() and self.tree.lock_expired(path, digest):
            group.send({"do": "unlock", "path": path, "digest": digest})

    def get_state(self):
        return self.tree.index()

    @staticmethod
    def _leader(states):
        best = None
        for member in sorted(states):
            rank = (states[member]["version"], states[member]["mtime"])
            if best is None or rank > best[0]:
                best = (rank, member)
        return best[1]

    def choose(self, states):
        leader = self._leader(states)
        return leader, [member for member in states if states[member] == states[leader]]

    def updates(self, states):
        leader = states[self._leader(states)]
        wanted = []
        known = [dict(state["entries"]) for state in states.values()]
        for inode, digest in leader["entries"]:
            if any(entries.get(inode) != digest for entries in known):
                entry = self.tree.entries[inode]
                wanted.append((entry.fields(), entry.data))
        return wanted

    def commit(self, states, received):
        journal.notice("dcdb", f"update complete - trying to commit (got {len(received)} inode updates)")
        self.tree.commit(states[self._leader(states)], received)
        corosync_conf.copy(self.tree.read("corosync.conf") or b"")

    def changed(self, members):
        pass

    def synced(self):
        pass


class StatusState:
    """Addresses, values and the cluster log of all nodes."""

    def __init__(self, status):
        self.status = status
        self.group = None

    def deliver(self, _group, nodeid, own, header, _data, then):
        operation = header["operation"]
        if not own:
            if operation["do"] == "log":
                journal.notice("status", "received log")
                self.status.add_log_entries([operation["entry"]])
            elif operation["do"] == "value":
                self.status.set_node_value(nodeid, operation["key"], operation.get("value"))
        then(0)

    def get_state(self):
        return self.status.log

    def choose(self, states):
        for log in states.values():
            self.status.add_log_entries(log)
        return min(states), list(states)

    def updates(self, _states):
        return []

    def commit(self, _states, _received):
        pass

    def changed(self, members):
        self.status.set_online({nodeid for nodeid, _ in members})

    def synced(self):
        self.status.set_address(self.status.node_name, self.status.address)
        self.group.send({"do": "value", "key": "nodeip", "value": self.status.address})
        for key in self.status.kv:
            self.group.send({"do": "value", "key": key})
