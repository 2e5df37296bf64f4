# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawing of a cluster: nodes on a circle, between each two of them one line a link."""

from __future__ import annotations

import math

_WORST = ("down", "error", "warning", "unknown", "ok")
_NODE_WIDTH, _NODE_HEIGHT = 132, 52
# From this many nodes on, only lines with trouble are drawn in full.
_MANY = 8
# How far the lines of two links between the same nodes are apart.
_APART = 14
# And how far their names, as a part of the line.
_ALONG = 0.16


def topology(report):
    """What to draw and where. The colours come from the classes of the page that it is in."""
    names = [node["name"] for node in report["nodes"]]
    if not names:
        return None
    radius_x = max(170, 62 * len(names) // 2 + 60) if len(names) > 1 else 0
    radius_y = max(110, 46 * len(names) // 2 + 30) if len(names) > 1 else 0
    width, height = 2 * radius_x + _NODE_WIDTH + 40, 2 * radius_y + _NODE_HEIGHT + 40
    places = {}
    for number, name in enumerate(names):
        angle = 2 * math.pi * number / len(names) - math.pi / 2
        if len(names) == 2:
            angle += math.pi / 2  # side by side
        places[name] = (width / 2 + radius_x * math.cos(angle), height / 2 + radius_y * math.sin(angle))
    # nothing but what is drawn on
    top = min(y for _x, y in places.values()) - _NODE_HEIGHT / 2 - 20
    height = max(y for _x, y in places.values()) + _NODE_HEIGHT / 2 + 20 - top
    places = {name: (x, y - top) for name, (x, y) in places.items()}
    # trouble is drawn last, over what is well
    pairs = sorted(_pairs(report).items(), key=lambda pair: (-_WORST.index(_worst(pair[1])), pair[0]))
    return {
        "many": len(names) > _MANY,
        "width": f"{width:.0f}",
        "height": f"{height:.0f}",
        "lines": [_line(places, pair, cells, len(report["links"])) for pair, cells in pairs],
        "nodes": [_node(node, _worst_of(node, report["findings"]), *places[node["name"]]) for node in report["nodes"]],
    }


def _pairs(report):
    """(one, other, number of the link, its position) -> the cells of both directions."""
    found = {}
    names = {node["name"] for node in report["nodes"]}
    for position, link in enumerate(report["links"]):
        for cell in link["cells"]:
            if {cell["from"], cell["to"]} <= names:
                key = (*sorted((cell["from"], cell["to"])), link["number"], position)
                found.setdefault(key, []).append(cell)
    return found


def _worst(cells):
    return min((cell["state"] for cell in cells), key=_WORST.index)


def _line(places, pair, cells, links):
    one, other, number, position = pair
    state = _worst(cells)
    (x1, y1), (x2, y2) = places[one], places[other]
    length = math.hypot(x2 - x1, y2 - y1) or 1
    away = (position - (links - 1) / 2) * _APART
    dx, dy = -(y2 - y1) / length * away, (x2 - x1) / length * away
    # the names of two links are not over each other
    along = 0.5 + (position - (links - 1) / 2) * _ALONG
    latencies = [cell["latency_ms"] for cell in cells if cell["latency_ms"] is not None]
    latency = f", {max(latencies):g} ms" if latencies else ""
    return {
        "state": state,
        "said": f"link {number}: {one} and {other}: {state}{latency}",
        "number": number,
        "x1": f"{x1 + dx:.1f}", "y1": f"{y1 + dy:.1f}", "x2": f"{x2 + dx:.1f}", "y2": f"{y2 + dy:.1f}",
        "x": f"{x1 + (x2 - x1) * along + dx:.1f}", "y": f"{y1 + (y2 - y1) * along + dy:.1f}",
    }


def _worst_of(node, findings):
    """How a node is drawn: as it is, and no better than what was found of itself. What was found of a link is drawn there."""
    state = node_state(node)
    found = {one["severity"] for one in findings if one["node"] == node["name"] and one["link"] is None}
    return next((severity for severity in ("error", "warning") if severity in found), state) if state == "ok" else state


def _node(node, state, x, y):
    said = node["situation"].replace("_", " ") if node["asked"] else "no answer"
    if node["votes"] is not None:
        said += f" · {node['votes']} vote{'' if node['votes'] == 1 else 's'}"
    return {
        "state": state, "name": node["name"], "said": said,
        "left": f"{x - _NODE_WIDTH / 2:.1f}", "top": f"{y - _NODE_HEIGHT / 2:.1f}", "width": _NODE_WIDTH, "height": _NODE_HEIGHT,
        "x": f"{x:.1f}", "name_y": f"{y - 5:.1f}", "said_y": f"{y + 14:.1f}",
    }


def node_state(node):
    """How a node is, as a class of the page."""
    if not node["asked"]:
        return "down"
    return "ok" if node["situation"] == "member" and node["quorate"] else "error"
