#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: pvecm_relay
short_description: Let any number of nodes join a Proxmox VE cluster at once
version_added: "0.1.0"
description:
  - Lets nodes join in one round, without a login between the nodes, without root's password, and without costing the cluster its quorum for a
    moment. The control node carries what a join needs, sealed for the one node that it is for.
  - >-
    A round has four steps, each a task of its own. O(state=offered) on every newcomer, O(state=admitted) on one member with all their offers,
    O(state=entered) on every newcomer at the same time with its envelope, and O(state=enfranchised) on the member. Any of them may be run again, and
    goes on where the last run stopped.
  - Newcomers are listed without a vote. They cannot cost the members their quorum, whatever becomes of them. Votes are given in one more
    version of C(corosync.conf), to the newcomers that are there.
  - From O(state=admitted) to O(state=enfranchised) the cluster is reserved for the round, so that no other task of this collection changes its
    membership. PVE's own C(pvecm addnode) knows nothing of that. A node that it adds meanwhile can cost the cluster its quorum until it has
    joined.
  - An envelope can be opened once, by the node that made the offer, within an hour. It holds the cluster's authkey. The authkey itself does not change
    when a newcomer did not come.
extends_documentation_fragment:
  - pve.cluster.attributes
attributes:
  diff_mode:
    support: full
    description: Shows the change of C(/etc/pve/corosync.conf), and on a newcomer the membership before and after.
options:
  state:
    description:
      - V(offered) says how this node stands to the cluster, and makes the one-time key that its envelope is sealed for. Nothing else changes.
      - V(admitted) lists the nodes of O(offers) without a vote, on a quorate member, and seals an envelope for each.
      - V(entered) makes this node run as the envelope says, and waits until the cluster counts it and its certificate and keys are there. Its
        own database is copied before it is dropped.
      - V(enfranchised) gives their votes to those of O(nodes) that are there, on a member, and takes the others out of the nodelist again.
    type: str
    required: true
    choices: [offered, admitted, entered, enfranchised]
  cluster_name:
    description:
      - Name of the cluster. Compared exactly.
    type: str
    required: true
  links:
    description:
      - The corosync links of this node. Required by, and only for O(state=offered). They must be exactly the cluster's.
    type: list
    elements: dict
    suboptions:
      number:
        description:
          - Number of the link, 0 to 7.
        type: int
        default: 0
      address:
        description:
          - Address of this node on the link. A name is refused.
        type: str
        required: true
  nodeid:
    description:
      - The nodeid that this node is to have. Only for O(state=offered).
      - The lowest free one by default.
    type: int
  offers:
    description:
      - What O(state=offered) returned as RV(offer) on each newcomer. Required by, and only for O(state=admitted).
    type: list
    elements: dict
    suboptions:
      node:
        description:
          - Name of the node.
        type: str
        required: true
      situation:
        description:
          - How it stands to the cluster. One that is V(admitted) or a V(member) needs no envelope.
        type: str
        required: true
        choices: [standalone, half_entered, admitted, member]
      id:
        description:
          - What tells this offer from others.
        type: str
      expires:
        description:
          - Until when it is good, by the node's own clock, in seconds since 1970.
        type: int
      certificate:
        description:
          - What the envelope is sealed for.
        type: str
      links:
        description:
          - Its links.
        type: list
        elements: dict
        suboptions:
          number:
            description:
              - Number of the link.
            type: int
            default: 0
          address:
            description:
              - Address of the node on it.
            type: str
            required: true
      nodeid:
        description:
          - The nodeid that it wants.
        type: int
      pve:
        description:
          - Its version of Proxmox VE.
        type: str
      join_api:
        description:
          - Its version of the join API.
        type: int
  envelope:
    description:
      - What O(state=admitted) returned for this node in RV(envelopes). Only for O(state=entered), and not needed by a node that is in already.
    type: str
  nodes:
    description:
      - The newcomers. Required by, and only for O(state=enfranchised).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Name of the node.
        type: str
        required: true
      votes:
        description:
          - Its votes, 0 to 255.
        type: int
        default: 1
  absent:
    description:
      - What becomes of newcomers that are not there within O(timeout). Only nodes without a vote are ever removed. Only for O(state=enfranchised).
    type: str
    choices: [kept, removed]
    default: removed
  config_version:
    description:
      - What O(state=admitted) returned as RV(config_version). A warning tells when somebody else has changed the file since. Only for
        O(state=enfranchised).
    type: int
  hold:
    description:
      - How long the cluster stays reserved for the round when nobody ends it, in seconds, 60 to 3600.
    type: int
    default: 600
  timeout:
    description:
      - How long the step may take, in seconds, 1 to 3600. By O(state=enfranchised), how long a newcomer is waited for.
    type: int
    default: 180
seealso:
  - module: pve.cluster.pvecm_cluster
  - module: pve.cluster.pvecm_qdevice
author:
  - The pve.cluster contributors (@pve-cluster)
"""

EXAMPLES = r"""
- name: Ask each newcomer
  pve.cluster.pvecm_relay:
    state: offered
    cluster_name: prod
    links:
      - address: 10.10.10.12
  register: offered

- name: Admit all of them
  pve.cluster.pvecm_relay:
    state: admitted
    cluster_name: prod
    offers: "{{ groups['newcomers'] | map('extract', hostvars, ['offered', 'offer']) }}"
  delegate_to: pve1
  run_once: true
  register: admitted

- name: Enter
  pve.cluster.pvecm_relay:
    state: entered
    cluster_name: prod
    envelope: "{{ admitted.envelopes[offered.offer.node] | default(omit) }}"

- name: Give them their votes
  pve.cluster.pvecm_relay:
    state: enfranchised
    cluster_name: prod
    nodes:
      - name: pve2
      - name: pve3
    config_version: "{{ admitted.config_version }}"
  delegate_to: pve1
  run_once: true
"""

RETURN = r"""
msg:
  description: What was done, or why it was not, with what to do.
  returned: always
  type: str
  sample: cluster 'prod' lists 'pve2', 'pve3' without a vote
cluster_name:
  description: Name of the cluster.
  returned: success, by O(state=offered), O(state=admitted) and O(state=entered)
  type: str
  sample: prod
situation:
  description: How this node stands to the cluster, as the suboption RV(offer.situation).
  returned: success, by O(state=offered)
  type: str
  sample: standalone
offer:
  description: What O(state=admitted) needs to know of this node. Nothing in it is secret.
  returned: success, by O(state=offered)
  type: dict
  contains:
    node:
      description: Name of the node.
      type: str
      sample: pve2
    situation:
      description:
        - V(standalone) when it belongs to no cluster, V(half_entered) when an earlier round stopped while it entered, V(admitted) when it is in the cluster
          and has no vote yet, V(member) when it has its vote.
      type: str
      sample: standalone
    id:
      description: What tells this offer from others.
      type: str
    expires:
      description: Until when it is good, by the node's own clock, in seconds since 1970.
      type: int
    certificate:
      description: What the envelope is sealed for.
      type: str
    links:
      description: The node's links, each with its C(number) and C(address).
      type: list
      elements: dict
    nodeid:
      description: The nodeid that it wants.
      type: int
    pve:
      description: Its version of Proxmox VE.
      type: str
    join_api:
      description: Its version of the join API.
      type: int
config_version:
  description: The C(config_version) that the cluster, or this node in it, runs.
  returned: success, by all but O(state=offered)
  type: int
  sample: 4
admitted:
  description: The nodes that were listed by this task. Those that were listed before only get an envelope.
  returned: success, by O(state=admitted)
  type: list
  elements: str
  sample: [pve2, pve3]
member:
  description: The member that admitted them.
  returned: success, by O(state=admitted)
  type: str
  sample: pve1
envelopes:
  description: An envelope for each node that is not in the cluster yet, by its name. Only that node can open it. Empty in check mode.
  returned: success, by O(state=admitted)
  type: dict
backup:
  description: The copy of what was replaced, on this node.
  returned: when something was replaced
  type: str
  sample: /var/backups/pve-cluster-collection/corosync.conf-1767225600-v3
nodeid:
  description: The nodeid of this node.
  returned: success, by O(state=entered)
  type: int
  sample: 2
members:
  description: The members that this node sees, itself among them.
  returned: success, by O(state=entered)
  type: list
  elements: str
  sample: [pve1, pve2]
votes:
  description: The votes of this node. 0 until it is enfranchised.
  returned: success, by O(state=entered)
  type: int
  sample: 0
enfranchised:
  description: The nodes that were given votes by this task.
  returned: success, by O(state=enfranchised)
  type: list
  elements: str
  sample: [pve2]
absent:
  description: The newcomers that are not there.
  returned: success, by O(state=enfranchised)
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
      sample: pve3
    reason:
      description:
        - V(not_listed) when the cluster does not list it, V(not_seen) when corosync does not see it, V(other_version) when its corosync runs another
          config_version, V(not_synchronised) when pmxcfs does not count it.
      type: str
      sample: not_seen
    removed:
      description: Whether it was taken out of the nodelist.
      type: bool
reasons:
  description: Every reason why nothing was done, or what was missing in the end.
  returned: when the task was refused, or a change did not come into use
  type: list
  elements: str
  sample: ["the cluster has a link 1, for which 'pve2' has no address"]
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec=dict(
            state=dict(type="str", required=True, choices=["offered", "admitted", "entered", "enfranchised"]),
            cluster_name=dict(type="str", required=True),
            links=dict(type="list", elements="dict", options=dict(number=dict(type="int", default=0), address=dict(type="str", required=True))),
            nodeid=dict(type="int"),
            offers=dict(
                type="list",
                elements="dict",
                options=dict(
                    node=dict(type="str", required=True),
                    situation=dict(type="str", required=True, choices=["standalone", "half_entered", "admitted", "member"]),
                    id=dict(type="str"),
                    expires=dict(type="int"),
                    certificate=dict(type="str"),
                    links=dict(type="list", elements="dict", options=dict(number=dict(type="int", default=0), address=dict(type="str", required=True))),
                    nodeid=dict(type="int"),
                    pve=dict(type="str"),
                    join_api=dict(type="int"),
                ),
            ),
            envelope=dict(type="str"),
            nodes=dict(
                type="list",
                elements="dict",
                options=dict(name=dict(type="str", required=True), votes=dict(type="int", default=1)),
            ),
            absent=dict(type="str", choices=["kept", "removed"], default="removed"),
            config_version=dict(type="int"),
            hold=dict(type="int", default=600),
            timeout=dict(type="int", default=180),
        ),
        required_if=[
            ("state", "offered", ["links"]),
            ("state", "admitted", ["offers"]),
            ("state", "enfranchised", ["nodes"]),
        ],
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
