# SPDX-License-Identifier: GPL-3.0-or-later
"""The module pvecm_cluster on nodes of the lab, called as Ansible calls it but without Ansible."""

import base64
import json
import os
import subprocess
from pathlib import Path

from harness import LAB, ROOT, on

MODULE = Path(os.environ.get("MODULE", ROOT / "libexec/pvecm_cluster"))


def install(nodes):
    """Put the module on nodes."""
    if not MODULE.exists():
        raise AssertionError(f"cannot test '{MODULE}': it does not exist; run make build")
    packed = base64.b64encode(MODULE.read_bytes())
    for node in nodes:
        command = [LAB, "exec", node, "base64 -d > /root/pvecm_cluster && chmod 755 /root/pvecm_cluster"]
        subprocess.run(command, input=packed, check=True)


def task(where, prelude="", **options):
    """Run the module on a node and return its answer; none when it was killed. `prelude` is shell, run before it."""
    arguments = json.dumps({"_ansible_diff": True, "cluster_name": "lab", **options})
    printed = on(where, f"file=$(mktemp); cat > $file <<'END'\n{arguments}\nEND\n{prelude}\n/root/pvecm_cluster $file; rm -f $file", check=False)
    lines = [line for line in printed.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def kill_when(condition):
    """Shell that kills the module as soon as a condition holds; for the prelude of a task."""
    return (f"setsid sh -c 'until {condition}; do sleep 0.02; done; pkill -9 -x pvecm_cluster' >/dev/null 2>&1 </dev/null &")


def done(test, answer, changed):
    """Assert that a task ended well, changing something or not."""
    test.assertIsNotNone(answer, "the module gave no answer")
    test.assertNotIn("failed", answer, answer)
    test.assertEqual(answer["changed"], changed, answer)
    return answer
