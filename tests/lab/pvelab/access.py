# SPDX-License-Identifier: GPL-3.0-or-later
"""How the controller reaches the nodes: its key, the nodes' pinned host keys, the inventory."""

import json
import os
import shutil
import subprocess

from . import machine, pristine
from .process import LabError, run
from .settings import NETWORKS, PASSWORD, PVE, Lab, Node


def make_controller_key(lab: Lab) -> None:
    """Make the lab's own key pair once."""
    if not lab.controller_key.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"controller@{lab.name}", "-f", str(lab.controller_key)],
            f"make key '{lab.controller_key}'")


def pin_host_keys(lab: Lab, nodes: list[Node]) -> None:
    """Write the known_hosts file of the controller."""
    lines = []
    for node in nodes:
        names = f"{node.management},{node.name},{node.fqdn}"
        for kind in pristine.HOST_KEYS:
            public = pristine.host_key(lab, node, kind).with_suffix(".pub").read_text()
            lines.append(f"{names} {' '.join(public.split()[:2])}\n")
    lab.known_hosts.write_text("".join(lines))


def accept_key(lab: Lab, node: Node) -> None:
    """Let the controller's key in; on a PVE node the link leads to the cluster's file."""
    script = """file=/root/.ssh/authorized_keys
key=$(cat)
grep -qxF "$key" "$file" 2>/dev/null || printf '%s\\n' "$key" >>"$file"
"""
    public = lab.controller_key.with_suffix(".pub").read_text()
    done = machine.inside(lab, node, script, stdin=public)
    if done.returncode != 0:
        raise LabError(f"cannot give node '{node.name}' the controller's key: {done.stderr.strip()}")


def ssh_options(lab: Lab) -> list[str]:
    """What every ssh of the controller is told: the lab's known hosts, and only they."""
    return ["-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null",
            "-o", "StrictHostKeyChecking=yes"]


def ssh_command(lab: Lab, node: Node, words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of a login, by key or else by password."""
    ssh = ["ssh", *ssh_options(lab), "-o", "LogLevel=ERROR", "-o", "NumberOfPasswordPrompts=1", "-i", str(lab.controller_key),
           "-o", "IdentitiesOnly=yes", f"root@{node.management}", *words]
    environment = dict(os.environ)
    if shutil.which("sshpass"):
        environment["SSHPASS"] = PASSWORD
        ssh = ["sshpass", "-e", *ssh]
    return in_controller(lab, ssh), environment


def in_controller(lab: Lab, argv: list[str]) -> list[str]:
    """The command line that runs another in the controller's network."""
    path = f"/run/netns/{lab.controller_namespace}"
    if not os.path.exists(path):
        raise LabError("cannot use the lab: it is not up; start it with 'lab up'")
    return ["nsenter", f"--net={path}", "--", *argv]


def controller_environment(lab: Lab) -> dict[str, str]:
    """What ansible needs to use this lab, and no other whose nodes have the same addresses."""
    return os.environ | {
        "PVE_LAB": lab.name,
        "PVE_LAB_DIR": str(lab.home),
        "PVE_LAB_CACHE": str(lab.cache),
        "PVE_LAB_INVENTORY": str(lab.inventory),
        "PVE_LAB_KEY": str(lab.controller_key),
        "PVE_LAB_KNOWN_HOSTS": str(lab.known_hosts),
        "PVE_LAB_PASSWORD": PASSWORD,
        "ANSIBLE_INVENTORY": os.environ.get("ANSIBLE_INVENTORY") or str(lab.inventory),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(lab.control_paths),
    }


def close_connections(lab: Lab) -> None:
    """End ansible's kept connections: a reset node does not know them."""
    for socket in lab.control_paths.glob("*"):
        subprocess.run(["ssh", "-O", "exit", "-S", str(socket), "lab"], stdin=subprocess.DEVNULL, capture_output=True,
                       check=False)
        socket.unlink(missing_ok=True)


def inventory(lab: Lab, nodes: list[Node], groups: list[str], password: bool) -> str:
    """An inventory of these nodes, in JSON, which is YAML."""
    variables = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.controller_key),
        "ansible_ssh_common_args": " ".join(["-o IdentitiesOnly=yes", *ssh_options(lab)]),
    }
    if password:
        variables["ansible_password"] = PASSWORD
    hosts = {node.name: {"ansible_host": node.management, "corosync_ip": node.address(NETWORKS[1])} for node in nodes}
    members: dict[str, dict[str, str]] = {node.name: {} for node in nodes if node.kind == PVE}
    others: dict[str, dict[str, str]] = {node.name: {} for node in nodes if node.kind != PVE}
    children = {group: {"hosts": members} for group in groups}
    if others:
        children["proxmox_qnetd"] = {"hosts": others}
    return json.dumps({"all": {"vars": variables, "hosts": hosts, "children": children}}, indent=2) + "\n"
