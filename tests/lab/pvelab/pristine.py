# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a node itself: its names, its keys, and the state after its first boot, kept for resets."""

import shutil
import time
import uuid
from pathlib import Path

from . import layers, machine
from .process import run
from .settings import Lab, Node

# A first boot makes certificates, which expire: what is older is made once more.
FRESH_SECONDS = 30 * 86400
HOST_KEYS = {"rsa": "3072", "ecdsa": "256", "ed25519": "256"}


def host_key(lab: Lab, node: Node, kind: str) -> Path:
    """A node's ssh host key."""
    return lab.keys / node.name / f"ssh_host_{kind}_key"


def _keys(lab: Lab, node: Node) -> Path:
    """The node's ssh keys, made once."""
    folder = lab.keys / node.name
    if not folder.is_dir():
        partial = lab.keys / f"{node.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        wanted = [(f"ssh_host_{kind}_key", kind, bits) for kind, bits in HOST_KEYS.items()]
        for name, kind, bits in [*wanted, ("id_rsa", "rsa", "4096")]:
            run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-b", bits, "-C", f"root@{node.name}", "-f", str(partial / name)],
                f"make key '{name}' of node '{node.name}'")
        partial.rename(folder)
    return folder


def _hosts(node: Node) -> str:
    return (f"127.0.0.1 localhost.localdomain localhost\n{node.management} {node.fqdn} {node.name}\n\n"
            "::1     ip6-localhost ip6-loopback\n")


def _write_identity(lab: Lab, node: Node, upper: Path) -> None:
    """Write what the installer would have written."""
    keys = _keys(lab, node)
    for folder, mode in (("etc", 0o755), ("etc/ssh", 0o755), ("root", 0o700), ("root/.ssh", 0o700)):
        (upper / folder).mkdir(parents=True, exist_ok=True)
        (upper / folder).chmod(mode)
    (upper / "etc/hostname").write_text(f"{node.name}\n")
    (upper / "etc/hosts").write_text(_hosts(node))
    (upper / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
    for key in keys.iterdir():
        shutil.copy(key, upper / ("root/.ssh" if key.name.startswith("id_rsa") else "etc/ssh"))
    if not node.kind.has_standins:
        # The base has what cluster nodes need, too.
        units = upper / "etc/systemd/system"
        units.mkdir(parents=True)
        for unit in ("corosync", "corosync-qdevice"):
            (units / f"{unit}.service").symlink_to("/dev/null")


def _key_of(node: Node) -> str:
    built = layers.standins_digest() if node.kind.has_standins else layers.base_digest()
    return layers.digest(built.encode(), Path(__file__).read_bytes(), _hosts(node).encode())


def forget(lab: Lab, node: Node) -> None:
    """Give a node that is off new keys and a new first boot."""
    shutil.rmtree(lab.keys / node.name, ignore_errors=True)
    for path in [*lab.pristine.glob(f"{node.name}-*"), *(lab.memory / "pristine").glob(f"{node.name}-*")]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def layer(lab: Lab, node: Node, lowers: list[Path]) -> Path:
    """The layer of a node that is off, as it is after its first boot; boots it when there is none yet."""
    name = f"{node.name}-{_key_of(node)}"
    wanted = lab.memory / "pristine" / name
    saved = lab.pristine / f"{name}.tar"
    if wanted.is_dir():
        return wanted
    for old in (lab.memory / "pristine").glob(f"{node.name}-*"):
        shutil.rmtree(old)
    if saved.is_file() and time.time() - saved.stat().st_mtime < FRESH_SECONDS:
        partial = lab.memory / "pristine" / f"{name}.partial"
        partial.mkdir(parents=True)
        run(["tar", "-C", str(partial), "--xattrs", "--xattrs-include=*", "-xf", str(saved)], f"unpack '{saved}'")
        partial.rename(wanted)
        return wanted
    _first_boot(lab, node, lowers)
    wanted.parent.mkdir(parents=True, exist_ok=True)
    (lab.live(node) / "upper").rename(wanted)
    for old in lab.pristine.glob(f"{node.name}-*"):
        old.unlink()
    partial_tar = lab.pristine / f"{node.name}-partial"
    run(["tar", "-C", str(wanted), "--xattrs", "--xattrs-include=*", "-cf", str(partial_tar), "."], f"save '{saved}'")
    partial_tar.rename(saved)
    return wanted


def _first_boot(lab: Lab, node: Node, lowers: list[Path]) -> None:
    """Let the node make its certificates and databases, then shut it down."""
    live = lab.live(node)
    shutil.rmtree(live, ignore_errors=True)
    (live / "upper").mkdir(parents=True)
    _write_identity(lab, node, live / "upper")
    machine.power_on(lab, node, lowers, fresh=False)
    machine.wait_ready(lab, node)
    machine.shut_down(lab, node)
