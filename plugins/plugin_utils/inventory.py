# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one reading of an inventory: what each node is, and everything that is wrong about it, before any node is asked.

Values come as their types or as text, whatever Ansible made of them. What is given twice must be the same, what only some nodes have was forgotten for
the others, and a key that nobody knows was meant to be another one. Nothing of this may be guessed: a cluster of the wrong addresses is formed as
quickly as one of the right ones.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_wish import wish_problems
from ansible_collections.pve.cluster.plugins.plugin_utils.findings import NEVER_WAIVED
from ansible_collections.pve.cluster.plugins.plugin_utils.given import names, nothing
from ansible_collections.pve.cluster.plugins.plugin_utils.known_names import OF_A_HOST, finding_ids, meant, misspelt
from ansible_collections.pve.cluster.plugins.plugin_utils.option_values import option_problems

# PVE's format `pve-node`, and its limit for a cluster name (recordings of `pvecm create` with bad names). A label of a host name has 63 letters at most.
_LABEL = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")
_LABEL_LENGTH = 63
_CLUSTER_NAME_LENGTH = 15
_NAME_LENGTH = 253

# knet numbers nodes in 16 bits.
_NODEIDS = range(1, 65536)
_VOTES = range(1, 65536)
_LINKS = range(8)
_PRIORITIES = range(256)

_OF_AN_ENTRY = ("short_name", "fqdn", "management_ip", "ip", "corosync_ip", "links", "node_id", "votes")
_OF_A_LINK = ("number", "address", "priority")
_WAIVES = {"preflight_waive": "preflight", "cluster_health_waive": "cluster_health"}


def inventory_nodes(hosts, variables):
    """The nodes of these hosts, by host; what is wrong about them is another question."""
    nodes = {}
    for host in hosts:
        one = _Host(host, variables[host])
        one.read()
        nodes[host] = one.node()
    return nodes


def inventory_problems(hosts, variables, cluster_name, own=()):
    """Everything that is wrong, one sentence each. `own` are the user's variables that look like one of the collection's."""
    problems = _of_cluster(cluster_name)
    seen = {host: _Host(host, variables[host]) for host in hosts}
    for one in seen.values():
        problems.extend(one.read())
    problems.extend(_of_the_rest(seen, own))
    problems.extend(_of_entries(seen))
    problems.extend(_of_all(list(seen.values())))
    for host in hosts:
        problems.extend(wish_problems(variables[host], len(seen)))
    return list(dict.fromkeys(problems))


def _of_cluster(name):
    if not isinstance(name, str):
        return [f"cluster_name '{name}' is not a text: write it in quotes"]
    if not _LABEL.fullmatch(name) or len(name) > _CLUSTER_NAME_LENGTH:
        return [
            f"cluster_name {_shown(name)} is not allowed: letters, digits and inner hyphens, {_CLUSTER_NAME_LENGTH} characters at most"
        ]
    return []


class _Host:
    """A host and what its variables make of it."""

    def __init__(self, host, variables):
        self.host = str(host)
        self.variables = variables
        self.address_of_host = _address(self.host)
        self.given = {name: variables[name] for name in OF_A_HOST if not nothing(variables.get(name))}
        entries = variables.get("cluster_nodes")
        self.entries = [] if nothing(entries) else entries
        self.entry = {}

    def read(self):
        """Everything that is wrong about this host alone."""
        problems = []
        if not _is_list(self.entries):
            problems.append("cluster_nodes is not a list: write one entry a node, each beginning with '- short_name:'")
            self.entries = []
        found = [entry for entry in self.entries if isinstance(entry, Mapping) and self._is_this(entry)]
        if self.entries and not found:
            problems.append(f"host '{self.host}' has no entry in cluster_nodes: add one with its short_name, or take the host out of the group")
        self.entry = {key: value for key, value in (found[0] if found else {}).items() if not nothing(value)}
        self.fqdn, wrong = self._one("fqdn", ("fqdn",), ("hostname",), same=False)
        problems.extend(wrong)
        self.name = self._name()
        problems.extend(self._problems_of_names())
        self.address, wrong = self._one("management_ip", ("management_ip", "ip"), ("management_ip",))
        problems.extend(wrong)
        if self.address is None:
            given = self.variables.get("ansible_host")
            self.address = self.host if nothing(given) else str(given)
        problems.extend(_of_address(self.address, f"node '{self.name}'", "management_ip"))
        self.corosync, wrong = self._one("corosync_ip", ("corosync_ip",), ("corosync_ip", "corosync_link0_address"))
        problems.extend(wrong)
        self.links, wrong = self._links()
        problems.extend(wrong)
        self.nodeid, wrong = self._number("node_id", _NODEIDS)
        problems.extend(wrong)
        self.votes, wrong = self._number("votes", _VOTES)
        problems.extend(wrong)
        network = self.variables.get("corosync_network")
        if not nothing(network):
            problems.extend(self._outside(str(network)))
        return problems

    def node(self):
        """The node as the roles use it."""
        return {
            "name": self.name, "fqdn": self.fqdn, "address": self.address, "links": self.links, "nodeid": self.nodeid, "votes": self.votes,
        }

    @property
    def has_link_addresses(self):
        """Whether the inventory says where corosync runs, and does not leave it to the management network."""
        return self.corosync is not None or "links" in self.entry or "cluster_links" in self.given

    def _is_this(self, entry):
        name = str(entry.get("short_name", "")).lower()
        if self.address_of_host is not None:
            return self.address_of_host in (_address(entry.get("management_ip")), _address(entry.get("ip")))
        return name in (self.host.lower(), self.host.lower().split(".", maxsplit=1)[0])

    def _name(self):
        if "short_name" in self.entry:
            name = str(self.entry["short_name"])
        elif self.fqdn is not None:
            name = self.fqdn.split(".", maxsplit=1)[0]
        else:
            # An inventory may write names in upper case; the name of a machine is not.
            name = self.host.lower().split(".", maxsplit=1)[0] if self.address_of_host is None else ""
        if self.fqdn is None:
            self.fqdn = name if self.address_of_host is not None else self.host.lower()
        return name

    def _problems_of_names(self):
        if not self.name and self.address_of_host is not None:
            self.name = self.fqdn = self.host
            yield (
                f"host '{self.host}' is an address, and nothing says what its node is called: give it a hostname, or an entry in cluster_nodes "
                "whose management_ip is this address"
            )
            return
        if not _LABEL.fullmatch(self.name) or len(self.name) > _LABEL_LENGTH:
            yield f"node name {_shown(self.name)} is not allowed: letters, digits and inner hyphens only, {_LABEL_LENGTH} at most"
        labels = self.fqdn.split(".")
        if len(self.fqdn) > _NAME_LENGTH or not all(_LABEL.fullmatch(label) and len(label) <= _LABEL_LENGTH for label in labels):
            yield f"{_shown(self.fqdn)} is not a host name: correct the fqdn or hostname of node '{self.name}'"
        elif labels[0].lower() != self.name.lower():
            yield f"fqdn '{self.fqdn}' is not that of node '{self.name}': it must begin with '{self.name}.'"

    def _one(self, what, of_entry, of_host, same=True):
        """What all of these keys give, which must be the same; none when none of them is given."""
        found = {f"{key} in cluster_nodes": self.entry[key] for key in of_entry if key in self.entry}
        found.update({f"{key} of host '{self.host}'": self.given[key] for key in of_host if key in self.given})
        values = {place: str(value) for place, value in found.items()}
        wrong = []
        if same and len({_spelled(value) for value in values.values()}) > 1:
            said = " and ".join(f"{place} ({value})" for place, value in values.items())
            wrong.append(f"{said} disagree: keep the right {what}")
        return next(iter(values.values()), None), wrong

    def _number(self, what, allowed):
        places = [place[what] for place in (self.entry, self.given) if what in place]
        if not places:
            return None, []
        value = places[0]
        text = value if isinstance(value, str) else repr(value)
        if isinstance(value, bool) or not re.fullmatch(r"0|[1-9][0-9]*", text) or int(text) not in allowed:
            return None, [f"{what} of node '{self.name}' is {_shown(value)}, which is not a number from {allowed[0]} to {allowed[-1]}"]
        if len(places) > 1 and str(places[1]) != text:
            return None, [f"{what} of node '{self.name}' is {text} in cluster_nodes and {places[1]} of host '{self.host}': keep the right one"]
        return int(text), []

    def _links(self):
        given = [place[key] for place, key in ((self.entry, "links"), (self.given, "cluster_links")) if key in place]
        if not given:
            address = self.corosync if self.corosync is not None else self.address
            problems = _of_address(address, f"link 0 of node '{self.name}'", "address") if self.corosync is not None else []
            return [{"number": 0, "address": address}], list(problems)
        problems = []
        if len(given) > 1 and list(map(_plain, _list(given[0]))) != list(map(_plain, _list(given[1]))):
            problems.append(f"links in cluster_nodes and cluster_links of host '{self.host}' disagree: keep the right ones")
        if not _is_list(given[0]):
            return [], [*problems, f"the links of node '{self.name}' are not a list: write {_LIKE_THIS.format(self.corosync or self.address)}"]
        links = []
        for position, link in enumerate(given[0]):
            one, wrong = self._link(position, link)
            links.append(one)
            problems.extend(wrong)
        numbers = [link["number"] for link in links]
        if not links:
            problems.append(f"node '{self.name}' has no corosync link: set corosync_ip or cluster_links")
        if len(set(numbers)) != len(numbers):
            problems.append(f"the links of node '{self.name}' are numbered {numbers}: each number once")
        addresses = [_spelled(link["address"]) for link in links]
        problems.extend(
            f"two links of node '{self.name}' have the address {address}: each link needs its own network"
            for address in sorted({one for one in addresses if addresses.count(one) > 1})
        )
        zero = next((link["address"] for link in links if link["number"] == 0), None)
        if zero is not None and self.corosync is not None and _spelled(zero) != _spelled(self.corosync):
            problems.append(
                f"the address of link 0 of node '{self.name}' is {zero} in its links, and {self.corosync} in corosync_ip: keep the right one"
            )
        return links, problems

    def _link(self, position, link):
        if not isinstance(link, Mapping):
            where = f"link {position} of node '{self.name}'"
            return {"number": position, "address": str(link)}, [f"{where} is {_shown(link)}, which has no keys: write {_LIKE_THIS.format(link)}"]
        number, problems = _whole(link.get("number"), _LINKS, position, f"the number of a link of node '{self.name}'")
        where = f"link {number} of node '{self.name}'"
        problems.extend(f"{where} has the key '{key}', which is not known{meant(key, _OF_A_LINK)}" for key in link if key not in _OF_A_LINK)
        priority, wrong = _whole(link.get("priority"), _PRIORITIES, None, f"the priority of {where}")
        problems.extend(wrong)
        address = link.get("address")
        problems.extend(_of_address("" if nothing(address) else address, where, "address"))
        one = {"number": number, "address": "" if nothing(address) else str(address)}
        return (one if priority is None else {**one, "priority": priority}), problems

    def _outside(self, text):
        try:
            network = ipaddress.ip_network(text, strict=False)
        except ValueError:
            return [f"corosync_network '{text}' is not a network: write one such as 192.168.8.0/24"]
        return [
            f"link 0 of node '{self.name}' has address {link['address']}, which is not in corosync_network {text}"
            for link in self.links
            if link["number"] == 0 and _address(link["address"]) is not None and _address(link["address"]) not in network
        ]


_LIKE_THIS = "{{number: 0, address: {0}}}"


def _is_list(value):
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _list(value):
    return list(value) if _is_list(value) else [value]


def _plain(link):
    return {key: str(value) for key, value in link.items()} if isinstance(link, Mapping) else str(link)


def _whole(value, allowed, usual, what):
    """A number in these bounds, in text too; what is none is told."""
    if nothing(value):
        return usual, []
    text = value if isinstance(value, str) else repr(value)
    if isinstance(value, bool) or not re.fullmatch(r"0|[1-9][0-9]*", text) or int(text) not in allowed:
        return usual, [f"{what} is {_shown(value)}, which is not a number from {allowed[0]} to {allowed[-1]}"]
    return int(text), []


def _shown(value):
    """A value as it stands in a sentence: what cannot be seen is escaped."""
    return repr(value) if isinstance(value, str) else f"'{value}'"


def _address(value):
    try:
        return ipaddress.ip_address(value) if isinstance(value, str) and "%" not in value else None
    except ValueError:
        return None


def _spelled(value):
    """An address in its one spelling, so that FD00::1 and fd00:0::1 are one; anything else as it is."""
    return str(_address(str(value)) or value)


def _of_address(value, where, key):
    """Why nothing of a cluster can have this address."""
    address = _address(value)
    if address is None:
        return [f"{_shown(value)} is not an IP address: set the {key} of {where}"]
    kinds = (
        (address.is_loopback, "a loopback address"),
        (address.is_unspecified, "no address of a machine"),
        (address.is_multicast, "a multicast address"),
        (address.version == 4 and address == ipaddress.ip_address("255.255.255.255"), "a broadcast address"),
        (address.version == 6 and address.ipv4_mapped is not None, "an IPv4 address in the form of IPv6"),
        (address.version == 6 and address.is_link_local, "an address of one link only"),
    )
    return [f"{value} is {kind}, which no other node can reach: set the {key} of {where}" for found, kind in kinds if found][:1]


def _of_the_rest(seen, own):
    """Values of which there are only a few, and names that are one letter off."""
    problems, named = option_problems({host.host: host.variables for host in seen.values()}), {}
    for host in seen.values():
        for name, role in _WAIVES.items():
            given = host.variables.get(name)
            if not (nothing(given) or isinstance(given, str) or _is_list(given)):
                problems.append(f"{name} is {_shown(given)}, which is not a list of findings")
                continue
            for waived in names(given):
                if role == "preflight" and waived in NEVER_WAIVED:
                    problems.append(f"{name} has '{waived}', which cannot be accepted: nothing else is known of a node whose answer is none")
                elif str(waived) not in finding_ids(role):
                    problems.append(f"{name} has '{waived}', which is no finding{meant(waived, finding_ids(role))}")
        for name in host.variables:
            named.setdefault(str(name), []).append(host.host)
    for name, near in misspelt(named, names(own)).items():
        problems.append(
            f"variable '{name}' (of {', '.join(named[name])}) is not known: did you mean '{near}'? If it is your own, "
            "list it in cluster_inventory_own_variables"
        )
    return problems


def _of_entries(seen):
    """What is wrong about the entries of cluster_nodes themselves."""
    problems, counted = [], {}
    taken = {str(host.entry.get("short_name", "")).lower() for host in seen.values()}
    lists = {str(host.entries): host.entries for host in seen.values()}.values()
    for entry in (entry for entries in lists for entry in entries):
        if not isinstance(entry, Mapping):
            problems.append(f"cluster_nodes has {_shown(entry)}, which has no keys: write an entry that begins with '- short_name:'")
            continue
        name = entry.get("short_name")
        if nothing(name):
            problems.append(f"an entry in cluster_nodes has no short_name ({', '.join(f'{key}: {value}' for key, value in entry.items())})")
            continue
        problems.extend(
            f"the entry of '{name}' in cluster_nodes has the key '{key}', which is not known{meant(key, _OF_AN_ENTRY)}"
            for key in entry if key not in _OF_AN_ENTRY
        )
        counted.setdefault(str(name).lower(), []).append(str(name))
        if str(name).lower() not in taken:
            problems.append(f"cluster_nodes lists '{name}', but no host of the cluster has this name: add the host or remove the entry")
    # Hosts may each have a list of their own; one list has each node once.
    twice = {name: len(spelled) // len(lists) for name, spelled in counted.items() if len(spelled) > len(lists)}
    problems.extend(f"cluster_nodes lists '{name}' {count} times: keep one entry" for name, count in twice.items())
    return problems


def _of_all(hosts):
    """What two nodes have that only one may have, and what only some have that all should."""
    owners = {}
    for host in hosts:
        things = {("name", host.name.lower()), ("address", _spelled(host.address))}
        things |= {("address", _spelled(link["address"])) for link in host.links if link["address"]}
        if host.nodeid is not None:
            things.add(("node_id", str(host.nodeid)))
        for thing in things:
            owners.setdefault(thing, []).append(host.host)
    problems = [
        f"{what} '{value}' belongs to {' and '.join(sorted(names_))}: it must be unique"
        for (what, value), names_ in sorted(owners.items())
        if len(names_) > 1
    ]
    without = [host.name for host in hosts if not host.has_link_addresses]
    if 0 < len(without) < len(hosts):
        others = ", ".join(host.name for host in hosts if host.has_link_addresses)
        problems.append(
            f"{', '.join(without)} {'has' if len(without) == 1 else 'have'} no address for corosync, and {others} "
            f"{'has' if len(hosts) - len(without) == 1 else 'have'} one: set corosync_ip or links for all nodes, or for none"
        )
    elif len({frozenset(link["number"] for link in host.links) for host in hosts}) > 1:
        sets = ", ".join(f"{host.name}: {sorted(link['number'] for link in host.links)}" for host in hosts)
        problems.append(f"every node needs the same links, but they differ ({sets})")
    return problems
