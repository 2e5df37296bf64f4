# SPDX-License-Identifier: GPL-3.0-or-later
"""ha-manager: lists of nodes (`halists`), arming and disarming of a cluster whose LRMs are what the tests write into /etc/pve/nodes/*/lrm_status.

Nothing of this is recorded. It follows ha-manager(1), "Disarming HA for Cluster Maintenance", and the entries that
`pvesh get /cluster/ha/status/current` is publicly known to have: a command is only queued, the master takes it up a moment later,
and an LRM releases its watchdog at its own pace, so that the state is `disarming` for a while. Exit codes tell nothing of that.
"""

import glob
import json
import os
import sys
import time

from . import cfs, cli, files, halists, paths
from .errors import PveError

DISARM = {"freeze", "ignore"}
# what the master and the slowest LRM take together
PACE = 6

STATUS = f"{paths.CLUSTER_DIR}/ha/manager_status"
# a release before 9.2, which cannot disarm
OLD = "/etc/pve-standin-old-ha"

USAGE = """\
USAGE: ha-manager <COMMAND> [ARGS] [OPTIONS]

       ha-manager add <sid> [OPTIONS]
       ha-manager config [OPTIONS]
       ha-manager crm-command migrate <sid> <node>
       ha-manager crm-command node-maintenance disable <node>
       ha-manager crm-command node-maintenance enable <node>
       ha-manager crm-command relocate <sid> <node>
       ha-manager crm-command stop <sid> <timeout>
       ha-manager groupset <group> [OPTIONS]
       ha-manager migrate <sid> <node>
       ha-manager relocate <sid> <node>
       ha-manager remove <sid>
       ha-manager rules set <type> <rule> [OPTIONS]
       ha-manager set <sid> [OPTIONS]
       ha-manager status [OPTIONS]
       ha-manager help [<extra-args>] [OPTIONS]
"""
ARMING = """\
       ha-manager crm-command arm-ha
       ha-manager crm-command disarm-ha <resource-mode>
"""


def _read(path):
    try:
        return json.loads(files.read(path))
    except (OSError, ValueError, PveError):
        return {}


def lrms():
    """The state of the LRM of every node that has one."""
    found = sorted(glob.glob(f"{paths.CLUSTER_DIR}/nodes/*/lrm_status"))
    return {path.split("/")[-2]: _read(path).get("state", "unknown") for path in found}


def state():
    """`armed`, `disarming`, `disarmed`, or `standby` while nothing is to be kept running."""
    request = _read(STATUS).get("disarm")
    done = request and time.time() - request["since"] >= PACE
    if request and request["then"] == "disarmed":
        return "disarmed" if done else "disarming"
    if request and not done:
        return "disarmed"
    return "armed" if "active" in lrms().values() else "standby"


def _ask(then, mode=None):
    cfs.require_quorum()
    status = _read(STATUS)
    status["disarm"] = {"mode": mode, "then": then, "since": time.time()}
    os.makedirs(os.path.dirname(STATUS), exist_ok=True)
    new = f"{STATUS}.tmp.{os.getpid()}"
    with open(new, "w", encoding="utf-8") as file:
        json.dump(status, file)
    os.rename(new, STATUS)
    return 0


def entries():
    """What the API tells of arming; an older release tells nothing."""
    if os.path.exists(OLD):
        return []
    known = state()
    text = {"armed": "armed (CRM watchdog active)", "standby": "standby"}.get(known, known)
    found = [{"armed-state": known, "id": "fencing", "node": cfs.node_name(), "status": text, "type": "fencing"}]
    for node, its in lrms().items():
        watchdog = "released" if known == "disarmed" else {"active": "active"}.get(its, "standby")
        found.append({"id": f"lrm:{node}", "node": node, "status": f"{node} ({its}, watchdog {watchdog})", "type": "lrm"})
    return found


def dispatch(words):
    """One command line."""
    if words[:1] == ["help"]:
        print(USAGE if os.path.exists(OLD) else USAGE.replace("       ha-manager crm-command migrate", ARMING + "       ha-manager crm-command migrate"), end="")
        return 0
    cfs.require_mounted()
    if words[:1] == ["status"] and len(words) == 1:
        members = cfs.members().get("cluster")
        if members and not members.get("quorate"):
            print(f"quorum No quorum on node '{cfs.node_name()}'!")
        else:
            print("quorum OK")
        if lrms():
            for entry in entries():
                print(entry["type"], entry["status"])
        return 0
    if words[:1] in (["config"], ["groupconfig"]):
        return 0
    if words[:2] == ["crm-command", "disarm-ha"] and len(words) == 3 and words[2] in DISARM and not os.path.exists(OLD):
        return _ask("disarmed", words[2])
    if words[:2] == ["crm-command", "arm-ha"] and len(words) == 2 and not os.path.exists(OLD):
        return _ask("armed")
    done = halists.dispatch(words)
    if done is not None:
        return done
    raise PveError(f"ERROR: unknown command 'ha-manager {' '.join(words)}'\n")


def main():
    """The program."""
    cli.main_with(lambda: dispatch(sys.argv[1:]))
