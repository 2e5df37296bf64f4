# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of a known_hosts file, as sshd(8) describes them: which names they are about, and how to take some out.

Only lines of exact and of hashed names are ever changed. Comments, lines with a marker (`@cert-authority`, `@revoked`)
and patterns (`*.example.org`) are a site's own decisions and stay as they are.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

_SSH_PORT = 22


def spelled(name, ports):
    """A name as ssh looks it up on each of these ports: in lower case, and in brackets on an unusual port.

    The plain name is always among them: ssh falls back to it, and Proxmox VE asks for it by HostKeyAlias.
    """
    name = str(name).lower()
    return [name] + [f"[{name}]:{port}" for port in ports if int(port) != _SSH_PORT]


def names_of(host):
    """All names of a host, spelled for its ports."""
    names = []
    for name in host["names"]:
        names += [spelling for spelling in spelled(name, host["ports"]) if spelling not in names]
    return names


def names_in(line):
    """The names that a line is about, hashed ones as they are written; none for a line that is never changed."""
    words = line.split()
    if len(words) < 3 or words[0][0] in "#@":
        return []
    return words[0].split(",")


def key_in(line):
    """Type and key of a line that names something."""
    words = line.split()
    return words[1], words[2]


def without(line, is_out):
    """The line without the names that are out; None when no name is left."""
    names = names_in(line)
    left = [name for name in names if not is_out(name)]
    if len(left) == len(names):
        return line
    if not left:
        return None
    return line.replace(",".join(names), ",".join(left), 1)


class Names:
    """A set of names that knows its members in their hashed form, too."""

    def __init__(self, names):
        self._names = {name.lower() for name in names}

    def __contains__(self, written):
        if not written.startswith("|1|"):
            return written.lower() in self._names
        try:
            _empty, _one, salt, digest = written.split("|")
            salt, digest = base64.b64decode(salt), base64.b64decode(digest)
        except ValueError:
            return False
        return any(hmac.new(salt, name.encode(), hashlib.sha1).digest() == digest for name in self._names)
