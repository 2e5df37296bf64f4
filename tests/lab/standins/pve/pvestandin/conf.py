# SPDX-License-Identifier: GPL-3.0-or-later
"""corosync.conf as PVE reads and writes it: by blank-separated words, which is not how corosync reads it.

Comments and the order of keys do not survive. Some texts corosync refuses are accepted, and some it takes are not.
"""

import hashlib
import os
import re

from . import files, paths
from .errors import PveError

MAX_LINK = 7


class Conf:
    """`main` is None for an empty file. Nodes are a dict by name, interfaces a dict by link number."""

    def __init__(self, main, digest=None):
        self.main = main
        self.digest = digest

    @property
    def totem(self):
        return (self.main or {}).get("totem")

    @property
    def nodelist(self):
        nodes = (self.main or {}).get("nodelist")
        return None if nodes is None else nodes.get("node")


def parse(raw):
    if not raw:
        return Conf(None)
    digest = hashlib.sha1(raw.encode("utf-8", "surrogateescape")).hexdigest()
    # Perl knows no blanks beyond ASCII in a text of bytes
    words = re.findall(r"[^ \t\n\r\f\v]+", re.sub(r"#.*", "", raw))
    main = {}
    section, stack = main, []
    position = 0
    while position < len(words):
        word = words[position]
        following = words[position + 1] if position + 1 < len(words) else None
        position += 1
        if following == "{":
            position += 1
            inner = {}
            if word in ("node", "interface"):
                section.setdefault(word, []).append(inner)
            elif word in section:
                raise PveError(f"section '{word}' already exists and not marked as array!\n")
            else:
                section[word] = inner
            stack.append(section)
            section = inner
        elif word == "}":
            if not stack:
                raise PveError("parse error - uncexpected '}'\n")
            section = stack.pop()
        else:
            if not word.endswith(":"):
                raise PveError(f"missing ':' after key '{word}'\n")
            key = word[:-1]
            if following is None:
                raise PveError(f"parse error - no value for '{key}'\n")
            position += 1
            section[key] = following
    if isinstance(main.get("nodelist"), dict):
        nodes = main["nodelist"].get("node", [])
        main["nodelist"]["node"] = {node.get("name") or node.get("ring0_addr"): node for node in nodes}
    if isinstance(main.get("totem"), dict):
        interfaces = main["totem"].get("interface", [])
        main["totem"]["interface"] = {
            inter.get("linknumber") or inter.get("ringnumber"): inter for inter in interfaces
        }
    return Conf(main, digest)


def _dump(section, prefix=""):
    text = ""
    for key in sorted(section):
        value = section[key]
        if isinstance(value, dict) and prefix == "" or isinstance(value, dict) and key not in ("node", "interface"):
            text += f"{prefix}{key} {{\n{_dump(value, prefix + '  ')}{prefix}}}\n"
            if not prefix:
                text += "\n"
        elif isinstance(value, dict):
            for name in sorted(value):
                text += f"{prefix}{key} {{\n{_dump(value[name], prefix + '  ')}{prefix}}}\n"
        else:
            text += f"{prefix}{key}: {value}\n"
    return text


def render(conf):
    return _dump(conf.main)


def load(path=paths.CLUSTER_CONF):
    """A missing file reads as an empty one."""
    for _ in range(3):
        # The name is gone for a moment while another file is renamed over it.
        raw = files.read(path, "")
        if raw or not os.path.lexists(path):
            break
    return parse(raw)


def save(conf, increase=True):
    totem = conf.totem
    if increase:
        version = (totem or {}).get("config_version")
        if version is None:
            raise PveError("invalid corosync config: unable to read config version\n")
        number = re.match(r"\s*[0-9]+", str(version))
        totem["config_version"] = (int(number.group()) if number else 0) + 1
    files.replace(paths.CLUSTER_CONF + ".new", render(conf))
    try:
        os.rename(paths.CLUSTER_CONF + ".new", paths.CLUSTER_CONF)
    except OSError as error:
        raise PveError(f"activating corosync.conf.new failed - {error.strerror}\n") from error


def link_of(key):
    """The link number of a node's key, or None."""
    match = re.fullmatch(r"(?:ring|link)([0-7])_addr", key)
    return int(match.group(1)) if match else None


def links_of(node):
    return {link_of(key): value for key, value in node.items() if link_of(key) is not None}


def verify(conf):
    """Errors and warnings, as they hinder the admission of a node."""
    nodes = conf.nodelist
    if not nodes:
        return ["no nodes found"], []
    totem = conf.totem
    if not totem:
        return ["no totem found"], []
    errors, warnings = [], []
    if totem.get("secauth") != "on" and totem.get("crypto_cipher", "none") == "none":
        warnings.append(
            "warning: authentication/encryption is not explicitly enabled (secauth / crypto_cipher / crypto_hash)"
        )
    interfaces = totem.get("interface") or {}
    for link in range(MAX_LINK + 1):
        configured = str(link) in interfaces
        with_link = [name for name in sorted(nodes) if link in links_of(nodes[name])]
        if interfaces:
            for name in sorted(nodes):
                if configured and name not in with_link:
                    errors.append(f"node '{name}' is missing link address 'ring{link}_addr'")
                if not configured and name in with_link:
                    errors.append(f"link {link} of node '{name}' has no interface section")
        elif with_link and len(with_link) != len(nodes):
            errors.append(f"not all nodes have a link {link}")
    return errors, warnings


def create(name, node, address_of_links, nodeid, votes, coefficient):
    """`address_of_links`: link number -> (address, priority or None)."""
    interfaces = {}
    entry = {"name": node, "nodeid": nodeid, "quorum_votes": votes}
    for link, (address, priority) in address_of_links.items():
        interfaces[str(link)] = {"linknumber": link}
        # A priority of 0 is not written.
        if priority:
            interfaces[str(link)]["knet_link_priority"] = priority
        entry[f"ring{link}_addr"] = address
    return Conf(
        {
            "logging": {"debug": "off", "to_syslog": "yes"},
            "nodelist": {"node": {node: entry}},
            "quorum": {"provider": "corosync_votequorum"},
            "totem": {
                "cluster_name": name,
                "config_version": 1,
                "interface": interfaces,
                "ip_version": "ipv4-6",
                "link_mode": "passive",
                "secauth": "on",
                "token_coefficient": coefficient,
                "version": 2,
            },
        }
    )
