# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as it is, as an inventory, and that inventory as text.

An inventory is templates: whoever reads it runs what stands between {{ and }} in it. So nothing of a node gets into one but numbers, names
and addresses that cannot be a template, and the text of corosync.conf, which is marked as text.
"""

from __future__ import annotations

import hashlib
import re

import yaml

# The group that holds the nodes.
_GROUP = "pve_cluster_nodes"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62})")
_CLUSTER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FQDN = re.compile(r"[A-Za-z0-9_.-]{1,253}")
# also a name: corosync takes both
_ADDRESS = re.compile(r"[A-Za-z0-9_.:-]{1,253}(%[A-Za-z0-9_.-]{1,15})?")
_HOST = re.compile(r"[A-Za-z0-9_.:@+-]{1,253}")
_LINK = re.compile(r"[0-7]")
_SHOWN = 60


def export_problems(facts, hosts, conf):
    """Everything that keeps these facts from being an inventory: an inventory is templates, so what fits is named here, not what does not."""
    problems = []

    def check(what, value, fits, wanted):
        if not fits(value):
            problems.append(f"{what} is {_shown(value)}, which is not {wanted}")

    def text(pattern):
        return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None

    def each(what, value):
        check(what, value, lambda value: isinstance(value, list), "a list")
        return [(f"{what}[{at}]", one) for at, one in enumerate(value)] if isinstance(value, list) else []

    if not isinstance(facts, dict):
        return [f"the facts are {_shown(facts)}, which is not a mapping"]
    check("cluster_name", facts.get("cluster_name"), text(_CLUSTER), "a cluster's name")
    versions = facts.get("config_version")
    check("config_version.pmxcfs", versions.get("pmxcfs") if isinstance(versions, dict) else versions, _is_number, "a number")
    for what, link in each("links", facts.get("links")):
        link = link if isinstance(link, dict) else {}
        check(f"{what}.number", link.get("number"), _is_number, "a number")
        check(f"{what}.priority", link.get("priority"), lambda value: value is None or _is_number(value), "a number")
    for what, member in each("members", facts.get("members")):
        member = member if isinstance(member, dict) else {}
        check(f"{what}.name", member.get("name"), text(_NAME), "a node's name")
        check(f"{what}.address", member.get("address"), lambda value: value is None or text(_ADDRESS)(value), "an address")
    names = []
    for what, node in each("nodelist", facts.get("nodelist")):
        node = node if isinstance(node, dict) else {}
        check(f"{what}.name", node.get("name"), text(_NAME), "a node's name")
        check(f"{what}.nodeid", node.get("nodeid"), _is_number, "a number")
        check(f"{what}.votes", node.get("votes"), _is_number, "a number")
        links = node.get("links")
        check(f"{what}.links", links, lambda value: isinstance(value, dict), "a mapping")
        for number, address in links.items() if isinstance(links, dict) else ():
            check(f"a number in {what}.links", number, text(_LINK), "the number of a link")
            check(f"{what}.links.{number if text(_LINK)(number) else '?'}", address, text(_ADDRESS), "an address")
        names.append(node.get("name"))
    for name in names:
        # what the inventory says of it, where it has been a template already
        known = hosts.get(name, {}) if isinstance(name, str) else {}
        for key, pattern, wanted in (("host", _HOST, "a host's name"), ("address", _ADDRESS, "an address"), ("fqdn", _FQDN, "a name")):
            check(f"{key} of node {_shown(name)}", known.get(key), lambda value, fits=text(pattern): value is None or fits(value), wanted)
    if not isinstance(conf, str) or not _is_utf8(conf):
        problems.append("corosync.conf is not UTF-8 text")
    # corosync takes its authkey from a file, but also straight from this key of its configuration (corosync.conf(5))
    elif re.search(r"^\s*key\s*:", conf, re.M):
        problems.append("its corosync.conf has the cluster's key in it (totem.key)")
    return problems


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_utf8(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value):
    """A value for a message: short, in one line, and nothing that could be taken for a template."""
    text = ascii(value).replace("{", "(").replace("}", ")")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + ".."


def export(facts, hosts, conf):
    """The inventory: one group with the nodes, in the order of their nodeids, and the variables that describe the cluster."""
    priorities = {link["number"]: link.get("priority") for link in facts["links"]}
    addresses = {member["name"]: member.get("address") for member in facts["members"]}
    nodes = sorted(facts["nodelist"], key=lambda node: node["nodeid"])
    known = {node["name"]: {"host": node["name"], "address": addresses.get(node["name"]), **hosts.get(node["name"], {})} for node in nodes}
    listed = []
    for node in nodes:
        entry = {"short_name": node["name"], "management_ip": known[node["name"]]["address"]}
        if known[node["name"]].get("fqdn"):
            entry["fqdn"] = known[node["name"]]["fqdn"]
        links = [_link(int(number), address, priorities.get(int(number))) for number, address in sorted(node["links"].items())]
        listed.append({**entry, "links": links, "node_id": node["nodeid"], "votes": node["votes"]})
    variables = {
        "cluster_name": facts["cluster_name"],
        "cluster_group": _GROUP,
        "cluster_nodes": listed,
        "cluster_exported": {
            "config_version": facts["config_version"]["pmxcfs"],
            "corosync_conf_sha256": hashlib.sha256(conf.encode()).hexdigest(),
            "corosync_conf": conf,
        },
    }
    own = {known[node["name"]]["host"]: {"ansible_host": known[node["name"]]["address"]} for node in nodes}
    return {"all": {"children": {_GROUP: {"hosts": own, "vars": variables}}}}


def _link(number, address, priority):
    return {"number": number, "address": address, **({"priority": priority} if priority is not None else {})}


class _Verbatim(str):
    """A text that is never a template."""


class _Dumper(yaml.SafeDumper):
    """Writes Ansible's own kinds of text and numbers, too."""


_Dumper.add_representer(_Verbatim, lambda dumper, text: dumper.represent_scalar("!unsafe", text, style="|"))
_Dumper.add_multi_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text))
_Dumper.add_multi_representer(int, lambda dumper, number: dumper.represent_int(int(number)))
_Dumper.add_multi_representer(dict, lambda dumper, mapping: dumper.represent_dict(mapping.items()))
_Dumper.add_multi_representer(list, lambda dumper, items: dumper.represent_list(items))


def export_text(inventory):
    """The inventory as a file. The text of corosync.conf is marked as text, which Ansible never takes for a template."""
    (group,) = inventory["all"]["children"].values()
    exported = group["vars"]["cluster_exported"]
    variables = {**group["vars"], "cluster_exported": {**exported, "corosync_conf": _Verbatim(exported["corosync_conf"])}}
    marked = {"all": {"children": {_GROUP: {**group, "vars": variables}}}}
    text = yaml.dump(marked, Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, width=160)
    return f"# The cluster '{variables['cluster_name']}' as it was exported: an inventory for the playbooks of pve.cluster.\n---\n{text}"
