# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's own networks, services and leftovers tell before it becomes part of a cluster."""

from __future__ import annotations

import ipaddress

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding


def machine_findings(host, limits, bridges):
    """Of one node."""
    facts = host["facts"]
    if not (facts.get("versions") or {}).get("pve"):
        return
    networks = _networks(host)
    yield from _of_networks(networks)
    yield from _of_services(facts)
    yield from _of_what_a_join_drops(host)
    lines = [line.split() for line in host.get("local") or []]
    for what, *values in lines:
        yield from _LINES[what](values, networks, limits)
    # a node that did not say has not been looked at
    if lines:
        present = {values[0] for what, *values in lines if what == "bridge"}
        for bridge in bridges:
            if bridge not in present:
                yield finding(
                    "bridge-missing", WARNING, f"the bridge {bridge} is not there",
                    "configure it in /etc/network/interfaces, or set preflight_bridges",
                )


def _networks(host):
    """By number of the link: the interface and network of this node's address."""
    own = {entry["address"]: entry for entry in host["facts"].get("addresses") or [] if "prefix" in entry}
    found = {}
    for position, link in enumerate(host["node"]["links"]):
        entry = own.get(str(link["address"]))
        if entry:
            network = ipaddress.ip_network(f"{entry['address']}/{entry['prefix']}", strict=False)
            found[link.get("number", position)] = (entry["interface"], network)
    return found


def _of_networks(networks):
    owners = {}
    for number, (_interface, network) in sorted(networks.items()):
        owners.setdefault(network, []).append(str(number))
    for network, numbers in owners.items():
        if len(numbers) > 1:
            yield finding(
                "links-on-one-network", ERROR, f"the links {' and '.join(numbers)} are both on {network}, and fail together",
                "give each link a network of its own",
            )


def _of_services(facts):
    for service in ("pvedaemon", "pveproxy"):
        state = (facts.get("services") or {}).get(service, {}).get("state")
        if state and state != "active":
            yield finding(
                "service", WARNING, f"the service {service} is {state}", f"see 'journalctl -u {service}' on it", measured=state, limit="active"
            )
    clock = (facts.get("health") or {}).get("clock")
    if clock and not clock["synchronised"]:
        yield finding(
            "clock", WARNING, "its clock is not synchronised",
            "see 'chronyc sources'" if clock["service_enabled"] else "install and enable chrony",
        )


def _of_what_a_join_drops(host):
    resources = ((host["facts"].get("health") or {}).get("ha") or {}).get("resources") or []
    if host["joins"] and resources:
        yield finding(
            "ha-resources", ERROR, f"it has HA resources ({', '.join(resources)}), and joining would drop them",
            "remove them, or make this node the one that creates the cluster",
        )


def _disk(values, _networks, limits):
    free = int(values[0])
    if free < limits["free_mib"]:
        yield finding(
            "disk-space", ERROR, f"only {free} MiB are free for the cluster's database in /var/lib/pve-cluster", "free some space",
            measured=free, limit=limits["free_mib"],
        )


def _replication(values, _networks, _limits):
    yield finding(
        "replication", ERROR, f"it has replication jobs ({', '.join(values)}), and joining would drop them", "remove them, and make them anew after the join"
    )


def _ceph(_values, _networks, _limits):
    yield finding(
        "ceph", WARNING, "it has a Ceph configuration of its own, which joining would drop", "make sure that it is the one of the cluster, or remove it"
    )


def _bond(values, networks, _limits):
    bond, mode, *rate = values
    for number, (interface, _network) in networks.items():
        # a bond may be below the bridge or VLAN that has the address
        if interface != bond and not interface.startswith(f"{bond}."):
            continue
        if mode.startswith("balance-"):
            yield finding(
                "bond-mode", WARNING, f"link {number} is on {bond}, a bond in mode {mode}", "use active-backup, or one corosync link for each interface",
                link=number, measured=mode,
            )
        elif mode == "802.3ad" and rate == ["slow"]:
            yield finding(
                "bond-rate", WARNING, f"link {number} is on {bond}, whose bond-lacp-rate is slow: a failure is noticed after up to 90 s",
                "set bond-lacp-rate fast, here and on the switch", link=number, measured="slow", limit="fast",
            )


def _migration(values, networks, _limits):
    yield from _shared("migration-network", "guests are migrated over", values[0], networks)


def _storage(values, networks, _limits):
    name, server = values
    yield from _shared("storage-network", f"the storage {name} is reached over", server, networks)


def _shared(identity, what, place, networks):
    try:
        other = ipaddress.ip_network(place, strict=False)
    except ValueError:
        return  # a name, of which the network cannot be told
    for number, (_interface, network) in networks.items():
        if other.version == network.version and other.overlaps(network):
            yield finding(
                identity, WARNING, f"{what} {network}, the network of link {number}",
                "give corosync a network of its own: its packets must not wait behind others", link=number, measured=place,
            )


def _nothing(_values, _networks, _limits):
    return ()


_LINES = {
    "disk": _disk,
    "replication": _replication,
    "ceph": _ceph,
    "bond": _bond,
    "migration": _migration,
    "storage": _storage,
    "bridge": _nothing,
}
