# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell command that runs a module which stays on the node, and what it says when it does not. Knows nothing of Ansible."""

from __future__ import annotations

import re

# What the node answers when it does not have the module yet, and when its folder is not to be trusted; the modules themselves exit 0 or 1.
NOT_THERE = 97
NOT_TRUSTED = 98
FOLDER = "~/.ansible/pve.cluster"

# Who can write in a folder above ours can put another in its place. root can do that anyway.
_CHECKS = (
    f"folder={FOLDER}; user=$(id -u);"
    ' bad=$(find ~/. ~/.ansible -maxdepth 0 \\( ! -type d -o ! -user "$user" ! -user 0 -o -perm /022 \\) -printf "%y %U %m %p\\n" 2>/dev/null);'
    ' if [ -e "$folder" ] || [ -L "$folder" ]; then'
    ' bad=$bad$(find "$folder" -maxdepth 0 \\( ! -type d -o ! -user "$user" -o ! -perm 0700 \\) -printf "%y %U %m %p\\n" 2>/dev/null); fi;'
    f' if [ -n "$bad" ]; then echo "not-trusted $user $bad"; exit {NOT_TRUSTED}; fi;'
)


def run(name, module, environment=""):
    """Runs `module` of the binary that is kept under `name`, which ends in its SHA-256, with arguments from standard input.

    The file is opened once: what was looked at is what is run, whatever has become of its name meanwhile. The content is compared,
    because a power cut can leave an empty file, which a shell would run as a success.
    """
    digest = name.rpartition("-")[2]
    checks = f'[ "$(sha256sum <&3)" = "{digest}  -" ] && [ -x /proc/self/fd/3 ]'
    return (
        f'{_CHECKS} {{ {checks} && {environment} exec /proc/self/fd/3 {module} /dev/stdin; }} 3< "$folder/{name}"; exit {NOT_THERE}'
    )


def place(arriving, name):
    """Puts the file that has arrived where it stays, whole or not at all, and takes older builds of it away."""
    older = name.rpartition("-")[0]
    return (
        f"umask 077; mkdir -p {FOLDER}; {_CHECKS}"
        f' chmod 0700 {arriving} && sync {arriving} && mv -f {arriving} "$folder/{name}"'
        f' && for old in "$folder/{older}"-*; do [ "$old" = "$folder/{name}" ] || rm -f "$old"; done'
    )


def distrust(stdout):
    """Why the folder is not used, in words."""
    found = re.search(r"(?m)^not-trusted (\d+) (\w) (\d+) ([0-7]+) (/[ -~]*)$", stdout)
    if not found:
        return f"cannot use the folder '{FOLDER}' on the node: it is not to be trusted: see 'ls -ld ~ ~/.ansible {FOLDER}' there"
    user, kind, owner, mode, path = found.groups()
    path = re.sub(r"/\.$", "", path) or "/"
    if kind == "l":
        cause, remedy = "it is a link", "remove the link"
    elif kind != "d":
        cause, remedy = "it is no folder", f"remove it ('rm {path}')"
    elif path.endswith("/pve.cluster"):
        cause = f"it belongs to user {owner} and not to user {user}" if owner != user else f"others can reach it (mode {mode} instead of 700)"
        remedy = f"see who made it so, then remove it ('rm -r {path}'): the next task makes it again"
    elif owner not in (user, "0"):
        cause, remedy = f"it belongs to user {owner} and not to user {user}", f"give it back ('chown {user} {path}')"
    else:
        cause, remedy = f"others can write in it (mode {mode})", f"see who made it so, then 'chmod go-w {path}'"
    return f"cannot keep the modules in '{FOLDER}' on the node: '{path}': {cause}: {remedy}"
