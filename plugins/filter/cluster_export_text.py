# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An exported inventory as the text of a file."""

from __future__ import annotations

DOCUMENTATION = """
name: cluster_export_text
short_description: An exported inventory as the text of a file
version_added: 0.1.0
description:
  - Writes an inventory of the filter P(pve.cluster.cluster_export#filter) as YAML. The text of corosync.conf, in which a node may have
    written anything, is marked with C(!unsafe), so that Ansible never takes it for a template.
positional: _input, with_conf
options:
  _input:
    description: The inventory.
    type: dict
    required: true
  with_conf:
    description: Whether the text of corosync.conf is in it.
    type: bool
    default: false
"""

EXAMPLES = """
- name: Show the file
  ansible.builtin.debug:
    msg: "{{ inventory | pve.cluster.cluster_export_text }}"
"""

RETURN = """
_value:
  description: The text.
  type: str
"""

from ansible_collections.pve.cluster.plugins.plugin_utils.export import export_text
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import verbatim


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"cluster_export_text": verbatim(export_text)}
