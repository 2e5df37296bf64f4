# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host keys of nodes may be pinned on the controller: those that somebody has vouched for, and no others.

A key is vouched for by its fingerprint in a list, by a yes to a question that showed it, or by being known already under one of the
node's names. What a node shows is data: a line that is no key counts as nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

_SHA256 = re.compile(r"(?:^|\s)(SHA256:[A-Za-z0-9+/]{43})(?:\s|$)")
_KIND = re.compile(r"[a-z0-9@.-]{1,64}")


def fingerprint(line):
    """The fingerprint of `TYPE KEY`, as ssh-keygen -l prints it; None when that is no key of its type."""
    words = str(line).split()
    if len(words) != 2 or not _KIND.fullmatch(words[0]):
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    kind = words[0].encode()
    if blob[: 4 + len(kind)] != len(kind).to_bytes(4, "big") + kind:
        return None
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def expected_prints(expected):
    """The fingerprints in a list of fingerprints or of whole lines of ssh-keygen -l, and the entries that have none."""
    prints, wrong = [], []
    for entry in expected:
        found = _SHA256.search(str(entry))
        if found:
            prints.append(found[1])
        else:
            wrong.append(str(entry))
    return prints, wrong


def _told(keys):
    return ", ".join(f"{kind} {print_}" for kind, print_ in keys)


def judge(looks, expected, accepted, replace):
    """What may be pinned, what is to be asked, and what is wrong.

    `looks`: by host, what files/look.py of the role host_keys printed, with `names`, the names to pin. `expected`: a list of fingerprints, or one by host; empty when
    somebody is asked. `accepted`: the hosts whose keys were answered with a yes. `replace`: whether another known key of a type may go.

    Returns `ask` (host -> its keys, type and fingerprint each), `pins` (one entry for each name and key that is not known: `host`, `file`, `name`,
    `line`) and `problems` (sentences, all at once).
    """
    of_all, wrong = expected_prints([one for of_host in expected.values() for one in of_host] if isinstance(expected, Mapping) else expected)
    ask, pins = {}, []
    problems = [f"expected fingerprint '{entry}' is not one: ssh-keygen -l prints it, as SHA256: and 43 characters" for entry in wrong]
    for host, look in looks.items():
        keys = {line: fingerprint(line) for line in look.get("shown") or []}
        keys = {line: print_ for line, print_ in keys.items() if print_}
        told = [(line.split()[0], print_) for line, print_ in keys.items()]
        if not keys:
            problems.append(f"'{host}' shows no host key: {look.get('problem') or 'what it showed is no key'}")
            continue
        if not look.get("file"):
            problems.append(f"'{host}': ssh on the controller keeps no host keys (UserKnownHostsFile is none)")
            continue
        known = look.get("known") or {}
        trusted = {line for lines in known.values() for line in lines} & set(keys)
        prints = expected_prints(expected.get(host) or [])[0] if isinstance(expected, Mapping) else of_all
        if of_all:
            vouched = [line for line, print_ in keys.items() if print_ in prints]
            if not vouched:
                problems.append(f"'{host}' shows {_told(told)}, and none of these is expected: it may be another machine")
                continue
        elif host in accepted:
            vouched = list(keys)
        elif trusted:
            vouched = [line for line in keys if line in trusted]
        else:
            ask[host] = [f"{kind} {print_}" for kind, print_ in told]
            continue
        alias = [look["alias"]] if look.get("alias") else []
        for name in list(dict.fromkeys([*look["names"], *alias])):
            for line in vouched:
                if line in known.get(name, []):
                    continue
                others = [other for other in known.get(name, []) if other.split()[0] == line.split()[0]]
                if others and not replace:
                    problems.append(
                        f"'{look['file']}' has another {line.split()[0]} key for '{name}' ({', '.join(str(fingerprint(other)) for other in others)}) than '{host}' "
                        f"shows ({keys[line]}): where the node was installed again, set host_keys_replace to true"
                    )
                else:
                    pins.append({"host": host, "file": look["file"], "name": name, "line": f"{name} {line}"})
    return {"ask": ask, "pins": pins, "problems": problems}
