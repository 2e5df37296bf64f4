# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the roles' options have values that their specs take, before a role is run.

Ansible checks each option on each host, when its role begins: after nodes were asked, or changed. Here all of it is told at once, a sentence a value.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_float, check_type_int, check_type_list

from ansible_collections.pve.cluster.plugins.plugin_utils.given import names, nothing
from ansible_collections.pve.cluster.plugins.plugin_utils.known_names import OF_A_HOST, meant, options

# What Ansible itself takes for each type, and what anything else is not. Any value is a text.
_TYPES = {
    "int": (check_type_int, "is not a whole number"),
    "float": (check_type_float, "is not a number"),
    "bool": (check_type_bool, "is neither true nor false"),
    "list": (check_type_list, "is not a list"),
    "dict": (check_type_dict, "has no keys"),
}

# Read by the inventory itself, which says more about them.
_READ_ELSEWHERE = frozenset(
    (*OF_A_HOST, "cluster_name", "cluster_group", "cluster_nodes", "corosync_network", "preflight_waive", "cluster_health_waive")
)


def option_problems(variables):
    """What is wrong about the options that these hosts have, one sentence a value: its variable and hosts first. `variables` are those of each host."""
    hosts_of = {}
    for host, given in variables.items():
        for name, option in options().items():
            if name not in given or name in _READ_ELSEWHERE:
                continue
            for said in _of(name, value_of(given, name), option):
                hosts_of.setdefault(said, []).append(str(host))
    return [said.replace("\0", ", ".join(hosts)) for said, hosts in hosts_of.items()]


def value_of(given, name):
    """The value as it is now; none while it needs what only a later play knows."""
    try:
        value = given[name]
        text = str(value)
    except Exception:  # pylint: disable=broad-exception-caught # whatever a template of the user's ends in, and each ansible-core has its own
        return None
    return None if isinstance(value, str) and "{{" in text else value


def _of(name, value, option):
    """What is wrong about one value, with a place for the hosts."""
    kind, choices = option.get("type", "str"), option.get("choices")
    if nothing(value):
        return
    takes, otherwise = _TYPES.get(kind, (None, ""))
    if takes is not None:
        try:
            takes(value)
        except (TypeError, ValueError):
            yield f"{name} (of \0) {otherwise}: {_shown(value, option)}"
            return
    if not choices:
        return
    for one in _several(value) if kind == "list" else [value]:
        if str(one) not in choices:
            yield f"{name} (of \0) {'has' if kind == 'list' else 'is'} {_shown(one, option)}, which is not known{meant(one, choices)}"


def _several(value):
    return names(value) if isinstance(value, Sequence) else [value]


def _shown(value, option):
    return "a secret" if option.get("no_log") else repr(value) if isinstance(value, str) else f"'{value}'"
