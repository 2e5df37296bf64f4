#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: pvecm_expected
short_description: Let what is left of a Proxmox VE cluster be quorate, in an emergency
version_added: "0.1.0"
description:
  - Tells corosync by C(pvecm expected) to expect fewer votes, so that the nodes that are left have a majority, C(/etc/pve) is writable again, and
    the nodes that are off can be removed or their guests started elsewhere.
  - This gives up the protection that quorum is. When a node that was taken to be off runs after all, apart from this side, both sides write and start
    guests, and data is lost. So every node that is off must be named, there may be no sign of life of any of them, the change is recorded in the journal of
    this node, and the answer always has a warning. Whether a node that does not answer is off, this module cannot know.
  - A sign of life is a ping that is answered at any of the node's addresses, a TCP port of sshd or of pveproxy that is open or refuses the
    connection, a connected link of corosync, and what O(reached) has. Whether nothing answers must be known, or nothing is done.
  - Reports success only when this node is quorate and its C(/etc/pve) is writable.
  - Nothing in C(corosync.conf) changes. It ends by itself. As nodes come back, corosync counts their votes again.
extends_documentation_fragment:
  - pve.cluster.attributes
attributes:
  diff_mode:
    support: full
    description: Shows the expected votes before and after.
options:
  cluster_name:
    description:
      - Name of the cluster. Compared exactly. A node whose cluster has another name is refused.
    type: str
    required: true
  offline_nodes:
    description:
      - Names of the nodes that someone has seen to be off. They must be all those that this node does not see, and no others.
    type: list
    elements: str
    required: true
  known_off:
    description:
      - Names of nodes of O(offline_nodes) whose machines someone has seen to have no power. What answers at their addresses is something else, and
        becomes a warning. It does not count against a node that has answered itself, nor against a connected link of corosync.
    type: list
    elements: str
    default: []
  reached:
    description:
      - Signs of life that others saw, such as the controller or another member, because the link between two sites can be cut while
        the controller reaches both.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description:
          - Name of the node that was reached.
        type: str
        required: true
      by:
        description:
          - Who reached it.
        type: str
        required: true
      how:
        description:
          - How.
        type: str
        required: true
      itself:
        description:
          - Whether the node itself answered, under its name, and not just something at one of its addresses.
        type: bool
        default: false
  votes:
    description:
      - The votes to expect. At least those that this node sees, so few that these are more than half of them, and no more than all nodes have.
      - The votes that this node sees by default.
    type: int
  timeout:
    description:
      - How long it may take, in seconds, 1 to 600.
    type: int
    default: 60
seealso:
  - module: pve.cluster.pvecm_cluster
  - module: pve.cluster.pvecm_qdevice
author:
  - The pve.cluster contributors (@pve-cluster)
"""

EXAMPLES = r"""
- name: Work on without two nodes that have burnt down
  pve.cluster.pvecm_expected:
    cluster_name: prod
    offline_nodes: [pve2, pve3]
"""

RETURN = r"""
msg:
  description: What was done, or why it was not, with what to do.
  returned: always
  type: str
  sample: cluster 'prod' is quorate here with 1 of 1 expected votes, which were 3
cluster_name:
  description: Name of the cluster.
  returned: success
  type: str
  sample: prod
expected_votes:
  description: The votes that are expected now.
  returned: success
  type: int
  sample: 1
expected_votes_before:
  description: The votes that were expected before.
  returned: success
  type: int
  sample: 3
total_votes:
  description: The votes that are there.
  returned: success
  type: int
  sample: 1
offline_nodes:
  description: The nodes that this node does not see.
  returned: success
  type: list
  elements: str
  sample: [pve2, pve3]
reasons:
  description: Every reason why nothing was done.
  returned: when the task was refused before anything was changed
  type: list
  elements: str
  sample: ["'pve3' is not seen from here and not among 'offline_nodes': look at it, and name it only when it is off"]
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec=dict(
            cluster_name=dict(type="str", required=True),
            offline_nodes=dict(type="list", elements="str", required=True),
            known_off=dict(type="list", elements="str", default=[]),
            reached=dict(
                type="list",
                elements="dict",
                default=[],
                options=dict(
                    node=dict(type="str", required=True),
                    by=dict(type="str", required=True),
                    how=dict(type="str", required=True),
                    itself=dict(type="bool", default=False),
                ),
            ),
            votes=dict(type="int"),
            timeout=dict(type="int", default=60),
        ),
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
