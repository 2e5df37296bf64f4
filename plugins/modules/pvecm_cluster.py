#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: pvecm_cluster
short_description: Create a Proxmox VE cluster, join one, leave it or remove a node from it
version_added: "0.1.0"
description:
  - Creates a cluster on this node with C(pvecm create), or lets this node join one with C(pvecm add), over ssh or by
    root's password on the API.
  - C(pvecm) exits 0 whether it worked or not, and waits for quorum for ever. This module reports success only when the
    cluster itself confirms it. The node's own nodeid is in the membership, the node is quorate, its certificate is there,
    its C(/etc/pve) is writable, and one C(config_version) runs on all members.
  - Before anything is changed the module looks at this node and, for a join, at the cluster, and refuses with all
    reasons at once.
  - A node that is a member of the cluster already is left alone, once the cluster confirms the membership. Links, nodeid,
    votes and token coefficient are compared with what is declared, and a difference is an error, because neither
    C(pvecm create) nor C(pvecm add) changes them.
  - A member whose join was interrupted before its last steps, so that only its certificate is missing, is finished with
    C(pvecm updatecerts). Other half-joined nodes are named, with what to do, and left as they are unless O(repair) is given.
  - Removes another node with C(pvecm delnode), and with it what C(pvecm) leaves behind. That is the node's directory in
    C(/etc/pve/nodes), root's keys with the comment C(root@NODE) in C(/etc/pve/priv/authorized_keys) and its host keys in
    C(/etc/pve/priv/known_hosts). They are copied outside C(/etc/pve) first. A removal is reported when this member sees the
    node neither in the nodelist nor in the membership, all members run the new C(config_version), and nothing of the node is
    left. Run again after an interruption, it goes on where it stopped.
  - Takes this node itself out of its cluster without a new installation, as Proxmox VE's documentation describes it. The services
    stop, C(pmxcfs -l) lets corosync.conf be removed, and pmxcfs starts as that of a standalone node. Its guests, users and
    storage definitions stay as they are. What is the cluster's goes, so that the node can join another one. That is corosync's files,
    the directories and keys of the other nodes, and the settings of high availability and replication of their guests. The database
    is copied first. A failure before the node is out is undone, and a run that is interrupted is finished by the next.
  - At the end of O(timeout) C(pvecm) and everything it started is ended. The error says what C(pvecm) printed, the
    state in which this node and the cluster were left, and what to do.
extends_documentation_fragment:
  - pve.cluster.attributes
attributes:
  diff_mode:
    support: full
    description: Shows the membership before and after, and with O(state=removed) the files that lose what they say of the node.
  platform:
    support: full
    platforms: proxmox
    description: Runs on a Proxmox VE node, as root.
options:
  state:
    description:
      - V(present) creates the cluster on this node, or confirms that this node is a member of it.
      - V(joined) joins the cluster that O(cluster_node) is a member of, or confirms that this node is a member of it.
      - V(removed) removes O(node) from the cluster that this node is a member of. It is refused for this node itself, for a node
        that is online or that answers over ssh with the cluster's files although corosync does not see it,
        when the members are not quorate or would not be afterwards, while the cluster has a QDevice, and while
        anything still needs the node. That is a guest's configuration in its directory, a group or rule of high availability
        that has no other node, a fence device, a Ceph daemon in C(/etc/pve/ceph.conf) or an OSD that C(ceph) lists. The refusal
        names each with its remedy.
      - With V(removed), the node is taken out of the groups and node affinity rules that have other nodes too, which they keep with
        their priorities. Once the cluster no longer lists it, the replication jobs to it are deleted, and with O(separated) those of
        its guests. This is done by C(ha-manager) and C(pvesr). Its keys go then, and its directory last.
      - V(absent) makes this node standalone. On a standalone node it removes what an earlier cluster left. It is refused while
        high availability has the node's watchdog open, does not say whether it has, or keeps its guests running,
        and while a replication job is from or to it. Without O(force) it is also refused when the other members would lose
        quorum by it, while the cluster has a QDevice, and while Ceph runs on the node.
      - V(reserved), on a member of the cluster, locks the cluster for the join of O(node) and tells what O(node) needs for a join with
        O(method=api). It waits like a join for a cluster that is not ready, and refuses for the same reasons. The lock is kept
        for O(timeout) seconds and two minutes more, and falls when the join ends well.
      - V(released), on a member, gives a cluster free that is reserved for O(node), after a join that did not end well.
      - This alone chooses what is done. Options that belong to another state are refused.
    type: str
    choices: [present, joined, removed, absent, reserved, released]
    default: present
  cluster_name:
    description:
      - Name of the cluster. Letters, digits and hyphens inside, 15 characters at most.
      - Compared exactly. A node whose cluster has another name is refused.
    type: str
    required: true
  links:
    description:
      - The corosync links of this node, with at least one. Required with O(state=present) and O(state=joined), and only for them.
      - They are never guessed. Without a link C(pvecm create) takes whatever address the host name has, and C(pvecm add)
        the management address, even into a cluster whose links are in another network.
      - A joining node must give exactly the links that the cluster has.
    type: list
    elements: dict
    suboptions:
      number:
        description:
          - Number of the link, 0 to 7.
          - Defaults to the position in the list, counted from 0.
        type: int
      address:
        description: IP address of this node on the link. It must be on this node.
        type: str
        required: true
      priority:
        description:
          - Priority of the link, 0 to 255. The link with the highest number is used first.
          - Proxmox VE writes no priority of 0, and corosync takes none for 1. So 0 and 1 are one, and are not given beside each other.
          - Set when the cluster is created. A priority that differs from the cluster's is refused, because C(pvecm add)
            ignores it.
        type: int
  nodeid:
    description: Nodeid of this node, 1 to 65535, as knet has no room for more. By default the lowest free one. One that another node has is refused.
    type: int
  votes:
    description: Votes of this node, at least 1, the default. (C(pvecm add) takes 0 and leaves it at 1.)
    type: int
  token_coefficient:
    description:
      - Milliseconds by which each further node lengthens corosync's token timeout. Only with O(state=present).
      - Proxmox VE sets 125 in new clusters since version 9.1, where this option begins to exist.
    type: int
  cluster_node:
    description:
      - Host name, full name or address of any online member of the cluster.
      - Required with O(state=joined).
      - With O(method=ssh) root on this node must be able to log in to it. The ssh host key of exactly this name or address
        must be known to root on this node, and the cluster must accept
        C(/root/.ssh/id_rsa) of this node.
    type: str
  method:
    description:
      - How this node joins, with O(state=joined). A member is the same whichever way it came.
      - V(ssh) logs in to O(cluster_node) with root's ssh key, first for a look at the cluster and to lock it.
      - V(api) logs in to the API of O(cluster_node) on port 8006 as root@pam with O(password), and needs neither keys nor rsync. Root
        on this node can then not look at the cluster beforehand. So the cluster node does, by a task with O(state=reserved) just
        before, whose answer is handed on as O(reservation).
      - API tokens cannot join a node. Proxmox VE allows it to root@pam alone. A root@pam with a second factor cannot join
        by V(api) either, which O(state=reserved) tells.
    type: str
    choices: [ssh, api]
    default: ssh
  password:
    description:
      - Password of root@pam on O(cluster_node). Required with O(method=api), and only for it.
      - C(pvecm) gets it on its standard input. It is in no command line, environment, file, log or answer.
      - With C(become) or C(async), Ansible itself hands all options to the module in a temporary file that only the login user can read.
    type: str
  fingerprint:
    description:
      - SHA-256 fingerprint of the certificate that pveproxy on O(cluster_node) serves, 32 pairs of hexadecimal digits with
        colons between them. Required with O(method=api), and only for it.
      - Nothing is trusted on first use. Take it from the cluster node itself, as RV(fingerprint) of O(state=reserved) is.
    type: str
  reservation:
    description:
      - The RV(reservation) that a task with O(state=reserved) on O(cluster_node) answered, not more than two minutes before.
      - Required for a join with O(method=api). A node that is a member already needs none.
    type: str
  node:
    description:
      - Name of the node to remove, as the cluster lists it. Required with O(state=removed).
      - With O(state=reserved) and O(state=released), where it is required too, the name of the node that joins.
      - A removed node keeps its own files. Reinstall it, or clear it, before it is connected again.
      - A name that the cluster does not know and has nothing of is a success without a change.
    type: str
  separated:
    description:
      - With O(state=removed), the node has left with O(state=absent) and keeps its guests itself. Their configurations are removed
        from the cluster with its directory, after they were copied, and their replication jobs are deleted.
      - A guest must not be started in two places. Give this only for a node that has really left.
    type: bool
    default: false
  known_off:
    description:
      - With O(state=removed), names O(node) again when somebody has seen that its machine has no power.
      - A node that the cluster does not see may be cut off and run its guests. So any sign of life keeps it from being removed, be it that its
        sshd answers or refuses, a ping, or corosync on any of its links. With this, such a sign is a
        warning. A node that still answers as a member of the cluster is refused in any case.
    type: list
    elements: str
    default: []
  repair:
    description:
      - With O(state=present) and O(state=joined), repair this node first. One fault is repaired after the other. Each is named in RV(repaired),
        and in check mode the first one is.
      - That C(/etc/pve) is not mounted. pmxcfs is started, after what lies in the bare directory was moved aside.
      - That corosync's files are not those of the cluster, as on a node that was stranded by a join or a change that it missed. The
        corosync.conf, and where it differs the authkey, come over ssh from a quorate member, O(cluster_node) or any other that this
        node's own files list, and corosync is restarted.
      - That corosync does not run with files that are right. It is started.
      - That the join of this node stopped half way, with O(state=joined). A member lists it by its own addresses, and corosync's files on
        it are the cluster's, or the cluster lacks its vote for quorum. The rest of the join is done as C(pvecm) does it. A node with
        guests is refused.
      - That corosync's files of an earlier cluster are left on a standalone node. They are removed.
      - That the cluster lists this node, which has not joined or was reinstalled, with O(state=joined). It joins as with O(force).
      - That the cluster no longer lists this node, with O(state=joined). It becomes standalone as with O(state=absent), and joins. A node
        with guests is refused.
      - The database is copied before anything that replaces it. Without this option nothing is repaired, and a failure says what
        would be.
    type: bool
    default: false
  force:
    description:
      - With O(state=joined), join although C(/etc/corosync/authkey) or C(/etc/corosync/corosync.conf) of another cluster
        is left over, or although the cluster lists a node of this name that is not online, as after a reinstallation
        or an interrupted join.
      - Guests are never put at risk. A node with guests is refused all the same, because a join drops their
        configurations. So is a name whose entry in the cluster has other addresses, nodeid or votes.
      - With O(state=absent), leave although the others lose quorum by it, the cluster has a QDevice or Ceph runs on the node. For a
        cluster that is taken apart as a whole.
    type: bool
    default: false
  timeout:
    description:
      - Seconds for everything.
      - A cluster that is not ready for a join, because it is not quorate or a member is not online, is given a quarter of
        this time, at most 30 seconds, before the join is refused. While another join is known to be under way, half of
        the time.
    type: int
    default: 120
notes:
  - Nodes join one at a time. A joining node locks the cluster with the directory
    C(/etc/pve/priv/lock/pvecm_cluster-join), and others wait for it, because two joins at the same moment can strand
    one of the nodes. A join that may take longer than the two minutes that Proxmox VE gives a lock has it renewed.
    A task with C(throttle) 1 keeps the others from waiting within their O(timeout).
  - A joining node's C(/root/.ssh/authorized_keys) is replaced by the cluster's, and key logins to it fail for some seconds.
    Put the controller's key into the cluster's file and into a local file of the node beforehand.
  - The database of a joining node is replaced. C(pvecm) keeps a copy, named in RV(backup).
  - A removal takes the same lock as a join, so that neither begins during the other, and so does a node that leaves without O(force).
    Nodes that leave at once do it one after the other, each counts who is left, and one that would cost the others their quorum
    refuses. The directory beside the lock names the node and
    the process that has it. A run that was killed is taken over at once on its own node, a run that lives is waited for.
  - A removal takes the node out of the rules and groups of high availability before C(pvecm delnode). When Proxmox VE refuses one of them,
    the lists are put back and the node stays. What cannot be removed after C(pvecm delnode) keeps nothing else from being removed.
  - A node that stays in the cluster's nodelist after it has left is lost to the cluster, and counts for its quorum. Let it leave with
    O(state=absent) first, one node at a time, and remove it then with O(state=removed) and O(separated=true) on a member.
  - Copies of the database, which hold every secret of the cluster, are in C(/var/backups/pve-cluster-collection), for root alone. The newest
    three of this module's are kept.
  - A node that has left keeps its storage definitions. Where it shares a storage with the cluster, two guests of one number would use
    the same volumes. The module warns of each.
  - While a node leaves, its C(/etc/pve) is away for some seconds, and with it key logins by C(/etc/pve/priv/authorized_keys). A key in
    C(/root/.ssh/authorized_keys2) goes on working.
seealso:
  - module: pve.cluster.cluster_facts
  - module: pve.cluster.corosync_conf
author:
  - The pve.cluster contributors (@pve-cluster)
"""

EXAMPLES = r"""
- name: Create a cluster with one link
  pve.cluster.pvecm_cluster:
    cluster_name: prod
    links:
      - address: 10.77.1.11

- name: Create a cluster with two links, the second one preferred
  pve.cluster.pvecm_cluster:
    cluster_name: prod
    links:
      - address: 10.77.0.11
        priority: 10
      - address: 10.77.1.11
        priority: 20
    token_coefficient: 125

- name: Join the cluster through any of its members
  pve.cluster.pvecm_cluster:
    state: joined
    cluster_name: prod
    cluster_node: pve1.example.org
    links:
      - address: 10.77.1.12
  throttle: 1

- name: Let this node leave the cluster and keep its guests
  pve.cluster.pvecm_cluster:
    state: absent
    cluster_name: prod

- name: Join by password, without any ssh key between the nodes
  block:
    - name: Reserve the cluster, on the member that the node joins through
      pve.cluster.pvecm_cluster:
        state: reserved
        cluster_name: prod
        node: pve2
      delegate_to: pve1.example.org
      register: reserved

    - name: Join
      pve.cluster.pvecm_cluster:
        state: joined
        cluster_name: prod
        cluster_node: pve1.example.org
        method: api
        password: "{{ vault_root_password }}"
        fingerprint: "{{ reserved.fingerprint }}"
        reservation: "{{ reserved.reservation }}"
        links:
          - address: 10.77.1.12
  rescue:
    - name: Give the cluster free for other joins
      pve.cluster.pvecm_cluster:
        state: released
        cluster_name: prod
        node: pve2
      delegate_to: pve1.example.org

    - name: Say why
      ansible.builtin.fail:
        msg: "{{ ansible_failed_result.msg }}"

- name: Remove a node that is off for good, on any other member
  pve.cluster.pvecm_cluster:
    state: removed
    cluster_name: prod
    node: pve3
"""

RETURN = r"""
cluster_name:
  description: Name of the cluster.
  returned: success, but not with O(state=released)
  type: str
  sample: prod
nodeid:
  description: Nodeid of this node.
  returned: success with O(state=present) and O(state=joined)
  type: int
  sample: 2
members:
  description: Names of the members seen now, in check mode of those that would be seen.
  returned: success with O(state=present), O(state=joined) and O(state=removed)
  type: list
  elements: str
  sample: [pve1, pve2]
quorate:
  description: Whether the cluster is quorate. Success means that it is.
  returned: success with O(state=present), O(state=joined) and O(state=removed)
  type: bool
  sample: true
config_version:
  description: Version of the cluster's corosync.conf, which all members run.
  returned: success with O(state=present), O(state=joined) and O(state=removed)
  type: int
  sample: 2
pvecm:
  description: What C(pvecm) was called with and what it printed.
  returned: when it ran
  type: dict
  contains:
    cmd:
      description: The command.
      type: str
    rc:
      description: Its exit code, 124 when it was ended for lack of time. 0 proves nothing.
      type: int
    stdout:
      description: Its standard output, on which it also prints errors.
      type: str
    stderr:
      description: Its standard error.
      type: str
  sample:
    cmd: pvecm add 10.77.0.11 --use_ssh --link0 10.77.1.12
    rc: 0
    stdout: "copy corosync auth key\nstopping pve-cluster service\n"
    stderr: ""
backup:
  description:
    - With O(state=joined), the copy of this node's own database from before the join, as C(pvecm) names it.
    - With O(state=removed), the directory with copies of what was removed, laid out as below C(/etc/pve).
    - With O(state=absent), the directory with C(config.db), the whole database from before, and copies of what was removed.
  returned: when one was made
  type: str
  sample: /var/lib/pve-cluster/backup/config-1795197802.sql.gz
cleaned:
  description:
    - With O(state=removed), where something of the removed node was left, besides the nodelist, and is no longer. That may be its
      directory, C(priv/authorized_keys), C(priv/known_hosts), C(ha/groups.cfg), C(ha/rules.cfg) and C(replication.cfg).
    - With O(state=absent), where something of the cluster was left on this node and is no longer.
  returned: success with O(state=removed) and O(state=absent)
  type: list
  elements: str
  sample: [/etc/pve/nodes/pve3, /etc/pve/priv/authorized_keys]
fingerprint:
  description: SHA-256 fingerprint of the certificate that pveproxy on this node serves now, asked on its port.
  returned: success with O(state=reserved)
  type: str
  sample: 9E:95:34:AE:93:7A:CB:3F:30:C7:51:A7:32:F6:07:8F:0E:E3:4F:A8:59:82:11:D7:CF:35:A6:8F:DB:28:A3:C3
reservation:
  description: What the joining node has to know of the cluster, for its O(reservation). It holds no secret.
  returned: success with O(state=reserved)
  type: str
leaves:
  description: Whether this node was, or in check mode would be, taken out of a cluster. On a standalone node it is false.
  returned: success with O(state=absent)
  type: bool
  sample: true
guests:
  description: Numbers of the guests that are this node's own.
  returned: success with O(state=absent)
  type: list
  elements: int
  sample: [100]
repaired:
  description: What was the matter with this node and is repaired, in the order in which it was.
  returned: with O(repair=true), when there was something
  type: list
  elements: str
  sample: ["this node was stranded: corosync's corosync.conf was not that of 'pve1'"]
repair_backups:
  description: Directories with the copies that were made before something was repaired, such as of the whole database as C(config.db).
  returned: with O(repair=true), when some were made
  type: list
  elements: str
  sample: [/var/backups/pve-cluster-collection/stranded-prod-1795197802]
reasons:
  description: Every reason for a refusal.
  returned: when the task was refused before anything was changed
  type: list
  elements: str
  sample: ["this host already contains virtual guests (100, 101)"]
node_state:
  description: State in which this node was left.
  returned: on failure after a look at the cluster
  type: str
  sample: nodeid 2 of cluster 'prod' by its own corosync.conf (config_version 2), corosync is not quorate (1 of 2 votes)
    with 'pve2', '/etc/pve' is read-only, it has no node certificate
cluster_state:
  description: State in which the cluster was left, as O(cluster_node) sees it.
  returned: on failure with O(state=joined) and O(method=ssh)
  type: str
  sample: cluster 'prod' lists this node as nodeid 2 (config_version 2), on 'pve1' corosync is not quorate (1 of 2 votes)
    with 'pve1'
remedy:
  description: What to do.
  returned: on failure after a look at the cluster
  type: str
  sample: run this task again
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec=dict(
            state=dict(type="str", choices=["present", "joined", "removed", "absent", "reserved", "released"], default="present"),
            cluster_name=dict(type="str", required=True),
            links=dict(
                type="list",
                elements="dict",
                options=dict(
                    number=dict(type="int"),
                    address=dict(type="str", required=True),
                    priority=dict(type="int"),
                ),
            ),
            nodeid=dict(type="int"),
            votes=dict(type="int"),
            token_coefficient=dict(type="int", no_log=False),
            cluster_node=dict(type="str"),
            method=dict(type="str", choices=["ssh", "api"], default="ssh"),
            password=dict(type="str", no_log=True),
            fingerprint=dict(type="str"),
            reservation=dict(type="str"),
            node=dict(type="str"),
            separated=dict(type="bool", default=False),
            known_off=dict(type="list", elements="str", default=[]),
            repair=dict(type="bool", default=False),
            force=dict(type="bool", default=False),
            timeout=dict(type="int", default=120),
        ),
        required_if=[
            ("state", "present", ["links"]),
            ("state", "joined", ["cluster_node", "links"]),
            ("state", "removed", ["node"]),
            ("state", "reserved", ["node"]),
            ("state", "released", ["node"]),
            ("method", "api", ["password", "fingerprint"]),
        ],
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
