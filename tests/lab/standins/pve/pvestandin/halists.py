# SPDX-License-Identifier: GPL-3.0-or-later
"""`ha-manager rules ..`: where services may run. A rule names nodes that the cluster lists and services that are managed, and has to fit the
other rules, or the change is refused; what another tool wrote is looked at no sooner.
"""

import os
import re

from . import cfs, cli, haenv, schema, sections
from .errors import ParameterError, PveError

ID = schema.Property(pattern=r"[A-Za-z][A-Za-z0-9_-]+", required=True)
TEXT = schema.Property()
ITEM = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(:[0-9]+)?")
TYPES = ("node-affinity", "resource-affinity")


def _words(text):
    return [item for item in re.split(r"[,;\s]+", text or "") if item]


def _node_list(text):
    """The list as PVE writes it: by name, without priorities of 0."""
    items = _words(text)
    if not items:
        raise PveError("no nodes were specified\n")
    if not all(ITEM.fullmatch(item) for item in items):
        raise ParameterError({"nodes": "invalid format - value does not look like a valid node list\n"})
    listed = haenv.nodes()
    nodes = {}
    for item in items:
        node, _colon, priority = item.partition(":")
        nodes[node] = int(priority or 0)
    unknown = sorted(set(nodes) - set(listed))
    if unknown:
        raise PveError(f"cannot use non-existent node(s) {', '.join(unknown)}.\n")
    return ",".join(f"{node}:{nodes[node]}" if nodes[node] else node for node in sorted(nodes))


def _resource_list(text):
    items = _words(text)
    unmanaged = sorted(set(items) - set(haenv.resources()))
    if unmanaged:
        raise PveError(f"cannot use unmanaged resource(s) {', '.join(unmanaged)}.\n")
    return ",".join(sorted(items))


def _errors(rules, mine):
    """What hinders the rule `mine` beside all others, in the real program's words."""
    found = []
    kind, _name, properties = mine
    enabled = [one for one in rules if "disable" not in one[2]]
    if mine not in enabled:
        return found
    resources = set(_words(properties.get("resources")))
    affinities = [one for one in enabled if one[0] == "node-affinity"]
    if kind == "node-affinity":
        for other in affinities:
            if other is not mine:
                for sid in sorted(resources & set(_words(other[2].get("resources")))):
                    found.append(f"resource '{sid}' is already used in another node affinity rule")
        return found
    involved = [one for one in affinities if resources & set(_words(one[2].get("resources")))]
    if any(len(set(haenv.node_priorities(one[2].get("nodes", "")).values())) > 1 for one in involved):
        found.append("resources are in node affinity rules with multiple priorities")
    if properties.get("affinity") == "positive" and len(involved) > 1:
        found.append("resources are in multiple node affinity rules")
    return found


def _check(rules, mine):
    errors = _errors(rules, mine)
    if errors:
        # The exception of an API call, printed with its number.
        raise PveError(f"400 Rule '{mine[1]}' is invalid.\nresources: {', '.join(errors)}\n")


def _change(failure, work):
    def change():
        found = sections.read(haenv.RULES)
        work(found)
        os.makedirs(haenv.HA, exist_ok=True)
        sections.write(haenv.RULES, found)

    try:
        cfs.locked(haenv.LOCK, 10, change)
    except ParameterError:
        raise
    except PveError as error:
        raise PveError(f"{failure}: {error.message}", code=error.code) from error


def _taken(values, kind):
    properties = {}
    if values.get("nodes") is not None:
        if kind != "node-affinity":
            raise ParameterError({"nodes": "property is not defined in schema and the schema does not allow additional properties"})
        properties["nodes"] = _node_list(values["nodes"])
    if values.get("resources") is not None:
        properties["resources"] = _resource_list(values["resources"])
    for name in ("comment", "affinity"):
        if values.get(name) is not None:
            properties[name] = values[name]
    for name in ("strict", "disable"):
        if values.get(name):
            properties[name] = "1" if name == "strict" else ""
    return properties


def _type(values):
    if values["type"] not in TYPES:
        raise ParameterError({"type": f"value '{values['type']}' does not have a value in the enumeration '{', '.join(TYPES)}'"})
    if values["type"] != "node-affinity" and values.get("nodes") is not None:
        raise ParameterError({"nodes": "property is not defined in schema and the schema does not allow additional properties"})
    return values["type"]


def _add(values):
    kind = _type(values)

    def work(found):
        if any(one[1] == values["rule"] for one in found):
            raise PveError(f"HA rule '{values['rule']}' already defined\n")
        mine = [kind, values["rule"], _taken(values, kind)]
        found.append(mine)
        _check(found, mine)

    _change("create ha rule failed", work)


def _set(values):
    kind = _type(values)

    def work(found):
        mine = [one for one in found if one[1] == values["rule"]]
        if not mine:
            raise PveError(f"HA rule '{values['rule']}' does not exist\n")
        if mine[0][0] != kind:
            raise PveError(f"the type of rule '{values['rule']}' is '{mine[0][0]}'\n")
        for name in _words(values.get("delete")):
            mine[0][2].pop(name, None)
        mine[0][2].update(_taken(values, kind))
        _check(found, mine[0])

    _change("update HA rules failed", work)


def _remove(values):
    def work(found):
        found[:] = [one for one in found if one[1] != values["rule"]]

    _change("delete ha rule failed", work)


def _table(rows):
    if len(rows) == 1:
        return
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(left, middle, right, fill):
        return left + middle.join(fill * (width + 2) for width in widths) + right

    def cells(row):
        return "│" + "│".join(f" {cell:<{width}} " for cell, width in zip(row, widths)) + "│"

    print(line("┌", "┬", "┐", "─"))
    print(cells(rows[0]))
    print(line("╞", "╪", "╡", "═"))
    for number, row in enumerate(rows[1:]):
        if number:
            print(line("├", "┼", "┤", "─"))
        print(cells(row))
    print(line("└", "┴", "┘", "─"))


def listed():
    """The rules as the API tells them."""
    import hashlib  # pylint: disable=import-outside-toplevel  # costs each program its start

    from . import files  # pylint: disable=import-outside-toplevel

    digest = hashlib.sha1(files.read(haenv.RULES, "").encode()).hexdigest()
    found = []
    for order, (kind, name, properties) in enumerate(sections.read(haenv.RULES), 1):
        entry = {"digest": digest, "order": order, "rule": name, "type": kind, **properties}
        for flag in ("strict", "disable"):
            if flag in entry:
                entry[flag] = 1
        found.append(entry)
    return found


def _config(_values):
    rows = [("enabled", "state", "rule", "type", "resources", "comment")]
    for rule in listed():
        enabled = "disable" not in rule
        rows.append(("1" if enabled else "0", "in use" if enabled else "disabled", rule["rule"], rule["type"], rule.get("resources", ""),
                     rule.get("comment", "")))
    _table(rows)


def _list(_values):
    _table([("rule",), *((rule["rule"],) for rule in listed())])


RULES = {"type": schema.Property(required=True), "rule": ID, "nodes": TEXT, "resources": TEXT, "comment": TEXT, "affinity": TEXT,
         "strict": schema.BOOLEAN, "disable": schema.BOOLEAN, "delete": TEXT}

COMMANDS = (
    cli.Command("rules add", _add, ("type", "rule"), RULES, "<type> <rule> [OPTIONS]"),
    cli.Command("rules set", _set, ("type", "rule"), RULES, "<type> <rule> [OPTIONS]"),
    cli.Command("rules remove", _remove, ("rule",), {"rule": ID}, "<rule>"),
    cli.Command("rules config", _config, (), {}, " [OPTIONS] [FORMAT_OPTIONS]"),
    cli.Command("rules list", _list, (), {}, " [OPTIONS] [FORMAT_OPTIONS]"),
)
