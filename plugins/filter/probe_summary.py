# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node measured, in a few lines for somebody who waits."""

from __future__ import annotations

DOCUMENTATION = """
name: probe_summary
short_description: What a node measured, in a few lines
version_added: 0.1.0
description:
  - One line a link, and one for the TCP ports, whatever the number of nodes.
positional: _input
options:
  _input:
    description: What M(pve.cluster.cluster_probe) answered on one node.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Say what each node measured
  ansible.builtin.debug:
    msg: "{{ measured | pve.cluster.probe_summary }}"
"""

RETURN = """
_value:
  description: The lines.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.answer_schema import checked_probe
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


def probe_summary(measured):
    """One line a link, one for the TCP ports, and how long it took."""
    measured, _misfits = checked_probe(measured)
    peers = measured["peers"]
    lines = []
    for number in sorted({link["number"] for peer in peers for link in peer["links"]}):
        links = [(peer["name"], link) for peer in peers for link in peer["links"] if link["number"] == number]
        lines.append(f"link {number}: {_of_link(links)}")
    lines += _of_tcp(peers)
    if measured.get("seconds") is not None:
        lines.append(f"measured in {measured['seconds']:g} s")
    return lines


def _of_link(links):
    silent = [name for name, link in links if not link["answered"]]
    said = f"{len(links) - len(silent)} of {len(links)} nodes answer"
    if silent:
        said += f", not {', '.join(silent)}"
    medians = [link["latency"]["median"] for _name, link in links if link["latency"]]
    if medians:
        said += f", latency {min(medians):g} to {max(medians):g} ms"
    losses = [link["loss_percent"] for _name, link in links if link["loss_percent"] is not None]
    if losses:
        said += f", loss up to {max(losses):g} %"
    sizes = [link["largest"] for _name, link in links if link["largest"]]
    if sizes:
        said += f", packets of {min(sizes)} bytes pass"
    return said


def _of_tcp(peers):
    for port in sorted({port["port"] for peer in peers for port in peer["tcp"]}):
        found = [(peer["name"], one["problem"]) for peer in peers for one in peer["tcp"] if one["port"] == port]
        closed = [f"{name} ({problem})" for name, problem in found if problem]
        said = f"TCP port {port}: open on {len(found) - len(closed)} of {len(found)} nodes"
        yield f"{said}, not on {', '.join(closed)}" if closed else said


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"probe_summary": displayed(probe_summary)}
