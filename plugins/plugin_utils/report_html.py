# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as one page that needs nothing but itself: light, dark and on paper."""

from __future__ import annotations

import base64
import hashlib
import time

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_events import event_said
from ansible_collections.pve.cluster.plugins.plugin_utils.health_text import VERDICTS, margin, missing
from ansible_collections.pve.cluster.plugins.plugin_utils.report_groups import causes, groups
from ansible_collections.pve.cluster.plugins.plugin_utils.report_style import STYLE
from ansible_collections.pve.cluster.plugins.plugin_utils.report_template import PAGE
from ansible_collections.pve.cluster.plugins.plugin_utils.report_topology import node_state, topology

# From this many nodes on, cells are small: what is well has its number alone.
_MANY = 8
# More votes than these are not drawn one by one.
_BOXES = 256
# Not by colour alone: for paper without colours and eyes that do not tell them apart.
_MARKS = {"ok": "✓", "warning": "!", "error": "✗", "down": "✗", "unknown": "?"}
_LEGEND = (("ok", "well"), ("warning", "slow or lossy"), ("error", "too slow"), ("down", "not connected"), ("unknown", "not known"))
_STYLE = f"\n{STYLE}"
_DIGEST = f"sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}"
_TEMPLATE = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(PAGE)


def health_html(report, changes=()):
    """The whole page."""
    quorum = report["quorum"]
    names = (quorum or {}).get("nodeids") or {}
    found = groups(report["findings"])
    return _TEMPLATE.render(
        report=report,
        verdict=VERDICTS[report["verdict"]],
        # the only text that is not escaped, and nobody's but this collection's
        style=Markup(_STYLE),
        style_digest=_DIGEST,
        marks=_MARKS,
        legend=_LEGEND,
        missing=missing(quorum),
        groups=found,
        last=_last(report, names),
        margin=margin(quorum) if quorum else "",
        votes=_votes(quorum) if quorum else None,
        waived=sorted({found["id"] for found in report["waived"]}),
        changes=list(changes),
        drawing=topology({**report, "findings": causes(report["findings"])}),
        matrices=[_matrix(report, link) for link in report["links"]],
        limits={"warning": f"{report['limits']['latency_warning_ms']:g}", "error": f"{report['limits']['latency_error_ms']:g}"},
        nodes=[_node(node) for node in report["nodes"]],
        certificates=[_certificate(node, one, report["limits"]) for node in report["nodes"] for one in node["certificates"]],
        events=[_events(node, names) for node in report["nodes"] if node["events"]],
        failover=report.get("failover") or [],
    )


def _votes(quorum):
    """A bar: votes that are there, those that are missing, and a mark where quorum begins."""
    expected = max(quorum["expected_votes"], quorum["total_votes"], 1)
    boxes = min(expected, _BOXES)
    there = quorum["total_votes"] * boxes / expected
    gap = min(0.4, 20 / boxes)
    return {
        "said": f"{quorum['total_votes']} of {expected} votes, {quorum['quorum']} needed",
        "boxes": [
            {"state": "there" if box < there else "missing", "x": f"{box * 100 / boxes + gap:.2f}", "width": f"{100 / boxes - 2 * gap:.2f}"}
            for box in range(boxes)
        ],
        "needed": f"{quorum['quorum'] * 100 / expected:.2f}",
    }


def _matrix(report, link):
    cells = {(cell["from"], cell["to"]): cell for cell in link["cells"]}
    columns = [node["name"] for node in report["nodes"]]
    columns += sorted({cell["to"] for cell in link["cells"]} - set(columns))
    return {
        "number": link["number"],
        "classes": "matrix many" if len(columns) > _MANY else "matrix",
        "columns": columns,
        "rows": [
            {"name": node["name"], "cells": [_cell(cells.get((node["name"], column)), node["name"] == column) for column in columns]}
            for node in report["nodes"]
        ],
    }


def _cell(cell, own):
    if own:
        return {"state": "own"}
    if cell is None:
        return {"state": "unknown", "said": ""}
    state, unit = cell["state"], ""
    if state == "down":
        said = "not connected"
    elif cell["latency_ms"] is None:
        said = state
    else:
        said, unit = f"{cell['latency_ms']:g}", "ms"
    extra = [f"max {cell['latency_max_ms']:g} ms"] if cell["latency_max_ms"] is not None and state != "down" else []
    extra += [f"{cell['loss_percent']:g} % lost"] if cell["loss_percent"] else []
    extra += [f"{cell['flaps']} flaps"] if cell["flaps"] else []
    return {"state": state, "said": said, "unit": unit, "extra": ", ".join(extra), "title": f"{cell['address']}, MTU {cell['mtu'] or 'not known'}"}


def _node(node):
    versions = node["config_version"]
    same = len({version for version in versions.values() if version is not None}) <= 1
    running = "–" if versions["running"] is None else versions["running"]
    return {
        "name": node["name"],
        "state": node_state(node),
        "said": node["situation"].replace("_", " ") if node["asked"] else "no answer",
        "nodeid": node["nodeid"],
        "votes": node["votes"],
        "addresses": sorted(node["links"].items()),
        "config": running if same else f"{versions['pmxcfs']} / {versions['local']} / {versions['running']}",
        "pve": node["versions"]["pve"],
        "corosync": node["versions"]["corosync"],
        "services": [
            {"name": name, "state": "ok" if service["state"] == "active" else "error"}
            for name, service in sorted(node["services"].items())
            if service["state"] == "active" or not _idle(name, service, node)
        ],
    }


def _idle(name, service, node):
    """Whether a service that does not run has nothing to do on this node."""
    return name in ("pve-ha-lrm", "pve-ha-crm") or (name == "corosync-qdevice" and node["qdevice"] is None and service["state"] != "failed")


def _last(report, names):
    """The last thing that corosync said on any node, where something is wrong."""
    seen = [(node["events"]["last"], node["name"], node["events"]["last_said"]) for node in report["nodes"] if node["events"] and node["events"]["last"]]
    if report["verdict"] != "error" or not seen:
        return None
    seconds, name, said = max(seen, key=lambda one: one[0])
    return f"{_moment(seconds)} on {name}: {event_said(said or '', names)}"


def _moment(seconds):
    return f"{_date(seconds)} {time.strftime('%H:%M:%S', time.gmtime(seconds))} UTC"


def _date(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _certificate(node, certificate, limits):
    left = certificate["days_left"]
    return {
        "node": node["name"],
        "file": certificate["file"],
        "since": _date(certificate["not_before"]),
        "until": _date(certificate["not_after"]),
        "state": "error" if left < 0 else "warning" if left < limits["certificate_days"] else "ok",
        "left": f"{left} days",
    }


def _events(node, names):
    events = node["events"]
    last = None
    if events["last"] is not None:
        last = f"{_moment(events['last'])}: {event_said(events['last_said'] or '', names)}"
    counts = [events[kind] for kind in ("link_down", "token_late", "token_lost", "retransmits", "quorum_lost", "failures")]
    return {"node": node["name"], "counts": counts, "last": last}
