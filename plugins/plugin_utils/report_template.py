# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a report, for Jinja2 with autoescape: whatever is put into it is text."""

from __future__ import annotations

# The policy lets the page's own style in, by its checksum, and nothing else: no script, no picture, no connection.
PAGE = """\
{%- macro text(value, unit='') %}{% if value is none %}–{% else %}{{ value }}{{ unit }}{% endif %}{% endmacro -%}
{%- macro badge(state, said) %}<span class="badge {{ state }}">{{ said }}</span>{% endmacro -%}
{%- macro mark(state) %}<span aria-hidden="true">{{ marks[state] }}</span>{% endmacro -%}
{%- macro head(cells) %}<thead><tr>{% for cell in cells %}<th scope="col">{{ cell }}</th>{% endfor %}</tr></thead>{% endmacro -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{{ style_digest }}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Cluster {{ report.cluster }}: {{ verdict }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<header class="{{ report.verdict }}">
<p class="kind">Proxmox VE cluster</p>
<h1>{{ report.cluster }}</h1>
<p class="verdict">{{ mark(report.verdict) }} {{ verdict | capitalize }}</p>
<p class="time"><time datetime="{{ report.time }}">{{ report.time }}</time></p>
{%- if groups %}
<div class="first"><p><b>{{ groups[0].nodes | join(', ') or 'cluster' }}</b>: {{ groups[0].message }}</p>
<p class="remedy">{{ groups[0].remedy }}</p>
{%- if last %}<p class="since">Last event: {{ last }}</p>{% endif %}
{%- if groups | length > 1 %}<p class="since">{{ groups | length - 1 }} more below.</p>{% endif %}</div>
{%- endif %}
{%- if report.quorum is none %}
<p>No node sees any votes.</p>
{%- else %}
<dl class="facts"><div><dt>Quorum</dt><dd>{{ 'quorate' if report.quorum.quorate else 'not quorate' }}</dd></div>
<div><dt>Votes</dt><dd>{{ report.quorum.total_votes }} of {{ report.quorum.expected_votes }}</dd></div>
<div><dt>Needed</dt><dd>{{ report.quorum.quorum }}</dd></div>
<div><dt>Nodes seen</dt><dd>{{ report.quorum.members | length }} of {{ report.quorum.nodelist | length }}</dd></div>
{%- if missing %}
<div class="wide"><dt>Missing</dt><dd>{{ missing | join(', ') }}</dd></div>
{%- endif %}
<div class="wide"><dt>Margin</dt><dd>{{ margin }}</dd></div></dl>
<svg class="votes" viewBox="0 -2 100 10" preserveAspectRatio="none" role="img" aria-label="{{ votes.said }}">
{%- for box in votes.boxes %}<rect class="{{ box.state }}" x="{{ box.x }}" y="0" width="{{ box.width }}" height="6" rx="1"/>{% endfor -%}
<line x1="{{ votes.needed }}" y1="-2" x2="{{ votes.needed }}" y2="8"/></svg>
{%- endif %}
</header>
<section id="findings">
<h2>Findings</h2>
{%- if groups %}
<ul class="findings">
{%- for found in groups %}
<li class="{{ found.severity }}"><p>{{ badge(found.severity, found.severity) }} <b>{{ found.nodes | join(', ') or 'cluster' }}</b>: {{ found.message }} \
<code>{{ found.id }}</code></p>
<p class="remedy">{{ found.remedy }}</p>
{%- if found.follows %}
<p class="note">From this follows:</p>
<ul class="follows">
{%- for one in found.follows %}
<li><b>{{ one.nodes | join(', ') or 'cluster' }}</b>: {{ one.message }} <code>{{ one.id }}</code> <span class="remedy">{{ one.remedy }}</span></li>
{%- endfor %}
</ul>
{%- endif %}</li>
{%- endfor %}
</ul>
{%- else %}
<p class="none">Nothing was found that is not well.</p>
{%- endif %}
{%- if waived %}
<p class="waived">Waived: {% for one in waived %}<code>{{ one }}</code>{{ '' if loop.last else ', ' }}{% endfor %}</p>
{%- endif %}
</section>
{%- if changes %}
<section id="changes">
<h2>Since the earlier report</h2>
<ul>
{%- for change in changes %}
<li>{{ change }}</li>
{%- endfor %}
</ul>
</section>
{%- endif %}
<section id="topology">
<h2>Topology</h2>
<div class="scroll">
{%- if drawing %}
<svg class="topology{{ ' many' if drawing.many else '' }}" viewBox="0 0 {{ drawing.width }} \
{{ drawing.height }}" role="img" aria-label="Nodes and corosync links of cluster {{ report.cluster }}">
{%- for line in drawing.lines %}
<g class="link {{ line.state }}"><title>{{ line.said }}</title><line x1="{{ line.x1 }}" y1="{{ line.y1 }}" x2="{{ line.x2 }}" y2="{{ line.y2 }}"/>\
<text x="{{ line.x }}" y="{{ line.y }}">link {{ line.number }}</text></g>
{%- endfor %}
{%- for node in drawing.nodes %}
<g class="node {{ node.state }}"><rect x="{{ node.left }}" y="{{ node.top }}" width="{{ node.width }}" height="{{ node.height }}" rx="8"/>\
<text class="name" x="{{ node.x }}" y="{{ node.name_y }}">{{ node.name }}</text><text class="said" x="{{ node.x }}" y="{{ node.said_y }}">\
{{ node.said }}</text></g>
{%- endfor %}
</svg>
{%- endif %}
</div>
<ul class="legend">{% for state, said in legend %}<li class="{{ state }}">{{ said }}</li>{% endfor %}</ul>
</section>
{%- if matrices %}
<section id="links">
<h2>Links</h2>
{%- for matrix in matrices %}
<h3>Link {{ matrix.number }}</h3>
<div class="scroll"><table class="{{ matrix.classes }}">{{ head(['from \\\\ to'] + matrix.columns) }}
<tbody>
{%- for row in matrix.rows %}
<tr><th scope="row">{{ row.name }}</th>
{%- for cell in row.cells -%}
{%- if cell.state == 'own' %}<td class="own"></td>
{%- elif not cell.said %}<td class="unknown">?</td>
{%- else %}<td class="{{ cell.state }}" title="{{ cell.title }}">{{ mark(cell.state) }} {{ cell.said }}{% if cell.unit %}<span class="unit"> \
{{ cell.unit }}</span>{% endif %}
{%- if cell.extra %}<small>{{ cell.extra }}</small>{% endif %}</td>
{%- endif %}
{%- endfor %}</tr>
{%- endfor %}
</tbody></table></div>
{%- endfor %}
<p class="note">Average round trip in milliseconds since corosync started, as measured by knet, and the share of packets lost. Warning from \
{{ limits.warning }} ms, error from {{ limits.error }} ms.</p>
</section>
{%- endif %}
<section id="nodes">
<h2>Nodes</h2>
<div class="scroll"><table class="cards">{{ head(['Node', 'Situation', 'ID', 'Votes', 'Links', 'config_version', 'Proxmox VE', 'corosync', 'Services']) }}
<tbody>
{%- for node in nodes %}
<tr><th scope="row">{{ node.name }}</th><td data-head="Situation">{{ badge(node.state, node.said) }}</td><td data-head="ID">{{ text(node.nodeid) }}</td>\
<td data-head="Votes">{{ text(node.votes) }}</td><td class="addresses" data-head="Links">
{%- for link, address in node.addresses %}{{ link }}: {{ address }}{% if not loop.last %}<br>{% endif %}{% else %}–{% endfor -%}
</td><td data-head="config_version">{{ node.config }}</td><td data-head="Proxmox VE">{{ text(node.pve) }}</td>\
<td data-head="corosync">{{ text(node.corosync) }}</td><td data-head="Services">
{%- for service in node.services %}<span class="service {{ service.state }}">{{ service.name }}</span> {% else %}–{% endfor %}</td></tr>
{%- endfor %}
</tbody></table></div>
</section>
{%- if certificates %}
<section id="certificates">
<h2>Certificates</h2>
<div class="scroll"><table class="">{{ head(['Node', 'File', 'From', 'Until', 'Left']) }}
<tbody>
{%- for one in certificates %}
<tr><th scope="row">{{ one.node }}</th><td><code>{{ one.file }}</code></td><td>{{ one.since }}</td><td>{{ one.until }}</td><td>\
{{ badge(one.state, one.left) }}</td></tr>
{%- endfor %}
</tbody></table></div>
</section>
{%- endif %}
{%- if events %}
<section id="events">
<h2>Corosync since boot</h2>
<div class="scroll"><table class="">{{ head(['Node', 'Link down', 'Token late', 'Token lost', 'Retransmits', 'Not quorate', 'Failures', 'Last']) }}
<tbody>
{%- for one in events %}
<tr><th scope="row">{{ one.node }}</th>{% for count in one.counts %}<td>{{ text(count) }}</td>{% endfor %}<td>{{ text(one.last) }}</td></tr>
{%- endfor %}
</tbody></table></div>
</section>
{%- endif %}
{%- if failover %}
<section id="failover">
<h2>Failover test</h2>
<div class="scroll"><table class="">{{ head(['Cut', 'Expected', 'Seen', 'Detected after', 'Healed after', 'Result']) }}
<tbody>
{%- for test in failover %}
<tr><th scope="row">{{ test.what }}</th><td>{{ test.expected }}</td><td>{{ test.seen }}</td><td>{{ text(test.detected_s, ' s') }}</td><td>\
{{ text(test.healed_s, ' s') }}</td><td>{{ badge('ok' if test.passed else 'error', 'passed' if test.passed else 'failed') }}</td></tr>
{%- endfor %}
</tbody></table></div>
</section>
{%- endif %}
</main>
</body>
</html>
"""
