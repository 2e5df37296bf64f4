# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and replacing files, below /etc/pve as elsewhere."""

import errno
import os


def read(path, default=None):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        if default is None:
            raise
        return default


def read_bytes(path):
    with open(path, "rb") as stream:
        return stream.read()


def process_number():
    """The number by which PVE names its temporary files: the process's, moved by an amount that each boot of a node has of its own.

    The nodes of a lab boot in lockstep and would have the same numbers in the same second, which real machines seldom have.
    """
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return os.getpid() + int(stream.read().split("-")[0], 16) % 30000


def _create(path, mode):
    """A new file, as PVE makes its temporary ones: one of that name that is there is taken for a dead process's and removed."""
    for _ in range(3):
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError:
            os.unlink(path)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)


def replace(path, content, mode=0o644):
    """Write a new file beside `path` and rename it over: readers see the old or the new one.

    Two nodes of a cluster whose processes have the same number take each other's file away, as with PVE's own.
    """
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")
    temporary = f"{path}.tmp.{process_number()}"
    fd = _create(temporary, mode)
    try:
        with os.fdopen(fd, "wb") as stream:
            stream.write(content)
        os.rename(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


def exists(path):
    return os.path.isfile(path)
