# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the host keys that a node shows, and at those that the controller knows of it. Runs on the controller.

    look.py HOST PORT USER OPTIONS [NAME..]     OPTIONS: ssh's own, as one text, as ansible.cfg and the inventory have them

Prints one line of JSON: `file` (where this ssh keeps host keys), `shown` (lines of known_hosts without names: type and key), `known`
(the same by name) and `problem` (why nothing was shown; empty otherwise). No login is tried: ssh gives up when it has seen the key,
because it is asked for it by KnownHostsCommand (OpenSSH 8.5 and newer) and told of none. So a jump host works as it does for Ansible.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile

# The types that sshd makes by default, the one that Proxmox VE and everybody else prefers first.
TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512,rsa-sha2-256")


def ran(words):
    """What a program said: standard output and standard error."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout, done.stderr


def settings(base):
    """What ssh makes of its options and configuration for this host: the file that it keeps host keys in, and another name for it."""
    lines = dict(line.partition(" ")[::2] for line in ran(["ssh", "-G", *base])[0].splitlines())
    files = shlex.split(lines.get("userknownhostsfile", ""))
    return os.path.expanduser(files[0]) if files else "", lines.get("hostkeyalias", "")


def shown(base):
    """The host keys that the host shows, and what ssh said last."""
    keys, said = [], ""
    with tempfile.TemporaryDirectory(prefix="host-keys-") as folder:
        seen = os.path.join(folder, "seen")
        note = os.path.join(folder, "note")
        with open(note, "w", encoding="utf-8") as script:
            script.write(f"#!/bin/sh\nprintf '%s %s\\n' \"$1\" \"$2\" >>{shlex.quote(seen)}\n")
        os.chmod(note, 0o700)
        for kind in TYPES:
            # of several values ssh takes the first
            first = [f"HostKeyAlgorithms={kind}", f"KnownHostsCommand={note} %t %K", "UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null"]
            first += ["StrictHostKeyChecking=yes", "BatchMode=yes", "ControlMaster=no", "ControlPath=none", "ConnectTimeout=10", "ConnectionAttempts=1"]
            first += ["UpdateHostKeys=no", "VerifyHostKeyDNS=no"]
            _nothing, said = ran(["ssh", *(word for option in first for word in ("-o", option)), *base, "true"])
        if os.path.exists(seen):
            with open(seen, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    words = line.split()
                    if len(words) == 2 and words[1] != "NONE" and line.strip() not in keys:
                        keys.append(line.strip())
    return keys, said


def known(file, name):
    """The host keys that the controller knows under a name."""
    lines = ran(["ssh-keygen", "-F", name, "-f", file])[0].splitlines() if os.path.exists(file) else []
    # a line with a marker is a site's own decision
    return [" ".join(words[1:3]) for words in (line.split() for line in lines if line and line[0] not in "#@") if len(words) > 2]


def main():
    """One look."""
    host, port, user, options, *names = sys.argv[1:]
    base = [*shlex.split(options), "-p", port, "-l", user, "--", host]
    file, alias = settings(base)
    keys, said = shown(base)
    why = [line.strip() for line in said.splitlines() if line.strip()]
    problem = "" if keys else why[-1] if why else "ssh said nothing"
    print(json.dumps({"file": file, "alias": alias, "shown": keys, "problem": problem, "names": names, "known": {name: known(file, name) for name in names}}))


if __name__ == "__main__":
    main()
