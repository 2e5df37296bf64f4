# SPDX-License-Identifier: GPL-3.0-or-later
"""watchdog-mux: resets the node when one of its clients has been silent for 60 s, and the hardware's own 10 s are over.

A client that says goodbye is no longer waited for; one that dies is.
"""

import ctypes
import os
import select
import socket
import time

from . import haenv

CLIENT_SECONDS = 60
HARDWARE_SECONDS = 10
ACTIVE = "/run/watchdog-mux.active"
RESTART = 0x1234567


def reset():
    """What a watchdog does: no shutdown, no sync."""
    ctypes.CDLL(None, use_errno=True).reboot(RESTART)


class Multiplexer:
    def __init__(self):
        self.fed = {}
        # Those that died: nobody will ever feed for them.
        self.dead = []

    def take(self, connection):
        """What a client sent, or that it is gone."""
        try:
            received = connection.recv(64)
        except OSError:
            received = b""
        if b"V" in received:
            print("client has disconnected cleanly. Removing it gracefully from the watch", flush=True)
            self._drop(connection)
        elif not received:
            print("client did not stop watchdog - disable watchdog updates", flush=True)
            self.dead.append(self.fed[connection])
            self._drop(connection)
        else:
            self.fed[connection] = time.monotonic()

    def _drop(self, connection):
        del self.fed[connection]
        connection.close()

    def silence(self):
        """For how long the most silent client has been so."""
        moments = [*self.fed.values(), *self.dead]
        return time.monotonic() - min(moments) if moments else 0.0


def main():
    """The daemon."""
    try:
        os.unlink(haenv.WATCHDOG)
    except FileNotFoundError:
        pass
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(haenv.WATCHDOG)
    server.listen()
    mux = Multiplexer()
    while True:
        ready, _, _ = select.select([server, *mux.fed], [], [], 1)
        for one in ready:
            if one is server:
                connection, _address = server.accept()
                mux.fed[connection] = time.monotonic()
                os.makedirs(ACTIVE, exist_ok=True)
                print("added new client to watch", flush=True)
            else:
                mux.take(one)
        if not mux.fed and not mux.dead and os.path.isdir(ACTIVE):
            os.rmdir(ACTIVE)
        if mux.silence() >= CLIENT_SECONDS + HARDWARE_SECONDS:
            print("client watchdog expired - the node is reset", flush=True)
            reset()
