# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as one page that needs nothing but itself: light, dark and on paper."""

from __future__ import annotations

import time
from html import escape

from ansible_collections.pve.cluster.plugins.plugin_utils.health_text import VERDICTS, margin, missing
from ansible_collections.pve.cluster.plugins.plugin_utils.report_style import STYLE
from ansible_collections.pve.cluster.plugins.plugin_utils.report_topology import node_state, topology

# From this many nodes on, cells are small: what is well has its number alone.
_MANY = 8
# Not by colour alone: for paper without colours and eyes that do not tell them apart.
_MARKS = {"ok": "✓", "warning": "!", "error": "✗", "down": "✗", "unknown": "?"}


def health_html(report, changes=()):
    """The whole page."""
    name = escape(report["cluster"])
    sections = [
        _head(report), _findings(report), _changes(changes), _topology(report), _matrices(report), _nodes(report), _certificates(report),
        _events(report), _failover(report),
    ]
    body = "\n".join(section for section in sections if section)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>Cluster {name}: {VERDICTS[report['verdict']]}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _text(value, unit=""):
    return "–" if value is None else escape(str(value)) + unit


def _section(title, body, identity):
    return f'<section id="{identity}">\n<h2>{title}</h2>\n{body}\n</section>' if body else ""


def _table(heading, rows, classes=""):
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heading)
    lines = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="scroll"><table class="{classes}"><thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>'


def _cells(*values):
    return [f'<th scope="row">{values[0]}</th>', *(value if value.startswith("<td") else f"<td>{value}</td>" for value in values[1:])]


def _head(report):
    verdict = report["verdict"]
    quorum = report["quorum"]
    if quorum is None:
        facts = "<p>No node sees any votes.</p>"
    else:
        facts = (
            f'<dl class="facts"><div><dt>Quorum</dt><dd>{"quorate" if quorum["quorate"] else "not quorate"}</dd></div>'
            f"<div><dt>Votes</dt><dd>{quorum['total_votes']} of {quorum['expected_votes']}</dd></div>"
            f"<div><dt>Needed</dt><dd>{quorum['quorum']}</dd></div>"
            f"<div><dt>Nodes seen</dt><dd>{len(quorum['members'])} of {len(quorum['nodelist'])}</dd></div>"
            + (f'<div class="wide"><dt>Missing</dt><dd>{escape(", ".join(missing(quorum)))}</dd></div>' if missing(quorum) else "")
            + f'<div class="wide"><dt>Margin</dt><dd>{margin(quorum)}</dd></div></dl>{_votes(quorum)}'
        )
    return (
        f'<header class="{verdict}">\n<p class="kind">Proxmox VE cluster</p>\n<h1>{escape(report["cluster"])}</h1>\n'
        f'<p class="verdict"><span aria-hidden="true">{_MARKS[verdict]}</span> {VERDICTS[verdict].capitalize()}</p>\n'
        f'<p class="time"><time datetime="{escape(report["time"], quote=True)}">{escape(report["time"])}</time></p>\n{facts}\n</header>'
    )


def _votes(quorum):
    """A bar: votes that are there, those that are missing, and a mark where quorum begins."""
    expected = max(quorum["expected_votes"], quorum["total_votes"], 1)
    boxes = "".join(
        f'<rect class="{"there" if vote < quorum["total_votes"] else "missing"}" x="{vote * 100 / expected + 0.4:.2f}" y="0" '
        f'width="{100 / expected - 0.8:.2f}" height="6" rx="1"/>'
        for vote in range(expected)
    )
    needed = quorum["quorum"] * 100 / expected
    return (
        f'<svg class="votes" viewBox="0 -2 100 10" preserveAspectRatio="none" role="img" aria-label="{quorum["total_votes"]} of '
        f'{expected} votes, {quorum["quorum"]} needed">{boxes}<line x1="{needed:.2f}" y1="-2" x2="{needed:.2f}" y2="8"/></svg>'
    )


def _findings(report):
    if not report["findings"]:
        body = '<p class="none">Nothing was found that is not well.</p>'
    else:
        items = "\n".join(
            f'<li class="{found["severity"]}"><p><span class="badge {found["severity"]}">{found["severity"]}</span> '
            f"<b>{escape(found['node'] or 'cluster')}</b>: {escape(found['message'])} <code>{escape(found['id'])}</code></p>"
            f'<p class="remedy">{escape(found["remedy"])}</p></li>'
            for found in report["findings"]
        )
        body = f'<ul class="findings">\n{items}\n</ul>'
    waived = sorted({found["id"] for found in report["waived"]})
    if waived:
        body += f'\n<p class="waived">Waived: {", ".join(f"<code>{escape(one)}</code>" for one in waived)}</p>'
    return _section("Findings", body, "findings")


def _changes(changes):
    items = "\n".join(f"<li>{escape(change)}</li>" for change in changes)
    return _section("Since the earlier report", f"<ul>\n{items}\n</ul>" if items else "", "changes")


def _topology(report):
    legend = "".join(
        f'<li class="{state}">{text}</li>'
        for state, text in (("ok", "well"), ("warning", "slow or lossy"), ("error", "too slow"), ("down", "not connected"), ("unknown", "not known"))
    )
    return _section("Topology", f'<div class="scroll">{topology(report)}</div>\n<ul class="legend">{legend}</ul>', "topology")


def _matrices(report):
    body = []
    for link in report["links"]:
        cells = {(cell["from"], cell["to"]): cell for cell in link["cells"]}
        columns = [node["name"] for node in report["nodes"]]
        columns += sorted({cell["to"] for cell in link["cells"]} - set(columns))
        rows = [
            [f'<th scope="row">{escape(node["name"])}</th>', *(_matrix_cell(cells.get((node["name"], column)), node["name"] == column) for column in columns)]
            for node in report["nodes"]
        ]
        classes = "matrix many" if len(columns) > _MANY else "matrix"
        body.append(f"<h3>Link {link['number']}</h3>\n" + _table(["from \\ to", *map(escape, columns)], rows, classes))
    note = (
        '<p class="note">Average round trip in milliseconds since corosync started, as measured by knet, and the share of packets lost. '
        f"Warning from {report['limits']['latency_warning_ms']:g} ms, error from {report['limits']['latency_error_ms']:g} ms.</p>"
    )
    return _section("Links", "\n".join([*body, note]) if body else "", "links")


def _matrix_cell(cell, own):
    if own:
        return '<td class="own"></td>'
    if cell is None:
        return '<td class="unknown">?</td>'
    state = cell["state"]
    if state == "down":
        text = "not connected"
    elif cell["latency_ms"] is None:
        text = state
    else:
        text = f'{cell["latency_ms"]:g}<span class="unit"> ms</span>'
    extra = [f"max {cell['latency_max_ms']:g} ms"] if cell["latency_max_ms"] is not None and state != "down" else []
    extra += [f"{cell['loss_percent']:g} % lost"] if cell["loss_percent"] else []
    extra += [f"{cell['flaps']} flaps"] if cell["flaps"] else []
    small = f"<small>{', '.join(extra)}</small>" if extra else ""
    return (
        f'<td class="{state}" title="{escape(str(cell["address"]), quote=True)}, MTU {cell["mtu"] or "not known"}">'
        f'<span aria-hidden="true">{_MARKS[state]}</span> {text}{small}</td>'
    )


def _nodes(report):
    rows = []
    for node in report["nodes"]:
        services = "".join(
            f'<span class="service {"ok" if service["state"] == "active" else "error"}">{escape(name)}</span> '
            for name, service in sorted(node["services"].items())
            if service["state"] == "active" or name not in ("pve-ha-lrm", "pve-ha-crm")
        )
        versions = node["config_version"]
        same = len({version for version in versions.values() if version is not None}) <= 1
        config = _text(versions["running"]) if same else f"{versions['pmxcfs']} / {versions['local']} / {versions['running']}"
        said = node["situation"].replace("_", " ") if node["asked"] else "no answer"
        addresses = "<br>".join(f"{escape(link)}: {escape(address)}" for link, address in sorted(node["links"].items()))
        rows.append(
            _cells(
                escape(node["name"]), f'<span class="badge {node_state(node)}">{escape(said)}</span>', _text(node["nodeid"]), _text(node["votes"]),
                f'<td class="addresses">{addresses or "–"}</td>', config, _text(node["versions"]["pve"]), _text(node["versions"]["corosync"]),
                services or "–",
            )
        )
    heading = ("Node", "Situation", "ID", "Votes", "Links", "config_version", "Proxmox VE", "corosync", "Services")
    return _section("Nodes", _table(heading, rows), "nodes")


def _date(seconds):
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _certificates(report):
    rows = []
    for node in report["nodes"]:
        for certificate in node["certificates"]:
            left = certificate["days_left"]
            state = "error" if left < 0 else "warning" if left < report["limits"]["certificate_days"] else "ok"
            rows.append(
                _cells(
                    escape(node["name"]), f"<code>{escape(certificate['file'])}</code>", _date(certificate["not_before"]),
                    _date(certificate["not_after"]), f'<span class="badge {state}">{left} days</span>',
                )
            )
    return _section("Certificates", _table(("Node", "File", "From", "Until", "Left"), rows) if rows else "", "certificates")


def _events(report):
    rows = []
    for node in report["nodes"]:
        events = node["events"]
        if not events:
            continue
        last = "–"
        if events["last"] is not None:
            last = f"{_date(events['last'])} {time.strftime('%H:%M:%S', time.gmtime(events['last']))} UTC: {escape(events['last_said'] or '')}"
        counts = (_text(events[kind]) for kind in ("link_down", "token_late", "token_lost", "retransmits", "quorum_lost", "failures"))
        rows.append(_cells(escape(node["name"]), *counts, last))
    heading = ("Node", "Link down", "Token late", "Token lost", "Retransmits", "Not quorate", "Failures", "Last")
    return _section("Corosync since boot", _table(heading, rows) if rows else "", "events")


def _failover(report):
    rows = [
        _cells(
            escape(test["what"]), escape(test["expected"]), escape(test["seen"]), _text(test["detected_s"], " s"), _text(test["healed_s"], " s"),
            f'<span class="badge {"ok" if test["passed"] else "error"}">{"passed" if test["passed"] else "failed"}</span>',
        )
        for test in report.get("failover") or []
    ]
    heading = ("Cut", "Expected", "Seen", "Detected after", "Healed after", "Result")
    return _section("Failover test", _table(heading, rows) if rows else "", "failover")
