# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and replacing files, below /etc/pve as elsewhere."""

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


def replace(path, content, mode=0o644):
    """Write a new file beside `path` and rename it over: readers see the old or the new one."""
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogateescape")
    temporary = f"{path}.tmp.{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
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
