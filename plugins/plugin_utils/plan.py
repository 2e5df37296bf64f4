# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of cluster-init is going to do, before it does any of it: from the inventory and from what is read of the nodes anyway.

An action that is not sure is one that only the node itself can tell when its turn comes; it is in the plan, so that nothing happens that is not.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import yaml

_DEFAULTS = Path(__file__).resolve().parents[2] / "roles/cluster_join/defaults/main.yml"
# What a create and a join restart on the node itself (recordings of `pvecm create` and `pvecm add`).
_RESTARTS = ["corosync", "pve-cluster"]
# New clusters have it since this release of Proxmox VE.
_COEFFICIENT, _SINCE = 125, (9, 1)

# Of phase 1, by what the role ssh_preparation foresees.
_SSH = {
    "key-pairs": "make root's key pairs whole",
    "known-hosts": "write every node's host keys into root's known_hosts",
    "outdated-host-keys": "remove outdated host keys from /etc/ssh/ssh_known_hosts",
    "ssh-ports": "write the nodes' sshd ports into /etc/ssh/ssh_config.d/pve-cluster.conf",
    "names": "write the names of all nodes into /etc/hosts",
}
_PHASES = {1: "SSH preparation", 3: "creation", 4: "joining", 5: "SSH after joining", 6: "final verification"}


@functools.cache
def _usual_method():
    return yaml.safe_load(_DEFAULTS.read_text())["cluster_join_method"]


def _blobs(lines):
    """The keys in lines of public keys, without their types, options and comments."""
    return [blob for line in lines or [] for blob in re.findall(r"(?:^|\s)(AAAA[A-Za-z0-9+/]+=*)", str(line))]


def _action(phase, node, identity, text, *, sure=True, restarts=(), **more):
    return {"phase": phase, "node": node, "id": identity, "text": text, "sure": sure, "restarts": list(restarts), **more}


def _links(node):
    return ", ".join(f"link {link['number']} {link['address']}" for link in node["links"])


def _counted(count, what):
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _of_keys(host, roots, made):
    """The keys that a node lacks. `roots`: those of every node's root, which the seed's file is to have; `made`: whether there will be more."""
    name, keys = host["node"]["name"], host["accepted"]
    cluster, local = keys.get("/root/.ssh/authorized_keys") or [], keys.get("/root/.ssh/authorized_keys2") or []
    # where sshd reads no such file, the module finds or makes another one
    reads = any(str(file).endswith(".ssh/authorized_keys2") for file in host["key_files"])
    own = _blobs(str(host.get("public_key") or "").splitlines())
    if any(blob not in cluster for blob in own):
        yield _action(1, name, "controller-key", "accept the controller's key in root's authorized_keys and in a file beside it")
    elif any(blob not in local for blob in own):
        yield _action(1, name, "controller-key", "accept the controller's key in a file beside the cluster's", sure=reads)
    if host["seed"] and (made or any(blob not in cluster for blob in roots)):
        yield _action(1, name, "node-keys", "accept every node's root keys in /etc/pve/priv/authorized_keys")


def _ssh(hosts):
    """Phase 1, in the order of its tasks. Keys that are still to be made are accepted, too."""
    roots = [blob for host in hosts for blob in _blobs((host["facts"].get("ssh") or {}).get("root_public_keys"))]
    made = any("new-keys" in host["ssh"] for host in hosts)
    for host in hosts:
        name = host["node"]["name"]
        foreseen = [_action(1, name, what, text) for what, text in _SSH.items() if what in host["ssh"]]
        yield from (one for one in foreseen if one["id"] == "key-pairs")
        yield from _of_keys(host, roots, made)
        yield from (one for one in foreseen if one["id"] != "key-pairs")


def _nodeids(hosts):
    """By name, the nodeid that each node has or gets: the given one, else the lowest that is free when its turn comes."""
    found = {}
    for host in hosts:
        for node in host["facts"].get("nodelist") or [] if host["seed"] else []:
            found[node.get("name")] = node.get("nodeid")
    for host in sorted(hosts, key=lambda one: not one["seed"]):
        name, given = host["node"]["name"], host["node"]["nodeid"]
        if name not in found:
            found[name] = given or next(number for number in range(1, len(found) + 2) if number not in found.values())
    return found


def _cluster(hosts, cluster, qdevice):
    ids = _nodeids(hosts)
    seed = next(host for host in hosts if host["seed"])
    name, facts = seed["node"]["name"], seed["facts"]
    exists = facts.get("membership") == "member"
    details = {"links": seed["node"]["links"], "nodeid": ids[name], "votes": seed["node"]["votes"] or 1}
    if not exists:
        text = f"create cluster '{cluster}' with {_links(seed['node'])}, nodeid {details['nodeid']}, {_counted(details['votes'], 'vote')}"
        yield _action(3, name, "create", text, restarts=_RESTARTS, **details)
    elif facts.get("situation") != "member":
        yield _action(3, name, "create", f"confirm its membership ({facts.get('situation')}), or refuse it", sure=False)
    joining = [host for host in hosts if host["joining"]]
    if joining and qdevice:
        yield _action(4, name, "qdevice-out", "take the QDevice out of the way of those that join")
    for host in hosts:
        if not host["seed"] and not host["joining"] and host["facts"].get("situation") != "member":
            text = f"confirm its membership ({host['facts'].get('situation')}), or refuse it"
            yield _action(4, host["node"]["name"], "join", text, sure=False)
    for host in joining:
        node, method = host["node"], host["method"] or _usual_method()
        details = {
            "links": node["links"], "nodeid": ids[node["name"]], "votes": node["votes"] or 1, "method": method, "through": host["through"],
            "address": node["address"],
        }  # fmt: skip
        verb = "finish its join" if host["facts"].get("membership") == "member" else "join"
        text = (
            f"{verb} through {host['through']} (cluster_join_method: {method}) with {_links(node)}, nodeid {details['nodeid']}, "
            f"{_counted(details['votes'], 'vote')}; its address is {node['address']}; its /etc/pve becomes the cluster's"
        )
        yield _action(4, node["name"], "join", text, restarts=_RESTARTS, **details)
    if qdevice:
        yield _action(4, name, "qdevice-back", "set the QDevice up, or confirm it", sure=bool(joining))


def _services(hosts):
    for host in hosts:
        services = host["facts"].get("services") or {}
        late = [name for name in host["services"] if (services.get(name) or {}).get("enabled") == "disabled"]
        if late:
            yield _action(6, host["node"]["name"], "boot-services", f"enable {', '.join(late)} at the start of the machine")


def _now(host):
    facts = host["facts"]
    guests = [one for one in facts.get("guests") or [] if one.get("node") == facts.get("nodename")]
    cluster = facts.get("cluster_name")
    quorum = facts.get("quorum") or {}
    said = [str(facts.get("situation")).replace("_", " ") + (f" of cluster '{cluster}'" if cluster else "")]
    if quorum.get("total_votes") is not None:
        said.append(f"{quorum['total_votes']} of {_counted(quorum.get('expected_votes'), 'vote')}")
    said.append(_counted(len(guests), "guest"))
    said += [f"Proxmox VE {(facts.get('versions') or {}).get('pve')}"]
    return {"node": host["node"]["name"], "situation": facts.get("situation"), "cluster_name": cluster, "text": ", ".join(said)}


def _block(name, nodeid, votes, links):
    lines = [f"    name: {name}", f"    nodeid: {nodeid}", f"    quorum_votes: {votes}"]
    rings = [f"    ring{link['number']}_addr: {link['address']}" for link in sorted(links, key=lambda one: one["number"])]
    return ["  node {", *lines, *rings, "  }"]


def corosync_conf(hosts, cluster, coefficient, actions):
    """The lines of the corosync.conf that will be, in the form that Proxmox VE writes; none where it stays, or where its form is another one.

    config_version is left out: it is one higher after each change.
    """
    new = {one["node"]: _block(one["node"], one["nodeid"], one["votes"], one["links"]) for one in actions if "nodeid" in one}
    if not new:
        return []
    seed = next(host for host in hosts if host["seed"])
    if seed["facts"].get("membership") == "member":
        text = seed["corosync_conf"]
        found = re.fullmatch(r"(?P<before>.*^nodelist \{\n)(?P<nodes>(?:  node \{\n(?:    .*\n)+  \}\n)+)(?P<after>\}\n.*)", text, re.S | re.M)
        if not found:
            return []
        written = re.findall(r"  node \{\n(?:    .*\n)+?  \}\n", found["nodes"])
        named = {(re.search(r"^    name: (.*)$", one, re.M) or [None, None])[1]: one.rstrip("\n").split("\n") for one in written}
        if None in named:
            return []
        blocks = {**new, **named}
        around = [re.sub(r"(?m)^ *config_version:.*\n", "", part).rstrip("\n").split("\n") for part in (found["before"], found["after"])]
        return [*around[0], *(line for name in sorted(blocks) for line in blocks[name]), *around[1]]
    version = tuple(int(part) for part in re.findall(r"\d+", str((seed["facts"].get("versions") or {}).get("pve")))[:2])
    if coefficient is None and version >= _SINCE:
        coefficient = _COEFFICIENT
    interfaces = []
    for link in sorted(seed["node"]["links"], key=lambda one: one["number"]):
        priority = [f"    knet_link_priority: {link['priority']}"] if link.get("priority") is not None else []
        interfaces += ["  interface {", *priority, f"    linknumber: {link['number']}", "  }"]
    return [
        "logging {", "  debug: off", "  to_syslog: yes", "}", "",
        "nodelist {", *(line for name in sorted(new) for line in new[name]), "}", "",
        "quorum {", "  provider: corosync_votequorum", "}", "",
        "totem {", f"  cluster_name: {cluster}", *interfaces, "  ip_version: ipv4-6", "  link_mode: passive", "  secauth: on",
        *([f"  token_coefficient: {coefficient}"] if coefficient is not None else []), "  version: 2", "}",
    ]  # fmt: skip


def plan(hosts, cluster, findings=(), coefficient=None, qdevice=False):
    """The plan as data.

    `hosts`, in the inventory's order, each: `node` (the inventory's model of it), `facts` (of cluster_facts), `seed` and `joining` (yes or no), `accepted`
    and `key_files` (of ssh_seen), `corosync_conf` (its text where there is one), `ssh` (what ssh_preparation foresees), `public_key` (the controller's), `services` (that are to start with the machine), `method` and
    `through`. `findings`: of the pre-flight checks. `qdevice`: whether one is to be there at the end.
    """
    actions = [*_ssh(hosts), *_cluster(hosts, cluster, qdevice), *_services(hosts)]
    return {
        "cluster_name": cluster,
        "now": [_now(host) for host in hosts],
        "actions": actions,
        "changes": any(one["sure"] for one in actions),
        "corosync_conf": corosync_conf(hosts, cluster, coefficient, actions),
        "refused": [one for one in findings if one["severity"] == "error"],
        "warnings": [one for one in findings if one["severity"] != "error"],
    }


def text(planned):
    """The plan as lines to be read."""
    sure = [one for one in planned["actions"] if one["sure"]]
    unsure = [one for one in planned["actions"] if not one["sure"]]
    lines = [f"Plan for cluster '{planned['cluster_name']}'", "", "Now:"]
    lines += [f"  {one['node']}: {one['text']}" for one in planned["now"]]
    lines += ["", "What will be done, in this order:" if sure else "Nothing is to be changed."]
    for phase in dict.fromkeys(one["phase"] for one in sure):
        lines.append(f"  Phase {phase}, {_PHASES[phase]}:")
        alike = {}
        for one in (one for one in sure if one["phase"] == phase):
            said = one["text"] + (f"; restarts {' and '.join(one['restarts'])} there" if one["restarts"] else "")
            alike.setdefault(said, []).append(one["node"])
        lines += [f"    {', '.join(names)}: {said}" for said, names in alike.items()]
    if unsure:
        lines += ["", "What may be done, which shows when its turn comes:"]
        lines += [f"  {one['node']}: {one['text']}" for one in unsure]
    if planned["corosync_conf"]:
        lines += ["", "corosync.conf at the end (config_version rises with each change):"]
        lines += [f"  {line}" if line else "" for line in planned["corosync_conf"]]
    for what, title in (("refused", "Refused:"), ("warnings", "Warned of:")):
        if planned[what]:
            lines += ["", title, *(f"  {one['node'] or 'cluster'}: {one['message']}: {one['remedy']} [{one['id']}]" for one in planned[what])]
    return lines
