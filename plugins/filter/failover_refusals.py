# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the failover of a cluster is not to be tested now."""

from __future__ import annotations

DOCUMENTATION = """
name: failover_refusals
short_description: Why the failover of a cluster is not to be tested now
version_added: 0.1.0
description:
  - A cluster that has guests or HA resources is not cut unless that is allowed; no node is reset that would come back without the cluster.
positional: _input, guests, allow_guests, kinds
options:
  _input:
    description: The report of the cluster's health, by the filter P(pve.cluster.health_report#filter).
    type: dict
    required: true
  guests:
    description: Guests of the cluster.
    type: list
    elements: dict
    required: true
  allow_guests:
    description: Whether guests and HA resources are no reason.
    type: bool
    default: false
  kinds:
    description: What is to be cut.
    type: list
    elements: str
    choices: [link, network, corosync, power]
    default: [link, network, corosync]
"""

EXAMPLES = """
- name: Show the reasons
  ansible.builtin.debug:
    msg: "{{ cluster_health_report | pve.cluster.failover_refusals(ansible_facts.pve_cluster.guests) }}"
"""

RETURN = """
_value:
  description: The reasons, as sentences; empty when there are none.
  type: list
  elements: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.failover import failover_refusals
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import displayed


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"failover_refusals": displayed(failover_refusals)}
