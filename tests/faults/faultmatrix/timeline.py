# SPDX-License-Identifier: GPL-3.0-or-later
"""When each point is reached while nothing disturbs: whether the table of points is in the right order."""

from harness import Inventory

from . import actions, case
from .world import World


def show(action):
    """Print it; 1 when a point is not reached or comes before the one above it."""
    world = World()
    world.up()
    if not world.has(action.begin):
        actions.make(world, action.begin)
    world.restore(action.begin, action.nodes, action.off)
    on = [name for name in action.nodes if name not in action.off]
    case._ready(world, action, on)  # pylint: disable=protected-access
    if action.prepare:
        action.prepare(world)
    local_keys = {name: world.run(name, "cat /root/.ssh/authorized_keys2", check=False) for name in on}
    inventory = Inventory(action.hosts)
    seen = []
    for name in on:
        points = {one.name: one.when for one in action.points if one.node == name}
        world.agent(name).order(do="watch", points=points)
    case._collect(world, seen, lambda: sum("watching" in event for _name, event in seen) == len(on), 20)
    task = case._task(world, action, inventory, {})
    case._collect(world, seen, task.ended, case.TASK_SECONDS)
    print(case._outcome(task))
    times = [case._time(seen, point) for point in action.points]
    for point, reached in zip(action.points, times):
        print(f"{reached - task.begun:8.3f}  {point.node}  {point.name}" if reached else f"   never  {point.node}  {point.name}")
    print("not right:", action.wrong(world, local_keys))
    world.close_agents()
    return 0 if None not in times and times == sorted(times) else 1
