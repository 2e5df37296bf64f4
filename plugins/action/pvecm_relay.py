# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, which stays on the node."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.resident import ResidentActionModule


class ActionModule(ResidentActionModule):
    """Ansible looks for this name."""
