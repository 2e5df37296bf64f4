# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints each change of what a node shows, as the recorded timelines do.

Ends after a number of seconds, or when somebody creates /run/poll.stop.
"""

import os
import re
import subprocess
import sys
import time

STOP = "/run/poll.stop"


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def found(pattern, text):
    match = re.search(pattern, text)
    return match[1] if match else ""


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def write():
    path = f"/etc/pve/probe.{os.getpid()}"
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640))
        os.unlink(path)
    except OSError as failure:
        return failure.strerror
    return "ok"


def look():
    quorum = output("corosync-quorumtool", "-s")
    nodes, quorate = found(r"Nodes:\s+(\d+)", quorum), found(r"Quorate:\s+(\w+)", quorum)
    corosync = f"n{nodes} {quorate}" if nodes else ""
    own = found(r'"quorate": (\d)', read("/etc/pve/.members"))
    written = write()
    versions = [found(r"= (\d+)", output("corosync-cmapctl", "-g", "totem.config_version"))]
    versions += [found(r"config_version: (\d+)", read(path)) for path in ("/etc/corosync/corosync.conf", "/etc/pve/corosync.conf")]
    return "corosync=[{}] pmxcfs_quorate=[{}] write=[{}] cfgver run={} etc={} pve={}".format(corosync, own, written, *versions)


def main():
    begun = time.monotonic()
    last = None
    if os.path.exists(STOP):
        os.unlink(STOP)
    while time.monotonic() - begun < float(sys.argv[1]) and not os.path.exists(STOP):
        line = look()
        if line != last:
            print(f"t={time.monotonic() - begun:+.2f} {line}", flush=True)
            last = line
        time.sleep(0.1)


main()
