# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a change of corosync.conf ended, by what every node has answered, and whether the rescue may be called off."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.pve.cluster.plugins.plugin_utils.given import names, number, truth

# The shortest time after which every node looks for itself.
_LEAST = 300
# How long one restart may wait for the lock, and for high availability to be disarmed and armed again.
_LOCK = 150
_HA = 240


def corosync_rescue_seconds(timeout, restarts=0, disarm=True):
    """Seconds after which every node looks for itself: all steps of the change, their undoing, and one restart after the other."""
    timeout, restarts = int(number(timeout, "corosync_timeout")), int(number(restarts, "the number of restarts"))
    each = max(timeout, 120) + _LOCK + (_HA if truth(disarm, "whether high availability is disarmed") else 0)
    return max(_LEAST, timeout * 6) + restarts * each


def _answer(host, register):
    """What a task came to on a host; none where it did not run there or left nothing."""
    answer = host.get(register)
    return answer if isinstance(answer, Mapping) else None


def _said(answer):
    """Why a task failed, in its own words."""
    reasons = answer.get("reasons") or []
    return "; ".join(str(reason) for reason in reasons) or str(answer.get("msg") or "it did not say why")


def _name(host):
    node = host.get("cluster_inventory_node")
    return node["name"] if isinstance(node, Mapping) and node.get("name") else host.get("inventory_hostname")


def _failed(answer):
    return bool(answer.get("failed")) or bool(answer.get("unreachable"))


def _against(host, restart):
    """Why this host is no proof of the change; nothing where it is one."""
    restarted, confirmed = _answer(host, "corosync_restarted"), _answer(host, "corosync_confirmed")
    if restarted is not None and _failed(restarted):
        yield f"its restart failed: {_said(restarted)}"
    if confirmed is None:
        yield "it has not been asked to confirm the change"
    elif confirmed.get("unreachable"):
        yield f"it was unreachable when it was to confirm the change: {_said(confirmed)}"
    elif confirmed.get("unconfirmed"):
        yield "; ".join(str(reason) for reason in confirmed["unconfirmed"])
    elif confirmed.get("failed"):
        yield f"it does not confirm the change: {_said(confirmed)}"
    elif confirmed.get("skipped"):
        yield "it has not been asked to confirm the change"
    elif confirmed.get("changed") is not False or not confirmed.get("members"):
        yield "the change is not complete on it"
    elif restart and confirmed.get("restart_needed") != []:
        yield f"it still waits for a restart: {', '.join(confirmed.get('restart_needed') or ['it does not say for what'])}"


def _end(change):
    """Whether the cluster is changed, if every node says so, or for certain as it was; and why nobody knows, where nobody does."""
    if change is None:
        return False, None
    if not isinstance(change, Mapping) or change.get("unreachable") or change.get("skipped"):
        return False, "the node that was to make the change did not answer, so nobody knows how far it came"
    if not change.get("failed"):
        done = bool(change.get("members")) and isinstance(change.get("changed"), bool)
        return done, None if done else "the module did not say what it came to"
    if change.get("rolled_back") is True or change.get("reasons") and change.get("changed") is False:
        return False, None
    return False, f"the change ended in the middle: {_said(change)}"


def corosync_end(hosts, change=None, allow_offline=None, restart=False):
    """Whether the rescue may be called off everywhere, and every reason against it.

    `hosts` are the variables of every host of the cluster, `change` what the task that changes the file came to, none when it was never begun.
    """
    allow_offline, restart = names(allow_offline), truth(restart, "corosync_restart")
    changed, unknown = _end(change)
    reasons = [unknown] if unknown else []
    if changed:
        for host in hosts:
            name = _name(host)
            if name in allow_offline and _answer(host, "corosync_judged") is None:
                continue
            reasons.extend(f"{name}: {reason}" for reason in _against(host, restart))
        if not hosts:
            reasons.append("no host has been asked")
    return {"call_off": not reasons, "reasons": reasons}


def corosync_rows(hosts, change=None, told="corosync_confirmed"):
    """What each node came to: what it says of itself, or what the node that made the change saw of it."""
    change = change if isinstance(change, Mapping) else {}
    came = "updated" if change.get("changed") else "in_step"
    rows, failed = {}, {}
    for row in change.get("nodes") or []:
        rows[row["name"]] = dict(row)
    for host in hosts:
        for row in (_answer(host, told) or {}).get("nodes") or []:
            if row.get("here"):
                rows[row["name"]] = {**row, "result": came if row["result"] == "in_step" else row["result"]}
        restarted = _answer(host, "corosync_restarted")
        if restarted is not None and _failed(restarted):
            failed[_name(host)] = _said(restarted)
    for name, why in failed.items():
        rows.setdefault(name, {"name": name, "nodeid": 0, "links": [], "restart_needed": []})
        rows[name] = {**rows[name], "result": "restart_failed", "restart_failed": why}
    return sorted(rows.values(), key=lambda row: (row["nodeid"], row["name"]))
