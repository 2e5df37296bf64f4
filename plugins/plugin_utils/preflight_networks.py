# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks and interfaces of a node's corosync links tell."""

from __future__ import annotations

import ipaddress

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding
from ansible_collections.pve.cluster.plugins.plugin_utils.given import link_number
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_machine import said
from ansible_collections.pve.cluster.plugins.plugin_utils.preflight_names import spelled


def networks_findings(host):
    """Of one node."""
    networks = _networks(host)
    yield from _of_addresses(host)
    yield from _of_networks(networks)
    yield from _of_interfaces(host, networks)
    yield from _of_bonds(host, networks)
    # what a join drops uses no network afterwards
    if not host["joins"]:
        yield from _of_migration(host, networks)
        for name, *places in said(host, "storage"):
            for place in places:
                yield from _shared("storage-network", f"the storage {name} is reached over", place, networks)


def _networks(host):
    """By number of the link: the interface and network of this node's address."""
    own = {spelled(entry["address"]): entry for entry in host["facts"].get("addresses") or [] if "prefix" in entry}
    found = {}
    for position, link in enumerate(host["node"]["links"]):
        entry = own.get(spelled(link["address"]))
        if entry:
            network = ipaddress.ip_network(f"{spelled(entry['address'])}/{entry['prefix']}", strict=False)
            found[link_number(link, position)] = (entry["interface"], network)
    return found


def _of_addresses(host):
    own = {spelled(entry["address"]) for entry in host["facts"].get("addresses") or []}
    for position, link in enumerate(host["node"]["links"]):
        if spelled(link["address"]) not in own:
            yield finding(
                "link-address", ERROR, f"the address {link['address']} of link {link.get('number', position)} is not on this node",
                "configure the network, or correct the inventory", link=link_number(link, position),
            )


def management_findings(host, hosts):
    """A management address that is another node's: phase 1 would give its names and keys to that address on every node."""
    def on(one):
        return {spelled(entry["address"]) for entry in one["facts"].get("addresses") or []}

    address = spelled(host["node"]["address"])
    if address in on(host):
        return
    for other in hosts:
        if address in on(other):
            yield finding(
                "management-address", ERROR, f"its management address {address} is on '{other['node']['name']}'",
                "correct management_ip in the inventory", peer=other["node"]["name"], measured=sorted(on(host)), limit=address,
            )


def _of_networks(networks):
    pairs = _pairs(networks)
    for one, other in pairs:
        network, second = networks[one][1], networks[other][1]
        if network.version == second.version and network.overlaps(second):
            yield finding(
                "links-on-one-network", ERROR, f"the links {one} and {other} are both on {max(network, second, key=_size)}, and fail together",
                "give each link a network of its own", link=other, measured=str(second), limit=f"not {network}",
            )


def _size(network):
    return network.num_addresses


def _pairs(networks):
    numbers = sorted(networks)
    return [(one, other) for position, one in enumerate(numbers) for other in numbers[position + 1 :]]


def _below(host):
    """By interface, itself and all that it lies on: of a VLAN on a bond the bond and its ports too."""
    lower = {}
    for upper, interface in (values for values in said(host, "below") if len(values) == 2):
        lower.setdefault(upper, set()).add(interface)

    def all_of(interface, seen=()):
        found = {interface}
        for one in lower.get(interface, ()):
            if one not in seen:
                found |= all_of(one, (*seen, interface))
        return found

    return all_of


def _of_interfaces(host, networks):
    below = _below(host)
    for one, other in _pairs(networks):
        shared = below(networks[one][0]) & below(networks[other][0])
        if shared:
            yield finding(
                "links-on-one-interface", WARNING, f"the links {one} and {other} both run over {', '.join(sorted(shared))}, and fail together",
                "give each link an interface of its own", link=other, measured=sorted(shared),
            )


def _of_bonds(host, networks):
    below = _below(host)
    for bond, mode, *rate in said(host, "bond"):
        for number, (interface, _network) in sorted(networks.items()):
            if bond not in below(interface):
                continue
            if mode.startswith("balance-") or mode == "broadcast":
                yield finding(
                    "bond-mode", WARNING, f"link {number} is on {bond}, a bond in mode {mode}", "use active-backup, or one corosync link for each interface",
                    link=number, measured=mode, limit="active-backup",
                )
            elif mode == "802.3ad" and rate == ["slow"]:
                yield finding(
                    "bond-rate", WARNING, f"link {number} is on {bond}, whose bond-lacp-rate is slow: a failure is noticed after up to 90 s",
                    "set bond-lacp-rate fast, here and on the switch", link=number, measured="slow", limit="fast",
                )


def _of_migration(host, networks):
    """Without a network of its own, guests are migrated over the management address."""
    given = said(host, "migration")
    for values in given:
        yield from _shared("migration-network", "guests are migrated over", values[0], networks)
    address = host["node"].get("address")
    if given or not host.get("local") or not address:
        return
    # one of several links may well be there, as the last resort
    shared = list(_shared("migration-network", "guests are migrated over the management network", address, networks))
    if len(shared) == len(networks) > 0:
        yield from shared


def _shared(identity, what, place, networks):
    try:
        other = ipaddress.ip_network(place, strict=False)
    except ValueError:
        return  # a name that was not found
    for number, (_interface, network) in sorted(networks.items()):
        if other.version == network.version and other.overlaps(network):
            yield finding(
                identity, WARNING, f"{what} {network}, the network of link {number}",
                "give corosync a network of its own: its packets must not wait behind others", link=number, measured=place,
            )
