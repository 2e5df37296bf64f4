# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a cluster as one document."""

from __future__ import annotations

DOCUMENTATION = """
name: health_report
short_description: The health of a cluster as one document
version_added: 0.1.0
description:
  - Compares what every node says of the cluster and puts it together, with everything that is not well and what to do about it.
positional: _input
options:
  _input:
    description:
      - The hosts of the cluster, each with C(name), C(facts) (what M(pve.cluster.cluster_facts) read, none where the host could not be
        asked) and C(problem) (why not).
    type: list
    elements: dict
    required: true
  cluster_name:
    description: Name of the cluster.
    type: str
    required: true
  time:
    description: When this was, as it is to be shown.
    type: str
    required: true
  limits:
    description:
      - From when on something is too much. C(latency_warning_ms), C(latency_error_ms), C(loss_warning_percent), C(certificate_days),
        C(events_hours) and C(many_nodes).
    type: dict
    default: {}
  waive:
    description: Ids of findings that are not to count.
    type: list
    elements: str
    default: []
"""

EXAMPLES = """
- name: Show everything that is not well
  ansible.builtin.debug:
    msg: "{{ (hosts | pve.cluster.health_report(cluster_name, now(utc=true).isoformat())).findings }}"
"""

RETURN = """
_value:
  description:
    - The document. C(verdict) is V(ok), V(warning) or V(error); C(findings) has what is not well, each with C(id), C(severity), C(node),
      C(peer), C(link), C(measured), C(limit), C(message) and C(remedy); C(quorum), C(nodes) and C(links) show the cluster.
  type: dict
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.health_report import health_report
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"health_report": verbatim(health_report)}
