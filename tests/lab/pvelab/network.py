# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's network namespace with both bridges, and the nodes' wires into it."""

import subprocess
from pathlib import Path

from .process import LabError, ancestors, inside_namespace, kill_and_wait, run
from .settings import CONTROLLER, NETWORKS, Lab, Network, Node

NAMESPACES = Path("/run/netns")


def namespaces() -> list[str]:
    """The names of all network namespaces."""
    return sorted(p.name for p in NAMESPACES.iterdir()) if NAMESPACES.is_dir() else []


def port(node: Node, network: Network) -> str:
    """The bridge's end of a node's wire."""
    return f"{node.name}-{network.interface}"


def _ip(namespace: str, *words: str) -> str:
    return run(["ip", "-n", namespace, *words], f"change network '{namespace}'")


def controller_up(lab: Lab) -> None:
    """Make the controller's namespace when it is not there."""
    name = lab.controller_namespace
    if name in namespaces():
        return
    run(["ip", "netns", "add", name], f"create network namespace '{name}'")
    try:
        _ip(name, "link", "set", "lo", "up")
        for network in NETWORKS:
            _ip(name, "link", "add", network.name, "type", "bridge", "mcast_snooping", "0", "forward_delay", "0")
            _ip(name, "link", "set", network.name, "up")
        management = NETWORKS[0]
        _ip(name, "address", "add", f"{management.prefix}.{CONTROLLER}/24", "dev", management.name)
    except LabError:
        delete(name)
        raise


def delete(namespace: str) -> None:
    """Delete a namespace, with the processes still in it."""
    if namespace in namespaces():
        # This command may itself have been started by 'lab run'.
        kill_and_wait(sorted(set(inside_namespace(namespace)) - ancestors()), f"empty network namespace '{namespace}'")
        # A node's own supervisor may have been faster.
        if namespace in namespaces():
            run(["ip", "netns", "delete", namespace], f"delete network namespace '{namespace}'")


def attach(lab: Lab, node: Node) -> None:
    """Give a node that is off a namespace, with its wires, addresses and the cuts that are set."""
    name = lab.namespace(node)
    run(["ip", "netns", "add", name], f"create network namespace '{name}'")
    _ip(name, "link", "set", "lo", "up")
    for network in NETWORKS:
        outer = port(node, network)
        # The kernel takes the wires of a deleted namespace away a moment after it.
        subprocess.run(["ip", "-n", lab.controller_namespace, "link", "delete", outer], capture_output=True, check=False)
        _ip(lab.controller_namespace, "link", "add", outer, "type", "veth", "peer", "name", network.interface,
            "address", node.mac(network), "netns", name)
        _ip(lab.controller_namespace, "link", "set", outer, "master", network.name)
        _ip(name, "address", "add", f"{node.address(network)}/24", "dev", network.interface)
        _ip(name, "link", "set", network.interface, "up")
        if not is_cut(lab, node, network):
            _ip(lab.controller_namespace, "link", "set", outer, "up")


def _mark(lab: Lab, node: Node, network: Network) -> Path:
    return lab.cuts / f"{node.name}.{network.name}"


def is_cut(lab: Lab, node: Node, network: Network) -> bool:
    """Whether the node's wire to a network is pulled."""
    return _mark(lab, node, network).exists()


def cut(lab: Lab, node: Node, network: Network) -> None:
    """Pull the wire; it stays pulled when the node restarts."""
    lab.cuts.mkdir(exist_ok=True)
    _mark(lab, node, network).touch()
    if lab.namespace(node) in namespaces():
        _ip(lab.controller_namespace, "link", "set", port(node, network), "down")


def mend(lab: Lab, node: Node, network: Network) -> None:
    """Plug the wire in again and end its delay and loss."""
    _mark(lab, node, network).unlink(missing_ok=True)
    if lab.namespace(node) in namespaces():
        _ip(lab.controller_namespace, "link", "set", port(node, network), "up")
        clear_impairment(lab, node, network)


def _ends(lab: Lab, node: Node, network: Network) -> list[list[str]]:
    return [["-n", lab.controller_namespace, "qdisc", "{}", "dev", port(node, network), "root"],
            ["-n", lab.namespace(node), "qdisc", "{}", "dev", network.interface, "root"]]


def impair(lab: Lab, node: Node, network: Network, netem: list[str]) -> None:
    """Delay or lose frames, in each direction, by netem's own words."""
    for end in _ends(lab, node, network):
        words = ["replace" if word == "{}" else word for word in end]
        run(["tc", *words, "netem", *netem], f"impair network '{network.name}' of node '{node.name}'")


def impairment(lab: Lab, node: Node, network: Network) -> str:
    """What netem does on a node's wire, empty when nothing."""
    shown = run(["tc", "-n", lab.controller_namespace, "qdisc", "show", "dev", port(node, network)],
                f"read network '{network.name}' of node '{node.name}'")
    lines = [line for line in shown.splitlines() if line.startswith("qdisc netem")]
    return lines[0].partition("limit 1000")[2].strip() if lines else ""


def clear_impairment(lab: Lab, node: Node, network: Network) -> None:
    """End what `impair` began."""
    if impairment(lab, node, network):
        for end in _ends(lab, node, network):
            words = ["delete" if word == "{}" else word for word in end]
            run(["tc", *words], f"clear network '{network.name}' of node '{node.name}'")
