# SPDX-License-Identifier: GPL-3.0-or-later
"""What a case is, and the states that cases begin from."""

from dataclasses import dataclass, field
from typing import Callable

from faultmatrix import kept
from faultmatrix.world import Broken
from harness import Inventory, play, two_links

FIVE = ("pve1", "pve2", "pve3", "pve4", "pve5")
ALL = FIVE[:4]
THREE = ALL[:3]


@dataclass
class Case:
    """One row: an action, two faults, what has to hold, and the steps that do and prove it."""

    name: str
    action: str
    first: str
    second: str
    must: str
    body: Callable
    begin: str = "three"
    hosts: tuple = THREE
    variables: dict = field(default_factory=dict)

    @property
    def nodes(self):
        return BEGINNINGS[self.begin][0]

    @property
    def members(self):
        return BEGINNINGS[self.begin][1]


CASES = {}


def case(name, action, first, second, must, **more):
    """Put the function below it into the table."""
    def add(body):
        if name in CASES:
            raise ValueError(f"two cases '{name}'")
        CASES[name] = Case(name, action, first, second, must, body, **more)
        return body
    return add


# The nodes that are on, and those of them that are members.
BEGINNINGS = {
    "two": (ALL[:2], ALL[:2]),
    "three": (THREE, THREE),
    "three and one": (ALL, THREE),
    "four": (ALL, ALL),
    "five": (FIVE, FIVE),
    "two links": (THREE, THREE),
    "fresh three": (THREE, ()),
    "fresh two": (ALL[:2], ()),
    "one and one": (ALL[:2], ALL[:1]),
}


def make(world, begin):
    """Make and keep a state."""
    nodes, members = BEGINNINGS[begin]
    world.fresh()
    if members:
        kept.put(world, "pve1", guests=[100])
        inventory = two_links(3) if begin == "two links" else Inventory(len(members))
        run = play(inventory)
        if run.rc != 0:
            raise Broken(f"the state '{begin}' could not be made:\n{run.output[-3000:]}")
    if begin == "one and one":
        run = play(Inventory(2), "cluster-init.yml", "--tags", "phase1")
        if run.rc != 0:
            raise Broken(f"the state '{begin}' could not be made:\n{run.output[-3000:]}")
    world.keep(begin, nodes)
