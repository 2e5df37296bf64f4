# SPDX-License-Identifier: GPL-3.0-or-later
"""What /etc/pve shows: the tree, plus the links and texts that exist only here.

Operations that change something take `then`, a function called with the result (a number
>= 0 or a negative errno) once it is known, which in a cluster is after the change has
come back to this node in the order agreed by all.
"""

import errno
import os
import re
import stat
from collections import namedtuple

from . import tree as trees
from .paths import BLOCK_SIZE

Info = namedtuple("Info", "mode links size blocks mtime")

_SCRIPT = re.compile(r"^(?:vps|[1-9][0-9]*)\.(?:mount|umount|start|stop|premount|postumount)$")


class Files:
    def __init__(self, tree, status, group, submit):
        self.tree = tree
        self.status = status
        self.group = group
        self.submit = submit
        self.debug = False
        node = "nodes/" + status.node_name
        self.links = {
            "local": node,
            "qemu-server": node + "/qemu-server",
            "openvz": node + "/openvz",
            "lxc": node + "/lxc",
        }
        self.texts = {
            ".version": (0o440, status.version_text),
            ".members": (0o440, status.members_text),
            ".vmlist": (0o440, status.guests_text),
            ".rrd": (0o440, str),
            ".clusterlog": (0o440, status.log_text),
            ".debug": (0o640, lambda: f"{int(self.debug)}\n"),
        }

    def _is_special(self, path):
        return path == "" or path in self.links or path in self.texts

    # --- reading ------------------------------------------------------------------------

    def stat(self, path):
        quorate = self.status.quorate
        if path == "":
            return Info(stat.S_IFDIR | 0o755, 2, 0, 0, 0)
        if path in self.links:
            return Info(stat.S_IFLNK | (0o755 if quorate else 0o555), 1, len(self.links[path]), 0, 0)
        if path in self.texts:
            mode, text = self.texts[path]
            return Info(stat.S_IFREG | mode, 1, len(text()), 0, 0)
        entry = self.tree.lookup(path)
        if entry is None:
            return -errno.ENOENT
        if entry.type == trees.DIRECTORY:
            mode = stat.S_IFDIR | (0o700 if trees.is_private(path) else 0o755)
        else:
            mode = stat.S_IFREG | (0o600 if trees.is_private(path) else 0o640)
            if _SCRIPT.match(entry.name):
                mode |= 0o100
        if not quorate:
            mode &= ~0o222
        size = len(entry.data)
        return Info(mode, 2 if entry.type == trees.DIRECTORY else 1, size, -(-size // BLOCK_SIZE), entry.mtime)

    def list(self, path):
        entry = self.tree.lookup(path)
        if entry is None:
            return -errno.ENOENT
        if entry.type != trees.DIRECTORY:
            return -errno.ENOTDIR
        names = {".": stat.S_IFDIR, "..": stat.S_IFDIR}
        for child in entry.children.values():
            names[child.name] = stat.S_IFDIR if child.type == trees.DIRECTORY else stat.S_IFREG
        if path == "":
            names.update(dict.fromkeys(self.links, stat.S_IFLNK))
            names.update(dict.fromkeys(self.texts, stat.S_IFREG))
        return list(names.items())

    def readlink(self, path):
        return self.links.get(path)

    def open(self, path, flags):
        if path in self.texts:
            writes = flags & os.O_ACCMODE != os.O_RDONLY
            return -errno.EACCES if writes and path != ".debug" else 0
        return 0 if self.tree.lookup(path) is not None else -errno.ENOENT

    def read(self, path):
        if path in self.texts:
            return self.texts[path][1]().encode()
        data = self.tree.read(path)
        return -errno.ENOENT if data is None else data

    def statistics(self):
        return self.tree.statistics()

    # --- refusing -----------------------------------------------------------------------

    def chmod(self, path, mode):
        if isinstance(self.stat(path), int):
            return -errno.ENOENT
        allowed = 0o600 if trees.is_private(path) else 0o640
        return 0 if stat.S_IMODE(mode) == allowed else -errno.EPERM

    def chown(self, path, owner, group):
        if isinstance(self.stat(path), int):
            return -errno.ENOENT
        return 0 if owner in (None, 0) and group in (None, self.group) else -errno.EPERM

    # --- changing -----------------------------------------------------------------------

    def create(self, path, then):
        self._change(path, {"do": "create", "path": path}, then)

    def mkdir(self, path, then):
        self._change(path, {"do": "mkdir", "path": path}, then)

    def remove(self, path, then):
        self._change(path, {"do": "delete", "path": path}, then)

    def write(self, path, data, offset, then):
        if path == ".debug":
            if data[:2] in (b"0\n", b"1\n"):
                self.debug = data[:1] == b"1"
                then(2)
            else:
                then(-errno.EIO)
            return
        self._change(path, {"do": "write", "path": path, "offset": offset, "truncate": False}, then, data)

    def truncate(self, path, size, then):
        if path == ".debug":
            then(0)
            return
        self._change(path, {"do": "write", "path": path, "offset": size, "truncate": True}, then)

    def rename(self, source, target, then):
        if self._is_special(target):
            then(-errno.EACCES)
            return
        self._change(source, {"do": "rename", "path": source, "to": target}, then)

    def set_mtime(self, path, mtime, then):
        if path in self.texts or path in self.links:
            then(-errno.EACCES)
            return
        operation = {"do": "mtime", "path": path, "mtime": mtime}
        digest = self.tree.lock_digest(path) if mtime == 0 else None
        if digest is not None:
            operation["unlock"] = digest  # time 0 on a lock asks for its removal, if it is stale
        self._change(path, operation, then)

    def _change(self, path, operation, then, data=b""):
        if self._is_special(path):
            then(-errno.EACCES)
        else:
            self.submit(operation, data, then)
