# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab cases of the pre-flight checks share: things that are wrong for a while, and what is then found."""

import base64
import json
import re
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path

from harness import ROOT, Inventory, fresh, on, play, untouched

THREE = ["pve1", "pve2", "pve3"]
# All lab nodes share the machine's clock, which nothing keeps right, and its processors, which may be busy.
LAB_LIMITS = {
    "preflight_waive": ["clock", "bridge-missing", "loss"],
    "preflight_latency_warning_ms": 15,
    "preflight_latency_error_ms": 30,
    "preflight_jitter_warning_ms": 1000,
}


@contextmanager
def wrong(node, make, repair):
    """Something is wrong on a node for a while."""
    on(node, make)
    try:
        yield
    finally:
        on(node, repair)


@contextmanager
def edited(node, file, sed):
    """A file of a node has other contents for a while."""
    kept = f"/root/kept{file.replace('/', '-')}"
    with wrong(node, f"cp {file} {kept} && sed -i {sed} {file}", f"cat {kept} > {file}; rm {kept}"):
        yield


def put(path, text, mode="0644"):
    """A shell command that writes a file, whatever is in it."""
    return f"echo {base64.b64encode(text.encode()).decode()} | base64 -d > {path} && chmod {mode} {path}"


def entry(inventory, number, **values):
    """The inventory, in which an entry of cluster_nodes has other values, and link 0 may be in any network."""
    file = inventory.folder / "group_vars/matrix_cluster.yml"
    group = json.loads(file.read_text())
    group["cluster_nodes"][number - 1].update(values)
    file.write_text(json.dumps({**group, "corosync_network": None}))
    return inventory


def documented():
    """What the table of the role's README says of each finding: id -> the severities it may have."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", (ROOT / "roles/preflight/README.md").read_text(), re.M)
    return {identity: {"error", "warning"} if severity == "both" else {severity} for identity, severity in rows}


class Lab(unittest.TestCase):
    """What the cases share."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="preflight-"))
        cls.file = cls.folder / "findings.json"
        cls.prepare()

    @classmethod
    def prepare(cls):
        """Fresh nodes, as phase 1 leaves them."""
        fresh(3, key=True)
        run = play(Inventory(3), "cluster-init.yml", "--tags", "phase1")
        assert run.rc == 0, run.output

    def found(self, inventory=None, **variables):
        """The run and its findings as `severity id node peer link`."""
        self.file.unlink(missing_ok=True)
        given = {**LAB_LIMITS, "preflight_output_file": str(self.file), **variables}
        with untouched(self, THREE):
            run = play(inventory or Inventory(3), "cluster-preflight.yml", "-e", json.dumps(given))
        self.assertTrue(self.file.exists(), run.output)
        self.output = run.output
        self.findings = json.loads(self.file.read_text())["findings"]
        short = [(one["severity"], one["id"], one["node"], one["peer"], one["link"]) for one in self.findings]
        self.assertEqual(run.rc == 0, not any(severity == "error" for severity, *_ in short), run.output)
        self.assertEqual(set(run.changed().values()), {0}, run.output)
        known = documented()
        for one in self.findings:
            # a missing name is only a warning while phase 1 is still to write it
            self.assertTrue(one["severity"] in known[one["id"]] or (one["id"], one["severity"]) == ("lookup", "warning"), one)
            self.assertTrue(one["message"] and one["remedy"], one)
            self.assertIn(f"{one['message']}: {one['remedy']} [{one['id']}]", run.output.replace("\\n", "\n").replace('\\"', '"'))
        return short

    def said(self, identity):
        """The words of a finding that was found."""
        return [one["message"] for one in self.findings if one["id"] == identity]

    def finds(self, wanted, *words, inventory=None, **variables):
        """These findings and no others are found; `words` are what they say."""
        self.assertEqual(sorted(self.found(inventory, **variables), key=str), sorted(wanted, key=str))
        self.assertEqual([word for word in words if not any(word in one["message"] for one in self.findings)], [], self.findings)
