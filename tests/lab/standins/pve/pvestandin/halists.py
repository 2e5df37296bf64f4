# SPDX-License-Identifier: GPL-3.0-or-later
"""`ha-manager rules set node-affinity ID --nodes LIST` and `ha-manager groupset ID --nodes LIST`.

Nothing of this is recorded. It follows ha-manager(1) of PVE 9 and of PVE 8: the list replaces the one before, every node of it has to be
one that the cluster lists, and the file is written anew below the lock of high availability.
"""

import re

from . import cfs, cli, paths, schema, sections
from .errors import ParameterError, PveError, UsageError

HA = f"{paths.CLUSTER_DIR}/ha"
LOCK = "domain-ha"
ID = schema.Property(pattern=r"[A-Za-z][A-Za-z0-9_-]+", required=True)
NODES = schema.Property(required=True)
ITEM = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(:[0-9]+)?")


def _list(text):
    """The list as PVE writes it: by name, without priorities of 0."""
    items = [item for item in re.split(r"[,;\s]+", text) if item]
    if not items or not all(ITEM.fullmatch(item) for item in items):
        raise ParameterError({"nodes": "invalid format - value does not look like a valid node list\n"})
    listed = cfs.members().get("nodelist") or {}
    nodes = {}
    for item in items:
        node, _colon, priority = item.partition(":")
        if node not in listed:
            raise PveError(f"no such cluster node '{node}'\n")
        nodes[node] = int(priority or 0)
    return ",".join(f"{node}:{nodes[node]}" if nodes[node] else node for node in sorted(nodes))


def _set(name, kind, identifier, nodes):
    path = f"{HA}/{name}"

    def change():
        found = sections.read(path)
        mine = [properties for one, other, properties in found if (one, other) == (kind, identifier)]
        if not mine:
            raise PveError(f"no such ha {'rule' if kind == 'node-affinity' else 'group'} '{identifier}'\n")
        mine[0]["nodes"] = nodes
        sections.write(path, found)

    cfs.locked(LOCK, 10, change)


def _rule(values):
    if values["type"] != "node-affinity":
        raise ParameterError({"type": "value is not 'node-affinity', which alone has nodes\n"})
    _set("rules.cfg", "node-affinity", values["rule"], _list(values["nodes"]))


def _group(values):
    _set("groups.cfg", "group", values["group"], _list(values["nodes"]))


RULE = cli.Command("rules set", _rule, ("type", "rule"), {"type": schema.Property(required=True), "rule": ID, "nodes": NODES})
GROUP = cli.Command("groupset", _group, ("group",), {"group": ID, "nodes": NODES})


def dispatch(words):
    """The exit code of one of the two commands; none for another."""
    for command, usage in ((RULE, "rules set <type> <rule> --nodes <list>"), (GROUP, "groupset <group> --nodes <list>")):
        name = command.name.split()
        if words[: len(name)] == name:
            try:
                cli.run_command(command, words[len(name):])
            except (UsageError, ParameterError) as error:
                return cli.report(error, f"ha-manager {usage}")
            return 0
    return None
