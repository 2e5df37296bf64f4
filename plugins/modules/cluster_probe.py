#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the compiled module cluster_probe."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cluster_probe
short_description: Measure how nodes reach each other on the networks of a cluster
version_added: "0.1.0"
author:
  - The pve.cluster contributors (@pve-cluster)
description:
  - Runs on all nodes at the same time, in one task, and measures every ordered pair of nodes on every corosync link at once.
  - Each node asks all others through the UDP ports of corosync, from the same port as corosync does, and answers them until all of
    them have what they need. So it does not matter which node starts first, and a measurement takes little longer than its packets.
  - It measures which ports are answered, round trips, losses, the largest packet that passes, and how far the other node's clock
    is off. TCP ports of the management address are connected to.
  - Ports that are in use, as by a running corosync, are left alone on both sides.
  - While a node is silent on a link, it is told of on the management address, too. So a node that is cut off from the links costs
    three seconds, and only one that does not start the module or is silent everywhere costs the whole O(timeout).
  - It ends in any case. A node that goes on sending after O(timeout) and what a measurement takes is no longer waited for, and named in
    RV(problems). What is taken in between two looks at the clock is bounded.
  - Nothing is changed and nothing is left behind on any node.
options:
  run:
    description:
      - A random number of 32 hexadecimal digits, the same on all nodes and drawn again for each measurement. Packets of any other one are ignored.
    type: str
    required: true
  name:
    description: This node, one of O(nodes).
    type: str
    required: true
  nodes:
    description: All nodes that take part, the same list in the same order on all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The node's name.
        type: str
        required: true
      address:
        description: Its address on the management network, for O(tcp_ports).
        type: str
        required: true
      links:
        description: Its corosync links.
        type: list
        elements: dict
        required: true
        suboptions:
          number:
            description: The number of the link.
            type: int
            required: true
          address:
            description: The node's address on it.
            type: str
            required: true
      tcp_ports:
        description: Its own ports to connect to, where they are not O(tcp_ports), as those of an sshd that listens elsewhere.
        type: list
        elements: int
  udp_ports:
    description: Ports to try on every link.
    type: list
    elements: int
    default: [5405, 5406, 5407, 5408, 5409, 5410, 5411, 5412]
  tcp_ports:
    description: Ports to connect to.
    type: list
    elements: int
    default: [22, 8006]
  packets:
    description: Packets to measure with, for each link to each node.
    type: int
    default: 50
  timeout:
    description:
      - How long to wait for a node of which nothing is heard, in seconds. It must cover the time that Ansible takes to start the module on
        all nodes.
    type: int
    default: 20
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
    platforms: debian, proxmox
    support: full
notes:
  - All nodes must run it at once. Ansible's C(forks) must not be smaller than the number of nodes.
seealso:
  - module: pve.cluster.cluster_facts
"""

EXAMPLES = r"""
---
- name: Draw a number
  ansible.builtin.set_fact:
    run: "{{ lookup('ansible.builtin.password', '/dev/null length=32 chars=0123456789abcdef') }}"
  run_once: true

- name: Measure every pair of nodes on every link
  pve.cluster.cluster_probe:
    run: "{{ run }}"
    name: "{{ inventory_hostname }}"
    nodes:
      - name: pve1
        address: 10.0.0.11
        links: [{number: 0, address: 10.1.1.11}]
      - name: pve2
        address: 10.0.0.12
        links: [{number: 0, address: 10.1.1.12}]
"""

RETURN = r"""
peers:
  description: What was found out about each other node.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The other node.
      returned: always
      type: str
    heard:
      description: Whether anything was heard of it on any network, the management one included. Then it took part at the same time.
      returned: always
      type: bool
    links:
      description: The links that both nodes have.
      returned: always
      type: list
      elements: dict
      contains:
        number:
          description: The number of the link.
          returned: always
          type: int
        address:
          description: The other node's address on it.
          returned: always
          type: str
        answered:
          description: Whether anything was answered on it.
          returned: always
          type: bool
        silent_ports:
          description: Ports that were not answered, though nothing else uses them on either node.
          returned: always
          type: list
          elements: int
        latency:
          description: Round trips in milliseconds, by C(min), C(median), C(average), C(max) and C(jitter). Null when there were none.
          returned: always
          type: dict
        sent:
          description: Packets that were sent to measure.
          returned: always
          type: int
        received:
          description: Answers to them.
          returned: always
          type: int
        loss_percent:
          description: Packets that were lost, in percent. Null before anything was answered.
          returned: always
          type: float
        largest:
          description: The largest packet that was answered, with all its headers, in bytes.
          returned: always
          type: int
        own_mtu:
          description: The MTU of this node's interface.
          returned: always
          type: int
        known_mtu:
          description: The largest packet on the way, as far as the system has learned it. Null for IPv6.
          returned: always
          type: int
        clock_offset:
          description: The other node's clock against this one's, in milliseconds.
          returned: always
          type: float
    tcp:
      description: The ports that were connected to, each with C(port) and C(problem), which is null when it worked.
      returned: always
      type: list
      elements: dict
seconds:
  description: How long it took.
  returned: success
  type: float
controller:
  description: When the task began and ended, in seconds of a clock of the controller that is the same for all nodes, as C(begun) and C(ended).
  returned: always
  type: dict
problems:
  description: What kept this node from measuring, as sentences.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Say that the compiled module, which takes this file's place, is missing."""
    link = {
        "number": {"type": "int", "required": True},
        "address": {"type": "str", "required": True},
    }
    node = {
        "name": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "links": {"type": "list", "elements": "dict", "required": True, "options": link},
        "tcp_ports": {"type": "list", "elements": "int"},
    }
    module = AnsibleModule(
        argument_spec={
            "run": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "nodes": {"type": "list", "elements": "dict", "required": True, "options": node},
            "udp_ports": {"type": "list", "elements": "int", "default": [5405, 5406, 5407, 5408, 5409, 5410, 5411, 5412]},
            "tcp_ports": {"type": "list", "elements": "int", "default": [22, 8006]},
            "packets": {"type": "int", "default": 50},
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
