# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults. Each is done at the moment a point is reached, and healed as a person would who knows nothing of clusters:
a node is switched on again, a wire plugged in. What systemd does not restart stays dead where the task runs."""

import queue
import time

FAULTS = {
    "module": "the module is killed (SIGKILL), or the next one that starts; pvecm and what it started live on",
    "ssh": "the login that the task runs in is killed, on the node; where none runs, that of the next module",
    "node": "power cut of the node that the task runs on",
    "primary": "power cut of the first node of the cluster (create: of the node itself)",
    "corosync": "corosync is killed (SIGKILL) on that node; where it does not run there, on the primary or another one; where it runs "
                "nowhere, on that node as soon as it does",
    "pmxcfs": "pmxcfs is killed (SIGKILL) on that node; where it does not run there, on the primary",
    "network": "both wires of that node are pulled until corosync has noticed, for 10 s at least",
}
# How long a wire stays out at least: longer than corosync takes to give a node up.
OUTAGE = 10
# What a process that is killed needs to be reported by its agent.
REPORT = 15


class Hit:
    """What a fault did: when, to what, and a word about where when that is not the usual place."""

    def __init__(self):
        self.time = None
        self.note = ""
        self.done = False
        # The daemon ran nowhere any more, up to the end of the task.
        self.nothing = False


def kills(action, point, fault):
    """What the agent at the point kills itself, at once: it is on the right node and need not be told."""
    what = {"module": "module", "ssh": "session", "corosync": "corosync", "pmxcfs": "pmxcfs"}.get(fault)
    return {point.name: what} if what and point.node == action.actor else {}


def _killed(world, what, seen, seconds=REPORT, ended=lambda: False):
    """The report of a kill: when and how many. None when none comes in this time, or before `ended`."""
    deadline = time.monotonic() + seconds
    while True:
        for _name, event in seen:
            if event.get("killed") == what and not event.get("counted"):
                event["counted"] = True
                return event
        over = ended()
        try:
            seen.append(world.events.get(timeout=max(0.01, min(0.25, deadline - time.monotonic()))))
        except queue.Empty:
            if over or time.monotonic() > deadline:
                return None


def strike(world, action, point, fault, seen, task):
    """Do the fault; answers what was hit. `seen` collects the agents' reports."""
    hit = Hit()
    if fault in ("node", "primary"):
        target = action.actor if fault == "node" else action.primary
        hit.time = time.monotonic()
        world.cut_power(target)
        hit.done = True
    elif fault == "network":
        hit.time = time.monotonic()
        world.cut(action.actor)
        hit.done = True
    elif fault in ("module", "ssh"):
        what = "module" if fault == "module" else "session"
        if point.node != action.actor:
            world.agent(action.actor).order(do="kill", what=what)
        event = _killed(world, what, seen)
        if event and not event["pids"] and action.primary != action.actor:
            # Where the task works through another node for a while.
            world.agent(action.primary).order(do="kill", what=what)
            event = _killed(world, what, seen)
            hit.note = "on the primary" if event and event["pids"] else ""
        if event and not event["pids"]:
            # Between two modules: then the next one.
            world.agent(action.actor).order(do="arm", what=what)
            event = _killed(world, what, seen, 30, task.ended)
            hit.note = "the next one"
        hit.done = bool(event and event["pids"])
        hit.time = event and event["t"]
    else:
        _daemon(world, action, point, fault, seen, hit, task)
    return hit


def _daemon(world, action, point, name, seen, hit, task):
    """Kill a daemon where it runs."""
    if point.node != action.actor:
        world.agent(action.actor).order(do="kill", what=name)
    event = _killed(world, name, seen)
    others = [other for other in dict.fromkeys((action.primary, *action.nodes)) if other not in (action.actor, *action.off)]
    for other in others:
        if event and not event["pids"]:
            world.agent(other).order(do="kill", what=name)
            event = _killed(world, name, seen)
            hit.note = "on the primary" if other == action.primary else f"on {other}"
    if event and not event["pids"]:
        world.agent(action.actor).order(do="arm", what=name)
        hit.time = event["t"]
        event = _killed(world, name, seen, 90, task.ended)
        hit.note = "as it started"
        hit.nothing = not event and task.ended()
        hit.done = hit.nothing or bool(event and event["pids"])
        return
    hit.done = bool(event and event["pids"])
    hit.time = event and event["t"]


def heal(world, action, fault, task):
    """End the fault. A task that can never hear from its node again is interrupted, as by Ctrl-C."""
    if fault == "node":
        task.interrupt()
        world.start(action.actor)
    elif fault == "primary":
        if action.primary == action.actor:
            task.interrupt()
        world.start(action.primary)
    elif fault == "network":
        begun = time.monotonic()
        while time.monotonic() < begun + OUTAGE:
            time.sleep(0.1)
        others = [name for name in action.nodes if name != action.actor and name not in action.off]
        for name in others:
            _unseen(world, name, action)
        world.repair(action.actor)


def revive(world, action):
    """Start what systemd did not on the nodes that the task does not run on, as somebody would who looks after them; whether any."""
    started = ""
    for name in action.nodes:
        if name != action.actor and name not in action.off:
            started += world.run(name, "[ ! -e /etc/corosync/corosync.conf ] || systemctl is-active --quiet corosync ||"
                                       " { systemctl reset-failed corosync; systemctl start corosync; echo yes; }", check=False)
    return bool(started)


def _unseen(world, name, action):
    """Wait until corosync on another node no longer counts the actor; at once where it never did."""
    number = int(action.actor.removeprefix("pve"))
    command = f"! corosync-cmapctl runtime.members.{number}.status 2>/dev/null | grep -q joined"
    world.holds(name, command, 60)
