#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: corosync_conf
short_description: Change options of a running Proxmox VE cluster's corosync.conf
version_added: "0.1.0"
description:
  - Sets and removes options in the sections C(totem), C(quorum) and C(logging) of C(/etc/pve/corosync.conf), raises its
    C(config_version), and reports success only when corosync on every node runs the change.
  - Run it on one node of the cluster. The file is the cluster's, so every node gets the change.
  - Every byte of the file that the change does not touch stays as it is, comments and blank lines included. Only the lines
    of the changed options move. (PVE itself sorts the file and drops comments when the next node joins.)
  - Every option is known by its name, type and range. A misspelt one, which corosync and PVE accept without a word, is
    refused with the nearest name.
  - Only options that corosync changes while it runs are changed. Others, such as C(transport), C(link_mode), C(secauth) or
    C(wait_for_all), are refused with the reason, unless the file has the value already.
  - Before anything is changed the module refuses, with all reasons at once, when C(/etc/pve) is not mounted, the node is
    standalone or not quorate, a node of the nodelist is offline, corosync does not run one C(config_version) on all nodes,
    a file C(corosync.conf.new) was left by someone, corosync and PVE would read the file differently, the change breaks a
    rule of PVE or corosync, or C(corosync -t) refuses the changed file.
  - The change is made under the lock that PVE's own programs take, only if the file is still the one that was read, and
    with a backup outside C(/etc/pve). It is then verified that every node runs the new C(config_version), that the running
    corosync has the new values, that the node is quorate with the same members, and that no link was lost.
  - When that does not come true within O(timeout), the old settings are put back under a higher C(config_version), which is
    verified in the same way. The error says whether it worked.
attributes:
  check_mode:
    support: full
    description: Refuses for the same reasons and answers the same. Changes nothing.
  diff_mode:
    support: full
    description: Shows the file before and after.
  platform:
    support: full
    platforms: proxmox
    description: Runs on one node of a Proxmox VE cluster, as root.
options:
  totem:
    description:
      - Options of the section C(totem), such as C(token) (milliseconds), each with its value. An empty value (null)
        removes the option, so that corosync's default counts.
      - Options of links, C(config_version), C(cluster_name) and C(version) cannot be set.
      - YAML makes a truth value of C(yes), C(no), C(on) and C(off). It becomes the word that the option takes.
    type: dict
  quorum:
    description:
      - Options of the section C(quorum), in the same way. Of these only C(two_node) can be set while the cluster runs,
        which is for a cluster of two nodes without a QDevice. C(expected_votes) and C(votes) can only be removed, because a
        fixed number is wrong as soon as a node joins or leaves.
    type: dict
  logging:
    description:
      - Options of the section C(logging), such as C(debug), in the same way.
    type: dict
  timeout:
    description:
      - How long the change may take to be in use on every node, in seconds. It takes little more than one second when all
        is well. A change that is undone may take as long again.
    type: int
    default: 60
notes:
  - Members are not added or removed by this module. See M(pve.cluster.pvecm_cluster).
  - corosync calculates the ping interval and timeout of its links, where the file does not set them, from the token that
    was in use before a reload. After a change of C(token) or C(token_coefficient) the module therefore reloads corosync once
    more, so that the links do not keep the old timing.
seealso:
  - module: pve.cluster.pvecm_cluster
  - module: pve.cluster.cluster_facts
author:
  - The pve.cluster contributors (@pve-cluster)
"""

EXAMPLES = r"""
- name: Give slow networks more time before a node is given up
  pve.cluster.corosync_conf:
    totem:
      token: 5000
  run_once: true

- name: Log more for a while
  pve.cluster.corosync_conf:
    logging:
      debug: "on"
  run_once: true

- name: Back to corosync's own defaults
  pve.cluster.corosync_conf:
    totem:
      token:
      consensus:
    logging:
      debug: "off"
  run_once: true

- name: Show what would change
  pve.cluster.corosync_conf:
    totem:
      token_coefficient: 250
  run_once: true
  check_mode: true
  diff: true
"""

RETURN = r"""
config_version:
  description:
    - Version of the cluster's corosync.conf afterwards, which all members run. On a failure after a change, the version
      that was written last.
  returned: success, and on failure after a change
  type: int
  sample: 7
changes:
  description: The options that changed, each with its value before and after, null for none.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: Section and option.
      type: str
    before:
      description: The value before.
      type: str
    after:
      description: The value after.
      type: str
  sample:
    - key: totem.token
      before: null
      after: "5000"
members:
  description: The nodes of the cluster and the version that corosync runs on each.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The node's name.
      type: str
    nodeid:
      description: Its nodeid.
      type: int
    config_version:
      description: The version that corosync runs on it.
      type: int
  sample:
    - name: pve1
      nodeid: 1
      config_version: 7
backup:
  description: Copy of the file from before the change, on this node's own disk. The last 10 are kept.
  returned: when something changed, or would
  type: str
  sample: /var/backups/pve-cluster-collection/corosync.conf-1795197802-v6
reasons:
  description: Every reason for a refusal, or everything that was not as it should be after the change.
  returned: on failure
  type: list
  elements: str
  sample: ["node 'pve3' is offline: it would miss the change; start it, or remove it from the cluster"]
rolled_back:
  description: Whether the old settings are in use on every node again.
  returned: on failure after a change
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec=dict(
            totem=dict(type="dict"),
            quorum=dict(type="dict"),
            logging=dict(type="dict"),
            timeout=dict(type="int", default=60),
        ),
        required_one_of=[("totem", "quorum", "logging")],
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
