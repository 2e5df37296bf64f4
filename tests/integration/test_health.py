# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a cluster on real nodes: right when it is well, when a link is cut, when a node is off."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import HEALTH_LIMITS, LAB, ROOT, Inventory, fresh, lab, on, play, untouched, wait_members, writable

THREE = ["pve1", "pve2", "pve3"]


class Health(unittest.TestCase):
    """One story: each test goes on where the one before ended."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        fresh(3, key=True)
        cls.inventory = Inventory(3)
        cls.folder = Path(tempfile.mkdtemp(prefix="health-"))
        run = play(cls.inventory)
        assert run.rc == 0, run.output

    def health(self, *words, limits=None):
        """A run of the playbook, which touches no node, and the document that it wrote."""
        file = self.folder / "report.json"
        file.unlink(missing_ok=True)
        variables = json.dumps({**HEALTH_LIMITS, "cluster_health_output_file": str(file), **(limits or {})})
        with untouched(self, THREE):
            run = play(self.inventory, "cluster-health.yml", "-e", variables, *words)
        return run, json.loads(file.read_text())

    def command(self, *words):
        """The front door, with its exit code and what it printed."""
        done = subprocess.run(
            [LAB, "run", "--", ROOT / "tools/cluster-health", "-i", self.inventory.folder, *words, "--", "-e", json.dumps(HEALTH_LIMITS)],
            capture_output=True, text=True, timeout=120, check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def test_10_a_cluster_that_is_well(self):
        run, report = self.health()
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual((report["verdict"], report["findings"]), ("ok", []), run.output)
        self.assertEqual(set(run.changed().values()), {0}, run.output)
        self.assertEqual((report["quorum"]["total_votes"], report["quorum"]["survives"]), (3, 1))
        self.assertEqual(len(report["links"][0]["cells"]), 6)
        self.assertTrue(all(cell["latency_ms"] > 0 for cell in report["links"][0]["cells"]), report["links"])
        self.assertTrue(all(node["certificates"][0]["days_left"] > 600 for node in report["nodes"]))
        (self.folder / "well.json").write_text(json.dumps(report))

    def test_20_the_front_door(self):
        code, text, errors = self.command("status")
        self.assertEqual((code, errors), (0, ""), text)
        self.assertRegex(text, r"^cluster 'lab' is healthy \(.*\)\nquorate: 3 of 3 votes present, 2 needed; it survives the loss of 1 node\n$")
        code, text, errors = self.command("nodes")
        self.assertEqual(code, 0, errors)
        self.assertRegex(text, r"(?m)^pve3 +3 +1 +member +3 .* 2/2 up$")
        code, text, errors = self.command("-o", "json")
        self.assertEqual(code, 0, errors)
        self.assertEqual(json.loads(text)["verdict"], "ok")

    def test_25_make(self):
        # what an inventory says of limits goes for all of them
        inventory = Inventory(3, **HEALTH_LIMITS)
        for target, said in (
            ("cluster-status", r"(?m)^cluster 'lab' is healthy .*\nquorate: 3 of 3 votes present, 2 needed; it survives the loss of 1 node$"),
            ("cluster-nodes", r"(?m)^NODE +ID .*\npve1 .*\npve2 .*\npve3 "),
            ("cluster-health", r"(?m)^nothing was found that is not well$"),
        ):
            with self.subTest(target=target):
                # what was built is not built again
                done = subprocess.run(
                    [LAB, "run", "--", "make", "-C", ROOT, "-o", "build", target, f"INVENTORY={inventory.folder}"],
                    stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
                )
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertRegex(done.stdout, said)

    def test_30_limits_make_a_measurement_a_finding(self):
        run, report = self.health(limits={"cluster_health_latency_warning_ms": 0.0001, "cluster_health_latency_error_ms": 0.0002})
        self.assertNotEqual(run.rc, 0)
        self.assertEqual({one["id"] for one in report["findings"]}, {"latency"})
        self.assertEqual(len(report["findings"]), 6)
        self.assertIn("give corosync a network of its own", run.output)
        run, report = self.health(limits={"cluster_health_certificate_days": 10_000})
        self.assertEqual((run.rc, report["verdict"], {one["id"] for one in report["findings"]}), (0, "warning", {"certificate-expiring"}), run.output)
        self.assertEqual({one["node"] for one in report["findings"]}, set(THREE))

    def test_40_trouble_on_one_node_is_found_and_worded(self):
        on("pve2", "systemctl stop pvestatd; systemctl disable pveproxy 2>&1")
        run, report = self.health("-e", f"cluster_health_compare_with={self.folder}/well.json")
        said = [f"{one['severity']} {one['node']}: {one['message']}" for one in report["findings"]]
        self.assertEqual(
            said,
            [
                "warning pve2: the service pveproxy is disabled and will not start with the machine",
                "warning pve2: the service pvestatd is inactive",
            ],
        )
        self.assertEqual(run.rc, 0, run.output)
        self.assertIn("pve2: pvestatd: active -> inactive", report["changes"])
        self.assertEqual(sum(run.changed().values()), 1, "what is not as before counts as a change\n" + run.output)
        # for monitoring: its exit code says that there are warnings
        code, text, errors = self.command("--compare", str(self.folder / "well.json"))
        self.assertEqual((code, errors), (1, ""), text)
        self.assertRegex(text, r"(?m)^Not as in the earlier report:\n(?:  .*\n)*  pve2: pvestatd: active -> inactive$")
        on("pve2", "systemctl enable pveproxy 2>&1; systemctl start pvestatd")

    def test_50_a_corosync_network_that_is_cut(self):
        lab("block", "pve3")
        for node, count in (("pve1", 2), ("pve2", 2), ("pve3", 1)):
            wait_members(node, count)
        run, report = self.health()
        self.assertNotEqual(run.rc, 0)
        found = {(one["id"], one["node"], one["peer"]) for one in report["findings"]}
        for wanted in (
            ("not-quorate", "pve3", None), ("link-down", "pve3", "pve1"), ("link-down", "pve1", "pve3"), ("not-seen", "pve2", None),
            ("no-margin", None, None),
        ):
            self.assertIn(wanted, found)
        self.assertEqual((report["quorum"]["quorate"], report["quorum"]["total_votes"]), (True, 2))
        lab("heal", "pve3")
        for node in THREE:
            wait_members(node, 3)
            writable(node)
        # the journal has counted it
        _run, report = self.health(limits={"cluster_health_waive": ["clock", "loss", "retransmits"]})
        found = {(one["id"], one["node"]): one for one in report["findings"]}
        for wanted in (("link-flaps", "pve1"), ("link-flaps", "pve2"), ("token-losses", "pve1")):
            self.assertIn(wanted, found)
            self.assertGreaterEqual(found[wanted]["measured"], 1)
        events = {node["name"]: node["events"] for node in report["nodes"]}
        self.assertTrue(events["pve1"]["link_down"] >= 1 and events["pve3"]["quorum_lost"] >= 1, events)

    def test_60_a_node_that_is_off(self):
        lab("kill", "pve3")
        wait_members("pve1", 2)
        code, text, _errors = self.command("status", "findings")
        self.assertEqual(code, 2, text)
        self.assertRegex(text, r"(?m)^error: pve3: it could not be asked \(.*\) \[unreachable\]$")
        self.assertIn("missing: pve3", text)
        self.assertIn("it does not survive the loss of a node", text)

    def test_65_the_report_of_a_cluster_that_is_not_well(self):
        folder = self.folder / "reports"
        for expected in ("", "over: "):
            with untouched(self, THREE[:2]):
                run = play(self.inventory, "cluster-report.yml", "-e", json.dumps({**HEALTH_LIMITS, "cluster_report_dir": str(folder)}))
            self.assertEqual(run.rc, 0, run.output)
            page = (folder / "lab.html").read_text()
            self.assertIn("Not healthy" if not expected else "Since the earlier report", page)
            self.assertIn(expected, page)
            self.assertTrue((folder / "lab.md").read_text().startswith("# Cluster lab: "))
            if not expected:
                self.assertIn("no answer", page)
                lab("start", "pve3")
                for node in THREE:
                    wait_members(node, 3)
                    writable(node)

    def test_70_an_inventory_that_is_not_there_is_not_known(self):
        done = subprocess.run(
            [ROOT / "tools/cluster-health", "-i", "/nonexistent", "status"], capture_output=True, text=True, timeout=60, check=False
        )
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn("cannot tell how the cluster is", done.stderr)
