# SPDX-License-Identifier: GPL-3.0-or-later
"""The corosync libraries used: closed process groups, quorum, configuration map.

Each class holds one connection. Nothing here decides; failures are `Failed` with
corosync's own number.
"""

import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p

OK = 1
LIBRARY = 2
TRY_AGAIN = 6
BAD_HANDLE = 9
EXIST = 14

NAMES = {
    2: "CS_ERR_LIBRARY", 3: "CS_ERR_VERSION", 4: "CS_ERR_INIT", 5: "CS_ERR_TIMEOUT", 6: "CS_ERR_TRY_AGAIN",
    7: "CS_ERR_INVALID_PARAM", 8: "CS_ERR_NO_MEMORY", 9: "CS_ERR_BAD_HANDLE", 10: "CS_ERR_BUSY", 11: "CS_ERR_ACCESS",
    12: "CS_ERR_NOT_EXIST", 13: "CS_ERR_NAME_TOO_LONG", 14: "CS_ERR_EXIST", 15: "CS_ERR_NO_SPACE",
    16: "CS_ERR_INTERRUPT", 20: "CS_ERR_NOT_SUPPORTED", 21: "CS_ERR_BAD_OPERATION", 22: "CS_ERR_FAILED_OPERATION",
}

_DISPATCH_ALL = 2
_DISPATCH_ONE_NONBLOCKING = 4
_AGREED = 2
_TRACK_CURRENT_AND_CHANGES = 3
_MAP_MODIFIED_OR_ADDED = 2 | 4

_libraries = {}


def _library(name):
    if name not in _libraries:
        _libraries[name] = ctypes.CDLL(name)
    return _libraries[name]


class Failed(Exception):
    def __init__(self, call, number):
        super().__init__(f"{call} failed: {NAMES.get(number, number)}")
        self.call = call
        self.number = number
        self.name = NAMES.get(number, str(number))


def _call(library, name, *arguments):
    try:
        function = getattr(_library(library), name)
    except OSError:
        raise Failed(name, LIBRARY) from None
    number = function(*arguments)
    if number != OK:
        raise Failed(name, number)


class _Name(Structure):
    _fields_ = [("length", c_uint32), ("value", c_char * 128)]


class _Address(Structure):
    _fields_ = [("nodeid", c_uint32), ("pid", c_uint32), ("reason", c_uint32)]


class _Vector(Structure):
    _fields_ = [("base", c_char_p), ("length", c_size_t)]


_DELIVER = CFUNCTYPE(None, c_uint64, POINTER(_Name), c_uint32, c_uint32, c_void_p, c_size_t)
_ADDRESSES = (POINTER(_Address), c_size_t)
_CHANGE = CFUNCTYPE(None, c_uint64, POINTER(_Name), *_ADDRESSES, *_ADDRESSES, *_ADDRESSES)
_QUORUM = CFUNCTYPE(None, c_uint64, c_uint32, c_uint64, c_uint32, POINTER(c_uint32))
_MAP = CFUNCTYPE(None, c_uint64, c_uint64, c_int, c_char_p, c_void_p, c_void_p, c_void_p)


class _GroupCallbacks(Structure):
    _fields_ = [("deliver", _DELIVER), ("change", _CHANGE)]


class _QuorumCallbacks(Structure):
    _fields_ = [("notify", _QUORUM)]


class Connection:
    """What all three services have in common: a handle, a descriptor, dispatching."""

    library = prefix = ""

    def __init__(self):
        self.handle = c_uint64(0)

    def _do(self, name, *arguments):
        _call(self.library, f"{self.prefix}_{name}", *arguments)

    def fileno(self):
        fd = c_int(-1)
        self._do("fd_get", self.handle, byref(fd))
        return fd.value

    def dispatch(self):
        """Delivers everything that is there."""
        try:
            self._do("dispatch", self.handle, c_int(_DISPATCH_ALL))
        except Failed as failure:
            if failure.number != TRY_AGAIN:
                raise

    def dispatch_one(self):
        """Delivers one thing; whether there was one."""
        try:
            self._do("dispatch", self.handle, c_int(_DISPATCH_ONE_NONBLOCKING))
        except Failed as failure:
            if failure.number != TRY_AGAIN:
                raise
            return False
        return True

    def close(self):
        try:
            self._do("finalize", self.handle)
        except Failed:
            pass  # the other side has gone, and the handle with it


class Group(Connection):
    library, prefix = "libcpg.so.4", "cpg"

    def __init__(self, name, on_message, on_change):
        super().__init__()
        self.name = _Name(len(name) + 1, name.encode())

        def deliver(_handle, _name, nodeid, pid, message, length):
            on_message(nodeid, pid, ctypes.string_at(message, length))

        def change(_handle, _name, members, count, _left, left_count, _joined, joined_count):
            on_change([(members[i].nodeid, members[i].pid) for i in range(count)], left_count, joined_count)

        self._callbacks = _GroupCallbacks(_DELIVER(deliver), _CHANGE(change))
        self._do("initialize", byref(self.handle), byref(self._callbacks))

    def local_nodeid(self):
        nodeid = c_uint32(0)
        self._do("local_get", self.handle, byref(nodeid))
        return nodeid.value

    def join(self):
        self._do("join", self.handle, byref(self.name))

    def leave(self):
        self._do("leave", self.handle, byref(self.name))

    def send(self, message):
        vector = _Vector(message, len(message))
        self._do("mcast_joined", self.handle, c_int(_AGREED), byref(vector), c_uint32(1))


class Quorum(Connection):
    library, prefix = "libquorum.so.5", "quorum"

    def __init__(self, on_change):
        super().__init__()
        self._callbacks = _QuorumCallbacks(_QUORUM(lambda _handle, quorate, *_: on_change(bool(quorate))))
        kind = c_uint32(0)
        self._do("initialize", byref(self.handle), byref(self._callbacks), byref(kind))

    def track(self):
        self._do("trackstart", self.handle, c_uint32(_TRACK_CURRENT_AND_CHANGES))


class Map(Connection):
    library, prefix = "libcmap.so.4", "cmap"

    def __init__(self, on_change):
        super().__init__()
        self._do("initialize", byref(self.handle))
        self._callback = _MAP(lambda *_: on_change())

    def track(self, key):
        tracker = c_uint64(0)
        kinds = c_int(_MAP_MODIFIED_OR_ADDED)
        self._do("track_add", self.handle, key.encode(), kinds, self._callback, None, byref(tracker))

    def text(self, key):
        value = c_char_p()
        self._do("get_string", self.handle, key.encode(), byref(value))
        text = (value.value or b"").decode("utf-8", "replace")
        ctypes.CDLL(None).free(value)
        return text

    def number(self, key):
        for name, kind in (("get_uint32", c_uint32), ("get_uint64", c_uint64)):
            value = kind(0)
            try:
                self._do(name, self.handle, key.encode(), byref(value))
                return value.value
            except Failed:
                continue
        return None

    def keys(self, prefix):
        iterator = c_uint64(0)
        self._do("iter_init", self.handle, prefix.encode(), byref(iterator))
        found = []
        name = ctypes.create_string_buffer(256)
        length, kind = c_size_t(0), c_int(0)
        try:
            while True:
                self._do("iter_next", self.handle, iterator, name, byref(length), byref(kind))
                found.append(name.value.decode())
        except Failed:
            pass  # how the end is told
        self._do("iter_finalize", self.handle, iterator)
        return found
