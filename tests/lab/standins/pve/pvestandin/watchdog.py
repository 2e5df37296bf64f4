# SPDX-License-Identifier: GPL-3.0-or-later
"""watchdog-mux: resets the node when one of its clients has been silent for 60 s, and the hardware's own 10 s are over.

A client that says goodbye is no longer waited for; one that dies is. Many nodes share the processors of one machine, so only that time
counts in which a node could run: what this program has slept through is not silence, nor what a client has waited for a processor.
"""

import ctypes
import os
import select
import socket
import struct
import time

from . import haenv

CLIENT_SECONDS = 60
HARDWARE_SECONDS = 10
ACTIVE = "/run/watchdog-mux.active"
RESTART = 0x1234567
# How often the time is counted.
TICK = 1


def reset():
    """What a watchdog does: no shutdown, no sync."""
    ctypes.CDLL(None, use_errno=True).reboot(RESTART)


def processor(pid):
    """Whether a process has something to do and could run, and for how many nanoseconds it has run so far."""
    try:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            ran = int(file.read().split()[0])
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            state = file.read().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return False, None
    return state == "R", ran


class Client:
    """Who has to feed the watchdog, and for how many seconds it has not."""

    def __init__(self, pid):
        self.pid, self.silent, self.ran = pid, 0.0, None


class Multiplexer:
    def __init__(self):
        self.fed = {}
        # How long ago those that died were heard last: nobody will ever feed for them.
        self.dead = []
        self.seen = time.monotonic()

    def add(self, connection):
        """Watch over one more client."""
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.fed[connection] = Client(struct.unpack("3i", credentials)[0])
        self._heard(connection)

    def _heard(self, connection):
        # What has passed since the last look is counted at the next one.
        self.fed[connection].silent = self.seen - time.monotonic()

    def look(self):
        """Once a second: count the time that has passed for everybody who could have used it."""
        now = time.monotonic()
        passed = now - self.seen
        if passed < TICK:
            return
        self.seen = now
        passed = min(passed, 2 * TICK)
        for client in self.fed.values():
            ready, ran = processor(client.pid)
            if not ready or ran != client.ran:
                client.silent += passed
            client.ran = ran
        self.dead = [silent + passed for silent in self.dead]

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
            self.dead.append(self.fed[connection].silent)
            self._drop(connection)
        else:
            self._heard(connection)

    def _drop(self, connection):
        del self.fed[connection]
        connection.close()

    def silence(self):
        """For how long the most silent client has been so."""
        return max([*(client.silent for client in self.fed.values()), *self.dead], default=0.0)


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
        ready, _, _ = select.select([server, *mux.fed], [], [], TICK)
        # First the time, then what clients sent: who was slept over has fed meanwhile.
        mux.look()
        for one in ready:
            if one is server:
                connection, _address = server.accept()
                mux.add(connection)
                os.makedirs(ACTIVE, exist_ok=True)
                print("added new client to watch", flush=True)
            else:
                mux.take(one)
        if not mux.fed and not mux.dead and os.path.isdir(ACTIVE):
            os.rmdir(ACTIVE)
        if mux.silence() >= CLIENT_SECONDS + HARDWARE_SECONDS:
            print("client watchdog expired - the node is reset", flush=True)
            reset()
