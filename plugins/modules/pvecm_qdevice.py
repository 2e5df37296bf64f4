#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: pvecm_qdevice
short_description: Give a Proxmox VE cluster a QDevice, or take it away
version_added: "0.1.0"
description:
  - Sets up a QDevice with C(pvecm qdevice setup), or removes it with C(pvecm qdevice remove). It gives a cluster with an even number
    of nodes one more vote, cast by a QNetd host outside of the cluster.
  - C(pvecm) is not trusted. This module reports success only when the cluster confirms it. With O(state=present) that is when
    C(corosync.conf) has the QDevice and all members run it, the expected votes are those of all nodes and of the QDevice, it casts its
    votes for every member, and the daemon on this node is connected, runs and starts with the machine. With O(state=absent) no member runs with one,
    its votes are no longer expected, and nothing of it is left on this node.
  - Before anything is changed the module looks at this node, the cluster and the QNetd host, and refuses with all reasons at once.
  - A setup that the cluster does not confirm is taken out again, and the error says so. A run that was interrupted is finished by the next.
  - One run on any member sets up or removes the QDevice of the whole cluster. Run on the other members too, it repairs what is theirs.
    With O(state=present) the daemon is started and made to start with the machine; with O(state=absent) it is stopped and its certificates are removed,
    which C(pvecm qdevice setup) would stumble over.
extends_documentation_fragment:
  - pve.cluster.attributes
attributes:
  diff_mode:
    support: full
    description: Shows the QDevice before and after.
options:
  state:
    description:
      - V(present) sets up the QDevice, or confirms it. It is refused while a node is offline or the cluster is not quorate, for an odd number of
        nodes unless O(force) is set, while C(two_node) is set, where the package corosync-qdevice is missing on this node, where the cluster has
        another QDevice, and where the QNetd host is a node of the cluster, does not answer on TCP 5403, is used by another cluster of the same name,
        or would ask something when root logs in with C(/root/.ssh/id_rsa).
      - V(absent) removes the QDevice, whichever it is, or confirms that there is none.
    type: str
    choices: [present, absent]
    default: present
  cluster_name:
    description:
      - Name of the cluster. Compared exactly. A node whose cluster has another name is refused.
    type: str
    required: true
  address:
    description:
      - IP address of the QNetd host, as the nodes reach it. C(pvecm) takes no names.
      - Required with O(state=present).
    type: str
  network:
    description:
      - Given to C(pvecm) as C(--network), such as V(192.0.2.0/24).
      - Only with O(state=present).
    type: str
  force:
    description:
      - Whether a cluster with an odd number of nodes may have a QDevice. It then has as many votes as there are nodes, less one, so that while it is away
        not one node may be lost. Proxmox VE advises against it.
      - Only with O(state=present).
    type: bool
    default: false
  offline:
    description:
      - What nodes that are off mean for a removal. C(pvecm) needs all nodes; V(refuse) does too.
      - V(ignore) takes the QDevice out of C(corosync.conf) without C(pvecm), as long as the nodes that are there are quorate without it.
        Nodes that are off miss
        the change, and their corosync does not start with the older file; this is for nodes that are removed next.
      - V(ignore) only with O(state=absent).
    type: str
    choices: [refuse, ignore]
    default: refuse
  timeout:
    description:
      - How long it may take, in seconds, 1 to 3600. An undoing has a minute of its own.
    type: int
    default: 180
seealso:
  - module: pve.cluster.cluster_facts
  - module: pve.cluster.pvecm_cluster
author:
  - The pve.cluster contributors (@pve-cluster)
"""

EXAMPLES = r"""
- name: Give the cluster a QDevice
  pve.cluster.pvecm_qdevice:
    cluster_name: prod
    address: 192.0.2.9
  run_once: true

- name: Take it away
  pve.cluster.pvecm_qdevice:
    state: absent
    cluster_name: prod
"""

RETURN = r"""
msg:
  description: What was done, or why it was not, with what to do.
  returned: always
  type: str
  sample: cluster 'prod' has QDevice '192.0.2.9' (ffsplit, 1 of 3 votes)
cluster_name:
  description: Name of the cluster.
  returned: success
  type: str
  sample: prod
address:
  description: IP address of the QNetd host.
  returned: success with O(state=present)
  type: str
  sample: 192.0.2.9
algorithm:
  description: How the QDevice casts its votes, V(ffsplit) for an even number of nodes and V(lms) for an odd one. Null with O(state=absent).
  returned: success
  type: str
  sample: ffsplit
votes:
  description: Votes of the QDevice. Null with O(state=absent).
  returned: success
  type: int
  sample: 1
expected_votes:
  description: Votes of all nodes and of the QDevice.
  returned: success
  type: int
  sample: 3
config_version:
  description: The config_version of C(corosync.conf) afterwards, which all members run.
  returned: success
  type: int
  sample: 4
pvecm:
  description: What C(pvecm) did, by C(cmd), C(rc), C(stdout) and C(stderr).
  returned: when it was run
  type: dict
reasons:
  description: Every reason why nothing was done.
  returned: when the task was refused before anything was changed
  type: list
  elements: str
  sample: ["corosync-qdevice is not installed on this node: run 'apt install corosync-qdevice' on every node"]
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec=dict(
            state=dict(type="str", choices=["present", "absent"], default="present"),
            cluster_name=dict(type="str", required=True),
            address=dict(type="str"),
            network=dict(type="str"),
            force=dict(type="bool", default=False),
            offline=dict(type="str", choices=["refuse", "ignore"], default="refuse"),
            timeout=dict(type="int", default=180),
        ),
        required_if=[("state", "present", ["address"])],
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
