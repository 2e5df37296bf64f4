# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's side: mounting, and the FUSE protocol spoken straight over /dev/fuse.

No library in between, because answers to writes must be able to wait (for the cluster)
while one thread goes on serving reads. Protocol 7.19 is negotiated on purpose: it gives
the limits seen in the recordings (writes of at most 32 pages, no renameat2 flags).

Inode numbers of the kernel stand for *names*, as libfuse's path interface does it: when
a file is renamed over another, the other's number dies, and whoever opens that number
afterwards gets ENOENT. This is why readers of /etc/pve/corosync.conf on the writing node
meet a moment of ENOENT when the rename ends.
"""

import ctypes
import errno
import os
import stat
import struct

from . import journal

IN_HEADER = struct.Struct("<IIQQIIII")
OUT_HEADER = struct.Struct("<IiQ")
ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
ENTRY = struct.Struct("<QQQQII")
ATTR_HEAD = struct.Struct("<QII")
SETATTR_IN = struct.Struct("<IIQQQQQQIIIIIIII")
IO_IN = struct.Struct("<QQIIQII")
DIRENT = struct.Struct("<QQII")

READ_SIZE = 128 * 1024 + 4096
MAX_WRITE = 128 * 1024
MAX_NAME = 256
ROOT_ID = 1
UNKNOWN_INODE = 0xFFFFFFFF
DIRECT_IO = 1
TIMEOUT = 1  # seconds for which the kernel may trust names and attributes

_MS_NOSUID, _MS_NODEV = 2, 4
_MNT_FORCE, _MNT_DETACH = 1, 2

_libc = ctypes.CDLL(None, use_errno=True)


def unmount(path, force=False):
    """Lazily, or by force; whether it worked."""
    return _libc.umount2(path.encode(), _MNT_FORCE if force else _MNT_DETACH) == 0


def mount(path):
    """Mounts at `path` and returns the descriptor of /dev/fuse."""
    fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,default_permissions,allow_other"
    if _libc.mount(b"/dev/fuse", path.encode(), b"fuse", _MS_NOSUID | _MS_NODEV, options.encode()) != 0:
        number = ctypes.get_errno()
        os.close(fd)
        raise OSError(number, os.strerror(number))
    os.set_blocking(fd, False)
    return fd


class Node:
    """What one of the kernel's inode numbers stands for."""

    __slots__ = ("id", "parent", "name", "lookups", "frozen")

    def __init__(self, number, parent, name):
        self.id = number
        self.parent = parent
        self.name = name  # None once the name went to another node, or away
        self.lookups = 0
        self.frozen = 0


class Server:
    """Serves one mount. `files` (files.py) decides, this class only translates."""

    def __init__(self, fd, files):
        self.fd = fd
        self.files = files
        root = Node(ROOT_ID, None, "")
        self.nodes = {ROOT_ID: root}
        self.by_name = {}
        self.last_id = ROOT_ID
        self.listings = {}
        self.last_handle = 0
        self.waiting = []
        self.closed = False
        self.handlers = {
            1: self._lookup, 2: self._forget, 3: self._getattr, 4: self._setattr, 5: self._readlink,
            9: self._mkdir, 10: self._remove, 11: self._remove, 12: self._rename, 13: self._link,
            14: self._open, 15: self._read, 16: self._write, 17: self._statfs, 18: self._done,
            26: self._init, 27: self._opendir, 28: self._readdir, 29: self._releasedir,
            35: self._create, 36: self._ignore, 38: self._ignore, 42: self._batch_forget,
        }

    # --- transport ----------------------------------------------------------------------

    def on_readable(self):
        """Takes every request that is there. False when the file system has gone."""
        while not self.closed:
            try:
                request = os.read(self.fd, READ_SIZE)
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue
                return False  # ENODEV: unmounted
            self._handle(request)
        return False

    def _handle(self, request):
        _, opcode, unique, nodeid, *_ = IN_HEADER.unpack_from(request)
        if opcode not in (2, 36, 42) and self._is_frozen(nodeid):
            self.waiting.append(request)
            return
        handler = self.handlers.get(opcode)
        if handler is None:
            self.reply(unique, -errno.ENOSYS)
            return
        try:
            handler(unique, nodeid, request[IN_HEADER.size:], opcode)
        except Exception as failure:  # one request that cannot be served must not take the others with it
            journal.crit("main", f"internal error: request {opcode}: {failure!r}")
            self.reply(unique, -errno.EIO)

    def reply(self, unique, error=0, data=b""):
        if self.closed:
            return
        try:
            os.write(self.fd, OUT_HEADER.pack(OUT_HEADER.size + len(data), error, unique) + data)
        except OSError as failure:
            # ENOENT: the asker was killed meanwhile; ENODEV: the mount is going away
            if failure.errno not in (errno.ENOENT, errno.ENODEV, errno.EPERM):
                raise

    # --- names --------------------------------------------------------------------------

    def _path(self, nodeid, name=None):
        """The path without leading slash, None when the node has lost its name."""
        parts = [] if name is None else [name]
        node = self.nodes.get(nodeid)
        while node is not None and node.id != ROOT_ID:
            if node.name is None:
                return None
            parts.append(node.name)
            node = node.parent
        return None if node is None else "/".join(reversed(parts))

    def _is_frozen(self, nodeid):
        node = self.nodes.get(nodeid)
        while node is not None:
            if node.frozen:
                return True
            node = node.parent
        return False

    def _freeze(self, *nodes):
        """While a name is being changed, whoever holds its number waits for the outcome."""
        held = [node for node in nodes if node is not None]
        for node in held:
            node.frozen += 1

        def thaw():
            for node in held:
                node.frozen -= 1
            waiting, self.waiting = self.waiting, []
            for request in waiting:
                self._handle(request)

        return thaw

    def _child(self, parent_id, name):
        return self.by_name.get((parent_id, name))

    def _remember(self, parent_id, name):
        node = self.by_name.get((parent_id, name))
        if node is None:
            self.last_id += 1
            node = Node(self.last_id, self.nodes[parent_id], name)
            self.nodes[node.id] = node
            self.by_name[(parent_id, name)] = node
        node.lookups += 1
        return node

    def _detach(self, node):
        if node is not None and node.name is not None:
            del self.by_name[(node.parent.id, node.name)]
            node.name = None

    def _forget_one(self, nodeid, count):
        node = self.nodes.get(nodeid)
        if node is None or nodeid == ROOT_ID:
            return
        node.lookups -= count
        if node.lookups <= 0 and not node.frozen:
            self._detach(node)
            del self.nodes[nodeid]

    @staticmethod
    def _text(raw):
        return raw.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")

    # --- packing ------------------------------------------------------------------------

    def _attr(self, nodeid, info):
        return ATTR.pack(
            nodeid, info.size, info.blocks, info.mtime, info.mtime, info.mtime, 0, 0, 0,
            info.mode, info.links, 0, self.files.group, 0, 4096, 0,
        )

    def _entry(self, parent_id, name, info):
        node = self._remember(parent_id, name)
        return ENTRY.pack(node.id, 0, TIMEOUT, TIMEOUT, 0, 0) + self._attr(node.id, info)

    def _answer_entry(self, unique, parent_id, name):
        path = self._path(parent_id, name)
        info = self.files.stat(path) if path is not None else -errno.ENOENT
        if isinstance(info, int):
            self.reply(unique, info)
        else:
            self.reply(unique, 0, self._entry(parent_id, name, info))

    # --- requests -----------------------------------------------------------------------

    def _init(self, unique, _nodeid, body, _opcode):
        major, _minor, readahead, _flags = struct.unpack_from("<IIII", body)
        if major < 7:
            self.reply(unique, -errno.EPROTO)
            return
        self.reply(unique, 0, struct.pack("<IIIIHHI", 7, 19, readahead, 1, 0, 0, MAX_WRITE))

    def _ignore(self, _unique, _nodeid, _body, _opcode):
        pass

    def _done(self, unique, _nodeid, _body, _opcode):
        self.reply(unique)

    def _forget(self, _unique, nodeid, body, _opcode):
        self._forget_one(nodeid, struct.unpack_from("<Q", body)[0])

    def _batch_forget(self, _unique, _nodeid, body, _opcode):
        for index in range(struct.unpack_from("<I", body)[0]):
            self._forget_one(*struct.unpack_from("<QQ", body, 8 + 16 * index))

    def _lookup(self, unique, nodeid, body, _opcode):
        self._answer_entry(unique, nodeid, self._text(body))

    def _getattr(self, unique, nodeid, _body, _opcode):
        path = self._path(nodeid)
        info = self.files.stat(path) if path is not None else -errno.ENOENT
        if isinstance(info, int):
            self.reply(unique, info)
        else:
            self.reply(unique, 0, ATTR_HEAD.pack(TIMEOUT, 0, 0) + self._attr(nodeid, info))

    def _setattr(self, unique, nodeid, body, _opcode):
        fields = SETATTR_IN.unpack_from(body)
        valid, size, mtime, mode, uid, gid = (fields[index] for index in (0, 3, 6, 11, 13, 14))
        steps = []
        if valid & 1:
            steps.append(lambda path, then: then(self.files.chmod(path, mode)))
        if valid & 6:
            owner = uid if valid & 2 else None
            group = gid if valid & 4 else None
            steps.append(lambda path, then: then(self.files.chown(path, owner, group)))
        if valid & 8:
            steps.append(lambda path, then: self.files.truncate(path, size, then))
        if valid & 48 == 48:
            steps.append(lambda path, then: self.files.set_mtime(path, mtime, then))

        def step(result):
            if result < 0:
                self.reply(unique, result)
            elif not steps:
                self._getattr(unique, nodeid, b"", 3)
            else:
                path = self._path(nodeid)
                if path is None:
                    self.reply(unique, -errno.ENOENT)
                else:
                    steps.pop(0)(path, step)

        step(0)

    def _readlink(self, unique, nodeid, _body, _opcode):
        path = self._path(nodeid)
        target = self.files.readlink(path) if path is not None else None
        if target is None:
            self.reply(unique, -errno.EINVAL)
        else:
            self.reply(unique, 0, target.encode())

    def _link(self, unique, _nodeid, _body, _opcode):
        self.reply(unique, -errno.EPERM)

    def _mkdir(self, unique, nodeid, body, _opcode):
        name = self._text(body[8:])
        path = self._path(nodeid, name)
        if path is None:
            self.reply(unique, -errno.ENOENT)
            return

        def then(result):
            if result < 0:
                self.reply(unique, result)
            else:
                self._answer_entry(unique, nodeid, name)

        self.files.mkdir(path, then)

    def _remove(self, unique, nodeid, body, _opcode):
        name = self._text(body)
        path = self._path(nodeid, name)
        if path is None:
            self.reply(unique, -errno.ENOENT)
            return
        node = self._child(nodeid, name)
        thaw = self._freeze(node)

        def then(result):
            if result >= 0:
                self._detach(node)
            self.reply(unique, min(result, 0))
            thaw()

        self.files.remove(path, then)

    def _rename(self, unique, nodeid, body, _opcode):
        new_parent = struct.unpack_from("<Q", body)[0]
        old_name, new_name = (part.decode("utf-8", "surrogateescape") for part in body[8:].split(b"\0")[:2])
        source, target = self._path(nodeid, old_name), self._path(new_parent, new_name)
        if source is None or target is None:
            self.reply(unique, -errno.ENOENT)
            return
        moved, replaced = self._child(nodeid, old_name), self._child(new_parent, new_name)
        thaw = self._freeze(moved, replaced)

        def then(result):
            if result >= 0:
                self._detach(replaced)
                if moved is not None:
                    self._detach(moved)
                    if new_parent in self.nodes:
                        moved.parent, moved.name = self.nodes[new_parent], new_name
                        self.by_name[(new_parent, new_name)] = moved
            self.reply(unique, min(result, 0))
            thaw()

        self.files.rename(source, target, then)

    def _open(self, unique, nodeid, body, _opcode):
        path = self._path(nodeid)
        flags = struct.unpack_from("<I", body)[0]
        result = self.files.open(path, flags) if path is not None else -errno.ENOENT
        if result < 0:
            self.reply(unique, result)
        else:
            self.reply(unique, 0, struct.pack("<QII", 0, DIRECT_IO, 0))

    def _create(self, unique, nodeid, body, _opcode):
        name = self._text(body[16:])
        path = self._path(nodeid, name)
        if path is None:
            self.reply(unique, -errno.ENOENT)
            return

        def then(result):
            info = result if result < 0 else self.files.stat(path)
            if isinstance(info, int):
                self.reply(unique, info)
            else:
                # a fresh file goes through the page cache: the kernel writes it in single pages
                self.reply(unique, 0, self._entry(nodeid, name, info) + struct.pack("<QII", 0, 0, 0))

        self.files.create(path, then)

    def _read(self, unique, nodeid, body, _opcode):
        _, offset, size, *_ = IO_IN.unpack_from(body)
        path = self._path(nodeid)
        data = self.files.read(path) if path is not None else -errno.ENOENT
        if isinstance(data, int):
            self.reply(unique, data)
        else:
            self.reply(unique, 0, data[offset:offset + size])

    def _write(self, unique, nodeid, body, _opcode):
        _, offset, size, *_ = IO_IN.unpack_from(body)
        data = body[IO_IN.size:IO_IN.size + size]
        path = self._path(nodeid)
        if path is None:
            self.reply(unique, -errno.ENOENT)
            return

        def then(result):
            if result < 0:
                self.reply(unique, result)
            else:
                self.reply(unique, 0, struct.pack("<II", result, 0))

        self.files.write(path, data, offset, then)

    def _statfs(self, unique, _nodeid, _body, _opcode):
        blocks, free, inodes, free_inodes = self.files.statistics()
        sizes = (4096, MAX_NAME, 4096)
        self.reply(unique, 0, struct.pack("<QQQQQIII28x", blocks, free, free, inodes, free_inodes, *sizes))

    def _opendir(self, unique, nodeid, _body, _opcode):
        if self._path(nodeid) is None:
            self.reply(unique, -errno.ENOENT)
            return
        self.last_handle += 1
        self.listings[self.last_handle] = None
        self.reply(unique, 0, struct.pack("<QII", self.last_handle, 0, 0))

    def _releasedir(self, unique, _nodeid, body, _opcode):
        self.listings.pop(struct.unpack_from("<Q", body)[0], None)
        self.reply(unique)

    def _readdir(self, unique, nodeid, body, _opcode):
        handle, offset, size, *_ = IO_IN.unpack_from(body)
        if offset == 0 or self.listings.get(handle) is None:
            path = self._path(nodeid)
            listing = self.files.list(path) if path is not None else -errno.ENOENT
            if isinstance(listing, int):
                self.reply(unique, listing)
                return
            self.listings[handle] = listing
        data = b""
        for index, (name, mode) in enumerate(self.listings[handle][offset:], offset):
            raw = name.encode("utf-8", "surrogateescape")
            entry = DIRENT.pack(UNKNOWN_INODE, index + 1, len(raw), stat.S_IFMT(mode) >> 12) + raw
            entry += b"\0" * (-len(entry) % 8)
            if len(data) + len(entry) > size:
                break
            data += entry
        self.reply(unique, 0, data)
