#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""Documentation of the compiled module of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pve_authorized_key
short_description: Manage ssh keys in the authorized_keys file of a Proxmox VE cluster and beside it
version_added: "0.1.0"
description:
  - Adds public keys to the files from which sshd on a Proxmox VE node takes them, or removes them.
  - Root's C(authorized_keys) is a link into C(/etc/pve) there, to one file for all nodes of the cluster.
    This module changes that file in place of the link, as the cluster file system wants it (a new file, then a rename,
    under a lock that all nodes see), and makes sure afterwards that no other program has dropped the change.
  - That file is away while a node joins and whenever the service pve-cluster is stopped, and so are the keys in it.
    So the same keys also belong in a file on each node's own disk, which this module finds or, where sshd reads none, has sshd read.
  - The line of a key is changed, nothing else; comments, blank lines and lines that it does not understand stay as they are.
options:
  key:
    description:
      - One public key or several, as a string with one key a line or as a list of such strings.
      - A line is what C(ssh-keygen) writes to a file ending in C(.pub), with or without options before the type of the key.
        Blank lines and lines that begin with C(#) are passed over.
      - Options and comment of a line are set as given. When there are none, those of an existing line of the key stay.
      - Keys are compared as sshd compares them. A line of a file that has C(rsa-sha2-512) in place of C(ssh-rsa) before the same key is a line of that key.
      - Private keys, certificates, damaged keys, and options or values of options for which sshd would ignore the line or let nobody in
        are refused before anything is changed.
      - Exactly one of O(key) and O(key_file) must be given.
    type: raw
  key_file:
    description:
      - Files on the node that hold public keys, instead of O(key).
    type: list
    elements: path
  state:
    description:
      - V(present) makes sure that each key can log in by exactly the options given.
        Lines that repeat a key with the same options become one. Lines of a key that differ in their options are kept
        as long as no options are given, and become one when they are.
      - V(absent) removes every line of the keys, whatever their options and comments, from every file of the scope that sshd reads.
    type: str
    choices: [present, absent]
    default: present
  key_options:
    description:
      - Options for all keys, such as C(from="192.0.2.0/24",restrict). An empty string removes options.
      - Cannot be combined with options in the lines of the keys.
    type: str
  comment:
    description:
      - Comment for all keys, in place of those in their lines. An empty string removes comments.
    type: str
  exclusive:
    description:
      - Whether all keys that are not given are removed from the files of the scope. Comments and blank lines stay,
        lines that are neither they nor keys go, because sshd may understand them.
      - For root the keys of the cluster's nodes are never removed by this, because the nodes log in to each other with them. These are
        root's own keys on this node, and every key whose comment is C(root@) and the name of a node in C(/etc/pve/nodes).
        RV(kept_node_keys) tells which were kept. To remove such a key, name it with O(state=absent).
      - Only with O(state=present).
    type: bool
    default: false
  allow_lockout:
    description:
      - Whether a line may be written that lets nobody in, as its C(expiry-time) is past or its C(from) has names of hosts only, which sshd
        compares only with C(UseDNS yes).
      - Also whether a line that would let the connection of this task in may be changed to one that would not, or of which that is not
        known, because of its C(from) or C(command). The address of the connection is what sshd tells of it in C(SSH_CONNECTION).
    type: bool
    default: false
  user:
    description:
      - The user who is to log in with the keys.
    type: str
    default: root
  scope:
    description:
      - V(cluster) is the file C(/etc/pve/priv/authorized_keys), which holds root's keys on all nodes of the cluster, or on the one
        node that is in none. It is refused, with nothing changed, on a node that is not quorate when there is something to
        write, and where C(/etc/pve) is not mounted.
      - V(local) is a file on the node's own disk. For root this is C(.ssh/authorized_keys2), or else another file that sshd reads and
        that is not C(.ssh/authorized_keys), which Proxmox VE makes a link; for other users the first file that sshd reads.
        If sshd reads none such, it is told to by a file in C(/etc/ssh/sshd_config.d), which is checked before sshd
        is reloaded and taken back if it has no effect. If root's C(.ssh) itself leads into C(/etc/pve), the file is
        C(/etc/ssh/authorized_keys.d/root).
      - V(both) is both.
      - Defaults to V(both) for root and to V(local) for other users, for whom there is nothing else.
    type: str
    choices: [cluster, local, both]
  timeout:
    description:
      - Seconds to wait for the lock while others change the file.
      - A lock that a killed program left behind is released by the cluster file system 120 seconds after someone first asked for it.
    type: int
    default: 150
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: full
  platform:
    description: Target OS/families that can be operated against.
    platforms: proxmox
    support: full
    details: The scope V(local) works on any Debian with sshd.
notes:
  - The lock is the directory C(/etc/pve/priv/lock/file-priv_authorized_keys), by the rules and the naming of Proxmox VE's own locks.
    Proxmox VE itself takes no lock for this file. What merges the nodes' keys into it (creating a cluster, joining, C(pvecm updatecerts) and
    each start of pveproxy) replaces it without one. So this module writes while no such writer is at work, watches the file for
    0.15 seconds afterwards, and writes again what was dropped.
  - A program that appends to the file in place, such as C(ssh-copy-id), takes no lock either and leaves no sign of its work.
    Do not run one while this module runs.
  - Local files are only changed when sshd would take keys from them. That is when every directory on the way belongs to root or the user and can be written
    to by no one else. Files in a place that the user controls are read and written with the user's rights, so no planted link leads anywhere else.
    Modes are never widened; a file that others can write to loses that.
  - Which files sshd reads is what C(sshd -T) says of a login from the node itself.
author:
  - The pve.cluster contributors (@pve-cluster)
seealso:
  - module: ansible.posix.authorized_key
    description: Writes to ordinary files. On a Proxmox VE node it replaces the link by a file and loses what others write.
"""

EXAMPLES = r"""
- name: Let the controller in, whatever happens to the cluster
  pve.cluster.pve_authorized_key:
    key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"

- name: Let the controller in before the node joins a cluster
  pve.cluster.pve_authorized_key:
    key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    scope: local

- name: Make sure that the node's own key is in the cluster's file
  pve.cluster.pve_authorized_key:
    key_file: /root/.ssh/id_rsa.pub
    scope: cluster

- name: Let a monitoring host run one command
  pve.cluster.pve_authorized_key:
    key:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAh7XaMsLDfQwLPxpy3Chdjgtk7AmgaAQkmU3Nm5rqa
    key_options: restrict,from="192.0.2.10",command="/usr/bin/pvesh get /cluster/status --output-format json"
    comment: monitoring
    scope: cluster

- name: Take a retired key out everywhere
  pve.cluster.pve_authorized_key:
    key: "{{ lookup('ansible.builtin.file', 'keys/retired.pub') }}"
    state: absent

- name: Have only these keys, and those of the nodes
  pve.cluster.pve_authorized_key:
    key: "{{ query('ansible.builtin.file', 'keys/alice.pub', 'keys/bob.pub') }}"
    exclusive: true
"""

RETURN = r"""
keys:
  description: The keys that were given.
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description: Type of the key.
      type: str
      sample: ssh-ed25519
    fingerprint:
      description: Its fingerprint, as C(ssh-keygen -l) prints it.
      type: str
      sample: SHA256:MRB1o4XTdahH9YnnpEd+7yYrMXw39nW52qRqcoVBzS4
    comment:
      description: The comment that was given; empty when there was none.
      type: str
      sample: admin@workstation
files:
  description: The files that hold the keys, or held them, or make sshd read them.
  returned: success
  type: list
  elements: dict
  contains:
    scope:
      description: V(cluster), V(local), or V(sshd) for the part of sshd's configuration.
      type: str
      sample: local
    path:
      description: The file, without links.
      type: str
      sample: /root/.ssh/authorized_keys2
    changed:
      description: Whether it was changed, or would be in check mode.
      type: bool
      sample: true
kept_node_keys:
  description: Keys of nodes that O(exclusive) left in place, in the form of RV(keys).
  returned: success
  type: list
  elements: dict
  contains:
    type:
      description: Type of the key.
      type: str
      sample: ssh-rsa
    fingerprint:
      description: Its fingerprint.
      type: str
      sample: SHA256:MRB1o4XTdahH9YnnpEd+7yYrMXw39nW52qRqcoVBzS4
    comment:
      description: The comment in its line.
      type: str
      sample: root@pve2
changed_files:
  description: Files that had been changed when the module failed.
  returned: failure while changing something
  type: list
  elements: str
  sample: [/etc/pve/priv/authorized_keys]
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    """Fail: the compiled module takes the place of this file."""
    module = AnsibleModule(
        argument_spec=dict(
            key=dict(type="raw", no_log=False),
            key_file=dict(type="list", elements="path", no_log=False),
            state=dict(type="str", choices=["present", "absent"], default="present"),
            key_options=dict(type="str", no_log=False),
            comment=dict(type="str"),
            exclusive=dict(type="bool", default=False),
            allow_lockout=dict(type="bool", default=False),
            user=dict(type="str", default="root"),
            scope=dict(type="str", choices=["cluster", "local", "both"]),
            timeout=dict(type="int", default=150),
        ),
        mutually_exclusive=[["key", "key_file"]],
        required_one_of=[["key", "key_file"]],
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
