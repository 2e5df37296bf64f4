# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the measurements between the nodes tell before a cluster is formed."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, WARNING, finding

LIMITS = {
    "latency_warning_ms": 2.0,
    "latency_error_ms": 5.0,
    "jitter_warning_ms": 2.0,
    "loss_error_percent": 5.0,
    "clock_warning_ms": 100.0,
    "clock_error_ms": 5000.0,
    "free_mib": 512,
    "many_nodes": 28,
}


def measured_findings(host, limits):
    """Of one node's measurements of all the others."""
    measured = host.get("measured")
    if not measured:
        return
    for problem in measured.get("problems") or []:
        # an address that is not there is said where the addresses are looked at
        if not problem.startswith("cannot use the address"):
            yield finding("cannot-measure", ERROR, problem, "check routes and this node's own firewall")
    for peer in measured["peers"]:
        both = sorted((host["node"]["name"], peer["name"]))
        for link in peer["links"]:
            if not link["answered"] and both in (host.get("unproven") or []):
                yield finding(
                    "not-measured", ERROR, f"nothing is known of link {link['number']} to {peer['name']}: they did not measure at the same time",
                    "see why Ansible starts a task so late there, or set preflight_timeout to more seconds than that takes",
                    peer=peer["name"], link=link["number"],
                )
            else:
                yield from _of_link(peer["name"], link, limits)
        for port in peer["tcp"]:
            if port["problem"]:
                yield finding(
                    "tcp-port", ERROR, f"TCP port {port['port']} of {peer['name']} cannot be connected to ({port['problem']})",
                    _TCP.get(port["port"], "check the service and the firewalls between the nodes"), peer=peer["name"],
                    measured=port["problem"], limit="open",
                )
        yield from _of_clock(peer, limits)


_TCP = {
    22: "check sshd and the firewalls between the nodes",
    8006: "check pveproxy and the firewalls between the nodes",
}


def _of_link(name, link, limits):
    where = {"peer": name, "link": link["number"]}
    if not link["answered"]:
        yield finding(
            "link-unreachable", ERROR, f"{name} does not answer on link {link['number']} ({link['address']})",
            "check cables, VLAN and firewall (UDP 5405-5412) between the nodes on that network", **where,
        )
        return
    if link["silent_ports"]:
        ports = ", ".join(str(port) for port in link["silent_ports"])
        yield finding(
            "udp-port", ERROR, f"{name} does not answer on UDP port {ports} of link {link['number']}", "open UDP 5405-5412 between the nodes",
            measured=link["silent_ports"], limit=[], **where,
        )
    yield from _of_latency(name, link, limits, where)
    yield from _of_jitter(name, link, limits, where)
    if link["loss_percent"]:
        severity = ERROR if link["loss_percent"] >= limits["loss_error_percent"] else WARNING
        yield finding(
            "loss", severity, f"link {link['number']} to {name} loses {link['loss_percent']:g} % of {link['sent']} packets",
            "check cables, switch ports and load of that network", measured=link["loss_percent"], limit=limits["loss_error_percent"], **where,
        )
    passes = _too_small(link)
    if passes is not None:
        yield finding(
            "mtu", ERROR,
            f"packets of more than {passes} bytes do not reach {name} on link {link['number']}, though the interface sends {link['own_mtu']}",
            "give all interfaces, switches and tunnels of that network the same MTU", measured=passes, limit=link["own_mtu"], **where,
        )


# What the measurement sends without being asked for a size, and the largest packet that it tries.
_SMALLEST, _LARGEST = 92, 9216


def _too_small(link):
    """The largest packet that passes, where that is less than the interface sends; none where all pass."""
    if not link["own_mtu"]:
        return None
    tried = min(link["own_mtu"], _LARGEST)
    if (link["largest"] or _SMALLEST) < tried:
        return link["largest"] or _SMALLEST
    # answered all the same, but in pieces
    return link["known_mtu"] if link["known_mtu"] and link["known_mtu"] < tried else None


def _of_latency(name, link, limits, where):
    if not link["latency"]:
        return
    median = link["latency"]["median"]
    if median < limits["latency_warning_ms"]:
        return
    severity = ERROR if median >= limits["latency_error_ms"] else WARNING
    limit = limits[f"latency_{severity}_ms"]
    yield finding(
        "latency", severity,
        f"link {link['number']} to {name} has a latency of {median:g} ms (jitter {link['latency']['jitter']:g} ms, limit {limit:g} ms)",
        "give corosync a network of its own, near and without load", measured=median, limit=limit, **where,
    )


def _of_jitter(name, link, limits, where):
    jitter = link["latency"]["jitter"] if link["latency"] else 0
    if jitter >= limits["jitter_warning_ms"]:
        yield finding(
            "jitter", WARNING, f"round trips to {name} on link {link['number']} differ by {jitter:g} ms from one to the next",
            "look for load on that network and on both nodes: corosync waits for the slowest packet", measured=jitter, limit=limits["jitter_warning_ms"],
            **where,
        )


def _of_clock(peer, limits):
    offsets = [link["clock_offset"] for link in peer["links"] if link["clock_offset"] is not None]
    if not offsets:
        return
    offset = min(offsets, key=abs)
    if abs(offset) < limits["clock_warning_ms"]:
        return
    severity = ERROR if abs(offset) >= limits["clock_error_ms"] else WARNING
    yield finding(
        "clock-offset", severity, f"the clock of {peer['name']} is {abs(offset):g} ms {'ahead' if offset > 0 else 'behind'}",
        "let chrony keep both clocks right, from the same sources", peer=peer["name"], measured=offset, limit=limits[f"clock_{severity}_ms"],
    )
