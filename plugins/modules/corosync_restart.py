#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the compiled module of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: corosync_restart
short_description: Restart corosync on a node where it costs nothing
version_added: "0.1.0"
description:
  - Some options of corosync.conf are read only when corosync starts. This module restarts the corosync of one node, for nodes one
    after the other (C(throttle=1)).
  - It is refused, with all reasons at once and nothing touched, when the node is not quorate, the others would not be quorate
    without it, a node of the nodelist is no member or runs another C(config_version), or corosync would not start from its file.
  - It is done under the lock that Proxmox VE takes for corosync.conf, so that never two nodes restart at once, and ends when
    the node is quorate again with all its members, on every link that was connected, and C(/etc/pve) is writable.
  - A node that was restarted is taken out of C(/etc/pve/corosync-restart-pending), where M(pve.cluster.corosync_conf) has noted what
    waits for it.
  - Every call restarts. The role P(pve.cluster.corosync#role) calls it for what M(pve.cluster.corosync_conf) has returned as
    RV(pve.cluster.corosync_conf#module:restart_needed).
options:
  ha:
    description:
      - What to do where high availability is active on a node of the cluster. V(disarm) has every watchdog released before and armed again
        after it, V(refuse) restarts nothing then, V(ignore) goes on. A Proxmox VE that cannot disarm it (before 9.2) is a refusal, and so is
        a state that is not known.
      - With V(ignore), a watchdog of this node is waited for until its resource manager has renewed it, because two outages one
        after the other count as one.
    type: str
    choices: [disarm, refuse, ignore]
    default: disarm
  timeout:
    description:
      - How long it may take until all is as it was, in seconds, from 1 to 3600.
    type: int
    default: 120
extends_documentation_fragment:
  - pve.cluster.attributes
  - pve.cluster.attributes.no_diff
author:
  - The pve.cluster contributors (@pve-cluster)
seealso:
  - module: pve.cluster.corosync_conf
"""

EXAMPLES = r"""
- name: Restart corosync on one node after the other
  pve.cluster.corosync_restart:
  throttle: 1
"""

RETURN = r"""
ha_disarmed:
  description: Whether high availability was, or would be, disarmed and armed again.
  returned: success
  type: bool
waited_for:
  description: The nodes whose watchdog was waited for, because high availability is active on them.
  returned: success
  type: list
  elements: str
reasons:
  description: Every reason for a refusal, or all that is not as it was afterwards.
  returned: on failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Say that the compiled module, which takes this file's place, is missing."""
    module = AnsibleModule(
        argument_spec={
            "ha": {"type": "str", "choices": ["disarm", "refuse", "ignore"], "default": "disarm"},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
