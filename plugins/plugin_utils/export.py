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
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62})")
CLUSTER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FQDN = re.compile(r"[A-Za-z0-9_.-]{1,253}")
# also a name: corosync takes both
ADDRESS = re.compile(r"[A-Za-z0-9_.:-]{1,253}(%[A-Za-z0-9_.-]{1,15})?")
_HOST = re.compile(r"[A-Za-z0-9_.:@+-]{1,253}")
_LINK = re.compile(r"[0-7]")
_SHOWN = 60
# What only describes the cluster, and is kept as the inventory has it.
SETTINGS = ("cluster_environment", "corosync_network")


def export_problems(facts, hosts, conf):
    """Everything that keeps these facts from being an inventory: an inventory is templates, so what fits is named here, not what does not."""
    problems = []

    def check(what, value, fits, wanted):
        if not fits(value):
            problems.append(f"{what} is {said(value)}, which is not {wanted}")

    def text(pattern):
        return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None

    def each(what, value):
        check(what, value, lambda value: isinstance(value, list), "a list")
        return [(f"{what}[{at}]", one) for at, one in enumerate(value)] if isinstance(value, list) else []

    if not isinstance(facts, dict):
        return [f"the facts are {said(facts)}, which is not a mapping"]
    check("cluster_name", facts.get("cluster_name"), text(CLUSTER), "a cluster's name")
    versions = facts.get("config_version")
    check("config_version.pmxcfs", versions.get("pmxcfs") if isinstance(versions, dict) else versions, _is_number, "a number")
    for what, link in each("links", facts.get("links")):
        link = link if isinstance(link, dict) else {}
        check(f"{what}.number", link.get("number"), _is_number, "a number")
        check(f"{what}.priority", link.get("priority"), lambda value: value is None or _is_number(value), "a number")
    for what, member in each("members", facts.get("members")):
        member = member if isinstance(member, dict) else {}
        check(f"{what}.name", member.get("name"), text(NAME), "a node's name")
        check(f"{what}.address", member.get("address"), lambda value: value is None or text(ADDRESS)(value), "an address")
    names = []
    for what, node in each("nodelist", facts.get("nodelist")):
        node = node if isinstance(node, dict) else {}
        check(f"{what}.name", node.get("name"), text(NAME), "a node's name")
        check(f"{what}.nodeid", node.get("nodeid"), _is_number, "a number")
        check(f"{what}.votes", node.get("votes"), _is_number, "a number")
        links = node.get("links")
        check(f"{what}.links", links, lambda value: isinstance(value, dict), "a mapping")
        for number, address in links.items() if isinstance(links, dict) else ():
            check(f"a number in {what}.links", number, text(_LINK), "the number of a link")
            check(f"{what}.links.{number if text(_LINK)(number) else '?'}", address, text(ADDRESS), "an address")
        names.append(node.get("name"))
    for name in names:
        # what the inventory says of it, where it has been a template already
        known = hosts.get(name, {}) if isinstance(name, str) else {}
        for key, pattern, wanted in (
            ("host", _HOST, "a host's name"), ("address", ADDRESS, "an address"), ("reached", ADDRESS, "an address"), ("fqdn", _FQDN, "a name"),
            ("named", _FQDN, "a name"),
        ):  # fmt: skip
            check(f"{key} of node {said(name)}", known.get(key), lambda value, fits=text(pattern): value is None or fits(value), wanted)
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


def said(value):
    """A value for a message: short, in one line, and nothing that could be taken for a template."""
    text = ascii(value).replace("{", "(").replace("}", ")")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + ".."


def full_name(name, *given):
    """The first of these that is the node's name with a domain; none where there is none."""
    return next((one for one in given if one and one.lower().startswith(f"{name.lower()}.") and len(one) > len(name) + 1), None)


def _shared(logins):
    """What all of these have alike."""
    first = logins[0] if logins else {}
    return {key: value for key, value in first.items() if all(key in login and login[key] == value for login in logins)}


def export(facts, hosts, conf, settings=None):
    """The inventory: one group with the nodes, in the order of their nodeids, and the variables that describe the cluster.

    `hosts`: by node, what the inventory and the node itself say of it: `host`, `address` (in the management network), `reached` (where Ansible finds it),
    `fqdn` (the inventory's), `named` (the node's own) and `login` (connection variables). `settings`: variables that are kept as they are.
    """
    priorities = {link["number"]: link.get("priority") for link in facts["links"]}
    addresses = {member["name"]: member.get("address") for member in facts["members"]}
    nodes = sorted(facts["nodelist"], key=lambda node: node["nodeid"])
    known = {node["name"]: {"host": node["name"], "address": addresses.get(node["name"]), **hosts.get(node["name"], {})} for node in nodes}
    listed = []
    for node in nodes:
        entry = {"short_name": node["name"], "management_ip": known[node["name"]]["address"]}
        fqdn = full_name(node["name"], known[node["name"]].get("fqdn"), known[node["name"]].get("named"))
        if fqdn:
            entry["fqdn"] = fqdn
        links = [_link(int(number), address, priorities.get(int(number))) for number, address in sorted(node["links"].items())]
        # one that is admitted and has no vote yet is to get one
        votes = {"votes": node["votes"]} if node["votes"] else {}
        listed.append({**entry, "links": links, "node_id": node["nodeid"], **votes})
    logins = [known[node["name"]].get("login") or {} for node in nodes]
    shared = _shared(logins)
    variables = {
        **shared,
        "cluster_name": facts["cluster_name"],
        "cluster_group": _GROUP,
        **{key: settings[key] for key in SETTINGS if settings and settings.get(key)},
        "cluster_nodes": listed,
        "cluster_exported": {
            "config_version": facts["config_version"]["pmxcfs"],
            "corosync_conf_sha256": hashlib.sha256(conf.encode()).hexdigest(),
            "corosync_conf": conf,
        },
    }
    own = {
        known[node["name"]]["host"]: {
            "ansible_host": known[node["name"]].get("reached") or known[node["name"]]["address"],
            **{key: value for key, value in login.items() if key not in shared},
        }
        for node, login in zip(nodes, logins)
    }
    return {"all": {"children": {_GROUP: {"hosts": own, "vars": variables}}}}


def _link(number, address, priority):
    return {"number": number, "address": address, **({"priority": priority} if priority is not None else {})}


class _Verbatim(str):
    """A text that is never a template."""


class _Dumper(yaml.SafeDumper):
    """Writes Ansible's own kinds of text and numbers, too. Texts of several lines are blocks, with whatever blanks are in them."""

    def analyze_scalar(self, scalar):
        """What may be a block: all that people can read, where PyYAML writes one line with escapes for a tab or a blank at a line's end."""
        analysis = super().analyze_scalar(scalar)
        analysis.allow_block = analysis.allow_block or all(sign.isprintable() or sign in "\n\t" for sign in scalar)
        return analysis


def _text(dumper, text):
    text = str(text)
    # what an inventory had from a template is text by now
    kind = "!unsafe" if re.search(r"\{[{%#]", text) else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(kind, text)


_Dumper.add_representer(_Verbatim, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style="|"))
_Dumper.add_representer(str, _text)
_Dumper.add_multi_representer(str, _text)
_Dumper.add_multi_representer(int, lambda dumper, number: dumper.represent_int(int(number)))
_Dumper.add_multi_representer(dict, lambda dumper, mapping: dumper.represent_dict(mapping.items()))
_Dumper.add_multi_representer(list, lambda dumper, items: dumper.represent_list(items))


def export_text(inventory, with_conf=False):
    """The inventory as a file. The text of corosync.conf, where it is wanted, is a block and marked as text, which Ansible never takes for a template."""
    (group,) = inventory["all"]["children"].values()
    exported = dict(group["vars"]["cluster_exported"])
    conf = exported.pop("corosync_conf")
    variables = {**group["vars"], "cluster_exported": {**exported, **({"corosync_conf": _Verbatim(conf)} if with_conf else {})}}
    marked = {"all": {"children": {_GROUP: {**group, "vars": variables}}}}
    text = yaml.dump(marked, Dumper=_Dumper, default_flow_style=False, sort_keys=False, allow_unicode=True, width=160)
    return f"# The cluster '{variables['cluster_name']}' as it was exported: an inventory for the playbooks of pve.cluster.\n---\n{text}"
