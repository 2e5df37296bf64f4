# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A known_hosts file with the host keys of a cluster's nodes pinned, and no other keys for their names."""

from __future__ import annotations

import re

from ansible.errors import AnsibleFilterError
from ansible_collections.pve.cluster.plugins.plugin_utils.known_hosts import Names, names_in, names_of, without
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import plain, verbatim

DOCUMENTATION = """
name: known_hosts_pinned
short_description: A known_hosts file with the host keys of a cluster's nodes pinned
version_added: 0.1.0
description:
  - Puts the host keys of all nodes into a block of the file, under all names of the nodes.
  - Takes what else the file says of these names out, such as the keys that a node had before it was reinstalled. So it does with
    the names of nodes that the block had and that are no longer given. Hashed names are recognized.
  - Comments, patterns, and lines with a marker stay as they are, and so do other names in a line.
positional: _input, cluster_name
options:
  _input:
    description: The file's content; empty when there is none.
    type: str
    required: true
  cluster_name:
    description: Name of the cluster, which the block's markers bear.
    type: str
    required: true
  hosts:
    description:
      - The nodes, each with C(names), C(ports) (on which its sshd listens) and C(keys) (each with C(type) and C(key)).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = """
- name: Show what known_hosts would be
  ansible.builtin.debug:
    msg: "{{ content | pve.cluster.known_hosts_pinned('prod', hosts) }}"
"""

RETURN = """
_value:
  description: The file's new content; the same when nothing is to be changed.
  type: str
"""


_KEY = re.compile(r"[A-Za-z0-9@.-]{1,64} [A-Za-z0-9+/]+={0,3}")


def known_hosts_pinned(content, cluster_name, hosts):
    """The file with the block for these hosts, and nothing else about their names."""
    begin, end = f"# BEGIN pve.cluster {cluster_name}", f"# END pve.cluster {cluster_name}"
    block = [begin]
    for host in hosts:
        # a node says these: with a line's end in it, one could say them for another name
        keys = [f"{key['type']} {key['key']}" for key in host["keys"]]
        strange = next((key for key in keys if not _KEY.fullmatch(key)), None)
        if strange is not None:
            raise AnsibleFilterError(f"cannot pin the host keys of '{host['names'][0]}': {plain(ascii(strange))} is no public key; see its /etc/ssh")
        block += [f"{','.join(names_of(host))} {key}" for key in keys]
    block.append(end)

    before, old, after = _parted(content.split("\n"), begin, end)
    out = Names(name for line in old + block for name in names_in(line))
    before, after = _cleaned(before, out), _cleaned(after, out)
    if old == [] and before[-1:] == [""]:
        before.pop()  # what follows the file's last newline
    return "\n".join(before + block + (after or [""]))


def _parted(lines, begin, end):
    """What is before the block, the block, and what is behind it. A block without its end is no block."""
    if begin not in lines or end not in lines[lines.index(begin) :]:
        return [line for line in lines if line not in (begin, end)], [], []
    start = lines.index(begin)
    stop = lines.index(end, start)
    return lines[:start], lines[start : stop + 1], lines[stop + 1 :]


def _cleaned(lines, out):
    left = [without(line, lambda name: name in out) for line in lines]
    return [line for line in left if line is not None]


class FilterModule:
    """The filter, for Ansible."""

    def filters(self):
        """Its name and its function."""
        return {"known_hosts_pinned": verbatim(known_hosts_pinned)}
