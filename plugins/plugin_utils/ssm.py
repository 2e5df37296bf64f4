# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as parameters of AWS Systems Manager."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

from ansible_collections.pve.cluster.plugins.plugin_utils.given import names

# Bytes that AWS takes a parameter, by tier (PutParameter's documentation).
_ROOM = {"Standard": 4096, "Advanced": 8192, "Intelligent-Tiering": 8192}
_COLLECTIONS = ("amazon.aws", "community.aws")


def ssm_values(inventory):
    """The values by the last part of their names. `inventory` is that of the export."""
    (group,) = inventory["all"]["children"].values()
    variables = group["vars"]
    exported = variables["cluster_exported"]
    return {
        "name": variables["cluster_name"],
        "config_digest": exported["corosync_conf_sha256"],
        "nodes": json.dumps(variables["cluster_nodes"], separators=(",", ":")),
        "corosync_conf": exported["corosync_conf"],
    }


def ssm_problems(values, prefix, tier="Standard", secure=(), there=None):
    """Why these values cannot be stored so. `there` says whether a collection is installed."""
    problems = [
        f"the collection {name} is not installed; run 'ansible-galaxy collection install {name}'"
        for name in _COLLECTIONS
        if not (there or _is_there)(name)
    ]
    # SSM parameter names: letters, digits and .-_/ ; none may begin with aws or ssm
    if not re.fullmatch(r"(/[A-Za-z0-9_.-]+)+", prefix) or re.match(r"(?i)/(aws|ssm)", prefix):
        problems.append(
            f"'{prefix}' cannot be the beginning of a parameter's name: it needs parts of letters, digits, '.', '-' and '_', each after a '/', "
            "and may not begin with 'aws' or 'ssm'"
        )
    for name, value in values.items():
        size = len(value.encode())
        if size > _ROOM[tier]:
            problems.append(
                f"'{name}' has {size} bytes and the tier {tier} takes {_ROOM[tier]}"
                + ("; set cluster_export_ssm_tier to Advanced" if size <= _ROOM["Advanced"] else "")
            )
    unknown = sorted(set(names(secure)) - set(values))
    if unknown:
        problems.append(f"there is no parameter '{unknown[0]}' to encrypt; there are {', '.join(values)}")
    return problems


def _is_there(name):
    try:
        return find_spec(f"ansible_collections.{name}") is not None
    except (ImportError, ValueError):
        return False
