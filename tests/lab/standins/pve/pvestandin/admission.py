# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of the nodelist: admitting and removing a node. Runs on a member."""

import random
import subprocess
import sys

from . import certs, cfs, conf, files, paths, ssh
from .errors import PveError

API_VERSION = 1
CONF_LOCK = "file-corosync_conf"


def change_configuration(change):
    """Run `change` holding this node's lock and, when the cluster has other nodes, the cluster-wide one.

    A lone node must not take the latter: it loses quorum by the change, and it could not give it back.
    """

    def work():
        if len(cfs.members().get("nodelist", {})) > 1:
            cfs.locked(CONF_LOCK, 10, change)
        else:
            change()

    cfs.file_locked(paths.LOCK, 10, work)


def _shuffled(mapping):
    """The real program walks its tables in an order that changes from run to run."""
    items = list(mapping.items())
    random.shuffle(items)
    return items


def _check_links(parameters, name, nodes):
    links = parameters["links"]
    for link in links.values():
        for other, node in _shuffled(nodes):
            if other == name:
                continue
            for number, address in conf.links_of(node).items():
                if address == link["address"]:
                    raise PveError(
                        f"corosync: address '{address}' already used on link ring{number}_addr by node '{other}'\n"
                    )
    present = conf.links_of(next(iter(nodes.values())))
    if links:
        for number in range(conf.MAX_LINK + 1):
            if number in present and number not in links:
                raise PveError(
                    f"corosync: link {number} exists in cluster config but wasn't specified for new node\n"
                )
            if number in links and number not in present:
                raise PveError(
                    f"corosync: link {number} specified for new node doesn't exist in cluster config\n"
                )
        return {number: link["address"] for number, link in links.items()}
    fallback = parameters.get("new_node_ip")
    if not fallback:
        raise PveError("no links and no fallback ip (new_node_ip) given, cannot join cluster\n")
    if len(present) != 1:
        raise PveError(
            "no links given but multiple links found on other nodes,"
            " fallback only supported on single-link clusters\n"
        )
    return {next(iter(present)): fallback}


def _number(value):
    digits = str(value).strip()
    return int(digits) if digits.lstrip("-").isdigit() else 0


def add_node(parameters):
    """`parameters`: node, links, nodeid, votes, force, new_node_ip. Answers authkey, corosync.conf and warnings.

    A nodeid in use is **not** refused.
    """
    cfs.require_quorum()
    name = parameters["node"]
    warnings = []

    def change():
        document = conf.load()
        errors, found = conf.verify(document)
        warnings.extend(found)
        if errors:
            raise PveError(
                "invalid corosync.conf\n",
                code=2 if not files.exists(paths.CLUSTER_CONF) else 255,
                errors={f"error{index}": text for index, text in enumerate(errors)}
                | {f"warning{index}": text for index, text in enumerate(found)},
            )
        nodes = document.nodelist
        addresses = _check_links(parameters, name, nodes)
        nodeid, votes = parameters.get("nodeid"), parameters.get("votes")
        known = nodes.get(name)
        if known is not None:
            nodeid = nodeid or _number(known.get("nodeid"))
            votes = _number(known.get("quorum_votes")) if votes is None else votes
            same = _number(known.get("quorum_votes")) == votes and _number(known.get("nodeid")) == nodeid
            if not (same and parameters.get("force")):
                raise PveError(f"can't add existing node '{name}'\n")
            print(f"forcing overwrite of configured node '{name}'", flush=True)
        elif not nodeid:
            taken = {_number(node.get("nodeid")) for node in nodes.values()}
            nodeid = 1
            while nodeid in taken:
                nodeid += 1
        votes = 1 if votes is None else votes
        certs.make_node_directories(name)
        try:
            ssh.merge_keys()
        except OSError as error:
            print(f"unable to merge ssh keys - {error.strerror}", file=sys.stderr)
        entry = {"name": name, "nodeid": nodeid}
        if votes:
            entry["quorum_votes"] = votes
        for number, address in addresses.items():
            entry[f"ring{number}_addr"] = address
        nodes[name] = entry
        cfs.log_message(5, f"adding node {name} to cluster")
        conf.save(document)

    change_configuration(change)
    return {
        "corosync_authkey": files.read_bytes(paths.AUTHKEY).decode("latin-1"),
        "corosync_conf": files.read(paths.CLUSTER_CONF),
        "warnings": warnings,
    }


def delete_node(name):
    """The node's folder, its keys and its rules stay behind."""
    cfs.require_quorum()
    if name == cfs.node_name():
        raise PveError("Cannot delete myself from cluster!\n")

    def change():
        document = conf.load()
        nodes = document.nodelist or {}
        found = None
        for key, node in nodes.items():
            # The addresses of the other six links are not looked at.
            if name in (key, node.get("ring0_addr"), node.get("ring1_addr")):
                found = key
                break
        if found is None:
            # Without a configuration the failure to open it is what the exit code tells.
            raise PveError(
                f"Node/IP: {name} is not a known host of the cluster.\n",
                code=255 if files.exists(paths.CLUSTER_CONF) else 2,
            )
        cfs.log_message(5, f"deleting node {found} from cluster")
        nodeid = nodes.pop(found).get("nodeid")
        if nodeid is not None:
            # May fail: the node may be off already.
            subprocess.run(["corosync-cfgtool", "-k", str(nodeid)], stdin=subprocess.DEVNULL, check=False)
        conf.save(document)

    change_configuration(change)
