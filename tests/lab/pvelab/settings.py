# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab is called, where it keeps its things and which address each node has."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .process import LabError

SOURCE = Path(__file__).resolve().parent.parent
PASSWORD = "labpass1"
CONTROLLER = 1


@dataclass(frozen=True)
class Network:
    """A private bridge and the interface by which a node sits on it."""

    name: str
    prefix: str
    interface: str
    mac: int


NETWORKS = (Network("mgmt", "10.77.0", "eth0", 0), Network("corosync", "10.77.1", "eth1", 1))


def networks(which: str) -> tuple[Network, ...]:
    """The networks that 'mgmt', 'corosync' or 'both' means."""
    return tuple(n for n in NETWORKS if which in (n.name, "both"))


@dataclass(frozen=True)
class Kind:
    """A sort of host: how many of them there can be, and the address of number N is `offset + N`."""

    name: str
    prefix: str
    offset: int
    most: int
    # Whether the stand-ins for Proxmox VE are on it; without them it is plain Debian.
    has_standins: bool = True


PVE = Kind("pve", "pve", 10, 8)
# A host with corosync-qnetd, which is no member of any cluster.
QNETD = Kind("qnetd", "qnetd", 30, 2, has_standins=False)
KINDS = (PVE, QNETD)


@dataclass(frozen=True)
class Node:
    """One host of the lab."""

    name: str
    kind: Kind
    number: int

    @property
    def fqdn(self) -> str:
        """The name with its domain."""
        return f"{self.name}.lab.local"

    def address(self, network: Network) -> str:
        """The node's address on a network."""
        return f"{network.prefix}.{self.kind.offset + self.number}"

    @property
    def management(self) -> str:
        """The address by which the controller reaches the node."""
        return self.address(NETWORKS[0])

    def mac(self, network: Network) -> str:
        """The same after every restart, so that no neighbour keeps a stale one."""
        return f"02:77:00:00:0{network.mac}:{self.kind.offset + self.number:02x}"


def node(name: str) -> Node:
    """The node called `name`."""
    for kind in KINDS:
        found = re.fullmatch(re.escape(kind.prefix) + "([1-9][0-9]?)", name)
        if found and int(found[1]) <= kind.most:
            return Node(name, kind, int(found[1]))
    names = ", ".join(f"{k.prefix}1 to {k.prefix}{k.most}" for k in KINDS)
    raise LabError(f"cannot use node '{name}': the lab has {names}")


def first(kind: Kind, count: int, least: int = 1) -> list[Node]:
    """The first `count` hosts of a kind."""
    if not least <= count <= kind.most:
        raise LabError(f"cannot start {count} hosts '{kind.prefix}N': the lab has {least} to {kind.most}")
    return [node(f"{kind.prefix}{i}") for i in range(1, count + 1)]


class Lab:
    """One lab; two of different names run side by side."""

    def __init__(self) -> None:
        self.name = os.environ.get("PVE_LAB") or "pve"
        if not re.fullmatch("[a-z0-9][a-z0-9-]{0,19}", self.name):
            raise LabError(f"cannot use lab name '{self.name}': 1 to 20 of a-z, 0-9 and hyphen")
        self.home = Path(os.environ.get("PVE_LAB_DIR") or "/var/lib/pve-cluster-lab").absolute()
        self.cache = Path(os.environ.get("PVE_LAB_CACHE") or "/var/cache/pve-cluster-lab").absolute()
        self.state = self.home / self.name
        # ssh's control sockets live below it, and a socket's path has 107 bytes at most.
        if len(str(self.state)) > 70:
            raise LabError(f"cannot use folder '{self.state}': its path is longer than 70 characters")
        self.memory = self.state / "memory"
        self.logs = self.state / "log"
        self.keys = self.state / "keys"
        self.cuts = self.state / "cut"
        self.pristine = self.state / "pristine"
        self.control_paths = self.state / "cp"
        self.controller_key = self.state / "controller_key"
        self.known_hosts = self.state / "known_hosts"
        self.inventory = self.state / "inventory.yml"
        self.with_key = self.state / "with-key"
        self.control_group = f"pve-cluster-lab-{self.name}"
        self.controller_namespace = f"lab-{self.name}-controller"

    def namespace(self, which: Node) -> str:
        """The network namespace of a node."""
        return f"lab-{self.name}-{which.name}"

    def cgroup(self, which: Node) -> str:
        """The node's place in the unified hierarchy."""
        return f"{self.control_group}/{which.name}"

    def live(self, which: Node) -> Path:
        """The node's writable layer and its root."""
        return self.memory / "live" / which.name

    def root(self, which: Node) -> Path:
        """The node's root folder, mounted only in its own mount namespace."""
        return self.live(which) / "root"

    def log(self, which: Node) -> Path:
        """What the node printed while it booted."""
        return self.logs / f"{which.name}.log"
