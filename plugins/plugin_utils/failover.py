# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is cut in a failover test, what must come of it, and what did."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.given import names, truth

# What is cut unless asked otherwise, each undone by the node in seconds; a machine that is reset takes minutes to come back.
KINDS = ("link", "network", "corosync")
POWER = "power"

# Without these a machine that was reset would come back without the cluster.
_NEEDED = ("corosync", "pve-cluster")


def failover_refusals(report, guests, allow_guests=False, kinds=KINDS):
    """Why this cluster is not to be cut now."""
    kinds = names(kinds)
    reasons = []
    if report["verdict"] == "error":
        reasons.append("it is not well: see the findings of cluster-health")
    if len(report["nodes"]) < 2:
        reasons.append("it has only one node")
    if POWER in kinds:
        for node in report["nodes"]:
            reasons.extend(
                f"{service} of {node['name']} is {node['services'][service]['enabled']} and would not start after a reset"
                for service in _NEEDED
                if node["services"].get(service, {}).get("enabled") not in (None, "enabled")
            )
    if truth(allow_guests, "failover_test_allow_guests"):
        return reasons
    if guests:
        reasons.append(f"it has guests ({', '.join(str(guest['vmid']) for guest in guests)}); failover_test_allow_guests allows that")
    managed = sorted({one for node in report["nodes"] for one in (node["ha"] or {}).get("resources") or []})
    if managed:
        reasons.append(
            f"it has HA resources ({', '.join(managed)}), whose nodes reset themselves without quorum; failover_test_allow_guests allows that"
        )
    return reasons


def failover_cases(report, kinds=KINDS, only=()):
    """The cuts, one after the other, each with what every node must see. `report` is that of a cluster that is well."""
    kinds, only = names(kinds), names(only)
    nodes = [node for node in report["nodes"] if not only or node["name"] in only]
    cases = []
    numbers = [str(link["number"]) for link in report["links"]]
    if "link" in kinds and len(numbers) > 1:
        # each link once, on one node after the other
        for position, number in enumerate(numbers):
            node = nodes[position % len(nodes)]
            cases.append(_case(report, "link", node, number))
    for kind in ("network", "corosync", POWER):
        if kind in kinds:
            cases.extend(_case(report, kind, node, None) for node in nodes)
    return cases


def _case(report, kind, node, link):
    name = node["name"]
    words = {
        "link": f"link {link} of {name}",
        "network": f"the corosync network of {name}",
        "corosync": f"corosync of {name}",
        POWER: f"the power of {name}",
    }
    return {
        "kind": kind,
        "node": name,
        "link": link,
        "address": node["links"].get(link) if link is not None else None,
        "what": words[kind],
        # a node that is off sees nothing
        "views": {
            other["name"]: _view(report, kind, name, other["name"], link)
            for other in report["nodes"]
            if kind != POWER or other["name"] != name
        },
    }


def _view(report, kind, cut, own, link):
    """What a node must see: members, whether it is quorate, a link that must be down."""
    votes = {node["name"]: node["votes"] or 0 for node in report["nodes"]}
    needed, device = report["quorum"]["quorum"], report["quorum"]["qdevice_votes"] or 0
    if kind == "link":
        return {"members": len(votes), "quorate": True, "link": link if own == cut else None}
    if own != cut:
        return {"members": len(votes) - 1, "quorate": sum(votes.values()) - votes[cut] + device >= needed, "link": None}
    if kind == "corosync":
        return {"members": 0, "quorate": False, "link": None}
    return {"members": 1, "quorate": votes[cut] >= needed, "link": None}


def failover_result(case, said):
    """One line of the table. `said` has, by node, what it saw during the cut, whether it is back, and when its corosync noticed either."""
    seen = {name: one["seen"] for name, one in said.items()}
    wrong = [
        f"{name} saw {_said(seen.get(name))} instead of {_words(view)}" for name, view in case["views"].items() if not _is(seen.get(name), view)
    ]
    wrong += [f"{reason} (it did not come back)" for reason in failover_away(said)]
    rest = next((view for name, view in case["views"].items() if name != case["node"]), {"quorate": True})
    if case["kind"] == "link":
        expected = "all nodes stay members, the other links carry on"
    else:
        expected = f"{case['node']} is out, the others {'keep' if rest['quorate'] else 'lose'} quorum"
    # a node whose corosync was stopped, or that was off, has not noticed its own absence
    detected = [_when(one, 0) for name, one in said.items() if (name != case["node"]) == (case["kind"] in ("corosync", POWER))]
    back = [_when(one, 1) for name, one in said.items() if name == case["node"]]
    return {
        "what": case["what"],
        "expected": expected,
        "seen": "; ".join(wrong) or "as expected",
        "detected_s": max((time for time in detected if time is not None), default=None),
        "healed_s": max((time for time in back if time is not None), default=None),
        "passed": not wrong,
    }


def failover_away(said):
    """The nodes that are not as they were before a cut, each with what is missing. One that says nothing is away."""
    return [f"{name}: {one['back'] or 'it does not answer'}" for name, one in said.items() if one["back"] != "back"]


def _when(one, place):
    """Seconds that the journal told; none where it told none."""
    try:
        return float(one["when"][place])
    except (IndexError, ValueError):
        return None


def _parse(said):
    words = (said or "").split()
    if len(words) < 3 or not words[0].isdigit():
        return None
    return {"members": int(words[0]), "quorate": words[1] == "yes", "down": [word for word in words[2:] if word != "none"]}


def _is(said, view):
    found = _parse(said)
    if found is None:
        return False
    return (found["members"], found["quorate"]) == (view["members"], view["quorate"]) and (view["link"] is None or view["link"] in found["down"])


def _said(said):
    found = _parse(said)
    return "nothing" if found is None else _words({**found, "link": ", ".join(found["down"]) or None})


def _words(view):
    link = f", link {view['link']} down" if view["link"] is not None else ""
    count = "1 member" if view["members"] == 1 else f"{view['members']} members"
    return f"{count}, {'quorate' if view['quorate'] else 'not quorate'}{link}"
