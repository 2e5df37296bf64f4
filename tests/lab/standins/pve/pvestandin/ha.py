# SPDX-License-Identifier: GPL-3.0-or-later
"""ha-manager: a cluster without HA resources."""

import sys

from . import cfs, cli
from .errors import PveError

DISARM = {"freeze", "ignore"}


def dispatch(words):
    cfs.require_mounted()
    if words[:1] == ["status"] and len(words) == 1:
        members = cfs.members().get("cluster")
        if members and not members.get("quorate"):
            print(f"quorum No quorum on node '{cfs.node_name()}'!")
        else:
            print("quorum OK")
        return 0
    if words[:1] in (["config"], ["groupconfig"]):
        return 0
    if words[:2] == ["crm-command", "disarm-ha"] and len(words) == 3 and words[2] in DISARM:
        cfs.require_quorum()
        return 0
    if words[:2] == ["crm-command", "arm-ha"] and len(words) == 2:
        cfs.require_quorum()
        return 0
    raise PveError(f"ERROR: unknown command 'ha-manager {' '.join(words)}'\n")


def main():
    cli.main_with(lambda: dispatch(sys.argv[1:]))
