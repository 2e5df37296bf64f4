# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a node that does not let the controller in, from what ssh or Ansible's connection plugin said of it."""

from __future__ import annotations

import re

_PIN = "playbooks/cluster-host-keys.yml (make cluster-host-keys)"

# The first that matches counts.
_REMEDIES = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|[Hh]ost key for .+ has changed",
        "the node shows another host key than the one that the controller knows. If it was installed again, pin the new one with "
        f"{_PIN} and host_keys_replace=true; if not, do not log in: another machine answers for it",
    ),
    (
        r"Host key verification failed|Host Key checking is enabled|host key is (?:not known|unknown)|No \S+ host key is known",
        f"the controller does not know the host key that this node shows. Pin it with {_PIN}, which shows it, asks, and says where another one is known",
    ),
    (r"sshpass", "a login by password needs sshpass on the controller (apt install sshpass), or use a key"),
    (
        r"Invalid/incorrect (?:username/)?password|Permission denied \([^)]*password[^)]*\)",
        "the node refuses this login. Correct ansible_user and ansible_password (from Vault, or --ask-pass), or name a key that it knows in "
        "ansible_ssh_private_key_file; the node's sshd must let this user in (PermitRootLogin)",
    ),
    (
        r"Permission denied \(",
        "the node takes keys alone, and none of the controller's. Name one that it knows in ansible_ssh_private_key_file, or add its public key there",
    ),
    (
        r"Connection refused|Connection timed out|No route to host|Network is unreachable|Operation timed out",
        "no sshd answers there. Look at ansible_host and ansible_port, and whether the node is on",
    ),
    (r"Could not resolve hostname|Name or service not known", "the name is not known to the controller. Give the node's address in ansible_host"),
)


def remedy(said):
    """What to do, as one sentence without its full stop; empty where what was said is of another kind."""
    return next((what for pattern, what in _REMEDIES if re.search(pattern, said)), "")


def with_remedy(said):
    """What was said in one line, and what to do behind it."""
    what = remedy(said)
    # ssh warns with a frame of @ signs
    line = " ".join(word for word in said.split() if set(word) != {"@"})
    return f"{line.rstrip('. ')}: {what}" if what else said
