# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that the collection knows, and which of them a wrong one was meant to be."""

from __future__ import annotations

import difflib
import functools
import re
from pathlib import Path

import yaml

_ROLES = Path(__file__).resolve().parents[2] / "roles"

# What the inventory says of a host, besides the options of the roles.
OF_A_HOST = (
    "hostname", "management_ip", "corosync_ip", "corosync_link0_address", "cluster_links", "node_id", "votes",
)
OF_THE_CLUSTER = (
    "cluster_name", "cluster_group", "cluster_nodes", "corosync_network", "cluster_environment", "cluster_join_method",
)

# Below this a name has too many neighbours that mean something else.
_SHORTEST = 7
_CLOSE = 0.9


def _read(file):
    return yaml.load(file.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def options():
    """Every option of a role by name, as the specs have them. A name that several have is the same option, which a test holds."""
    found = {}
    for file in sorted(_ROLES.glob("*/meta/argument_specs.yml")):
        for entry in _read(file)["argument_specs"].values():
            found.update(entry.get("options") or {})
    return found


@functools.cache
def variables():
    """Every variable that a user of the collection may set."""
    return frozenset({*OF_A_HOST, *OF_THE_CLUSTER, *options()})


@functools.cache
def finding_ids(role):
    """The ids of the findings of a role, from the table in its README, which a test holds against the code."""
    text = (_ROLES / role / "README.md").read_text()
    return frozenset(re.findall(r"^\| `([a-z-]+)`", text, re.M))


def meant(name, known):
    """The nearest of these names, as a question; nothing when none is near."""
    near = difflib.get_close_matches(str(name), sorted(known), n=1, cutoff=0.5)
    return f": did you mean '{near[0]}'?" if near else f": there are {', '.join(sorted(known))}"


@functools.cache
def facts():
    """Every variable that the roles set themselves."""
    found = set()
    for file in sorted(_ROLES.glob("*/tasks/*.yml")):
        _set_in(_read(file) or [], found)
    for file in sorted(_ROLES.glob("*/vars/*.yml")):
        found.update(_read(file) or {})
    return frozenset(found)


def _set_in(tasks, found):
    for task in tasks:
        found.update(task.get("vars") or {})
        found.update(task.get("ansible.builtin.set_fact") or {})
        found.update([task["register"]] if "register" in task else [])
        for part in ("block", "rescue", "always"):
            _set_in(task.get(part) or [], found)


def misspelt(names, own):
    """By wrong name the variable that it was meant to be, among names that are otherwise nobody's business."""
    known = variables()
    places = sorted(name for name in known if len(name) >= _SHORTEST)
    found = {}
    for name in sorted({str(name) for name in names} - known - set(own)):
        if len(name) < _SHORTEST or name.startswith("ansible_"):
            continue
        near = difflib.get_close_matches(name, places, n=1, cutoff=_CLOSE)
        # those of an earlier play of this run
        if near and name not in facts():
            found[name] = near[0]
    return found
