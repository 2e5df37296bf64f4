# SPDX-License-Identifier: GPL-3.0-or-later
"""The file tree: kept in memory, every change written through to an sqlite database.

Every operation returns a number >= 0, or a negative errno. One counter, the version of the
root entry, grows with every change; new entries take it as their inode number. Two nodes
whose trees got the same operations in the same order are therefore equal byte for byte.
"""

import errno
import hashlib
import re
import sqlite3
import struct
import time

from .paths import BLOCK_SIZE, MAX_FILE_SIZE, MAX_INODES, MAX_TOTAL_SIZE

DIRECTORY = 4
FILE = 8
ROOT_NAME = "__version__"
LOCK_TIMEOUT = 120

SCHEMA = """
CREATE TABLE IF NOT EXISTS tree (
  inode INTEGER PRIMARY KEY NOT NULL,
  parent INTEGER NOT NULL CHECK(typeof(parent)=='integer'),
  version INTEGER NOT NULL CHECK(typeof(version)=='integer'),
  writer INTEGER NOT NULL CHECK(typeof(writer)=='integer'),
  mtime INTEGER NOT NULL CHECK(typeof(mtime)=='integer'),
  type INTEGER NOT NULL CHECK(typeof(type)=='integer'),
  name TEXT NOT NULL,
  data BLOB);
"""

_NODE_NAME = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_GUEST_CONFIG = re.compile(rf"^nodes/({_NODE_NAME})/(qemu-server|openvz|lxc)/([1-9][0-9]*)\.conf$")
_GUEST_TYPES = {"qemu-server": "qemu", "openvz": "openvz", "lxc": "lxc"}


class Entry:
    """One file or directory. A directory has `children`, a file has `data`."""

    __slots__ = ("inode", "parent", "version", "writer", "mtime", "type", "name", "data", "children", "_digest")

    def __init__(self, inode, parent, version, writer, mtime, kind, name, data=b""):
        self.inode = inode
        self.parent = parent
        self.version = version
        self.writer = writer
        self.mtime = mtime
        self.type = kind
        self.name = name
        self.data = data
        self.children = {} if kind == DIRECTORY else None
        self._digest = None

    def touch(self, version, writer, mtime):
        self.version, self.writer, self.mtime = version, writer, mtime
        self._digest = None

    def fields(self):
        return [self.inode, self.parent, self.version, self.writer, self.mtime, self.type, self.name]

    def digest(self):
        if self._digest is None:
            numbers = (self.inode, self.parent, self.version, self.writer, self.mtime, len(self.data), self.type)
            total = hashlib.sha256(struct.pack("<QQQIIIB", *numbers))
            total.update(self.name.encode("utf-8", "surrogateescape"))
            total.update(self.data)
            self._digest = total.hexdigest()
        return self._digest


def guest_of(path):
    """(vmid, node, type) of a guest's configuration file, else None."""
    match = _GUEST_CONFIG.match(path)
    if not match or int(match[3]) > 0xFFFFFFFF:
        return None
    return int(match[3]), match[1], _GUEST_TYPES[match[2]]


def is_private(path):
    parts = path.split("/")
    return parts[0] == "priv" or (len(parts) > 2 and parts[0] == "nodes" and parts[2] == "priv")


def is_lock(path):
    return path.startswith("priv/lock/") and path.count("/") == 2


def split(path):
    parent, _, name = path.rpartition("/")
    return parent, name


class Tree:
    def __init__(self, filename, status):
        self.filename = filename
        self.status = status
        self.database = None
        self.entries = {}
        self.size = 0
        self.locks = {}

    # --- the database -------------------------------------------------------------------

    def open(self):
        self.database = sqlite3.connect(self.filename, isolation_level=None)
        self.database.execute("PRAGMA locking_mode=NORMAL")
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=NORMAL")
        self.database.executescript(SCHEMA)

    def close(self):
        if self.database:
            self.database.close()
            self.database = None

    def load(self):
        root = Entry(0, 0, 1, 0, 0, DIRECTORY, ROOT_NAME)
        self.entries = {0: root}
        self.size = 0
        rows = self.database.execute("SELECT inode,parent,version,writer,mtime,type,name,data FROM tree").fetchall()
        for inode, parent, version, writer, mtime, kind, name, data in rows:
            if inode == 0:
                root.touch(version, writer, mtime)
            else:
                self.entries[inode] = Entry(inode, parent, version, writer, mtime, kind, name, data or b"")
        if not rows:
            self._store(root)
        self._link_children()
        self.status.record_reload()
        self._recreate_guest_list()
        self._refresh_locks()

    def _link_children(self):
        for entry in self.entries.values():
            if entry.children is not None:
                entry.children = {}
        for entry in self.entries.values():
            if entry.inode:
                self.entries[entry.parent].children[entry.name] = entry
        self.size = sum(len(entry.data) for entry in self.entries.values())

    def _store(self, *entries, delete=()):
        """Writes entries, and the root's version with them, in one transaction."""
        run = self.database.execute
        run("BEGIN IMMEDIATE")
        for inode in delete:
            run("DELETE FROM tree WHERE inode=?", (inode,))
        root = self.entries[0]
        for entry in {entry.inode: entry for entry in (root, *entries)}.values():
            kind = FILE if entry.inode == 0 else entry.type
            run(
                "INSERT OR REPLACE INTO tree VALUES (?,?,?,?,?,?,?,?)",
                (entry.inode, entry.parent, entry.version, entry.writer, entry.mtime, kind, entry.name,
                 entry.data if entry.type == FILE and entry.data else None),
            )
        run("COMMIT")

    # --- reading ------------------------------------------------------------------------

    @property
    def root(self):
        return self.entries[0]

    def lookup(self, path):
        entry = self.root
        for name in path.split("/"):
            if not name:
                continue
            if entry.children is None:
                return None
            entry = entry.children.get(name)
            if entry is None:
                return None
        return entry

    def read(self, path):
        entry = self.lookup(path)
        return entry.data if entry is not None and entry.type == FILE else None

    def statistics(self):
        """(all blocks, free blocks, all inodes, free inodes)"""
        blocks = MAX_TOTAL_SIZE // BLOCK_SIZE
        return blocks, blocks - (self.size + BLOCK_SIZE - 1) // BLOCK_SIZE, MAX_INODES, MAX_INODES - len(self.entries)

    # --- changing -----------------------------------------------------------------------

    def _next_version(self, writer, mtime):
        self.root.touch(self.root.version + 1, writer, mtime)
        return self.root.version

    def _parent_of(self, path):
        """(entry of the parent directory, name), or a negative errno"""
        directory, name = split(path)
        parent = self.lookup(directory)
        if parent is None:
            return -errno.ENOENT
        if parent.type != DIRECTORY:
            return -errno.ENOTDIR
        if name in ("", ".", ".."):
            return -errno.EACCES
        return parent, name

    def _add(self, parent, entry):
        parent.children[entry.name] = entry
        self.entries[entry.inode] = entry
        self.size += len(entry.data)

    def _drop(self, entry):
        del self.entries[entry.parent].children[entry.name]
        del self.entries[entry.inode]
        self.size -= len(entry.data)

    def mkdir(self, path, writer, mtime):
        found = self._parent_of(path)
        if isinstance(found, int):
            return found
        parent, name = found
        if name in parent.children:
            return -errno.EEXIST
        if len(self.entries) >= MAX_INODES:
            return -errno.ENOSPC
        version = self._next_version(writer, mtime)
        entry = Entry(version, parent.inode, version, writer, mtime, DIRECTORY, name)
        self._add(parent, entry)
        self._store(entry)
        if is_lock(path):
            self.locks[path] = (entry.digest(), time.time())
        return 0

    def create(self, path, writer, mtime):
        return self._put(path, writer, mtime, b"", 0, truncate=False, create=True)

    def write(self, path, writer, mtime, data, offset, truncate):
        return self._put(path, writer, mtime, data, offset, truncate, create=False)

    def _put(self, path, writer, mtime, data, offset, truncate, create):
        end = offset + len(data)
        if end > MAX_FILE_SIZE:
            return -errno.EFBIG
        found = self._parent_of(path)
        if isinstance(found, int):
            return found
        parent, name = found
        guest = guest_of(path)
        if guest and self.status.other_guest_exists(guest):
            return -errno.EEXIST
        entry = parent.children.get(name)
        if entry is not None and entry.type != FILE:
            return -errno.ENOTDIR
        if create and entry is not None:
            return -errno.EEXIST
        if not create and entry is None:
            return -errno.ENOENT
        if create and len(self.entries) >= MAX_INODES:
            return -errno.ENOSPC
        old = entry.data if entry is not None else b""
        content = old[:offset].ljust(offset, b"\0") + data
        if not truncate:
            content += old[end:]
        if self.size - len(old) + len(content) > MAX_TOTAL_SIZE and len(content) > len(old):
            return -errno.ENOSPC
        version = self._next_version(writer, mtime)
        if entry is None:
            entry = Entry(version, parent.inode, version, writer, mtime, FILE, name)
            self._add(parent, entry)
        self.size += len(content) - len(old)
        entry.data = content
        entry.touch(version, writer, mtime)
        self.status.record_change(path)
        self._store(entry)
        if guest:
            self.status.register_guest(guest)
        return len(data)

    def set_mtime(self, path, writer, mtime):
        found = self._parent_of(path)
        if isinstance(found, int):
            return found
        parent, name = found
        entry = parent.children.get(name)
        if entry is None:
            return -errno.ENOENT
        lock = is_lock(path) and entry.type == DIRECTORY
        # a lock is refreshed by its owner, going forward; setting it to 0 asks for its removal
        if lock and (mtime < entry.mtime or entry.writer != writer):
            return -errno.EACCES
        entry.touch(self._next_version(writer, mtime), writer, mtime)
        self.status.record_change(path)
        self._store(entry)
        if lock:
            self.locks[path] = (entry.digest(), time.time())
        return 0

    def rename(self, source, target, writer, mtime):
        entry = self.lookup(source)
        if entry is None:
            return -errno.ENOENT
        if entry.inode == 0 or (entry.type == DIRECTORY and is_lock(source)):
            return -errno.EACCES
        from_guest = guest_of(source)
        to_guest = guest_of(target) if entry.type == FILE else None
        if to_guest and self.status.other_guest_exists(to_guest) and not (from_guest and from_guest[0] == to_guest[0]):
            return -errno.EEXIST
        deleted = []
        replaced = self.lookup(target)
        if replaced is entry:
            return 0
        if replaced is not None:
            if replaced.inode == 0:
                return -errno.EACCES
            if replaced.children:
                return -errno.ENOTEMPTY
            parent, name = self.entries[replaced.parent], replaced.name
        else:
            found = self._parent_of(target)
            if isinstance(found, int):
                return found
            parent, name = found
        self.status.record_change(source)
        self.status.record_change(target)
        if entry.children:
            return -errno.ENOTEMPTY
        if replaced is not None:
            self._drop(replaced)
            deleted.append(replaced.inode)
        self._drop(entry)
        entry.parent, entry.name = parent.inode, name
        entry.touch(self._next_version(writer, mtime), writer, mtime)
        self._add(parent, entry)
        self._store(entry, delete=deleted)
        if entry.type == FILE:
            if from_guest:
                self.status.delete_guest(from_guest[0])
            if to_guest:
                self.status.register_guest(to_guest)
        return 0

    def delete(self, path, writer, mtime):
        entry = self.lookup(path)
        if entry is None:
            return -errno.ENOENT
        if entry.inode == 0:
            return -errno.EACCES
        if entry.children:
            return -errno.ENOTEMPTY
        self.locks.pop(path, None)
        self.status.record_change(path)
        self._drop(entry)
        self._next_version(writer, mtime)
        self._store(delete=[entry.inode])
        guest = guest_of(path)
        if guest:
            self.status.delete_guest(guest[0])
        return 0

    # --- locks --------------------------------------------------------------------------

    def lock_digest(self, path):
        """The digest of a lock directory as it is now, None when there is none."""
        entry = self.lookup(path) if is_lock(path) else None
        return entry.digest() if entry is not None and entry.type == DIRECTORY else None

    def lock_expired(self, path, digest):
        """Whether the lock has not changed for longer than 120 s by this node's own clock."""
        known = self.locks.get(path)
        now = time.time()
        if known is None or known[0] != digest:
            self.locks[path] = (digest, now)
            return False
        return now - known[1] > LOCK_TIMEOUT

    def _refresh_locks(self):
        old, self.locks = self.locks, {}
        directory = self.lookup("priv/lock")
        if directory is None or directory.children is None:
            return
        for name, entry in directory.children.items():
            if entry.type == DIRECTORY:
                path = "priv/lock/" + name
                known = old.get(path)
                self.locks[path] = known if known and known[0] == entry.digest() else (entry.digest(), time.time())

    def _recreate_guest_list(self):
        nodes = self.lookup("nodes")
        if nodes is None or nodes.children is None:
            return
        guests = []
        for node in nodes.children.values():
            for folder in (node.children or {}).values():
                for name in folder.children or {}:
                    guest = guest_of(f"nodes/{node.name}/{folder.name}/{name}")
                    if guest:
                        guests.append(guest)
        self.status.set_guests(guests)

    # --- agreeing with other nodes ------------------------------------------------------

    def index(self):
        """What identifies the whole tree: the root's version and time, and a digest of every entry."""
        root = self.root
        return {
            "version": root.version,
            "mtime": root.mtime,
            "writer": root.writer,
            "entries": sorted([entry.inode, entry.digest()] for entry in self.entries.values()),
        }

    def commit(self, master_index, updates):
        """Takes over another node's tree: deletes what it has not, stores what differed."""
        wanted = {inode for inode, _ in master_index["entries"]}
        gone = [inode for inode in self.entries if inode not in wanted]
        for inode in gone:
            del self.entries[inode]
        changed = []
        for fields, data in updates:
            entry = Entry(*fields, data)
            if entry.inode == 0:
                self.root.touch(entry.version, entry.writer, entry.mtime)
            else:
                self.entries[entry.inode] = entry
                changed.append(entry)
        self._link_children()
        self._store(*changed, delete=gone)
        self.status.record_reload()
        self._recreate_guest_list()
        self._refresh_locks()
