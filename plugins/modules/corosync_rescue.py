#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the compiled module of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: corosync_rescue
short_description: Have a node put corosync.conf back by itself when a change did harm
version_added: "0.1.0"
description:
  - A cluster without quorum cannot be repaired from one node, because C(/etc/pve) is read-only then. So before a change of
    corosync.conf each node is given a copy of what it runs, the program that puts it back, and a timer of systemd's that starts it.
  - When the timer is not called off in time, because the controller or its connection is gone, the program looks first. It does
    nothing but remove itself where the node is quorate, every link that was connected and is still in the file is connected, all
    members run the file's version, and corosync would start from the file.
  - Otherwise it puts the copy back, on a node without quorum in C(/etc/corosync/corosync.conf) with a restart of corosync,
    the nodes one after the other in the order of their nodeids; on a quorate one in C(/etc/pve/corosync.conf) for all nodes, under
    the lock that Proxmox VE takes. The copy goes back under a C(config_version) that is the same on every node and above all that the
    change may have used, so that the nodes find each other without a word, and pmxcfs does not push the other file over it.
  - It only undoes the change for which it was armed. A file with another set of nodes, or with a text that is none of O(intended), is left
    as it is, and so is a change that every node has proved, which is noted in C(/etc/pve/corosync-change-proved) before the first
    one is called off. What does not answer, and a C(/etc/pve) that is not mounted, is no reason to undo anything.
  - It expires a day after its time. One that is left over then does nothing but remove itself.
  - High availability that the run had disarmed, as C(/etc/pve/priv/pve-cluster-ha.json) says, is armed again before the rescue is removed.
  - While one is armed, which every node finds in C(/etc/pve/nodes/NAME/pve-cluster-rescue), the other modules of this collection do not
    change the cluster. M(pve.cluster.corosync_conf) writes only what the rescue of every node is armed for.
  - The timer survives a restart of the node. What it did is in the journal of C(pve-cluster-rescue.service).
  - The role P(pve.cluster.corosync#role) arms all nodes before a change and calls all off after it.
options:
  state:
    description:
      - V(armed) arms it with what this node runs now; one that an interrupted run has left is replaced. Refused where corosync
        does not run what the cluster's file says, because that is nothing to go back to.
      - V(disarmed) calls it off and removes it, when every node has proved what is in use. The node must be quorate, so that the rescues that are
        not called off yet can know of the proof. Where an earlier run was interrupted after it had disarmed high availability, it is armed
        again first.
    type: str
    choices: [armed, disarmed]
    default: armed
  after:
    description:
      - Seconds after which it looks, from 10 to 604800. After a restart of the node they begin again.
      - More than the change takes with all its steps and their undoing. While the change is under way and the cluster is quorate the
        rescue waits all the same.
    type: int
    default: 300
  timeout:
    description:
      - How long O(state=disarmed) waits for a rescue that is at work on this node, in seconds.
    type: int
    default: 180
  config_version:
    description:
      - With O(state=disarmed), the version that this node has confirmed, as RV(pve.cluster.corosync_conf#module:config_version) returns it. Where the
        node's file has another one by now, or none, its rescue has fired meanwhile. Then nothing is called off, and the task fails with RV(left).
      - Not asked for with O(force).
    type: int
  owner:
    description: Who arms it, for the people who find it armed.
    type: str
    default: an Ansible task
  intended:
    description:
      - The texts that the change may bring, as RV(pve.cluster.corosync_conf#module:intended) returns them in check mode. Each is the SHA-256 of the
        file without the line of its C(config_version). Anything else that it finds is left as it is.
    type: list
    elements: str
  force:
    description:
      - With O(state=disarmed), removes it although the node is not quorate or the rescue is at work. The rescues of the other nodes do not know of it
        and go on. High availability that an interrupted run left disarmed stays so until the next run that changes the cluster.
    type: bool
    default: false
extends_documentation_fragment:
  - pve.cluster.attributes
  - pve.cluster.attributes.no_diff
attributes:
  check_mode:
    description: Says what it would do and changes nothing.
    support: full
author:
  - The pve.cluster contributors (@pve-cluster)
seealso:
  - module: pve.cluster.corosync_conf
"""

EXAMPLES = r"""
- name: Have every node judge the change
  pve.cluster.corosync_conf:
    totem:
      token: 5000
  check_mode: true
  register: judged

- name: Have every node come back by itself
  pve.cluster.corosync_rescue:
    after: 300
    intended: "{{ judged.intended }}"

- name: Change corosync.conf
  pve.cluster.corosync_conf:
    totem:
      token: 5000
  run_once: true

- name: Have every node confirm the change
  pve.cluster.corosync_conf:
    totem:
      token: 5000
  check_mode: true
  register: confirmed
  failed_when: confirmed is failed or confirmed is changed

- name: Call it off
  pve.cluster.corosync_rescue:
    state: disarmed
    config_version: "{{ confirmed.config_version }}"
"""

RETURN = r"""
armed:
  description: Whether a rescue is armed on this node afterwards.
  returned: success
  type: bool
earlier:
  description: Whether one was armed before, which an interrupted run has left.
  returned: success
  type: bool
config_version:
  description: The version of the copy.
  returned: when it is armed
  type: int
  sample: 7
restored_version:
  description: The version under which the copy would go back.
  returned: when it is armed
  type: int
  sample: 107
after:
  description: Seconds after which it looks.
  returned: when it is armed
  type: int
until:
  description: Until when it may act, in seconds since 1970.
  returned: when it is armed
  type: int
ha_armed:
  description: Whether high availability was armed again, which an interrupted run had left disarmed.
  returned: with O(state=disarmed)
  type: bool
links:
  description: How many links to other nodes are connected now, and must be then.
  returned: when it is armed
  type: int
left:
  description: Whether this node does not have the version any more that it has confirmed, see O(config_version).
  returned: on failure
  type: bool
reasons:
  description: Every reason why it was not done.
  returned: on failure
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Say that the compiled module, which takes this file's place, is missing."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["armed", "disarmed"], "default": "armed"},
            "after": {"type": "int", "default": 300},
            "timeout": {"type": "int", "default": 180},
            "config_version": {"type": "int"},
            "owner": {"type": "str", "default": "an Ansible task"},
            "intended": {"type": "list", "elements": "str"},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
