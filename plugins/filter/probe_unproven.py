# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of nodes that did not hear each other, perhaps only because they did not measure at the same time."""

from __future__ import annotations

DOCUMENTATION = """
name: probe_unproven
short_description: Pairs of nodes that perhaps did not measure at the same time
version_added: 0.1.0
description:
  - A node of which nothing was heard on any network may have started its measurement when the other one had given up. The controller's
    clock tells whether both measured at the same time for long enough.
positional: _input
options:
  _input:
    description: What M(pve.cluster.cluster_probe) answered, by name of the node.
    type: dict
    required: true
"""

EXAMPLES = """
- name: Show which silence proves nothing
  ansible.builtin.debug:
    msg: "{{ {'pve1': measured_there, 'pve2': measured} | pve.cluster.probe_unproven }}"
"""

RETURN = """
_value:
  description: The pairs, each as the names of two nodes. Empty when every silence is one of the network.
  type: list
  elements: list
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.answer_schema import checked_probe
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed

# What a node that measures does not hear of another one that does within this time, in seconds, it does not hear: the module gives the
# links and ports of a node that it has heard three, and the times that it tells are rounded.
_ENOUGH = 3.5


def probe_unproven(measured):
    """The pairs of which one did not hear the other, and of which it is not certain that both measured at the same time for long enough."""
    measured = {name: checked_probe(said)[0] for name, said in measured.items()}
    pairs = set()
    for name, said in measured.items():
        for peer in said["peers"]:
            # one that was heard had its time to answer
            silent = peer["links"] and not peer["heard"] and not any(link["answered"] for link in peer["links"])
            if silent and _together(said, measured.get(peer["name"]) or {}) < _ENOUGH:
                pairs.add(tuple(sorted((name, peer["name"]))))
    return [list(pair) for pair in sorted(pairs)]


def _together(one, other):
    """Seconds for which both have certainly run at the same time; less than none when they have not."""
    times = [_certain(said) for said in (one, other)]
    if None in times:
        return 0.0
    return min(until for _since, until in times) - max(since for since, _until in times)


def _certain(said):
    """Since when and until when a module has certainly run. It began at the latest its own time before its answer came, and ended at the
    earliest its own time after it was asked for."""
    between, seconds = said.get("controller"), said.get("seconds")
    if not between or seconds is None:
        return None
    return between["ended"] - seconds, between["begun"] + seconds


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"probe_unproven": displayed(probe_unproven)}
