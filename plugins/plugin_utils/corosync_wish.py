# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory wants of corosync.conf, judged before a node is asked, and what it makes of corosync's times.

The module M(pve.cluster.corosync_conf) judges the rest: what depends on the file that the cluster has.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping, Sequence

from ansible.module_utils.common.validation import check_type_dict

from ansible_collections.pve.cluster.plugins.plugin_utils.corosync_options import OPTIONS, RESERVED
from ansible_collections.pve.cluster.plugins.plugin_utils.given import nothing
from ansible_collections.pve.cluster.plugins.plugin_utils.option_values import value_of

_SECTIONS = ("totem", "quorum", "logging")
_OF_A_LINK = ("number", "addresses", "priority", "options", "state")
_VOTES = 255
# corosync.conf(5) and the rules of the module.
_TOKEN = 3000
_COEFFICIENT = 650
_LEAST_MTU = 576


def wish_problems(variables, nodes):
    """Why the module would refuse what these variables want of a cluster of so many nodes, whatever file it has."""
    # what was read from a file and is put back as a whole may hold what nobody would write: the module knows whether the file has it
    judged = value_of(variables, "corosync_state") != "replaced"
    for section in _SECTIONS:
        # what is no mapping is told with the types of all options
        wanted, _problems = _mapping(value_of(variables, f"corosync_{section}"), "")
        for name, value in wanted.items() if judged else ():
            yield from (f"corosync_{section}: {reason}" for reason in _of_option(section, str(name), value))
        if judged:
            yield from (f"corosync_{section}: {reason}" for reason in _together(section, wanted, nodes))
    yield from _of_links(value_of(variables, "corosync_links"), judged)
    yield from _of_nodes(value_of(variables, "corosync_nodes"))


def wished_timing(timing, wanted, nodes):
    """These times as they will be when totem has what is wanted, in a cluster of so many nodes."""
    more = max(0, nodes - 2)
    token, coefficient = timing["token"] - more * timing["token_coefficient"], timing["token_coefficient"]
    own_consensus = None if timing["consensus"] == timing["token"] * 6 // 5 else timing["consensus"]
    wanted, _problems = _mapping(wanted, "")
    # of 0 and of no value corosync makes its default; of the coefficient 0 is a value
    token = _whole(wanted.get("token"), _TOKEN, zero=_TOKEN) if "token" in wanted else token
    coefficient = _whole(wanted.get("token_coefficient"), _COEFFICIENT) if "token_coefficient" in wanted else coefficient
    own_consensus = _whole(wanted.get("consensus"), None, zero=None) if "consensus" in wanted else own_consensus
    token += more * coefficient
    return {"token": token, "token_coefficient": coefficient, "consensus": token * 6 // 5 if own_consensus is None else own_consensus}


def wants_times(wanted):
    """Whether this says anything of corosync's times."""
    return any(name in _mapping(wanted, "")[0] for name in ("token", "token_coefficient", "consensus"))


def _whole(value, usual, zero=0):
    """A number, in text too. What is none is refused elsewhere."""
    text = str(value).strip()
    if nothing(value) or isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}", text):
        return usual
    return int(text) or zero


def _mapping(value, what):
    if nothing(value):
        return {}, []
    if isinstance(value, str):
        try:
            value = check_type_dict(value)
        except TypeError:
            pass
    if not isinstance(value, Mapping):
        return {}, [f"{what} is {value!r}, which is no mapping: write one option a line, such as 'token: 5000'"]
    return dict(value), []


def _of_option(section, name, value):
    path = f"{section}.{name}"
    if path in RESERVED:
        yield RESERVED[path]
    elif (section, name) not in OPTIONS:
        yield _unknown(section, name)
    elif isinstance(value, (Mapping, list, tuple)):
        yield f"'{path}' must be a single value"
    elif not nothing(value) and "{{" not in str(value):
        wrong = _objection(OPTIONS[section, name], value)
        if wrong:
            yield f"'{path}' is '{value}' and {wrong}"


def _unknown(section, name):
    others = [other for other in _SECTIONS if (other, name) in OPTIONS]
    if others:
        return f"'{name}' is no option of '{section}' but of '{others[0]}'"
    if ("totem.interface", name) in OPTIONS:
        return f"'{name}' is no option of '{section}' but of each link in corosync_links"
    near = difflib.get_close_matches(name, [known for of, known in OPTIONS if of == section], n=1, cutoff=0.6)
    return f"'{name}' is no option of '{section}'" + (f": did you mean '{near[0]}'?" if near else "")


def _objection(known, value):
    """What is wrong with a value; nothing when it is fine. YAML makes a truth value of `yes` and `on`."""
    kind, *more = known
    text = str(value).strip()
    if kind == "number":
        least, most, or_zero = more
        if isinstance(value, bool):
            return None if (least, most) == (0, 1) else "must be a number"
        number = int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else None
        if number is not None and (least <= number <= most or or_zero and number == 0):
            return None
        return f"must be a number from {least} to {most}" + (", or 0 for the default" if or_zero else "")
    if kind == "words":
        words, any_case = more
        if isinstance(value, bool):
            fits = bool({"yes", "on"} & set(words) if value else {"no", "off"} & set(words))
        else:
            fits = text in words or any_case and text.lower() in words
        return None if fits else f"must be one of: {', '.join(words)}"
    if kind == "path":
        return None if text.startswith("/") else "must be an absolute path"
    if kind == "code point":
        fits = re.fullmatch(r"[0-9]|[1-5][0-9]|6[0-3]|cs[0-7]|af[1-4][1-3]|ef", text)
        return None if fits else "must be a number from 0 to 63, or a name such as cs3, af41 or ef"
    return None


def _together(section, wanted, nodes):
    """What options that are given together break of corosync's rules."""
    if section == "totem":
        join, consensus = _whole(wanted.get("join"), None, zero=None), _whole(wanted.get("consensus"), None, zero=None)
        if join is not None and consensus is not None and consensus < join:
            yield f"'consensus' is {consensus} ms, shorter than 'join' with {join} ms"
        size = _whole(wanted.get("knet_mtu"), None)
        if size is not None and 0 < size < _LEAST_MTU:
            yield f"'knet_mtu' is {size} bytes: it must be 0, which finds the size out, or at least {_LEAST_MTU}"
        if wanted.get("crypto_hash") == "none" and not nothing(wanted.get("crypto_cipher")) and wanted["crypto_cipher"] != "none":
            yield "'crypto_cipher' needs a 'crypto_hash' other than none"
    if section == "quorum" and nodes > 2 and (wanted.get("two_node") is True or _whole(wanted.get("two_node"), 0) == 1):
        yield f"'two_node' is for two nodes, and the cluster has {nodes}"


def _of_links(links, judged):
    if nothing(links):
        return
    if isinstance(links, Mapping):
        return  # told with the types of all options
    if not isinstance(links, Sequence) or isinstance(links, str):
        yield f"corosync_links is {links!r}, which is no list of links: write one entry a link, each beginning with '- number:'"
        return
    seen = []
    for link in links:
        if not isinstance(link, Mapping):
            yield f"corosync_links has {link!r}, which has no keys: write an entry that begins with '- number:'"
            continue
        number = str(link.get("number", "")).strip()
        if not re.fullmatch(r"[0-7]", number):
            yield f"corosync_links has the number '{number}': links are 0 to 7"
            continue
        where = f"corosync_links: link {number}"
        if number in seen:
            yield f"{where} is given twice"
        seen.append(number)
        yield from (f"{where} has the key '{key}', which is not known: there are {', '.join(_OF_A_LINK)}" for key in link if key not in _OF_A_LINK)
        if link.get("state") not in (None, "", "present", "absent"):
            yield f"{where} has the state '{link['state']}', which is neither present nor absent"
        if link.get("state") == "absent" and any(not nothing(link.get(key)) for key in ("addresses", "priority", "options")):
            yield f"{where} is to be absent and has settings all the same"
        wrong = None if nothing(link.get("priority")) else _objection(OPTIONS["totem.interface", "knet_link_priority"], link["priority"])
        if wrong:
            yield f"{where}: the priority is '{link['priority']}' and {wrong}"
        addresses, problems = _mapping(link.get("addresses"), f"addresses of link {number} in corosync_links")
        yield from problems
        for node, address in addresses.items():
            if not _is_address(address):
                yield f"{where}: '{address}' of '{node}' is no IP address"
        options, problems = _mapping(link.get("options"), f"options of link {number} in corosync_links")
        yield from problems
        for name, value in options.items() if judged else ():
            if name == "knet_link_priority":
                yield f"{where}: '{name}' is set by 'priority'"
            elif name == "linknumber" and str(value).strip() != number:
                yield f"{where}: '{name}' is the 'number' of the link"
            elif ("totem.interface", name) not in OPTIONS:
                near = difflib.get_close_matches(str(name), [known for of, known in OPTIONS if of == "totem.interface"], n=1, cutoff=0.6)
                yield f"{where}: '{name}' is no option of a link" + (f": did you mean '{near[0]}'?" if near else "")
            else:
                yield from (f"{where}: {reason}" for reason in _of_option("totem.interface", name, value))


def _is_address(value):
    try:
        return bool(ipaddress.ip_address(str(value).strip()))
    except ValueError:
        return False


def _of_nodes(given):
    wanted, _problems = _mapping(given, "")
    for node, options in wanted.items():
        options, problems = _mapping(options, f"'{node}' in corosync_nodes")
        yield from problems
        yield from (f"corosync_nodes: '{node}' has '{name}', and only 'quorum_votes' of a node can be set" for name in options if name != "quorum_votes")
        votes = options.get("quorum_votes")
        if not problems and ("quorum_votes" not in options or _objection(("number", 0, _VOTES, False), votes)):
            yield f"corosync_nodes: '{node}' has {'no' if nothing(votes) else repr(votes)} 'quorum_votes', which must be a number from 0 to {_VOTES}"
