# SPDX-License-Identifier: GPL-3.0-or-later
"""ha-manager: its commands write what the daemons read. What is queued for the master exits 0, whether there is one or not."""

import os

from . import cfs, cli, haenv, halists, hastatus, sections
from .errors import ParameterError, PveError, UsageError
from .schema import BOOLEAN, Property

SID = Property(pattern=r"(vm|ct):[1-9][0-9]*", required=True)
STATE = Property(pattern="started|stopped|enabled|disabled|ignored")
NODE = Property(format="node", required=True)

USAGE = """\
USAGE: ha-manager <COMMAND> [ARGS] [OPTIONS]

       ha-manager add <sid> [OPTIONS]
       ha-manager config  [OPTIONS]
       ha-manager crm-command migrate <sid> <node>
       ha-manager crm-command node-maintenance disable <node>
       ha-manager crm-command node-maintenance enable <node>
       ha-manager crm-command relocate <sid> <node>
       ha-manager crm-command stop <sid> <timeout>
       ha-manager groupadd <group> --nodes <string> [OPTIONS]
       ha-manager groupconfig  [OPTIONS]
       ha-manager groupremove <group>
       ha-manager groupset <group> [OPTIONS]
       ha-manager migrate <sid> <node>
       ha-manager relocate <sid> <node>
       ha-manager remove <sid>
       ha-manager rules add <type> <rule> [OPTIONS]
       ha-manager rules config  [OPTIONS] [FORMAT_OPTIONS]
       ha-manager rules list  [OPTIONS] [FORMAT_OPTIONS]
       ha-manager rules remove <rule>
       ha-manager rules set <type> <rule> [OPTIONS]
       ha-manager set <sid> [OPTIONS]

       ha-manager status  [OPTIONS]

       ha-manager help [<extra-args>] [OPTIONS]
"""
ARMING = """\
       ha-manager crm-command arm-ha
       ha-manager crm-command disarm-ha <resource-mode>
"""
BEFORE = "       ha-manager crm-command migrate"


def _old():
    return os.path.exists(hastatus.OLD_RELEASE)


def _group(_values):
    raise PveError("cannot update group: ha groups have been migrated to rules\n", code=2)


def _change_resources(change):
    """Change resources.cfg under its lock; without quorum nothing is tried."""
    cfs.require_quorum()

    def work():
        found = sections.read(haenv.RESOURCES)
        change(found)
        os.makedirs(haenv.HA, exist_ok=True)
        sections.write(haenv.RESOURCES, found)

    cfs.locked(haenv.LOCK, 10, work)


def _full(sid):
    return sid if ":" in sid else f"vm:{sid}"


def _add(values):
    sid = _full(values["sid"])
    if not values.get("state"):
        values["state"] = "started"
    cfs.require_quorum()
    if haenv.guest_node(sid) is None:
        raise PveError(f"resource '{sid}' does not exist in cluster\n", code=17)

    def change(found):
        if sid in haenv.resources():
            raise PveError(f"resource ID '{sid}' already defined\n")
        kind, _colon, name = sid.partition(":")
        found.append([kind, name, {"state": values["state"]}])

    _change_resources(change)


def _set(values):
    sid = _full(values["sid"])
    if values.get("group") is not None:
        raise PveError("invalid parameter 'group': ha groups have been migrated to rules\n", code=2)

    def change(found):
        mine = [properties for kind, name, properties in found if f"{kind}:{name}" == sid]
        if not mine:
            raise PveError(f"no such resource '{sid}'\n")
        if values.get("state"):
            mine[0]["state"] = values["state"]

    _change_resources(change)


def _remove(values):
    sid = _full(values["sid"])

    def change(found):
        if sid not in haenv.resources():
            raise PveError(f"cannot delete service '{sid}', not HA managed!\n")
        found[:] = [one for one in found if f"{one[0]}:{one[1]}" != sid]

    _change_resources(change)


def _config(_values):
    for kind, name, properties in sections.read(haenv.RESOURCES):
        print(f"{kind}:{name}")
        for key, value in sorted(properties.items()):
            print(f"\t{key} {value}")
        print()


def _status(values):
    for entry in hastatus.entries():
        print(entry["type"], entry["status"])
    if values.get("verbose"):
        from .pvesh import pretty  # pylint: disable=import-outside-toplevel  # pvesh imports the API, which imports this

        print("full cluster state:")
        print(pretty(hastatus.whole()))


def _arm(_values):
    haenv.queue("arm-ha")


def _disarm(values):
    if values["resource-mode"] not in MODES:
        raise ParameterError({"resource-mode": f"value '{values['resource-mode']}' does not have a value in the enumeration '{', '.join(MODES)}'"})
    haenv.queue(f"disarm-ha {values['resource-mode']}")


def _maintenance(word):
    def ask(values):
        if values["node"] not in haenv.nodes():
            raise PveError(f"no such cluster node '{values['node']}'\n")
        haenv.queue(f"{word}-node-maintenance {values['node']}")
    return ask


def _move(word):
    def ask(values):
        haenv.queue(f"{word} {_full(values['sid'])} {values['node']}")
    return ask


MODE = Property(required=True)
MODES = ("freeze", "ignore")
GROUP_RULES = {"group": Property(required=True), "nodes": Property(), "comment": Property()}

COMMANDS = (
    cli.Command("add", _add, ("sid",), {"sid": SID, "state": STATE, "comment": Property()}, "<sid> [OPTIONS]"),
    cli.Command("set", _set, ("sid",), {"sid": SID, "state": STATE, "group": Property(), "comment": Property()}, "<sid> [OPTIONS]"),
    cli.Command("remove", _remove, ("sid",), {"sid": SID}, "<sid>"),
    cli.Command("config", _config, (), {"type": Property()}, " [OPTIONS]"),
    cli.Command("status", _status, (), {"verbose": BOOLEAN}, " [OPTIONS]"),
    cli.Command("migrate", _move("migrate"), ("sid", "node"), {"sid": SID, "node": NODE}, "<sid> <node>"),
    cli.Command("relocate", _move("relocate"), ("sid", "node"), {"sid": SID, "node": NODE}, "<sid> <node>"),
    cli.Command("groupset", _group, ("group",), GROUP_RULES, "<group> [OPTIONS]"),
    cli.Command("crm-command migrate", _move("migrate"), ("sid", "node"), {"sid": SID, "node": NODE}, "<sid> <node>"),
    cli.Command("crm-command relocate", _move("relocate"), ("sid", "node"), {"sid": SID, "node": NODE}, "<sid> <node>"),
    cli.Command("crm-command node-maintenance enable", _maintenance("enable"), ("node",), {"node": NODE}, "<node>"),
    cli.Command("crm-command node-maintenance disable", _maintenance("disable"), ("node",), {"node": NODE}, "<node>"),
    cli.Command("crm-command arm-ha", _arm, (), {}, ""),
    cli.Command("crm-command disarm-ha", _disarm, ("resource-mode",), {"resource-mode": MODE}, "<resource-mode>"),
)
INCOMPLETE = {
    "crm-command": (
        "node-maintenance disable <node>", "node-maintenance enable <node>", "migrate <sid> <node>", "relocate <sid> <node>", "arm-ha ",
        "disarm-ha <resource-mode>", "stop <sid> <timeout>",
    ),
    "rules": (
        "add <type> <rule> [OPTIONS]", "config  [OPTIONS] [FORMAT_OPTIONS]", "list  [OPTIONS] [FORMAT_OPTIONS]", "remove <rule>",
        "set <type> <rule> [OPTIONS]",
    ),
}
MIGRATED = {"groupadd": "create group", "groupconfig": "index groups", "groupremove": "delete group", "groupset": "update group"}


def _known(name):
    return not (_old() and name in ("crm-command arm-ha", "crm-command disarm-ha"))


def dispatch(words):
    """One command line."""
    if words[:1] == ["help"]:
        print(USAGE if _old() else USAGE.replace(BEFORE, ARMING + BEFORE), end="")
        return 0
    cfs.require_mounted()
    if len(words) == 1 and words[0] in INCOMPLETE:
        lines = "".join(f"       ha-manager {words[0]} {rest}\n" for rest in INCOMPLETE[words[0]] if not (_old() and "arm-ha" in rest))
        raise PveError(f"ERROR: incomplete command 'ha-manager {words[0]}'\nUSAGE: ha-manager <COMMAND> [ARGS] [OPTIONS]\n\n{lines}")
    if words[:1] and words[0] in MIGRATED:
        raise PveError(f"cannot {MIGRATED[words[0]]}: ha groups have been migrated to rules\n", code=2)
    for command in (*COMMANDS, *halists.COMMANDS):
        name = command.name.split()
        if words[: len(name)] == name and _known(command.name):
            try:
                cli.run_command(command, words[len(name):])
            except (UsageError, ParameterError) as error:
                return cli.report(error, f"ha-manager {command.name} {command.usage}".rstrip())
            return 0
    raise PveError(f"ERROR: unknown command 'ha-manager {' '.join(words)}'\n")


def main():
    """The program."""
    cli.main_as_root(dispatch)
