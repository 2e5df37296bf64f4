#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: corosync_conf
short_description: Change options and links of a running Proxmox VE cluster's corosync.conf
version_added: "0.1.0"
description:
  - Sets and removes options in the sections C(totem), C(quorum) and C(logging) of C(/etc/pve/corosync.conf), adds, changes
    and removes links, sets the votes of nodes, raises its C(config_version), and reports success only when corosync on every
    node runs the change.
  - Without any of these options it only reads. What it returns as RV(config) can be given back as options.
  - Run it on one node of the cluster. The file is the cluster's, so every node gets the change.
  - Every byte of the file that the change does not touch stays as it is, comments and blank lines included. Only the lines
    of the changed options move. (PVE itself sorts the file and drops comments when the next node joins.)
  - Every option is known by its name, type and range. A misspelt one, which corosync and PVE accept without a word, is
    refused with the nearest name.
  - Only options that corosync changes while it runs are changed. Others, such as C(transport), C(link_mode) or C(wait_for_all), are
    refused with the reason, unless the file has the value already. With O(restart) those are written too that take effect when
    corosync is restarted on one node after the other.
  - An option that came in with a later corosync than the node has is refused, because an older one takes it without a word and does nothing
    with it. The module looks at its own node, by the installed package; the role P(pve.cluster.corosync#role) has every node judge.
  - C(ip_dscp) needs corosync 3.1.10 and O(restart). It is a number from 0 to 63 or a name such as C(ef). With knet it also wants a corosync
    that was built with libknet 1.32 or newer. One that was not goes on as before, and does not say so.
  - The sections C(pload) and C(logging_daemon) are read, and not changed. No manual page of corosync names them. C(pload) is for corosync's own
    load test, and what C(logging_daemon) says of corosync itself O(logging) says, too.
  - C(crypto_model), C(keyfile), C(key) and C(knet_compression_model) are refused on purpose. corosync takes them at once, and a node that lacks
    the library, has another key or lacks the plug-in is no longer heard, which nothing tells beforehand. Taking compression away is
    allowed, because every node can do without.
  - Before anything is changed the module refuses, with all reasons at once, when C(/etc/pve) is not mounted, the node is
    standalone or not quorate, a node of the nodelist is offline, corosync does not run one C(config_version) on all nodes,
    a file C(corosync.conf.new) was left by someone, corosync and PVE would read the file differently, the change breaks a
    rule of PVE or corosync, or C(corosync -t) refuses the changed file.
  - The change is made under the lock that PVE's own programs take, only if the file is still the one that was read, and
    with a backup outside C(/etc/pve). It is then verified that every node runs the new C(config_version), that the running
    corosync has the new values, that the node is quorate with the same members, and that no link was lost.
  - corosync takes a new link at once, and refuses other addresses for a link that it has, although the file says so from
    then on. A link with other addresses is therefore removed and recreated, in two steps that are verified each, while
    another link carries the cluster. It is refused when no other link connects every node.
  - The file, this node's copy of it and what corosync runs are compared. Where they differ although the file has all that is asked for, a
    new version with the same text is written, which every node loads, and links are recreated. So is a version that only some nodes
    have taken. What only a restart of corosync would change is told in a warning. Without options nothing is healed, only told.
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
      - C(config_version), C(cluster_name) and C(version) cannot be set. Options of links are in O(links).
      - YAML makes a truth value of C(yes), C(no), C(on) and C(off). It becomes the word that the option takes.
      - What the file has already is taken as it is, also where this module would not write it, and changes nothing.
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
  links:
    description:
      - Links, each with its number. Links that are not listed stay as they are.
    type: list
    elements: dict
    suboptions:
      number:
        description: The number of the link, 0 to 7.
        type: int
        required: true
      addresses:
        description:
          - IP addresses by the name of the node. A new link needs one of every node. Of a link that is there, nodes that are
            not named keep their address.
          - The address of the node on which the module runs must be on one of its interfaces, and no two links of a node may
            be in one network.
        type: dict
      priority:
        description:
          - C(knet_link_priority), 0 to 255. The link with the highest number carries the cluster, the others stand by.
        type: int
      options:
        description:
          - Other options of the link, C(knet_ping_interval), C(knet_ping_timeout), C(knet_ping_precision), C(knet_pong_count),
            C(knet_transport) and C(mcastport), each with its value. An empty value (null) removes the option.
          - C(linknumber), which must be the number of the link, writes that number into a section that has C(ringnumber) or no number at
            all, as files of old Proxmox VE have it. corosync 3 takes such a section for link 0 whatever it says, and Proxmox VE may not, so
            that no other change is made to such a file.
          - With another C(knet_transport) or C(mcastport) the link is removed and recreated, as with other addresses.
        type: dict
      state:
        description: Whether the link is to be there.
        type: str
        choices: [present, absent]
        default: present
  nodes:
    description:
      - Options by the name of the node, of which C(quorum_votes) is the only one. Nodes that are not named keep theirs. Votes are not
        changed beside a QDevice.
    type: dict
  content:
    description:
      - A whole corosync.conf, such as a template gives, instead of O(totem), O(quorum), O(logging), O(links) and O(nodes). What it says
        counts, not how. Comments, blank lines and the order of keys do not, and the cluster's own file keeps its own.
      - C(config_version) in it is passed over, the module raises it by itself. Members, their nodeids and C(cluster_name) are never
        changed by it. A text with other nodes than the cluster has is refused. Without a C(nodelist) addresses and votes stay as they
        are, without that and C(interface) sections all links do.
      - Options that it does not name are removed, but not those that Proxmox VE writes into every cluster's file (C(ip_version),
        C(link_mode), C(secauth), C(token_coefficient), C(provider), C(debug), C(to_syslog)), a QDevice, and what this module cannot set.
        Those stay, and are refused when the text has another value for them that does not change while corosync runs.
      - Refused in words is whatever one of corosync and Proxmox VE would misread in it, and every option that corosync does not know.
      - With O(state=returned), the text of C(/etc/pve/corosync.conf) as a quorate member has it, which is written as it is.
    type: str
  state:
    description:
      - With V(merged) everything that is not listed stays as it is.
      - With V(replaced) each of O(totem), O(quorum), O(logging), O(links) and O(nodes) that is given is all there is of it.
        Options that are not listed are removed, so are links and options of links, and nodes that are not listed get one vote.
        Addresses of a listed link may be left out. What the module does not know or cannot set stays.
      - With V(returned) the cluster's file stays as it is, and the node on which the module runs is brought back, which was off when the
        file changed, or whose own copy is broken. O(content) is written to C(/etc/corosync/corosync.conf), corosync is restarted, and
        the module waits until the node is quorate and runs the file. Of the other options only O(timeout) counts.
        Refused for a node that the text does not list, of another cluster, and when the node has a newer file. On a quorate node
        only a copy that differs is replaced, without a restart.
    type: str
    choices: [merged, replaced, returned]
    default: merged
  several_links:
    description:
      - Allows several links to be removed or recreated in one task. It is done one after the other, each verified.
    type: bool
    default: false
  restart:
    description:
      - Whether options are written too that corosync reads only when it starts, such as C(link_mode) or C(wait_for_all). Without it they
        are refused, also when the file has the value already and corosync on this node does not follow it yet. The module restarts
        nothing; RV(restart_needed) names them, and M(pve.cluster.corosync_restart) restarts one node after the other.
    type: bool
    default: false
  allow_offline:
    description:
      - Names of nodes that may be off while the file changes. Any other node that is off is a reason to refuse.
      - Such a node does not come back by itself. Its corosync still has the old file, and ends as soon as it meets members that run a
        newer one. Bring it back with O(state=returned).
    type: list
    elements: str
  ha:
    description:
      - What to do where high availability is active on a node, so that its watchdog would reset it about a minute after a change
        that loses quorum.
      - V(disarm) has every watchdog released before the change, by C(ha-manager crm-command disarm-ha freeze), and arms them again
        after it, also after one that was undone. Guests stay as they are meanwhile, and nothing is recovered. Both are waited for until the
        manager itself says so. It is refused where this Proxmox VE cannot do that (releases before 9.2).
        High availability that somebody else has disarmed stays disarmed. What an interrupted run of this collection left disarmed, as
        C(/etc/pve/priv/pve-cluster-ha.json) says, is armed again, also where nothing is to be changed.
      - V(refuse) changes nothing then. V(ignore) goes on when each watchdog has been renewed once more, because outages add up.
      - A state that is not known is a refusal.
    type: str
    choices: [disarm, refuse, ignore]
    default: disarm
  rescue_after:
    description:
      - Seconds after which this node looks by itself whether the change has cost the cluster, and puts it back if it has, when this
        run is not there any more to do so; 0 for never, otherwise from 10 to 604800.
      - That is the M(pve.cluster.corosync_rescue) of this node alone, which can bring back this node and no other. The role
        P(pve.cluster.corosync#role) arms it on every node. One that is armed already for the file as it is stays as it is.
      - Right before each step is written, the rescue of this node must still be armed for this change, and where it was armed before this
        run, the rescue of every node that is not off. Otherwise the step is refused, and earlier ones are undone. So is one where a rescue of
        another change is armed on such a node.
    type: int
    default: 300
  validate_only:
    description:
      - Only says whether corosync would start from the file with the changes, and PVE would read it. The state of the cluster
        does not matter, and nothing is changed.
    type: bool
    default: false
  timeout:
    description:
      - How long a step may take to be in use on every node, in seconds. It takes little more than one second when all
        is well, three with a new link. A change that is undone may take as long again.
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

- name: Add a second link
  pve.cluster.corosync_conf:
    links:
      - number: 1
        addresses:
          pve1: 10.78.0.11
          pve2: 10.78.0.12
          pve3: 10.78.0.13
  run_once: true

- name: Let link 1 carry the cluster
  pve.cluster.corosync_conf:
    links:
      - number: 1
        priority: 20
      - number: 0
        priority: 10
  run_once: true

- name: Move link 0 to another network while link 1 carries
  pve.cluster.corosync_conf:
    links:
      - number: 0
        addresses:
          pve1: 10.79.0.11
          pve2: 10.79.0.12
          pve3: 10.79.0.13
  run_once: true

- name: Read the file
  pve.cluster.corosync_conf:
  register: before
  run_once: true

- name: Keep the options as they were read, and the file free of others
  pve.cluster.corosync_conf:
    totem: "{{ before.config.totem }}"
    links: "{{ before.config.links }}"
    state: replaced
  run_once: true

- name: Compare with a whole file, and change what differs
  pve.cluster.corosync_conf:
    content: "{{ lookup('ansible.builtin.template', 'corosync.conf.j2') }}"
  run_once: true

- name: Change it although a node is off
  pve.cluster.corosync_conf:
    totem:
      token: 5000
    allow_offline: [pve3]
  run_once: true

- name: Read the file where it is in use
  ansible.builtin.slurp:
    src: /etc/pve/corosync.conf
  register: in_use
  delegate_to: pve1

- name: Bring the node back that was off
  pve.cluster.corosync_conf:
    state: returned
    content: "{{ in_use.content | b64decode }}"
  when: inventory_hostname == 'pve3'

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
  description: The options and addresses that changed, each with its value before and after, null for none.
  returned: success
  type: list
  elements: dict
  contains:
    key:
      description: Section and option, such as C(totem.token), C(totem.interface[1].knet_link_priority) or C(nodelist.node[pve1].ring1_addr).
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
nodes:
  description:
    - How every node of the nodelist stands afterwards, as far as the node on which the module runs can tell. Of the others it sees
      what their corosync runs and which links reach them, of itself its files and values too. The role
      P(pve.cluster.corosync#role) has each node tell of itself.
  returned: success, and on failure after a change
  type: list
  elements: dict
  contains:
    name:
      description: The node's name.
      type: str
    nodeid:
      description: Its nodeid.
      type: int
    here:
      description: Whether the module ran on it.
      type: bool
    online:
      description: Whether it is a member. Null when corosync does not run where the module ran.
      type: bool
    config_version:
      description: The version that its corosync runs. Null when that is not known.
      type: int
    cluster_file:
      description: The version in C(/etc/pve). Only where the module ran, null elsewhere.
      type: int
    own_copy:
      description: The version in C(/etc/corosync). Only where the module ran, null elsewhere.
      type: int
    links:
      description: The links that connect it. Where the module ran, those that connect it with every other node that is online.
      type: list
      elements: int
    restart_needed:
      description: Options that its corosync follows only when it is restarted, and has not followed yet.
      type: list
      elements: str
    result:
      description:
        - V(updated) when it runs the change, V(in_step) when it runs the file and nothing was to be changed, V(restart_needed)
          when its corosync must be restarted for some of it, V(behind) when it runs another version, V(differs) when its copy, its
          links or its values are not those of the file, V(offline) when it is no member, V(unverified) when corosync does not run where
          the module ran.
      type: str
  sample:
    - name: pve1
      nodeid: 1
      here: true
      online: true
      config_version: 7
      cluster_file: 7
      own_copy: 7
      links: [0, 1]
      restart_needed: []
      result: updated
intended:
  description:
    - The texts that the change may bring, for O(pve.cluster.corosync_rescue#module:intended). Each is the SHA-256 of the file without the line of
      its C(config_version), the first one of the file as it is.
  returned: when something changed, or would
  type: list
  elements: str
ha_armed:
  description: Whether high availability was, or would be, armed again, which an interrupted run had left disarmed.
  returned: when nothing is to be changed
  type: bool
unconfirmed:
  description:
    - What of the file is not in use on this node, so that its answer is no proof of the change. Links that the task names and that are not
      connected, and values that corosync runs otherwise.
  returned: when nothing is to be changed
  type: list
  elements: str
  sample: []
healed:
  description:
    - What was not the same in the file, in this node's copy of it and in the corosync that runs here, and was made the same by a
      new version of the file.
  returned: when something changed, or would
  type: list
  elements: str
  sample: ["'totem.token' is '5000' in the file, but corosync on this node runs '1000'"]
offline:
  description: The nodes that were off and did not get the change, see O(allow_offline).
  returned: success
  type: list
  elements: str
  sample: []
restarted:
  description: Whether corosync was restarted on this node.
  returned: with O(state=returned), when something changed or would
  type: bool
  sample: true
config:
  description:
    - The file as options of this module, which change nothing when they are given back. Options that cannot be set, such as
      C(cluster_name), a QDevice and the settings of log subsystems are not in it.
  returned: success
  type: dict
  sample:
    totem: {token_coefficient: 125, secauth: "on", link_mode: passive, ip_version: ipv4-6}
    quorum: {provider: corosync_votequorum}
    logging: {debug: "off", to_syslog: "yes"}
    links:
      - number: 0
        addresses: {pve1: 10.77.1.11, pve2: 10.77.1.12, pve3: 10.77.1.13}
    nodes: {pve1: {quorum_votes: 1}, pve2: {quorum_votes: 1}, pve3: {quorum_votes: 1}}
restart_needed:
  description:
    - Options that corosync on this node follows only when it is restarted, those of this change and those of an earlier one. All others
      are in use. What waits is noted in C(/etc/pve/corosync-restart-pending) before the change, because corosync tells some new
      values as its own while it goes on with the old ones. M(pve.cluster.corosync_restart) takes a node out of it.
  returned: success
  type: list
  elements: str
  sample: [totem.link_mode]
ha_disarmed:
  description: Whether high availability was, or would be, disarmed for the change and armed again after it.
  returned: when something changed, or would
  type: bool
steps:
  description:
    - In how many steps the change was made, each of which raises C(config_version). A link with other addresses takes two.
  returned: when something changed, or would
  type: int
  sample: 1
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
            links=dict(
                type="list",
                elements="dict",
                options=dict(
                    number=dict(type="int", required=True),
                    addresses=dict(type="dict"),
                    priority=dict(type="int"),
                    options=dict(type="dict"),
                    state=dict(type="str", choices=["present", "absent"], default="present"),
                ),
            ),
            nodes=dict(type="dict"),
            content=dict(type="str"),
            state=dict(type="str", choices=["merged", "replaced", "returned"], default="merged"),
            several_links=dict(type="bool", default=False),
            restart=dict(type="bool", default=False),
            allow_offline=dict(type="list", elements="str"),
            ha=dict(type="str", choices=["disarm", "refuse", "ignore"], default="disarm"),
            rescue_after=dict(type="int", default=300),
            validate_only=dict(type="bool", default=False),
            timeout=dict(type="int", default=60),
        ),
        mutually_exclusive=[
            ["content", "totem"],
            ["content", "quorum"],
            ["content", "logging"],
            ["content", "links"],
            ["content", "nodes"],
        ],
        required_if=[("state", "returned", ["content"])],
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
