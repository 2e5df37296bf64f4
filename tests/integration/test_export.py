# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exported is an inventory that finds nothing to do on the cluster it came from."""

import shutil
import unittest

from harness import Inventory, fresh, play


class Export(unittest.TestCase):
    """One story."""

    def test_an_export_is_an_inventory(self):
        fresh(2, key=True)
        inventory = Inventory(2, cluster_nodes=[
            {"short_name": f"pve{n}", "fqdn": f"pve{n}.lab.local", "management_ip": f"10.77.0.{10 + n}", "node_id": n,
             "links": [{"number": 0, "address": f"10.77.1.{10 + n}"}, {"number": 1, "address": f"10.77.0.{10 + n}"}]}
            for n in (1, 2)
        ])
        run = play(inventory)
        self.assertEqual(run.rc, 0, run.output)
        file = inventory.folder / "exported.yml"
        run = play(inventory, "cluster-export.yml", "-e", f"cluster_export_file={file}")
        self.assertEqual(run.rc, 0, run.output)
        text = file.read_text()
        self.assertIn("cluster_name: lab", text)
        self.assertIn("corosync_conf_sha256", text)
        self.assertNotIn("PRIVATE", text)

        # the same nodes and logins, described by the export alone
        exported = Inventory(2)
        shutil.rmtree(exported.folder / "group_vars")
        shutil.move(file, exported.folder / "exported.yml")
        run = play(exported)
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(run.changed(), {"pve1": 0, "pve2": 0}, run.output)
        run = play(inventory, "cluster-export.yml", "-e", f"cluster_export_file={exported.folder / 'exported.yml'}")
        self.assertEqual((run.rc, sum(run.changed().values())), (0, 0), "an export of the same cluster is the same\n" + run.output)
