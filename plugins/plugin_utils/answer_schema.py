# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node may answer to cluster_facts: the one place where it is judged.

A node that was broken into, or runs another module, can answer anything. What does not fit is left out and named; what fits has the type
that it is used as, and texts are nothing but text.
"""

from __future__ import annotations

import math
import re

from ansible_collections.pve.cluster.plugins.plugin_utils.findings import ERROR, finding
from ansible_collections.pve.cluster.plugins.plugin_utils.given import link_number
from ansible_collections.pve.cluster.plugins.plugin_utils.verbatim import plain, shown

_SHOWN = 60
# More of them say nothing more.
_NAMED = 10
_MOST = 10_000
_FAR = 2**40


class _Kind:
    """A value that has no parts. Null is one of each kind: it stands for what could not be read."""

    def __init__(self, said, fits, instead=None):
        self.said, self.fits, self.instead = said, fits, instead


def _is_number(value):
    return isinstance(value, int) and not isinstance(value, bool) and -_FAR < value < _FAR


def _is_measured(value):
    return (_is_number(value) or isinstance(value, float)) and math.isfinite(value) and abs(value) < _FAR


TEXT = _Kind("a text", lambda value: isinstance(value, str))
NUMBER = _Kind("a number", _is_number)
MEASURED = _Kind("a measured number", _is_measured)
COUNT = _Kind("a number", lambda value: _is_number(value) and value >= 0, 0)
FLAG = _Kind("true or false", lambda value: isinstance(value, bool))
# The id of a finding is made of it.
SITUATION = _Kind("a situation", lambda value: isinstance(value, str) and re.fullmatch(r"[a-z_]{1,40}", value) is not None, "unknown")


class _Map:
    """Anything by name."""

    def __init__(self, items):
        self.items = items


class _Maybe:
    """A record that may be null, as opposed to one whose parts may be."""

    def __init__(self, record):
        self.record = record


# A list is written as one, a record as a dict; a record without a part that has a "!" is left out.
SCHEMA = {
    "situation": SITUATION,
    "reasons": [TEXT],
    "membership": TEXT,
    "cluster_name": TEXT,
    "nodename": TEXT,
    "nodeid": NUMBER,
    "admitted": FLAG,
    "quorum": {
        "quorate": FLAG, "expected_votes": NUMBER, "highest_expected": NUMBER, "total_votes": NUMBER, "quorum": NUMBER, "qdevice_votes": NUMBER,
        "flags": [TEXT],
    },
    "qdevice": _Maybe({"algorithm": TEXT, "model": TEXT, "host": TEXT, "votes": NUMBER}),
    "pmxcfs": {"mounted": FLAG, "writable": FLAG},
    "links": [
        {
            "number!": NUMBER, "address": TEXT, "running_address": TEXT, "priority": NUMBER,
            "peers": [{"name!": TEXT, "nodeid": NUMBER, "address": TEXT, "connected": FLAG}],
        }
    ],
    "nodelist": [{"name!": TEXT, "nodeid": NUMBER, "votes": NUMBER, "links": _Map(TEXT)}],
    "members": [{"name!": TEXT, "nodeid": NUMBER, "votes": COUNT, "local": FLAG, "address": TEXT, "config_version": NUMBER}],
    "config_version": {"pmxcfs": NUMBER, "local": NUMBER, "running": NUMBER, "members": _Map(NUMBER)},
    "versions": {"pve": TEXT, "pve_cluster": TEXT, "corosync": TEXT, "join_api": NUMBER},
    "services": _Map({"state": TEXT, "enabled": TEXT}),
    "addresses": [{"interface": TEXT, "address": TEXT, "prefix": NUMBER}],
    "guests": [{"vmid": NUMBER, "node": TEXT, "type": TEXT}],
    "certificates": {"node": TEXT, "custom": TEXT, "served": TEXT},
    "ssh": _Maybe(
        {
            "host_keys": [{"file": TEXT, "type": TEXT, "key": TEXT, "comment": TEXT, "fingerprint": TEXT}],
            "root_public_keys": [TEXT],
            "authorized_keys": {"kind": TEXT, "target": TEXT, "readable": FLAG},
            "authorized_keys2": {"kind": TEXT, "target": TEXT, "readable": FLAG},
        }
    ),
    "leftovers": {"files": [TEXT], "nodes": [TEXT]},
    "problems": [TEXT],
    "health": _Maybe(
        {
            "links": [
                {
                    "peer!": TEXT, "number!": NUMBER, "connected!": FLAG, "mtu": NUMBER, "down_count": COUNT, "pings": COUNT, "pongs": COUNT,
                    "send_errors": COUNT, "latency": _Maybe({"average!": NUMBER, "min": NUMBER, "max!": NUMBER, "samples": NUMBER}),
                }
            ],
            "totem": _Maybe({"retransmits": COUNT, "token_losses": COUNT, "consensus_timeouts": COUNT}),
            "events": _Maybe(
                {
                    "link_down": COUNT, "unreachable": COUNT, "token_late": COUNT, "token_lost": COUNT, "retransmits": COUNT, "quorum_lost": COUNT,
                    "failures": COUNT, "last": NUMBER, "last_said": TEXT,
                }
            ),
            "clock": _Maybe({"synchronised": FLAG, "service_enabled": FLAG}),
            "certificates": [{"file!": TEXT, "not_before!": NUMBER, "not_after!": NUMBER, "days_left!": NUMBER}],
            "qdevice": _Maybe({"connected": FLAG, "state": TEXT, "server": TEXT, "algorithm": TEXT}),
            "ha": _Maybe({"resources": [TEXT], "master": TEXT, "lrm": TEXT}),
            "rescues": [{"node!": TEXT, "owner": TEXT, "until": NUMBER, "expired!": FLAG}],
            "ha_left_disarmed_by": TEXT,
            "membership_changed_by": TEXT,
            "root_second_factor": FLAG,
            "next_start_problem": TEXT,
            "foreign_packets": _Maybe({"address": TEXT, "last!": NUMBER}),
            "misread": [TEXT],
            "newer_options": [{"option!": TEXT, "since!": TEXT}],
            "timing": _Maybe({"token!": COUNT, "token_coefficient!": COUNT, "consensus!": COUNT}),
            "pmxcfs_online": [TEXT],
            "unix_time": NUMBER,
            "problems": [TEXT],
        }
    ),
}


# What cluster_probe answers, with what the controller noted of it.
PROBE_SCHEMA = {
    "peers": [
        {
            "name!": TEXT, "heard": FLAG,
            "links": [
                {
                    "number!": NUMBER, "address": TEXT, "answered!": FLAG, "silent_ports": [NUMBER], "sent": COUNT, "received": COUNT,
                    "latency": _Maybe({"median!": MEASURED, "jitter!": MEASURED, "min": MEASURED, "average": MEASURED, "max": MEASURED}),
                    "loss_percent": MEASURED, "largest": NUMBER, "own_mtu": NUMBER, "known_mtu": NUMBER, "clock_offset": MEASURED,
                }
            ],
            "tcp": [{"port!": NUMBER, "problem": TEXT}],
        }
    ],
    "seconds": MEASURED,
    "controller": _Maybe({"begun!": MEASURED, "ended!": MEASURED}),
    "problems": [TEXT],
}


def checked_probe(measured):
    """What fits of an answer of cluster_probe, and what does not, in the form of `checked`."""
    misfits = []
    fitted = _fit(measured, PROBE_SCHEMA, "", misfits)
    return fitted, [(f"measurement.{field}" if field else "measurement", came, wanted) for field, came, wanted in misfits]


def checked(host):
    """The host with an answer that fits, what of it does not as `misfits`: of each the field, what came, and what belongs there."""
    if "misfits" in host:
        return host
    misfits = []
    facts = host.get("facts")
    if facts is not None and facts != "":
        facts = _fit(facts, _Maybe(SCHEMA), "", misfits)
    problem = host.get("problem")
    if misfits and not facts:
        problem = "what it answered is no answer of the module"
    return {**host, "facts": facts or None, "problem": problem if problem is None else plain(str(problem)), "misfits": misfits}


def misfit_findings(host):
    """One finding for each part of an answer that does not fit."""
    misfits = host["misfits"]
    remedy = "build the modules again and run this again; if it stays so, trust nothing that this node says before you have looked at it"
    for field, came, wanted in misfits[:_NAMED]:
        where = f"'{field}' of its answer" if field else "its answer"
        yield finding("answer", ERROR, f"{where} is {came}, and not {wanted}", remedy, measured=came, limit=wanted)
    if len(misfits) > _NAMED:
        yield finding("answer", ERROR, f"{len(misfits) - _NAMED} more parts of its answer are not what the module gives", remedy)


def silence_findings(node, measured, nodes):
    """What a node should have measured, and says nothing of: silence would pass for a link that is well."""
    told = {peer["name"]: {link["number"] for link in peer["links"]} for peer in measured["peers"]}
    own = {link_number(link, position) for position, link in enumerate(node["links"])}
    for other in nodes:
        if other["name"] == node["name"]:
            continue
        theirs = {link_number(link, position) for position, link in enumerate(other["links"])}
        missing = sorted((own & theirs) - told.get(other["name"], set()))
        if missing:
            yield finding(
                "answer", ERROR, f"its measurement says nothing of link {', '.join(str(number) for number in missing)} to {other['name']}",
                "build the modules again and run this again; if it stays so, look at what this node runs", peer=other["name"], measured=missing,
            )


def _came(value):
    if value is None:
        return "not there"
    text = plain(ascii(value))
    return text if len(text) <= _SHOWN else text[:_SHOWN] + ".."


def _wrong(value, path, wanted, misfits):
    misfits.append((path, _came(value), wanted))


def _fit(value, schema, path, misfits):
    """The value as the schema has it. What does not fit is told, and in its place is what stands for nothing."""
    if isinstance(schema, _Kind):
        if value is None:
            return schema.instead
        if not schema.fits(value):
            _wrong(value, path, schema.said, misfits)
            return schema.instead
        return plain(value) if isinstance(value, str) else value
    if isinstance(schema, list):
        return _fit_list(value, schema[0], path, misfits)
    if isinstance(schema, _Map):
        return _fit_map(value, schema.items, path, misfits)
    if isinstance(schema, _Maybe):
        return None if value is None else _fit_record(value, schema.record, path, misfits, None)
    return _fit_record({} if value is None else value, schema, path, misfits, {})


def _fit_list(value, items, path, misfits):
    if value is None:
        return []
    if not isinstance(value, list):
        _wrong(value, path, "a list", misfits)
        return []
    if len(value) > _MOST:
        _wrong(len(value), f"length of {path}", f"at most {_MOST}", misfits)
    fitted = [_fit(item, items, f"{path}[{number}]", misfits) for number, item in enumerate(value[:_MOST])]
    if any(item is None for item in value[:_MOST]):
        _wrong(None, f"an item of {path}", "something", misfits)
    return [item for item in fitted if item is not None]


def _fit_map(value, items, path, misfits):
    if value is None:
        return {}
    if not isinstance(value, dict):
        _wrong(value, path, "a mapping", misfits)
        return {}
    fitted = {plain(str(name)): _fit(item, items, f"{path}.{plain(str(name))}", misfits) for name, item in list(value.items())[:_MOST]}
    return {name: item for name, item in fitted.items() if item is not None}


def _fit_record(value, record, path, misfits, instead):
    if not isinstance(value, dict):
        _wrong(value, path, "a mapping", misfits)
        # as empty as one that was not given, where its parts are looked for
        return instead if instead is None else _fit_record({}, record, path, [], instead)
    dot = f"{path}." if path else ""
    known = {name.rstrip("!") for name in record}
    # what a later module adds
    fitted = {plain(str(name)): shown(item) for name, item in list(value.items())[:_MOST] if name not in known}
    whole = True
    for name, part in record.items():
        key = name.rstrip("!")
        before = len(misfits)
        fitted[key] = _fit(value.get(key), part, f"{dot}{key}", misfits)
        if name.endswith("!") and fitted[key] is None:
            whole = False
            if len(misfits) == before:
                _wrong(None, f"{dot}{key}", part.said, misfits)
    return fitted if whole else None
