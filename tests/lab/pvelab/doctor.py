# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this machine can run the lab, and what it lacks."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from . import limits
from .process import LabError
from .settings import Lab

# command: the Debian package that has it
NEEDED = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "ip": "iproute2", "unshare": "util-linux",
          "nsenter": "util-linux", "ssh": "openssh-client", "ssh-keygen": "openssh-client", "tar": "tar"}
# As many as 'up' boots when it is not told.
NODES = 3
USEFUL = {"sshpass": ("sshpass", "logging in by password")}


@dataclass(frozen=True)
class Finding:
    """One thing the lab needs."""

    what: str
    lacking: str
    needed: bool = True


def _works(*argv: str) -> bool:
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _in_mounts(script: str) -> bool:
    return _works("unshare", "--mount", "--propagation", "slave", "sh", "-ec", script)


def _in_network(script: str) -> bool:
    return _works("unshare", "--net", "sh", "-ec", script)


OVERLAY = """mount -t tmpfs none /mnt; cd /mnt; mkdir a b c d
mount -t overlay overlay -o lowerdir=a,upperdir=b,workdir=c d"""
BRIDGE = "ip link add bridge0 type bridge; ip link add veth0 type veth peer name veth1; ip link set veth0 master bridge0"


def _fuse() -> bool:
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError:
        return False
    return True


def findings(thorough: bool) -> list[Finding]:
    """All that is lacking; `thorough` also tries the kernel."""
    found = []

    def check(condition: bool, what: str, lacking: str, needed: bool = True) -> None:
        if not condition:
            found.append(Finding(what, lacking, needed))

    check(os.geteuid() == 0, "root", "the lab makes namespaces and mounts: run it as root")
    for command, package in NEEDED.items():
        check(shutil.which(command) is not None, command, f"not installed: apt-get install {package}")
    for command, (package, use) in USEFUL.items():
        check(shutil.which(command) is not None, command, f"not installed, for {use}: apt-get install {package}", False)
    if found and any(finding.needed for finding in found):
        return found
    check(_fuse(), "/dev/fuse", "cannot be opened: load the module fuse, or give the container this device")
    if thorough:
        kernel: list[tuple[Callable[[str], bool], str, str]] = [
            (_in_mounts, OVERLAY, "overlay file systems"),
            (_in_mounts, "mount -t cgroup2 none /mnt && mkdir /mnt/lab-doctor-$$ && rmdir /mnt/lab-doctor-$$",
             "a writable unified cgroup hierarchy"),
            (_in_network, BRIDGE, "network namespaces with bridges and veth pairs"),
        ]
        for attempt, script, what in kernel:
            check(attempt(script), what, "this kernel or container does not allow it")
    for shortage in limits.shortages(NODES) if thorough else []:
        if shortage.can_be_raised():
            check(False, shortage.name, f"too low for {NODES} nodes: 'up' raises it until no lab is up ({str(shortage).removeprefix(shortage.name + ' ')})", False)
        else:
            check(False, shortage.name, str(shortage).removeprefix(f"{shortage.name} "))
    return found


def require(lab: Lab) -> None:
    """Refuse to start where the lab cannot run. How many nodes the limits allow is asked when their number is known."""
    names = {limit.name for limit in limits.LIMITS}
    lacking = [finding for finding in findings(thorough=not lab.memory.is_mount()) if finding.needed and finding.what not in names]
    if lacking:
        raise LabError("cannot run the lab here: " + "; ".join(f"{f.what}: {f.lacking}" for f in lacking))
