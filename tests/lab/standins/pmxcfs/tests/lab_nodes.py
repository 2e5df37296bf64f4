# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes of the lab (tests/lab/lab), as the tests use them."""

import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.normpath(os.path.join(HERE, "..", "..", "..", "lab"))


def lab(*arguments, check=True, text=None):
    result = subprocess.run([LAB, *arguments], input=text, capture_output=True, text=True, timeout=600)
    if check and result.returncode != 0:
        raise AssertionError(f"lab {' '.join(arguments)}: {result.stdout}{result.stderr}")
    return result


class Node:
    def __init__(self, name):
        self.name = name

    def run(self, command, text=""):
        return lab("exec", self.name, command, check=False, text=text)

    def sh(self, command, text=""):
        """The standard output of a command that has to succeed."""
        result = self.run(command, text)
        if result.returncode != 0:
            raise AssertionError(f"{self.name}: {command}: exit {result.returncode}: {result.stdout}{result.stderr}")
        return result.stdout

    def start(self, command):
        return subprocess.Popen([LAB, "exec", self.name, command], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def put(self, source, target):
        with open(os.path.join(HERE, source), encoding="utf-8") as file:
            self.sh(f"cat > {target}", file.read())

    def writable(self):
        return self.run("touch /etc/pve/w.probe && rm /etc/pve/w.probe").returncode == 0

    def journal(self, cursor):
        """What pmxcfs logged since `mark()`, without the tries to reach a corosync that is down."""
        lines = self.whole_journal(cursor)
        return [line for line in lines if "failed to connect" not in line and "can't initialize" not in line]

    def whole_journal(self, cursor):
        command = f"journalctl --no-pager -o cat -u pve-cluster --after-cursor='{cursor}' _COMM=pmxcfs"
        return self.sh(command).splitlines()

    def mark(self):
        return self.sh("journalctl -n 1 --show-cursor -o cat | sed -n 's/^-- cursor: //p'").strip()


def wait(what, condition, seconds=30):
    """Polls until `condition()` is true; the time it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if condition():
            return time.monotonic() - begun
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def form(names):
    """Fresh nodes, formed into one cluster by the programs of the lab."""
    lab("up", str(len(names)))
    lab("reset", *names)
    nodes = [Node(name) for name in names]
    nodes[0].sh("pvecm create labcluster --link0 10.77.1.11")
    wait("the first node is writable", nodes[0].writable)
    for index, node in enumerate(nodes[1:], 12):
        output = node.sh(f"pvecm add 10.77.0.11 --link0 10.77.1.{index}", "labpass1\nyes\n")
        if "successfully added node" not in output:
            raise AssertionError(output)
        wait("the joined node is writable", node.writable)
    return nodes
