# SPDX-License-Identifier: GPL-3.0-or-later
"""The module pve_authorized_key on nodes of the lab, called as Ansible calls it but without Ansible; and logins by key."""

import json
import os
from pathlib import Path

from harness import ROOT, lab, on, wait  # noqa: F401  (tests import `wait` from here, too)

MODULE = Path(os.environ.get("MODULE", ROOT / "libexec/pve_authorized_key"))
CLUSTER_FILE = "/etc/pve/priv/authorized_keys"
LOCAL_FILE = "/root/.ssh/authorized_keys2"


def run(node, *tasks):
    """Run the module on a node once for each task, all at the same time, and return the answers in their order."""
    script = ["cd $(mktemp -d)"]
    for number, task in enumerate(tasks):
        script += [f"cat > {number}.json <<'END'", json.dumps(task), "END"]
    script += [f"/root/module pve_authorized_key {number}.json > {number}.out &" for number in range(len(tasks))]
    script += ["wait", "cat $(ls *.out | sort -n)"]
    return [json.loads(line) for line in on(node, "\n".join(script)).splitlines()]


def logs_in(node, key, user="root"):
    """Whether a new connection with this private key, and nothing else, is let in."""
    options = "-o IdentitiesOnly=yes -o BatchMode=yes -o ControlMaster=no -o ControlPath=none -o ConnectTimeout=5"
    address = f"10.77.0.{10 + int(node.removeprefix('pve'))}"
    command = f"ssh -i {key} {options} -o UserKnownHostsFile=$PVE_LAB_KNOWN_HOSTS {user}@{address} echo let in"
    return "let in" in lab("run", "--", "sh", "-c", command, check=False)
