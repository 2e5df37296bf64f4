# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a mounted /etc/pve the questions of the recordings `*--filesystem_probe--*`, in their order.

Prints one line a question: its label, then OK (and a value) or the errno. Runs on a node
with nothing but Python. Leaves nothing behind in /etc/pve.
"""

import ctypes
import errno
import fcntl
import mmap
import os

BASE = "/etc/pve"
FILE = BASE + "/probe.txt"
OTHER = BASE + "/probe2.txt"
DIRECTORY = BASE + "/probe.dir"
PRIVATE = BASE + "/priv/probe.dir"
EXCLUSIVE = BASE + "/probe.excl"
LONG = BASE + "/" + "n" * 256
OUTSIDE = "/root/probe.outside"
MIB = 1024 * 1024

libc = ctypes.CDLL(None, use_errno=True)


def ask(label, function):
    try:
        value = function()
        print(f"{label}: OK" + ("" if value is None else f" -> {value!r}"))
    except OSError as failure:
        name = errno.errorcode.get(failure.errno, "?")
        name = "ENOTSUP" if failure.errno == errno.ENOTSUP else name
        print(f"{label}: errno {failure.errno} {name} ({os.strerror(failure.errno)})")


def c(result):
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def put(path, data, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    fd = os.open(path, flags, 0o666)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def get(path):
    with open(path, "rb") as file:
        return file.read()


def opened(path, flags, function=None):
    fd = os.open(path, flags)
    try:
        if function:
            function(fd)
    finally:
        os.close(fd)


def unaligned_write(size):
    """One write(2) from a buffer that begins 2496 bytes into a page, as the recorded one did."""
    area = mmap.mmap(-1, size + 2 * mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(area))
    fd = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        c(libc.write(fd, ctypes.c_void_p(address + 2496), ctypes.c_size_t(size)))
    finally:
        os.close(fd)


def chunks():
    fd = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        for _ in range(32):
            os.write(fd, b"c" * 65536)
    finally:
        os.close(fd)


def size():
    return os.stat(FILE).st_size


def shared_mapping(fd):
    mmap.mmap(fd, 3, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def statistics():
    found = os.statvfs(BASE)
    return found.f_bsize, found.f_blocks, found.f_bfree, found.f_files, found.f_flag


def rename_noreplace():
    put(FILE, b"x")
    at_fdcwd, noreplace = -100, 1
    c(libc.renameat2(at_fdcwd, FILE.encode(), at_fdcwd, OTHER.encode(), noreplace))


def temporary():
    os.close(os.open(BASE, os.O_TMPFILE | os.O_WRONLY, 0o600))


def extended(call, *arguments):
    c(call(*arguments))


def main():
    datacenter, keys = BASE + "/datacenter.cfg", BASE + "/priv/authorized_keys"
    with open(OUTSIDE, "w", encoding="ascii") as file:
        file.write("outside")
    ask("create+write new file", lambda: put(FILE, b"abc"))
    ask("overwrite existing datacenter.cfg with its own content", lambda: put(datacenter, get(datacenter)))
    ask("open existing O_WRONLY (no write)", lambda: opened(datacenter, os.O_WRONLY))
    ask("open existing O_APPEND write nothing", lambda: opened(datacenter, os.O_WRONLY | os.O_APPEND))
    ask("read existing", lambda: len(get(datacenter)))
    ask("mkdir", lambda: os.mkdir(DIRECTORY))
    ask("mkdir in priv", lambda: os.mkdir(PRIVATE))
    ask("rmdir", lambda: os.rmdir(DIRECTORY))
    ask("rmdir in priv", lambda: os.rmdir(PRIVATE))
    ask("chmod 0600 file", lambda: os.chmod(FILE, 0o600))
    ask("chmod 0640 file (its own mode)", lambda: os.chmod(FILE, 0o640))
    ask("chmod 0644 file", lambda: os.chmod(FILE, 0o644))
    ask("chmod 0640 existing datacenter.cfg (same mode)", lambda: os.chmod(datacenter, 0o640))
    ask("chmod 0600 existing datacenter.cfg", lambda: os.chmod(datacenter, 0o600))
    ask("chmod 0600 priv/authorized_keys (same mode)", lambda: os.chmod(keys, 0o600))
    ask("chmod 0640 priv/authorized_keys", lambda: os.chmod(keys, 0o640))
    ask("chown root:root file", lambda: os.chown(FILE, 0, 0))
    ask("chown root:www-data file (same)", lambda: os.chown(FILE, 0, 33))
    ask("chown -1:-1 file", lambda: os.chown(FILE, -1, -1))
    ask("chown 1000:1000 file", lambda: os.chown(FILE, 1000, 1000))
    ask("utime now", lambda: os.utime(FILE))
    ask("utime explicit", lambda: os.utime(FILE, (1000000000, 1000000000)))
    ask("truncate to 0", lambda: os.truncate(FILE, 0))
    ask("truncate to 10", lambda: os.truncate(FILE, 10))
    ask("symlink", lambda: os.symlink("datacenter.cfg", BASE + "/probe.link"))
    ask("hardlink", lambda: os.link(FILE, BASE + "/probe.hard"))
    ask("setxattr user.", lambda: os.setxattr(FILE, "user.x", b"1"))
    ask("listxattr", lambda: os.listxattr(FILE) and None)
    ask("mkfifo", lambda: os.mkfifo(BASE + "/probe.fifo"))
    dotfile = BASE + "/.ansible_tmpXYZ"
    ask("create dotfile .ansible_tmpXYZ", lambda: put(dotfile, b"dot"))
    ask("rename dotfile over existing probe.txt", lambda: os.rename(dotfile, FILE))
    ask("create probe2", lambda: put(OTHER, b"new"))
    ask("rename probe2 over probe", lambda: os.rename(OTHER, FILE))
    ask("content after rename", lambda: get(FILE).decode())
    ask("rename from /root into /etc/pve", lambda: os.rename(OUTSIDE, BASE + "/probe.moved"))
    ask("renameat2 RENAME_NOREPLACE", rename_noreplace)
    ask("write 512 KiB", lambda: put(FILE, b"h" * (MIB // 2)))
    ask("write 1 MiB - 1", lambda: put(FILE, b"i" * (MIB - 1)))
    ask("write 1 MiB exactly in one write", lambda: put(FILE, b"j" * MIB))
    ask("size afterwards", size)
    ask("write 1 MiB + 1 in one write", lambda: unaligned_write(MIB + 1))
    ask("size afterwards", size)
    ask("write 2 MiB in 64 KiB chunks", chunks)
    ask("size afterwards", size)
    ask("mmap shared write", lambda: opened(FILE, os.O_RDWR, shared_mapping))
    ask("flock LOCK_EX|NB", lambda: opened(FILE, os.O_RDWR, lambda fd: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)))
    ask("posix lock", lambda: opened(FILE, os.O_RDWR, lambda fd: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)))
    ask("fsync", lambda: opened(FILE, os.O_RDWR, os.fsync))
    ask("O_EXCL create", lambda: os.close(os.open(EXCLUSIVE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)))
    ask("O_EXCL again", lambda: os.close(os.open(EXCLUSIVE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)))
    ask("mode of O_EXCL 0600 file", lambda: oct(os.stat(EXCLUSIVE).st_mode))
    ask("owner of a new file", lambda: (os.stat(EXCLUSIVE).st_uid, os.stat(EXCLUSIVE).st_gid))
    ask("O_TMPFILE", temporary)
    ask("name with 256 chars", lambda: put(LONG, b""))
    ask("statvfs", statistics)
    ask("access W_OK /etc/pve", lambda: os.access(BASE, os.W_OK))
    ask("access W_OK corosync.conf", lambda: os.access(BASE + "/corosync.conf", os.W_OK))
    ask("stat mode of /etc/pve", lambda: oct(os.stat(BASE).st_mode))
    ask("unlink missing", lambda: os.unlink(BASE + "/probe.missing"))
    for path in (FILE, OTHER, EXCLUSIVE, LONG, OUTSIDE):
        try:
            os.unlink(path)
        except OSError:
            pass


main()
