# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's lookups of all nodes' names and addresses tell."""

from __future__ import annotations

import ipaddress

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding

_MEND = "run phase 1 first (it writes /etc/hosts), or repair the name service"
_FOLLOWS = "nothing: phase 1 writes it into /etc/hosts"


def spelled(address):
    """An address in its one spelling, so that FD00::1 and fd00:0::1 are one; anything else as it is."""
    try:
        return str(ipaddress.ip_address(str(address)))
    except ValueError:
        return str(address)


def names_findings(host, nodes, follow=False):
    """Of one node's lines `name NAME ADDRESS..` and `address ADDRESS NAME..`, by what the inventory says of all nodes.

    `follow` says that phase 1 is still to write the names, so that one which is missing stops nothing.
    """
    owners = {name: node for node in nodes for name in (node["name"], node.get("fqdn") or node["name"])}
    addresses = {spelled(node["address"]): node for node in nodes if node.get("address")}
    # a node that is entered by su prints an empty line first
    for what, asked, *found in (line.split() for line in host.get("lookups") or [] if len(line.split()) > 1):
        node = owners.get(asked) if what == "name" else addresses.get(spelled(asked))
        if node is not None:
            peer = node["name"] if node["name"] != host["node"]["name"] else None
            judge = _of_name if what == "name" else _of_address
            yield from ({**one, "peer": peer} for one in judge(asked, found, node, follow))


def _of_name(name, found, node, follow):
    if not found:
        yield finding("lookup", WARNING if follow else ERROR, f"it cannot look up '{name}'", _FOLLOWS if follow else _MEND)
        return
    if any(ipaddress.ip_address(one.partition("%")[0]).is_loopback for one in found):
        yield finding("loopback", ERROR, f"'{name}' resolves to a loopback address", "give the name its management address in /etc/hosts")
        return
    wanted = spelled(node["address"])
    found = [spelled(one) for one in found]
    if found[0] == wanted:
        return
    links = [spelled(link["address"]) for link in node["links"]]
    severity = WARNING if wanted in found or found[0] in links else ERROR
    yield finding(
        "lookup-address", severity, f"'{name}' resolves to {', '.join(found)}, but its management address is {wanted}",
        "correct /etc/hosts or the name service, or management_ip in the inventory", measured=found, limit=wanted,
    )


def _of_address(address, found, node, follow):
    own = {node["name"].lower(), (node.get("fqdn") or "").lower()}
    if not found:
        yield finding("reverse-lookup", WARNING, f"it cannot look up the name of {address}", _FOLLOWS if follow else _MEND)
    elif not own & {name.lower() for name in found}:
        yield finding(
            "reverse-lookup", WARNING, f"{address} is looked up as '{found[0]}', not as '{node['name']}'", "correct /etc/hosts or the name service",
            measured=found, limit=node["name"],
        )
