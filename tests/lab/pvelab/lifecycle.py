# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as a whole: up, reset, start, down."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from . import access, layers, limits, machine, network, pristine
from .process import LabError, run
from .settings import KINDS, NETWORKS, PVE, QNETD, Lab, Node, first, node


def _all_nodes() -> list[Node]:
    return [node(f"{kind.prefix}{number}") for kind in KINDS for number in range(1, kind.most + 1)]


def _lowers_file(lab: Lab, which: Node) -> Path:
    """Says on which layers a node's writable layer stands; there only when the node was made whole."""
    return lab.live(which) / "lowers"


def _is_whole(lab: Lab, which: Node) -> bool:
    return _lowers_file(lab, which).is_file()


def known(lab: Lab) -> list[Node]:
    """The lab's nodes, on or off, also those that an interrupted command left unfinished."""
    return [which for which in _all_nodes() if lab.live(which).is_dir()]


def _each(nodes: list[Node], act: Callable[[Node], None]) -> None:
    """Do something with all nodes at once; fail when one failed, after all have ended."""
    problems: list[BaseException] = []

    def attempt(which: Node) -> None:
        try:
            act(which)
        except (LabError, OSError) as problem:
            problems.append(problem)

    # Daemons, so that an interrupt ends the command at once; the next one clears up.
    threads = [threading.Thread(target=attempt, args=(which,), daemon=True) for which in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise LabError("; ".join(str(problem) for problem in problems))


def _prepare(lab: Lab) -> None:
    """Make what all nodes share."""
    for folder in (lab.state, lab.logs, lab.keys, lab.pristine, lab.cuts, lab.memory):
        folder.mkdir(parents=True, exist_ok=True)
    lab.control_paths.mkdir(mode=0o700, exist_ok=True)
    if not lab.memory.is_mount():
        run(["mount", "-t", "tmpfs", "-o", "mode=0755", "lab", str(lab.memory)], f"mount '{lab.memory}'")
    network.controller_up(lab)
    access.make_controller_key(lab)


def _remember_key(lab: Lab, key: bool | None) -> None:
    """`--key` and `--no-key` hold until the other is given or the lab goes down."""
    if key:
        lab.with_key.touch()
    elif key is False:
        lab.with_key.unlink(missing_ok=True)


def _make_fresh(lab: Lab, which: Node, lowers: list[Path]) -> None:
    """Boot a node that is off as a new one."""
    for net in NETWORKS:
        network.repair(lab, which, net)
    lowers = layers.below(which, lowers)
    layer = pristine.layer(lab, which, lowers)
    machine.power_on(lab, which, [layer, *lowers], fresh=True)
    _lowers_file(lab, which).write_text("\n".join(map(str, [layer, *lowers])))
    machine.wait_ready(lab, which)


def _finish(lab: Lab, nodes: list[Node]) -> None:
    """Open the nodes to the controller and write down how it reaches them."""
    if lab.with_key.exists():
        _each(nodes, lambda which: access.accept_key(lab, which))
    whole = [which for which in known(lab) if _is_whole(lab, which)]
    access.pin_host_keys(lab, whole)
    lab.inventory.write_text(access.inventory(lab, whole, [], False))


def up(lab: Lab, count: int, key: bool | None, qnetd: int = 0) -> None:
    """Boot what is missing of the first `count` nodes and of the first `qnetd` hosts with corosync-qnetd."""
    nodes = first(PVE, count) + first(QNETD, qnetd, least=0)
    limits.ensure(lab, sum(not machine.is_on(lab, which) for which in nodes))
    _prepare(lab)
    _remember_key(lab, key)
    lowers = layers.lowers(lab)

    def bring(which: Node) -> None:
        if not _is_whole(lab, which):
            machine.cut_power(lab, which)  # of an interrupted first boot
            _make_fresh(lab, which, lowers)
        else:
            start(lab, which)

    _each(nodes, bring)
    _finish(lab, nodes)
    status(lab)


def start(lab: Lab, which: Node) -> None:
    """Switch a node on, with all it had written."""
    if not _is_whole(lab, which):
        raise LabError(f"cannot start node '{which.name}': the lab does not have it; add it with 'lab up N'")
    if not machine.is_on(lab, which):
        limits.ensure(lab, 1)
        lowers = [Path(line) for line in _lowers_file(lab, which).read_text().splitlines()]
        machine.power_on(lab, which, lowers, fresh=False)
    machine.wait_reachable(lab, which)


def reset(lab: Lab, nodes: list[Node], key: bool | None, new_keys: bool) -> None:
    """Make nodes fresh again."""
    if not lab.memory.is_mount():
        raise LabError("cannot reset nodes: the lab is not up; start it with 'lab up'")
    nodes = nodes or known(lab)
    limits.ensure(lab, sum(not machine.is_on(lab, which) for which in nodes))
    _prepare(lab)
    _remember_key(lab, key)
    access.close_connections(lab)
    lowers = layers.lowers(lab)

    def renew(which: Node) -> None:
        machine.cut_power(lab, which)
        _lowers_file(lab, which).unlink(missing_ok=True)
        if new_keys:
            pristine.forget(lab, which)
        _make_fresh(lab, which, lowers)

    _each(nodes, renew)
    _finish(lab, nodes)
    status(lab)


def down(lab: Lab) -> None:
    """Remove every process, mount and namespace of the lab."""
    if lab.memory.is_mount():
        access.close_connections(lab)
    _each(_all_nodes(), lambda which: machine.cut_power(lab, which))
    network.delete(lab.controller_namespace)
    machine.clear_cgroup(lab.control_group)
    if lab.memory.is_mount():
        # Another lab's nodes may hold a copy of this mount; what is in it must not stay with them.
        for path in lab.memory.iterdir():
            shutil.rmtree(path)
        run(["umount", "--lazy", str(lab.memory)], f"unmount '{lab.memory}'")
    for path in (lab.memory, lab.cuts, lab.control_paths):
        shutil.rmtree(path, ignore_errors=True)
    for path in (lab.with_key, lab.known_hosts, lab.inventory):
        path.unlink(missing_ok=True)
    limits.put_back(lab)


def clean(lab: Lab) -> None:
    """Remove the lab with its keys, and the cache when no other lab stands on it."""
    down(lab)
    shutil.rmtree(lab.state, ignore_errors=True)
    others = [path.parent.name for path in lab.home.glob("*/memory") if os.path.ismount(path)]
    if others:
        print(f"kept '{lab.cache}': in use by lab '{others[0]}'")
    else:
        shutil.rmtree(lab.cache, ignore_errors=True)


def status(lab: Lab) -> None:
    """Print one line a node."""
    if lab.controller_namespace not in network.namespaces():
        print(f"lab '{lab.name}' is down")
        return
    print(f"{'NODE':6} {'POWER':6} {'STATE':10} {'MANAGEMENT':12} {'COROSYNC':12} NETWORK")
    for which in known(lab):
        power, state = "off", "-"
        if machine.leader(lab, which) is not None:
            power, state = "on", machine.inside(lab, which, "systemctl is-system-running").stdout.strip() or "booting"
        notes = []
        for net in NETWORKS:
            if network.is_cut(lab, which, net):
                notes.append(f"{net.name} cut")
            elif power == "on" and network.impairment(lab, which, net):
                notes.append(f"{net.name} {network.impairment(lab, which, net)}")
        addresses = [which.address(net) for net in NETWORKS]
        print(f"{which.name:6} {power:6} {state:10} {addresses[0]:12} {addresses[1]:12} {', '.join(notes) or 'whole'}")
