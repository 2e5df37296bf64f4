# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reached a node that a member does not see."""

from __future__ import annotations

import json

# sshd and pveproxy, which every node has
PORTS = (22, 8006)
CONTROLLER = "the controller"


def votes_unseen(facts, nodes, ports):
    """The nodes that the member with these facts does not see, with their addresses, each with the ports to knock at.

    `nodes` are those of the inventory, `ports` the port of ssh, both by host.
    """
    seen = {member["name"] for member in facts.get("members") or []}
    unseen = {}
    for node in facts.get("nodelist") or []:
        if node["name"] not in seen:
            links = node.get("links") or {}
            unseen[node["name"]] = {str(address): list(PORTS) for address in links.values()}
    for host, node in nodes.items():
        if node["name"] in unseen:
            own = [*PORTS, *([int(ports[host])] if ports.get(host) else [])]
            unseen[node["name"]][str(node["address"])] = sorted(set(own))
    return unseen


def votes_reached(unseen, views, nodes, knocked):
    """The signs of life of the nodes that are not seen, as the option C(reached) of pvecm_expected takes them.

    `views` are the answers of cluster_facts by host, one that did not answer marked as unreachable; `knocked` is, by who did, what the program C(knock)
    of the role printed.
    """
    reached = []
    for host, view in views.items():
        name = nodes[host]["name"]
        if name not in unseen or view.get("unreachable"):
            continue
        facts = (view.get("ansible_facts") or {}).get("pve_cluster") or {}
        itself = facts.get("nodename") == name
        how = f"host '{host}' answered Ansible" + (f" as '{facts['nodename']}'" if facts.get("nodename") else "")
        reached.append({"node": name, "by": CONTROLLER, "how": how, "itself": itself})
    for by, said in knocked.items():
        for answer in json.loads(said):
            for name, addresses in unseen.items():
                if answer["address"] in addresses:
                    reached.append({"node": name, "by": by, "how": f"'{answer['address']}' {answer['does']}", "itself": False})
    return reached
