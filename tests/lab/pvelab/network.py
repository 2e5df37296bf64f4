# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's network namespace with both bridges, and the nodes' wires into it."""

import subprocess
import sys
from pathlib import Path

from .process import LabError, ancestors, arguments, inside_namespace, kill_and_wait, run, wait_for
from .settings import CONTROLLER, NETWORKS, SOURCE, Lab, Network, Node

RELAY = SOURCE / "impair-link"

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
            # Its own address: a bridge otherwise takes that of a port and changes it when the port goes.
            _ip(name, "link", "add", network.name, "address", f"02:77:00:00:0{network.mac}:{CONTROLLER:02x}", "type", "bridge",
                "mcast_snooping", "0", "forward_delay", "0")
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


def _has_link(lab: Lab, link: str) -> bool:
    shown = subprocess.run(["ip", "-n", lab.controller_namespace, "link", "show", "dev", link], capture_output=True, check=False)
    return shown.returncode == 0


def _delete_link(lab: Lab, link: str) -> bool:
    """Delete a link of the controller, and say whether there was one."""
    done = subprocess.run(["ip", "-n", lab.controller_namespace, "link", "delete", link], capture_output=True, check=False)
    return done.returncode == 0


def attach(lab: Lab, node: Node) -> None:
    """Give a node that is off a namespace, with its wires, addresses and the cuts that are set."""
    name = lab.namespace(node)
    run(["ip", "netns", "add", name], f"create network namespace '{name}'")
    _ip(name, "link", "set", "lo", "up")
    for network in NETWORKS:
        outer = port(node, network)
        # The kernel takes the wires of a deleted namespace away a moment after it.
        _delete_link(lab, outer)
        clear_impairment(lab, node, network)
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


def repair(lab: Lab, node: Node, network: Network) -> None:
    """Plug the wire in again and end its delay and loss."""
    _mark(lab, node, network).unlink(missing_ok=True)
    if lab.namespace(node) in namespaces():
        clear_impairment(lab, node, network)
        _ip(lab.controller_namespace, "link", "set", port(node, network), "up")


def _relays(lab: Lab, node: Node, network: Network) -> list[int]:
    """The process that impairs a wire, if any."""
    outer = port(node, network)
    candidates = inside_namespace(lab.controller_namespace)
    return [pid for pid in candidates if str(RELAY) in arguments(pid) and outer in arguments(pid)]


def impair(lab: Lab, node: Node, network: Network, delay: float, loss: float) -> None:
    """Let a wire's frames arrive `delay` milliseconds late, and `loss` percent of them not at all, in each direction."""
    clear_impairment(lab, node, network)
    outer = port(node, network)
    controller = lab.controller_namespace
    _ip(controller, "link", "add", f"{outer}-r", "type", "veth", "peer", "name", f"{outer}-b")
    for end in ("-r", "-b"):
        _ip(controller, "link", "set", outer + end, "up")
    # The relay takes the place of the bridge's own port.
    _ip(controller, "link", "set", outer, "nomaster", "promisc", "on")
    _ip(controller, "link", "set", f"{outer}-r", "promisc", "on")
    _ip(controller, "link", "set", f"{outer}-b", "master", network.name)
    log = lab.logs / f"{outer}-relay.log"
    with open(log, "wb") as out:
        relay = subprocess.Popen(
            ["nsenter", f"--net={NAMESPACES / controller}", "--", sys.executable, RELAY, outer, f"{outer}-r",
             str(delay), str(loss)],
            stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True, cwd="/")
    wait_for(lambda: log.read_text() == "ready\n" or relay.poll() is not None, 10, f"impair '{outer}'")
    if relay.poll() is not None:
        raise LabError(f"cannot impair '{outer}': see {log}")


def impairment(lab: Lab, node: Node, network: Network) -> str:
    """What is done to a wire's frames, empty when nothing."""
    for pid in _relays(lab, node, network):
        delay, loss = arguments(pid)[-2:]
        return f"delay {delay} ms loss {loss} %"
    return ""


def clear_impairment(lab: Lab, node: Node, network: Network) -> None:
    """End what `impair` began."""
    outer = port(node, network)
    kill_and_wait(_relays(lab, node, network), f"end the impairment of '{outer}'")
    if _delete_link(lab, f"{outer}-r") and _has_link(lab, outer):
        _ip(lab.controller_namespace, "link", "set", outer, "promisc", "off", "master", network.name)
