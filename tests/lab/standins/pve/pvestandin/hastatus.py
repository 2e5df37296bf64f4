# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of high availability: the entries of `/cluster/ha/status/current`, which `ha-manager status` prints as lines."""

import os
import sys
import time

from . import cfs, haenv

# From when on a record is taken for a dead daemon's.
OLD_SECONDS = 30
# A release before 9.2, which cannot disarm.
OLD_RELEASE = "/etc/pve-standin-old-ha"


def _fresh(record):
    return abs(time.time() - record.get("timestamp", 0)) < OLD_SECONDS


def _date(record):
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(record.get("timestamp", 0)))


def quorum():
    quorate = 1 if not cfs.members().get("cluster") or cfs.quorate() else 0
    node = cfs.node_name()
    return {"id": "quorum", "node": node, "quorate": quorate, "status": "OK" if quorate else f"No quorum on node '{node}'!", "type": "quorum"}


def _fencing(status):
    """The armed state, its text, and whether there is a master that speaks."""
    disarm = status.get("disarm")
    alive = bool(status.get("master_node")) and _fresh(status)
    if disarm:
        watchdog = "released" if disarm["state"] == "disarmed" else "active"
        return disarm["state"], f"{disarm['state']}, resource mode: {disarm['mode']} (CRM watchdog {watchdog})"
    return ("armed", "armed (CRM watchdog active)") if alive else ("standby", "standby (CRM watchdog standby)")


def _lrm(node, record, armed):
    if not _fresh(record):
        text, watchdog = "old timestamp - dead?", "standby"
    else:
        state, mode = record.get("state"), record.get("mode")
        text = {"wait_for_agent_lock": "idle"}.get(state, state) if mode == "active" else f"{mode} mode"
        watchdog = "standby" if state == "wait_for_agent_lock" or armed == "standby" else "active"
    if record.get("mode") == "disarm" and record.get("state") == "wait_for_agent_lock":
        text, watchdog = "disarm mode", "released"
    words = f"{node} ({text}, watchdog {watchdog}, {_date(record)})"
    return {"id": f"lrm:{node}", "node": node, "status": words, "timestamp": record.get("timestamp", 0), "type": "lrm"}


def _state(one, disarm):
    """A service's state as it is shown: one that is to run and has not been seen to is starting."""
    if disarm and disarm["mode"] == "ignore":
        return "ignore"
    if one["state"] == "started" and not one.get("running"):
        return "starting"
    return one["state"]


def entries():
    """All of them, in their order."""
    status = haenv.manager_status()
    found = [quorum()]
    master = status.get("master_node")
    disarm = status.get("disarm")
    if os.path.exists(OLD_RELEASE):
        disarm = None
    if master:
        text = f"{master} ({'active' if _fresh(status) else 'old timestamp - dead?'}, {_date(status)})"
        if disarm and disarm["state"] == "disarmed":
            text += f" - disarmed, resource mode: {disarm['mode']}"
        found.append({"id": "master", "node": master, "status": text, "timestamp": status.get("timestamp", 0), "type": "master"})
    armed, text = _fencing(status)
    if not os.path.exists(OLD_RELEASE):
        fencing = {"armed-state": armed, "id": "fencing", "node": master or cfs.node_name(), "status": text, "type": "fencing"}
        if disarm:
            fencing["resource_mode"] = disarm["mode"]
        found.append(fencing)
    for node in sorted(status.get("node_status") or {}):
        record = haenv.lrm_status(node)
        if record:
            found.append(_lrm(node, record, armed))
        else:
            print(f"unable to read file '{haenv.lrm_path(node)}'", file=sys.stderr)
            found.append({"id": f"lrm:{node}", "node": node, "status": f"{node} (unable to read lrm status)", "type": "lrm"})
    return found + _services(status, disarm)


def _services(status, disarm):
    found = []
    known = haenv.resources()
    services = status.get("service_status") or {}
    for sid in sorted({*known, *services}):
        one = services.get(sid) or {"node": haenv.guest_node(sid) or "", "state": "queued"}
        state = _state(one, disarm)
        entry = {"crm_state": one["state"], "failback": 1, "id": f"service:{sid}", "max_relocate": 1, "max_restart": 1, "node": one["node"],
                 "sid": sid, "state": state, "status": f"{sid} ({one['node']}, {state})", "type": "service"}
        if sid in known:
            entry["request_state"] = known[sid]["state"]
        found.append(entry)
    return found


def whole():
    """What `/cluster/ha/status/manager_status` tells."""
    status = haenv.manager_status()
    found = {"manager_status": status or {"node_status": {}},
             "quorum": {"node": cfs.node_name(), "quorate": "1" if quorum()["quorate"] else ""}}
    if status.get("master_node"):
        found["lrm_status"] = {node: haenv.lrm_status(node) for node in status.get("node_status") or {}}
    return found
