# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the page of a report looks."""

from __future__ import annotations

STYLE = """\
:root { --ground: #f6f7f9; --paper: #ffffff; --ink: #1b1f24; --soft: #59636e; --line: #d5dae0;
  --ok: #1a7f37; --ok-bg: #dafbe1; --warning: #8a5a00; --warning-bg: #fff3c9; --error: #b4232c; --error-bg: #ffe3e3;
  --unknown: #59636e; --unknown-bg: #e8ebef; }
@media (prefers-color-scheme: dark) { :root { --ground: #0e1116; --paper: #171b21; --ink: #e6e9ed; --soft: #9aa4af; --line: #323a44;
  --ok: #56d364; --ok-bg: #12301c; --warning: #e3b341; --warning-bg: #3a2d0a; --error: #ff8a80; --error-bg: #441a1b;
  --unknown: #9aa4af; --unknown-bg: #262c34; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 48px; }
header, section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 18px 22px; margin: 0 0 16px; }
header { border-top: 6px solid var(--unknown); }
header.ok { border-top-color: var(--ok); } header.warning { border-top-color: var(--warning); } header.error { border-top-color: var(--error); }
h1 { margin: 0; font-size: 30px; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 0 0 12px; font-size: 19px; } h3 { margin: 14px 0 6px; font-size: 15px; }
p { margin: 0 0 8px; } code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
.kind, .time, .note, .waived, .remedy, small { color: var(--soft); } .kind { margin: 0; }
.verdict { font-size: 18px; font-weight: 600; margin: 4px 0 0; }
header.ok .verdict { color: var(--ok); } header.warning .verdict { color: var(--warning); } header.error .verdict { color: var(--error); }
.facts { display: flex; flex-wrap: wrap; gap: 8px 36px; margin: 12px 0; } .facts dt { color: var(--soft); font-size: 13px; }
.facts dd { margin: 0; font-size: 18px; font-weight: 600; } .facts .wide dd { font-size: 16px; }
.votes { display: block; width: 100%; height: 26px; } .votes .there { fill: var(--ok); } .votes .missing { fill: var(--unknown-bg); }
.votes line { stroke: var(--ink); stroke-width: 2; vector-effect: non-scaling-stroke; stroke-dasharray: 4 3; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: 6px 10px; border-bottom: 1px solid var(--line); }
td.addresses { white-space: nowrap; } thead th { color: var(--soft); font-weight: 600; font-size: 13px; } small { display: block; font-size: 12px; }
.note { margin-top: 10px; }
.matrix { width: auto; } .matrix th[scope=row] { position: sticky; left: 0; background: var(--paper); }
.matrix .unit { color: inherit; } .matrix.many th, .matrix.many td { padding: 4px 5px; font-size: 12px; min-width: 0; }
.matrix.many .unit, .matrix.many td.ok span,
.matrix.many td.ok small { display: none; } .matrix.many small { font-size: 10px; }
.matrix:not(.many) td { min-width: 104px; } .matrix td { border: 1px solid var(--line); font-variant-numeric: tabular-nums; }
td.ok { background: var(--ok-bg); } td.warning { background: var(--warning-bg); } td.error, td.down { background: var(--error-bg); }
td.unknown { background: var(--unknown-bg); } td.own { background: repeating-linear-gradient(45deg, var(--line) 0 1px, transparent 1px 7px); }
td.ok span { color: var(--ok); } td.warning span { color: var(--warning); } td.error > span, td.down > span { color: var(--error); }
.badge { display: inline-block; border-radius: 20px; padding: 0 9px; font-size: 13px; font-weight: 600; white-space: nowrap; }
.badge.ok { background: var(--ok-bg); color: var(--ok); } .badge.warning { background: var(--warning-bg); color: var(--warning); }
.badge.error, .badge.down { background: var(--error-bg); color: var(--error); }
.service { white-space: nowrap; font-size: 13px; } .service::before { content: "● "; color: var(--ok); }
.service.error::before { content: "✗ "; color: var(--error); }
.findings { list-style: none; margin: 0; padding: 0; } .findings li { border-left: 4px solid var(--line); padding: 4px 12px; margin: 0 0 10px; }
.findings li.error { border-color: var(--error); } .findings li.warning { border-color: var(--warning); } .findings p { margin: 0; }
.remedy::before { content: "→ "; }
.first { border-left: 4px solid var(--line); padding: 4px 12px; margin: 12px 0; } .first p { margin: 0; } .since { color: var(--soft); }
header.error .first { border-color: var(--error); } header.warning .first { border-color: var(--warning); }
.follows { margin: 4px 0 0; padding: 0 0 0 20px; font-size: 14px; } .findings .follows li { border: 0; padding: 0; margin: 0 0 4px; }
.topology { display: block; width: 100%; max-width: 760px; margin: 0 auto; height: auto; }
.topology text { text-anchor: middle; fill: var(--ink); font: 13px system-ui, sans-serif; } .topology .name { font-weight: 600; font-size: 16px; }
.topology .said { fill: var(--soft); font-size: 12px; } .topology rect { fill: var(--paper); stroke: var(--ok); stroke-width: 2; }
.topology .node.warning rect { stroke: var(--warning); }
.topology .node.error rect, .topology .node.down rect { stroke: var(--error); } .topology .node.down rect { stroke-dasharray: 6 4; }
.topology line { stroke: var(--ok); stroke-width: 3; } .topology .link text { font-size: 12px; paint-order: stroke; stroke: var(--paper);
  stroke-width: 6px; dominant-baseline: middle; } .topology .warning line { stroke: var(--warning); }
.topology .error line, .topology .down line { stroke: var(--error); } .topology .down line { stroke-dasharray: 7 6; }
.topology .unknown line { stroke: var(--unknown); stroke-dasharray: 2 5; }
.topology.many { min-width: 640px; } .topology.many .ok line { stroke-width: 1; opacity: 0.35; } .topology.many .link.ok text { display: none; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; justify-content: center; padding: 0; margin: 10px 0 0; font-size: 13px;
  color: var(--soft); } .legend li::before { content: ""; display: inline-block; width: 22px; border-top: 3px solid var(--ok); margin: 0 7px 4px 0; }
.legend .warning::before { border-color: var(--warning); } .legend .error::before { border-color: var(--error); }
.legend .down::before { border-top: 3px dashed var(--error); } .legend .unknown::before { border-top: 3px dotted var(--unknown); }
@media screen and (max-width: 640px) { .cards thead { display: none; } .cards, .cards tbody, .cards tr, .cards th, .cards td { display: block; }
  .cards tr { border-bottom: 1px solid var(--line); padding: 0 0 8px; } .cards th, .cards td { border: 0; padding: 2px 0; }
  .cards th { font-size: 16px; padding-top: 8px; } .cards td { display: grid; grid-template-columns: 112px 1fr; }
  .cards td::before { content: attr(data-head); color: var(--soft); } .cards td .badge { justify-self: start; } .cards td .service { grid-column: 2; }
  .cards td.addresses { white-space: normal; } }
@media print { :root { --ground: #fff; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --ok: #1a7f37; --ok-bg: #dafbe1; --warning: #8a5a00;
  --warning-bg: #fff3c9; --error: #b4232c; --error-bg: #ffe3e3; --unknown: #555; --unknown-bg: #e8ebef; }
  body { font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; } main { max-width: none; padding: 0; }
  header, section { border: 0; border-radius: 0; padding: 0 0 10px; } header { border-top: 6px solid; }
  tr, li, h2, h3, .topology { break-inside: avoid; } h2, h3 { break-after: avoid; } .scroll { overflow: visible; } table { font-size: 9pt; } }
"""
