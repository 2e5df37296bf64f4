# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a cluster as one document, and what has changed between two of them."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.answer_schema import checked
from ansible_collections.pve.cluster.plugins.plugin_utils.findings import in_order, split_waived, verdict
from ansible_collections.pve.cluster.plugins.plugin_utils.given import limits as all_limits
from ansible_collections.pve.cluster.plugins.plugin_utils.health import (
    LIMITS,
    health_findings,
    latency_severity,
    loss_percent,
    survives,
)

# Grows when a reader of the document would have to change.
FORMAT = 1


def health_report(hosts, cluster_name, time, limits=None, waive=None):
    """The document. `hosts` as for `health_findings`, `time` as it is to be shown."""
    limits = all_limits(LIMITS, limits)
    hosts = [checked(host) for host in hosts]
    found, waived = split_waived(in_order(health_findings(hosts, cluster_name, limits)), waive)
    return {
        "format": FORMAT,
        "cluster": cluster_name,
        "time": time,
        "verdict": verdict(found),
        "limits": limits,
        "quorum": _quorum(hosts, cluster_name),
        "nodes": [_node(host) for host in hosts],
        "links": _links(hosts, limits),
        "findings": found,
        "waived": waived,
    }


def _facts(host, cluster_name=None):
    facts = host.get("facts") or {}
    return facts if cluster_name is None or facts.get("cluster_name") == cluster_name else {}


def _quorum(hosts, cluster_name):
    """As the largest part of the cluster sees it; none where nobody sees any."""
    views = [_facts(host, cluster_name) for host in hosts]
    views = [facts for facts in views if None not in (facts.get("quorum", {}).get(key) for key in ("total_votes", "expected_votes", "quorum"))]
    if not views:
        return None
    best = max(views, key=lambda facts: facts["quorum"]["total_votes"])
    quorum = best["quorum"]
    return {
        **{key: quorum[key] for key in ("quorate", "expected_votes", "total_votes", "quorum", "qdevice_votes")},
        "members": [member["name"] for member in best["members"] or []],
        "nodelist": [node["name"] for node in best["nodelist"] or []],
        "nodeids": {str(node["nodeid"]): node["name"] for node in best["nodelist"] or [] if node.get("nodeid") is not None},
        "survives": survives(best),
    }


def _node(host):
    facts = _facts(host)
    health = facts.get("health") or {}
    own = next((node for node in facts.get("nodelist") or [] if node["name"] == host["name"]), {})
    return {
        "name": host["name"],
        "asked": bool(facts),
        "situation": facts.get("situation"),
        "nodeid": facts.get("nodeid"),
        "votes": own.get("votes"),
        "quorate": (facts.get("quorum") or {}).get("quorate"),
        "links": own.get("links") or {},
        "config_version": {place: (facts.get("config_version") or {}).get(place) for place in ("pmxcfs", "local", "running")},
        "versions": {program: (facts.get("versions") or {}).get(program) for program in ("pve", "pve_cluster", "corosync")},
        "services": facts.get("services") or {},
        "certificates": health.get("certificates") or [],
        "clock": health.get("clock"),
        "events": health.get("events"),
        "totem": health.get("totem"),
        "qdevice": health.get("qdevice"),
        "ha": health.get("ha"),
    }


def _links(hosts, limits):
    """By number of the link: what each node says of each other one on it."""
    cells = {}
    for host in hosts:
        facts = _facts(host)
        measured = {(link["peer"], link["number"]): link for link in (facts.get("health") or {}).get("links") or []}
        for link in facts.get("links") or []:
            for peer in link["peers"]:
                knet = measured.get((peer["name"], link["number"]))
                cells.setdefault(link["number"], []).append(_cell(host["name"], peer, knet, limits))
    return [{"number": number, "cells": cells[number]} for number in sorted(cells)]


def _cell(name, peer, knet, limits):
    latency = knet and knet["latency"]
    average = round(latency["average"] / 1000.0, 3) if latency else None
    loss = loss_percent(knet) if knet else None
    if peer["connected"] is None:
        state = "unknown"
    elif not peer["connected"]:
        state = "down"
    else:
        lossy = loss is not None and loss >= limits["loss_warning_percent"]
        state = latency_severity(average, limits) or ("warning" if lossy else "ok")
    return {
        "from": name,
        "to": peer["name"],
        "address": peer["address"],
        "state": state,
        "latency_ms": average,
        "latency_max_ms": round(latency["max"] / 1000.0, 3) if latency else None,
        "loss_percent": loss,
        "mtu": knet and knet["mtu"],
        # corosync counts every link down once, before it first comes up
        "flaps": max(0, knet["down_count"] - 1) if knet else None,
    }


def health_changes(before, now):
    """Sentences for what is not as it was. Measurements that always move a little are left out."""
    changes = []
    if before.get("format") != now["format"] or before.get("cluster") != now["cluster"]:
        return [f"the earlier report is of cluster '{before.get('cluster')}' in format {before.get('format')} and cannot be compared"]
    if before["verdict"] != now["verdict"]:
        changes.append(f"verdict: {before['verdict']} -> {now['verdict']}")
    changes.extend(_quorum_changes(before["quorum"] or {}, now["quorum"] or {}))
    old, new = ({node["name"]: node for node in report["nodes"]} for report in (before, now))
    changes.extend(f"{name}: new" for name in sorted(new.keys() - old.keys()))
    changes.extend(f"{name}: gone from the inventory" for name in sorted(old.keys() - new.keys()))
    for name in sorted(old.keys() & new.keys()):
        changes.extend(f"{name}: {change}" for change in _node_changes(old[name], new[name]))
    changes.extend(_link_changes(before, now))
    old, new = ({(one["id"], one["node"], one["peer"], one["link"]): one for one in report["findings"]} for report in (before, now))
    changes.extend(f"new: {_place(new[key])}{new[key]['message']}" for key in new if key not in old)
    changes.extend(f"over: {_place(old[key])}{old[key]['message']}" for key in old if key not in new)
    return changes


def _place(found):
    return f"{found['node']}: " if found["node"] else ""


def _quorum_changes(old, new):
    for key, what in (
        ("quorate", "quorate"), ("expected_votes", "expected votes"), ("total_votes", "votes"), ("quorum", "votes needed"),
        ("survives", "nodes it can lose"),
    ):
        if old.get(key) != new.get(key):
            yield f"{what}: {old.get(key)} -> {new.get(key)}"


def _node_changes(old, new):
    for key, what in (("situation", "situation"), ("nodeid", "nodeid"), ("votes", "votes")):
        if old[key] != new[key]:
            yield f"{what}: {old[key]} -> {new[key]}"
    for program in sorted(new["versions"]):
        if old["versions"].get(program) != new["versions"][program]:
            yield f"version of {program}: {old['versions'].get(program)} -> {new['versions'][program]}"
    if old["config_version"] != new["config_version"]:
        yield f"config_version: {old['config_version']['running']} -> {new['config_version']['running']}"
    for service in sorted(old["services"].keys() | new["services"].keys()):
        states = [(node["services"].get(service) or {}).get("state") for node in (old, new)]
        if states[0] != states[1]:
            yield f"{service}: {states[0]} -> {states[1]}"
    for link in sorted(old["links"].keys() | new["links"].keys()):
        if old["links"].get(link) != new["links"].get(link):
            yield f"address of link {link}: {old['links'].get(link)} -> {new['links'].get(link)}"


def _link_changes(before, now):
    old, new = (
        {(cell["from"], cell["to"], link["number"]): cell["state"] for link in report["links"] for cell in link["cells"]}
        for report in (before, now)
    )
    for key in sorted(old.keys() & new.keys()):
        if old[key] != new[key]:
            yield f"{key[0]}: link {key[2]} to {key[1]}: {old[key]} -> {new[key]}"
