# SPDX-License-Identifier: GPL-3.0-or-later
"""The module pve_authorized_key on nodes of the lab, called as Ansible calls it but without Ansible; and logins by key."""

import base64
import json
import os
import subprocess
import time
from pathlib import Path

from harness import LAB, ROOT, lab, on

MODULE = Path(os.environ.get("MODULE", ROOT / "libexec/pve_authorized_key"))
CLUSTER_FILE = "/etc/pve/priv/authorized_keys"
LOCAL_FILE = "/root/.ssh/authorized_keys2"


def install(nodes):
    """Put the module on nodes."""
    if not MODULE.exists():
        raise SystemExit(f"cannot test '{MODULE}': it does not exist; run make build")
    packed = base64.b64encode(MODULE.read_bytes())
    for node in nodes:
        command = [LAB, "exec", node, "base64 -d > /root/module && chmod 755 /root/module"]
        subprocess.run(command, input=packed, check=True)


def run(node, *tasks):
    """Run the module on a node once for each task, all at the same time, and return the answers in their order."""
    script = ["cd $(mktemp -d)"]
    for number, task in enumerate(tasks):
        script += [f"cat > {number}.json <<'END'", json.dumps(task), "END"]
    script += [f"/root/module {number}.json > {number}.out &" for number in range(len(tasks))]
    script += ["wait", "cat $(ls *.out | sort -n)"]
    return [json.loads(line) for line in on(node, "\n".join(script)).splitlines()]


def wait(node, condition, seconds=60):
    """Wait until a shell condition holds on a node."""
    deadline = time.monotonic() + seconds
    while True:
        done = subprocess.run([LAB, "exec", node, condition], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{node}: not true after {seconds} s: {condition}")
        time.sleep(0.2)


def writable(node):
    """Wait until a node's /etc/pve takes writes."""
    wait(node, f"mkdir /etc/pve/priv/lock/probe-{node} && rmdir /etc/pve/priv/lock/probe-{node}")


def form(nodes):
    """Make fresh nodes one cluster by hand: it is not what is tested here."""
    on(nodes[0], "pvecm create lab --link0 10.77.1.11")
    writable(nodes[0])
    shown = on(nodes[0], "openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem")
    fingerprint = shown.strip().split("=")[1]
    for number, node in enumerate(nodes[1:], 2):
        link = f"10.77.1.{10 + number}"
        on(node, f"echo labpass1 | pvecm add 10.77.0.11 --link0 {link} --fingerprint {fingerprint}")
        writable(node)
        # a join that begins while a member still runs the old configuration can split the cluster
        wait(node, rf"test $(corosync-cmapctl | grep -c '^runtime.members.*config_version.* = {number}$') = {number}")


def logs_in(node, key, user="root"):
    """Whether a new connection with this private key, and nothing else, is let in."""
    options = "-o IdentitiesOnly=yes -o BatchMode=yes -o ControlMaster=no -o ControlPath=none -o ConnectTimeout=5"
    address = f"10.77.0.{10 + int(node.removeprefix('pve'))}"
    command = f"ssh -i {key} {options} -o UserKnownHostsFile=$PVE_LAB_KNOWN_HOSTS {user}@{address} echo let in"
    return "let in" in lab("run", "--", "sh", "-c", command, check=False)
