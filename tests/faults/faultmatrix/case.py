# SPDX-License-Identifier: GPL-3.0-or-later
"""One case: from a kept state to the fault, and on to the state that the task wants."""

import queue
import time

from harness import Inventory

from . import actions, faults, remedies
from .world import Broken, Task

# The whole of a task, its own deadline and what Ansible needs around it.
TASK_SECONDS = 240
ROUNDS = 6
# How often a fault may come too late, after the next point, before the case counts as not carried out.
ATTEMPTS = 4


class TooLate(Exception):
    """The fault came after the next point, or found nothing any more."""


def run(world, action, fault, point):
    """The result of a case as a dictionary; `result` is `held`, `again`, `refused`, `nothing` or `FAILED`."""
    begun = time.monotonic()
    late = []
    for attempt in range(1, ATTEMPTS + 1):
        try:
            result = _attempt(world, action, fault, point)
            break
        except TooLate as reason:
            late.append(str(reason))
        except Broken as reason:
            result = {"result": "FAILED", "why": str(reason)}
            break
    else:
        result = {"result": "FAILED", "why": f"the fault could not be brought about in {ATTEMPTS} attempts: {'; '.join(late)}"}
    result |= {"attempts": attempt, "seconds": round(time.monotonic() - begun, 1)}
    return result


def _attempt(world, action, fault, point):
    begun = time.monotonic()
    if not world.has(action.begin):
        actions.make(world, action.begin)
    world.restore(action.begin, action.nodes, action.off)
    on = [name for name in action.nodes if name not in action.off]
    _ready(world, action, on)
    if action.prepare:
        action.prepare(world)
    local_keys = {name: world.run(name, "cat /root/.ssh/authorized_keys2", check=False) for name in on}
    inventory = Inventory(action.hosts)
    seen = []
    for name in on:
        points = {one.name: one.when for one in action.points if one.node == name}
        chosen = faults.kills(action, point, fault) if name == point.node else {}
        world.agent(name).order(do="watch", points=points, kills=chosen)
    _collect(world, seen, lambda: sum("watching" in event for _name, event in seen) == len(on), 20)
    ready = time.monotonic()
    task = _task(world, action, inventory, {})
    try:
        reached = _collect(world, seen, lambda: _time(seen, point) or task.ended(), TASK_SECONDS)
        if not reached or not _time(seen, point):
            raise TooLate(f"the point was never reached: {_words(task)}")
        hit = faults.strike(world, action, point, fault, seen, task)
        if not hit.done:
            raise TooLate("there was nothing left to kill")
        for agent in list(world.agents.values()):
            agent.order(do="rest")
        faults.heal(world, action, fault, task)
        if not task.wait(TASK_SECONDS):
            task.interrupt()
            raise Broken(f"the task did not end within {TASK_SECONDS} s after the fault")
        _collect(world, seen, lambda: False, 0)
        _in_time(action, point, hit, seen)
        ended = time.monotonic()
        first = _outcome(task)
    finally:
        task.interrupt()
        task.close()
    result = {"first": first[1], "note": "" if hit.nothing else hit.note,
              "times": {"ready": ready - begun, "hit": hit.time - ready, "ended": ended - hit.time}}
    result |= _to_the_end(world, action, inventory, local_keys, first)
    if hit.nothing and result["result"] == "held":
        result["result"] = "nothing"
    return result


def _ready(world, action, on):
    """Members that booted are quorate again, and every node is writable."""
    for name in on:
        world.holds(name, READY, 90)
    members = [name for name in on if world.run(name, "cat /etc/pve/corosync.conf 2>/dev/null", check=False)]
    for name in members:
        world.holds(name, f"[ $(corosync-quorumtool -siH | grep -c '^0x') -ge {len(members)} ]", 90)


READY = """
[ -f /etc/pve/user.cfg ] && [ $(( 0$(stat -c %a /etc/pve/local) & 0200 )) != 0 ] &&
systemctl is-active --quiet pve-cluster pvedaemon pveproxy ssh
"""


def _task(world, action, inventory, extra):
    playbook, words = action.task(extra)
    return Task(world, playbook, ["-i", str(inventory.folder), *words])


def _collect(world, seen, done, seconds):
    """Take the agents' reports until `done`; false when that does not come."""
    deadline = time.monotonic() + seconds
    while not done():
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            seen.append(world.events.get(timeout=min(left, 0.05)))
        except queue.Empty:
            pass
    while not world.events.empty():
        seen.append(world.events.get())
    return bool(done())


def _time(seen, point):
    """When a point was reached, if it was."""
    for name, event in seen:
        if event.get("point") == point.name and name == point.node:
            return event["t"]
    return None


def _in_time(action, point, hit, seen):
    """The fault has to come before the next point."""
    following = action.points[action.points.index(point) + 1:]
    for later in following[:1]:
        reached = _time(seen, later)
        if reached and hit.time and reached < hit.time:
            raise TooLate(f"'{later.name}' was reached {hit.time - reached:.3f} s before the fault")


def _words(task):
    """What a task said, in short."""
    failures = task.failures()
    return "; ".join(str(result.get("msg", result)) for _host, result in failures) or task.output()[-400:]


def _outcome(task):
    """Whether it went well, and what it said."""
    if task.process.returncode == 0:
        answers = [result for _host, result in task.answers()]
        changed = any(result.get("changed") for result in answers)
        return "changed" if changed else "ok", str(answers[-1].get("msg", "")) if answers else ""
    failures = task.failures()
    if any(result.get("unreachable") for _host, result in failures) or not failures:
        return "cut", _words(task)
    return "failed", _words(task)


def _to_the_end(world, action, inventory, local_keys, first):
    """Run the task again, and do what it says, until it is content; then see whether it is right."""
    extra, followed = {}, []
    outcome, rounds = first, 0
    # The run that the fault hit may have gone on to the end: then the one run more has nothing to do.
    needed = outcome[0] not in ("ok", "changed")
    reruns = []
    while True:
        rounds += 1
        if rounds > ROUNDS:
            raise Broken(f"not content after {ROUNDS} more runs; the last one said: {outcome[1]}; done: {followed}")
        task = _task(world, action, inventory, extra)
        try:
            if not task.wait(TASK_SECONDS):
                task.interrupt()
                raise Broken(f"run {rounds} after the fault did not end within {TASK_SECONDS} s")
            outcome = _outcome(task)
        finally:
            task.close()
        reruns.append(outcome[0])
        if outcome[0] == "ok" or (outcome[0] == "changed" and needed):
            break
        if outcome[0] == "changed":
            raise Broken(f"the run that the fault hit said done, and the next one still changed something: {outcome[1]}")
        needed = True
        if outcome[0] == "failed":
            remedy = remedies.apply(world, action, outcome[1], extra)
            followed.append({"reason": outcome[1], "remedy": remedy})
    # A daemon that was started by hand has still to find the others.
    wrong = action.wrong(world, local_keys, 60 if faults.revive(world, action) else 15)
    if wrong:
        raise Broken(f"said done, but: {'; '.join(wrong)}; runs: first {first[0]} ({first[1]}), then {', '.join(reruns)}; "
                     f"followed: {followed}")
    if followed:
        kind = "refused"
    elif first[0] in ("ok", "changed"):
        kind = "held"
    else:
        kind = "again"
    return {"result": kind, "runs": reruns, "followed": followed}
