#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the compiled module cluster_facts."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cluster_facts
short_description: Tell how a Proxmox VE node and its cluster are now
version_added: "0.1.0"
author:
  - The pve.cluster contributors (@pve-cluster)
description:
  - Reads everything that tells how a node stands with its cluster, in one call and without changing anything, and
    returns it as the fact C(pve_cluster).
  - It is right in every situation that a node can be in, such as standalone, cut off from its cluster, with corosync or
    pmxcfs stopped, or removed from the cluster. The situation is named, with the evidence for it.
  - It never fails for what it cannot read. Such a value is null, and RV(ansible_facts.pve_cluster.problems) says why.
  - It asks corosync's own tools and reads the files of pmxcfs. The slow C(pvecm) and C(pvesh), whose exit codes do not
    tell success from failure, are not used. Every program it starts has a deadline of 5 seconds.
options:
  gather:
    description:
      - Facts beyond those that are always told, which take more programs to read.
      - V(health) adds RV(ansible_facts.pve_cluster.health), what tells trouble before it stops the cluster.
    type: list
    elements: str
    choices: [health]
    default: []
  settle:
    description:
      - How many seconds the node is looked at again while its situation is V(synchronizing), which passes by itself when pmxcfs has met
        the other nodes, and while a C(pvecm) creates or joins a cluster here, perhaps for a run that was killed. No other situation is
        waited for. The one that there is then is told.
    type: int
    default: 0
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
    details: It changes nothing.
  platform:
    description: Target OS/families that can be operated against.
    platforms: proxmox
    support: full
notes:
  - No private key and no key of the cluster is read or returned.
  - A node that was removed while it was off looks to itself like one that is cut off from its cluster. Whether the
    cluster has removed a node is for a member of the cluster to say.
seealso:
  - module: pve.cluster.pvecm_cluster
"""

EXAMPLES = r"""
---
- name: Read the state of the node
  pve.cluster.cluster_facts:

- name: Read what tells trouble before it stops the cluster, too, once pmxcfs has met the other nodes
  pve.cluster.cluster_facts:
    gather: [health]
    settle: 20

- name: Stop unless the node is a member of a quorate cluster that is writable
  ansible.builtin.assert:
    that: ansible_facts.pve_cluster.situation == 'member'
    fail_msg: "{{ ansible_facts.pve_cluster.reasons | join('; ') }}"

- name: Show the nodes that are named in the cluster's file but not seen now
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.pve_cluster.nodelist | map(attribute='name')
         | difference(ansible_facts.pve_cluster.members | map(attribute='name')) }}

- name: Show the links on which another node is not reached
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.pve_cluster.links | subelements('peers')
         | rejectattr('1.connected') | map(attribute='0.number') | unique }}

- name: Refuse to join a node that has guests
  ansible.builtin.assert:
    that: ansible_facts.pve_cluster.guests | length == 0
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: always
  type: dict
  contains:
    pve_cluster:
      description: How the node and its cluster are now.
      returned: always
      type: dict
      contains:
        situation:
          description:
            - How the node stands with its cluster.
            - V(not_installed) - there is no Proxmox VE on this machine.
            - V(standalone) - a node of no cluster.
            - V(member) - a member of a quorate cluster that is writable, and all members run the config_version of the
              cluster's corosync.conf.
            - V(synchronizing) - a quorate member whose /etc/pve is not writable yet. It lasts a few seconds after a
              node has joined or come back.
            - V(versions_differ) - a quorate member, but not all members run the config_version of the cluster's
              corosync.conf. It lasts about a second after a change. When it lasts longer, do not let another node join.
            - V(not_quorate) - the part of the cluster that this node sees has too few votes, so /etc/pve is read-only.
            - V(stranded) - this node's corosync runs, or stopped over, another config_version than the other nodes have.
            - V(corosync_stopped) - corosync does not run on this node.
            - V(pmxcfs_stopped) - /etc/pve is not mounted on this node.
            - V(removed) - the cluster has removed this node, which still has the cluster's files.
            - V(renamed) - the host name of this node was changed. The cluster lists it by its addresses under the name that it had,
              RV(ansible_facts.pve_cluster.listed_as). It may be quorate and run guests, whose configurations are under both names.
            - V(unknown) - too little could be read to tell.
          returned: always
          type: str
          sample: member
        reasons:
          description: What the situation was told from, as sentences. Empty when all is well.
          returned: always
          type: list
          elements: str
          sample: ["1 of 3 votes present, 2 needed"]
        membership:
          description:
            - V(standalone) or V(member), where V(member) means that the node has the files of a cluster, whether or not it
              reaches it now. Null when that cannot be told, or when Proxmox VE is not installed.
          returned: always
          type: str
          sample: member
        cluster_name:
          description: The exact name of the cluster. Null on a standalone node.
          returned: always
          type: str
          sample: prod
        nodename:
          description: The node's name, as the cluster knows it.
          returned: always
          type: str
          sample: pve1
        listed_as:
          description: The name that the cluster lists this node under.
          returned: when its host name was changed
          type: str
          sample: pve3
        nodeid:
          description: The node's number. Null on a standalone node.
          returned: always
          type: int
          sample: 1
        admitted:
          description:
            - Always true. The corosync.conf of this node lists it with 0 votes, so that it is admitted and has no vote yet, perhaps without ever having come
              in. A run of the playbook C(cluster_init) gives it its vote.
          returned: when the node is listed without a vote
          type: bool
          sample: true
        quorum:
          description: The votes. All null where corosync does not run.
          returned: always
          type: dict
          contains:
            quorate:
              description: Whether the part of the cluster that this node sees may work.
              returned: always
              type: bool
            expected_votes:
              description: Votes there would be if every node were there.
              returned: always
              type: int
            highest_expected:
              description: The most votes that were ever expected.
              returned: always
              type: int
            total_votes:
              description: Votes that are there.
              returned: always
              type: int
            quorum:
              description: Votes that are needed.
              returned: always
              type: int
            qdevice_votes:
              description: Votes that a QDevice casts. Null without a QDevice.
              returned: always
              type: int
            flags:
              description: What corosync adds.
              returned: always
              type: list
              elements: str
              sample: ["Quorate"]
        qdevice:
          description:
            - The QDevice that the cluster's C(corosync.conf) names, by C(model), C(host) (the QNetd host's address), C(algorithm)
              and C(votes), each null when the
              file does not say. Null without a QDevice. Whether it is connected is in RV(ansible_facts.pve_cluster.health.qdevice).
          returned: always
          type: dict
        pmxcfs:
          description: The cluster file system in /etc/pve.
          returned: always
          type: dict
          contains:
            mounted:
              description: Whether it is there.
              returned: always
              type: bool
            writable:
              description: Whether it is writable. Without quorum it does not.
              returned: always
              type: bool
        links:
          description: This node's links, by number. Empty on a standalone node.
          returned: always
          type: list
          elements: dict
          contains:
            number:
              description: The number of the link, 0 to 7.
              returned: always
              type: int
            address:
              description: This node's address on it, as corosync.conf has it.
              returned: always
              type: str
            running_address:
              description: This node's address on it, as corosync uses it. Corosync does not change it while it runs.
              returned: always
              type: str
            priority:
              description: The link's knet_link_priority, of which the highest wins. Null where none is set.
              returned: always
              type: int
            peers:
              description: The other nodes of the nodelist on this link.
              returned: always
              type: list
              elements: dict
              contains:
                name:
                  description: The other node's name.
                  returned: always
                  type: str
                nodeid:
                  description: The other node's number.
                  returned: always
                  type: int
                address:
                  description: The other node's address on this link.
                  returned: always
                  type: str
                connected:
                  description: Whether it answers on this link. Null where corosync does not run.
                  returned: always
                  type: bool
        nodelist:
          description: The nodes that the cluster's corosync.conf names. Empty on a standalone node.
          returned: always
          type: list
          elements: dict
          contains:
            name:
              description: The node's name.
              returned: always
              type: str
            nodeid:
              description: The node's number.
              returned: always
              type: int
            votes:
              description: The node's votes. 0 for one that is admitted and has no vote yet.
              returned: always
              type: int
            links:
              description: The node's address by number of the link.
              returned: always
              type: dict
              sample: {"0": "10.1.1.11", "1": "10.2.2.11"}
        members:
          description: The nodes that corosync sees now, this one included. Empty where corosync does not run.
          returned: always
          type: list
          elements: dict
          contains:
            name:
              description: The node's name.
              returned: always
              type: str
            nodeid:
              description: The node's number.
              returned: always
              type: int
            votes:
              description: The node's votes.
              returned: always
              type: int
            local:
              description: Whether it is this node.
              returned: always
              type: bool
            address:
              description: The node's address in the management network, as pmxcfs knows it.
              returned: always
              type: str
            config_version:
              description: The config_version that the node runs.
              returned: always
              type: int
        config_version:
          description: The version of corosync.conf in every place where there is one.
          returned: always
          type: dict
          contains:
            pmxcfs:
              description: In /etc/pve/corosync.conf, the cluster's file.
              returned: always
              type: int
            local:
              description: In /etc/corosync/corosync.conf, from which corosync starts on this node.
              returned: always
              type: int
            running:
              description: What corosync runs on this node.
              returned: always
              type: int
            members:
              description: What corosync runs on each node seen now, by name.
              returned: always
              type: dict
              sample: {"pve1": 4, "pve2": 4}
        versions:
          description: Versions of the programs. Null for what is not installed.
          returned: always
          type: dict
          contains:
            pve:
              description: Of Proxmox VE.
              returned: always
              type: str
            pve_cluster:
              description: Of the package pve-cluster.
              returned: always
              type: str
            corosync:
              description: Of the package corosync.
              returned: always
              type: str
            join_api:
              description: Of the protocol by which nodes join.
              returned: always
              type: int
        services:
          description:
            - The services corosync, pve-cluster, pvedaemon, pveproxy, pvestatd, pve-ha-lrm, pve-ha-crm and
              corosync-qdevice by name, as far as they are installed, each with C(state) (such as V(active), V(inactive) or
              V(failed)) and C(enabled) (such as V(enabled) or V(disabled)).
          returned: always
          type: dict
          sample: {"corosync": {"state": "active", "enabled": "enabled"}}
        addresses:
          description: This machine's addresses, without loopback and link-local ones.
          returned: always
          type: list
          elements: dict
          contains:
            interface:
              description: The interface.
              returned: always
              type: str
            address:
              description: The address.
              returned: always
              type: str
            prefix:
              description: Length of the network's prefix in bits.
              returned: always
              type: int
        guests:
          description: The virtual machines and containers of all nodes. Null while /etc/pve is not mounted.
          returned: always
          type: list
          elements: dict
          contains:
            vmid:
              description: The guest's number.
              returned: always
              type: int
            node:
              description: The node it belongs to.
              returned: always
              type: str
            type:
              description: V(qemu) or V(lxc).
              returned: always
              type: str
        certificates:
          description: SHA-256 fingerprints of the API's certificates, as C(pvecm add --fingerprint) takes them.
          returned: always
          type: dict
          contains:
            node:
              description: Of the certificate that Proxmox VE made for the node.
              returned: always
              type: str
            custom:
              description: Of the administrator's own. Null without one.
              returned: always
              type: str
            served:
              description: Of the one that pveproxy serves, or will serve from its next start on when it has just changed.
              returned: always
              type: str
        ssh:
          description: The ssh side of the node.
          returned: always
          type: dict
          contains:
            host_keys:
              description: The public keys of sshd.
              returned: always
              type: list
              elements: dict
              contains:
                file:
                  description: The file it was read from.
                  returned: always
                  type: str
                type:
                  description: The type of the key.
                  returned: always
                  type: str
                  sample: ssh-ed25519
                key:
                  description: The key in base64.
                  returned: always
                  type: str
                comment:
                  description: What is written behind the key.
                  returned: always
                  type: str
                fingerprint:
                  description: Its SHA-256 fingerprint, as C(ssh-keygen -l) prints it.
                  returned: always
                  type: str
            root_public_keys:
              description: Root's own public keys, as lines for authorized_keys.
              returned: always
              type: list
              elements: str
            authorized_keys:
              description: What /root/.ssh/authorized_keys is.
              returned: always
              type: dict
              contains:
                kind:
                  description: V(link), V(file), V(absent) or V(other).
                  returned: always
                  type: str
                target:
                  description: Where a link leads. On a Proxmox VE node it is /etc/pve/priv/authorized_keys.
                  returned: always
                  type: str
                readable:
                  description: Whether it can be read. It cannot while /etc/pve is not mounted, and key logins fail.
                  returned: always
                  type: bool
            authorized_keys2:
              description: What /root/.ssh/authorized_keys2 is, with the same keys.
              returned: always
              type: dict
        leftovers:
          description: What an earlier membership left behind.
          returned: always
          type: dict
          contains:
            files:
              description:
                - Files of a cluster on a standalone or removed node. A node with an authkey or a corosync.conf cannot join.
              returned: always
              type: list
              elements: str
              sample: ["/etc/corosync/authkey"]
            nodes:
              description: Nodes that still have a directory in /etc/pve/nodes but are no longer named by corosync.conf.
              returned: always
              type: list
              elements: str
        problems:
          description: What could not be read, and why, as sentences.
          returned: always
          type: list
          elements: str
        health:
          description: What tells trouble before it stops the cluster.
          returned: when O(gather) has V(health)
          type: dict
          contains:
            links:
              description: What knet has measured on every link to every other node since corosync started. Null where it does not run.
              returned: always
              type: list
              elements: dict
              contains:
                peer:
                  description: The other node's name.
                  returned: always
                  type: str
                number:
                  description: The number of the link.
                  returned: always
                  type: int
                connected:
                  description: Whether the other node answers on it now.
                  returned: always
                  type: bool
                latency:
                  description: Round trips in microseconds. Null before the first.
                  returned: always
                  type: dict
                  contains:
                    average:
                      description: Their average.
                      returned: always
                      type: int
                    min:
                      description: The shortest.
                      returned: always
                      type: int
                    max:
                      description: The longest.
                      returned: always
                      type: int
                    samples:
                      description: How many were measured.
                      returned: always
                      type: int
                mtu:
                  description: The largest piece of data that passes, in bytes. Null before it is known.
                  returned: always
                  type: int
                down_count:
                  description: How often the link was found down. Corosync counts once at its own start.
                  returned: always
                  type: int
                pings:
                  description: Packets that were sent to find out whether the other node answers.
                  returned: always
                  type: int
                pongs:
                  description: Answers to them.
                  returned: always
                  type: int
                send_errors:
                  description: Packets that the system would not send.
                  returned: always
                  type: int
            totem:
              description: What corosync as a whole has counted since it started. Null where it does not run.
              returned: always
              type: dict
              contains:
                retransmits:
                  description: Messages that were sent again because a node had not received them.
                  returned: always
                  type: int
                token_losses:
                  description: Tokens that did not come in time.
                  returned: always
                  type: int
                consensus_timeouts:
                  description: Memberships that did not come about in time.
                  returned: always
                  type: int
            events:
              description: How often corosync reported trouble to the journal since the machine booted.
              returned: always
              type: dict
              contains:
                link_down:
                  description: A link to a node was found down.
                  returned: always
                  type: int
                unreachable:
                  description: A node was not reached on any link. This is counted once a node when corosync starts, too.
                  returned: always
                  type: int
                token_late:
                  description: A token was late.
                  returned: always
                  type: int
                token_lost:
                  description: A token was lost, and the membership was formed again.
                  returned: always
                  type: int
                retransmits:
                  description: Messages had to be sent again.
                  returned: always
                  type: int
                quorum_lost:
                  description: The node was in a part of the cluster that may not work.
                  returned: always
                  type: int
                failures:
                  description: Corosync failed as a service.
                  returned: always
                  type: int
                last:
                  description: When the last of these was, in seconds since 1970-01-01 UTC. Null when there was none.
                  returned: always
                  type: int
                last_said:
                  description: Its words.
                  returned: always
                  type: str
                  sample: "link: host: 3 link: 0 is down"
            clock:
              description: The clock.
              returned: always
              type: dict
              contains:
                synchronised:
                  description: Whether a service has brought it in step with a source of time, and still does.
                  returned: always
                  type: bool
                service_enabled:
                  description: Whether a service is enabled that does so.
                  returned: always
                  type: bool
            certificates:
              description: How long the certificates are valid that are there.
              returned: always
              type: list
              elements: dict
              contains:
                file:
                  description: The file.
                  returned: always
                  type: str
                  sample: /etc/pve/local/pve-ssl.pem
                not_before:
                  description: Valid from then on, in seconds since 1970-01-01 UTC.
                  returned: always
                  type: int
                not_after:
                  description: Valid until then.
                  returned: always
                  type: int
                days_left:
                  description: Whole days until then. Negative when it is no longer valid.
                  returned: always
                  type: int
            qdevice:
              description:
                - The QDevice as this node sees it, by C(connected), C(state), C(server) and C(algorithm). Null where the cluster
                  has none.
              returned: always
              type: dict
              sample: {"connected": true, "state": "Connected", "server": "10.0.0.9:5403", "algorithm": "Fifty-Fifty split"}
            ha:
              description: High availability.
              returned: always
              type: dict
              contains:
                resources:
                  description: The guests that it keeps running.
                  returned: always
                  type: list
                  elements: str
                  sample: ["vm:100"]
                master:
                  description: The node that manages it. Null where it was never used.
                  returned: always
                  type: str
                lrm:
                  description: The state of this node's local resource manager. With V(active), losing quorum for a minute resets the node.
                  returned: always
                  type: str
            rescues:
              description:
                - The rescues of a change of corosync.conf that are armed or left over, as far as this node knows. While one is armed and has not
                  expired, the modules of this collection do not change the cluster. See M(pve.cluster.corosync_rescue).
              returned: always
              type: list
              elements: dict
              contains:
                node:
                  description: The node on which it is.
                  type: str
                owner:
                  description: Who armed it.
                  type: str
                until:
                  description: Until when it may act, in seconds since 1970. Null when that is not known.
                  type: int
                expired:
                  description: Whether it may not act any more.
                  type: bool
              sample: []
            ha_left_disarmed_by:
              description:
                - The run of this collection that disarmed high availability and did not arm it again. Null when there is none. The next
                  run that changes the cluster arms it.
              returned: always
              type: str
            membership_changed_by:
              description:
                - Who is at work at the set of the cluster's nodes, by the lock of this collection, as a sentence. Null when nobody is.
              returned: always
              type: str
            root_second_factor:
              description: Whether root@pam is asked for a second factor when it logs in by password.
              returned: always
              type: bool
            next_start_problem:
              description:
                - Why corosync would not start from its file on this node, by C(corosync -t). A corosync that runs goes on with what it read before.
                  Null when it would start, and on a host of no cluster.
              returned: always
              type: str
            misread:
              description:
                - Places of corosync.conf that corosync and Proxmox VE do not read alike, each a sentence with its line. Null on a host of no
                  cluster.
              returned: always
              type: list
              elements: str
            newer_options:
              description:
                - Options of corosync.conf that came in after the first release of corosync 3. A node with an older corosync takes one without a
                  word, and does nothing with it. Null on a host of no cluster.
              returned: always
              type: list
              elements: dict
              contains:
                option:
                  description: The option with its sections, such as C(totem.ip_dscp).
                  returned: always
                  type: str
                since:
                  description: The release of corosync that it came in with.
                  returned: always
                  type: str
            foreign_packets:
              description:
                - The last packet that corosync could not decrypt since the machine booted, from a host with another key or without encryption. Null
                  where there was none.
              returned: always
              type: dict
              contains:
                address:
                  description: The address that it came from. Null where knet could not tell.
                  returned: always
                  type: str
                last:
                  description: When it came, in seconds since 1970-01-01 UTC.
                  returned: always
                  type: int
            timing:
              description: After what times corosync gives a node up, in milliseconds. Null on a host of no cluster.
              returned: always
              type: dict
              contains:
                token:
                  description: The token timeout in use, which grows with the number of nodes.
                  returned: always
                  type: int
                token_coefficient:
                  description: What each node from the third on adds to it.
                  returned: always
                  type: int
                consensus:
                  description: How long the nodes that are left take to agree on being so, 1.2 times the token by default.
                  returned: always
                  type: int
            pmxcfs_online:
              description: The nodes that pmxcfs has in its group. It keeps the last ones while corosync does not run.
              returned: always
              type: list
              elements: str
            unix_time:
              description: The node's time when it was asked, in seconds since 1970-01-01 UTC.
              returned: always
              type: int
            problems:
              description: What of this could not be read, and why, as sentences.
              returned: always
              type: list
              elements: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Say that the compiled module, which takes this file's place, is missing."""
    module = AnsibleModule(
        argument_spec={
            "gather": {"type": "list", "elements": "str", "choices": ["health"], "default": []},
            "settle": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
