# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one member tells of the others: their names and addresses, and the host keys by which they are known again.

Proxmox VE pins a node's host keys in /etc/pve/nodes/NODE/ssh_known_hosts, and in older releases in /etc/pve/priv/known_hosts, which is for all nodes.
What is read there came over a connection to a member whose own key was known, so that no key is trusted because it was met first.
"""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.export import ADDRESS, CLUSTER, NAME, said
from ansible_collections.pve.cluster.plugins.plugin_utils.host_keys import fingerprint
from ansible_collections.pve.cluster.plugins.plugin_utils.known_hosts import Names, key_in, names_in

# The file of all nodes, among the names of nodes.
SHARED = "-"


def member_problems(facts):
    """Why these facts of a node do not describe a whole cluster that may be adopted, one sentence each."""
    situation = facts.get("situation")
    if situation != "member":
        reasons = [str(one) for one in facts.get("reasons") or []]
        return [f"it is no member of a quorate cluster ({situation}{': ' + '; '.join(reasons) if reasons else ''}): name a node that is"]
    problems = []
    name = facts.get("cluster_name")
    if not isinstance(name, str) or not CLUSTER.fullmatch(name):
        problems.append(f"the cluster is called {said(name)}, which is not a cluster's name")
    there = {member.get("name"): member.get("address") for member in facts.get("members") or []}
    for node in facts.get("nodelist") or []:
        one = node.get("name")
        if not isinstance(one, str) or not NAME.fullmatch(one):
            problems.append(f"a node is called {said(one)}, which is not a node's name")
        elif one not in there:
            problems.append(f"node '{one}' is not online: start it, or remove it from the cluster (pvecm delnode {one})")
        elif not isinstance(there[one], str) or not ADDRESS.fullmatch(there[one]):
            problems.append(f"the address of node '{one}' is {said(there[one])}, which is not an address: see /etc/pve/.members")
    return problems


def nodes(facts, text):
    """The nodes in the order of their nodeids: `name`, `address`, and `keys`, the fingerprints of its host keys that the cluster knows.

    `text`: lines of known_hosts, each behind the name of the node whose file it is in, or `-` for the file of all nodes.
    `facts` must be without a problem. The keys of the node that was asked are those that it has.
    """
    lines = [line.partition(" ")[::2] for line in text.splitlines()]
    addresses = {member["name"]: member["address"] for member in facts["members"]}
    found = []
    for node in sorted(facts["nodelist"], key=lambda node: node["nodeid"]):
        name = node["name"]
        names = Names([name, addresses[name]])
        # the node's own file is the newer one: the shared one keeps keys that a node had before it was installed again
        keys = [print_ for print_ in _prints(lines, name, names) if print_] or _prints(lines, SHARED, names)
        if name == facts["nodename"]:
            keys += [fingerprint(f"{key['type']} {key['key']}") for key in (facts.get("ssh") or {}).get("host_keys") or []]
        found.append({"name": name, "address": addresses[name], "keys": list(dict.fromkeys(key for key in keys if key))})
    return found


def _prints(lines, wanted, names):
    return [fingerprint(" ".join(key_in(line))) for place, line in lines if place == wanted and any(one in names for one in names_in(line))]


def key_problems(found):
    """The nodes of which the cluster knows no host key."""
    return [
        f"the cluster knows no host key of node '{node['name']}': run 'pvecm updatecerts' on it, or pin its key on the controller with "
        "playbooks/cluster-host-keys.yml"
        for node in found
        if not node["keys"]
    ]
