# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exported is an inventory that finds nothing to do on the cluster it came from."""

import base64
import json
import os
import shutil
import subprocess
import unittest
from unittest import mock

from harness import LAB, ROOT, Inventory, form, fresh, nodes_agree, on, play, two_links, untouched

AWS = ROOT / ".ansible/aws"


def authkey():
    """Parts of the cluster's authkey, as text of any kind may hold them."""
    written = on("pve1", "base64 -w 0 /etc/corosync/authkey")
    key = base64.b64decode(written)
    assert len(key) >= 128, "there is no authkey to look for"
    forms = [key.hex(), written.strip(), str(key)[2:-1], key.decode("latin-1")]
    # what is in the middle of a line may be there without its beginning and end
    return [text[len(text) // 4 :][:20] for text in forms]


class Export(unittest.TestCase):
    """One story."""

    def test_an_export_is_an_inventory(self):
        fresh(2, key=True)
        inventory = two_links(2)
        run = play(inventory)
        self.assertEqual(run.rc, 0, run.output)
        file = inventory.folder / "exported.yml"
        with untouched(self, ["pve1", "pve2"]):
            run = play(inventory, "cluster-export.yml", "-e", f"cluster_export_file={file}")
        self.assertEqual(run.rc, 0, run.output)
        text = file.read_text()
        self.assertIn("cluster_name: lab", text)
        self.assertIn("corosync_conf_sha256", text)
        self.assertNotIn("corosync_conf:", text)
        for kept in ("fqdn: pve2.lab.local", "cluster_environment: development", "corosync_network: 10.77.1.0/24", "ansible_user: root"):
            self.assertIn(kept, text)
        self.assertNotIn("PRIVATE", text)
        self.assertEqual([part for part in authkey() if part in text + run.output], [], "the authkey was exported")

        # the same nodes and logins, described by the export alone
        exported = Inventory(2)
        shutil.rmtree(exported.folder / "group_vars")
        shutil.move(file, exported.folder / "exported.yml")
        run = play(exported)
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(run.changed(), {"pve1": 0, "pve2": 0}, run.output)
        run = play(inventory, "cluster-export.yml", "-e", f"cluster_export_file={exported.folder / 'exported.yml'}")
        self.assertEqual((run.rc, sum(run.changed().values())), (0, 0), "an export of the same cluster is the same\n" + run.output)

    def test_what_a_node_wrote_is_never_run(self):
        fresh(2, key=True)
        inventory = two_links(2)
        run = play(inventory)
        self.assertEqual(run.rc, 0, run.output)
        mark = inventory.folder / "a-node-ran-a-command-here"
        command = "{{ lookup('ansible.builtin.pipe', 'touch " + str(mark) + "') }}"
        # whoever may write to /etc/pve may write this; a file of the same config_version is nobody's news
        text = on("pve1", "cat /etc/pve/corosync.conf")
        self._write(f"# {command}\n{text}")
        exported = inventory.folder / "exported.yml"
        run = play(inventory, "cluster-export.yml", "-e", f"cluster_export_file={exported}", "-e", "cluster_export_corosync_conf=true")
        self.assertEqual(run.rc, 0, run.output)
        self.assertIn("corosync_conf: !unsafe |", exported.read_text())
        self.assertIn(command, exported.read_text())
        self.assertIn(str(exported), run.output, "the run does not say where the file is")

        read = Inventory(2)
        shutil.rmtree(read.folder / "group_vars")
        shutil.move(exported, read.folder / "exported.yml")
        # every variable of the export is looked at
        (read.folder / "look.yml").write_text(
            "- hosts: pve_cluster_nodes\n  gather_facts: false\n  tasks: [{ansible.builtin.debug: {msg: '{{ cluster_exported }} {{ cluster_nodes }}'}}]\n"
        )
        seen = subprocess.run(
            [LAB, "run", "--", ROOT / ".venv/bin/ansible-playbook", "-i", read.folder, read.folder / "look.yml"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        )
        self.assertEqual(seen.returncode, 0, seen.stdout + seen.stderr)
        self.assertIn("touch", seen.stdout)
        self.assertFalse(mark.exists(), "a comment of a node's corosync.conf was run on the controller")

        # a brace would begin a section: for corosync and PVE such a line has no address at all
        self._write(text.replace("ring1_addr: 10.77.0.12", f"ring1_addr: $(touch {mark})"))
        self.assertIn("touch", on("pve1", "cat /etc/pve/corosync.conf"))
        run = play(inventory, "cluster-export.yml", "-e", f"cluster_export_file={exported}")
        self.assertNotEqual(run.rc, 0, run.output)
        self.assertIn("cannot export the cluster: nodelist[1].links.1 is", run.output)
        self.assertFalse(exported.exists() or mark.exists())

    def _write(self, text):
        packed = base64.b64encode(text.encode()).decode()
        on("pve1", f"echo {packed} | base64 -d > /etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf")


class Ssm(unittest.TestCase):
    """The export to AWS, which a stand-in on the controller's loopback plays."""

    maxDiff = None
    prefix = "/pve-cluster/lab"
    settings = {
        "ANSIBLE_COLLECTIONS_PATH": f"{ROOT}/.ansible/collections:{AWS}/collections",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:5999", "AWS_EC2_METADATA_DISABLED": "true", "NO_PROXY": "127.0.0.1",
    }

    @classmethod
    def setUpClass(cls):
        subprocess.run([ROOT / "tests/integration/aws/setup"], check=True)
        fresh(2, key=True)
        form(["pve1", "pve2"])
        cls.inventory = Inventory(2)
        cls.server = subprocess.Popen(
            [LAB, "run", "--", AWS / "venv/bin/moto_server", "-H", "127.0.0.1", "-p", "5999"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.terminate)
        cls.enterClassContext(mock.patch.dict(os.environ, cls.settings))
        cls.boto("import socket, time\nend = time.time() + 60\nwhile socket.socket().connect_ex(('127.0.0.1', 5999)): assert time.time() < end")

    @staticmethod
    def boto(program):
        """Run a Python program that has boto3 where the stand-in is."""
        done = subprocess.run(
            [LAB, "run", "--", AWS / "venv/bin/python", "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stored(self):
        """The parameters: name -> [kind, value, version]."""
        return json.loads(self.boto(
            "import boto3, json\n"
            f"found = boto3.client('ssm').get_parameters_by_path(Path='{self.prefix}', WithDecryption=True)['Parameters']\n"
            "print(json.dumps({one['Name']: [one['Type'], one['Value'], one['Version']] for one in found}))"
        ))

    def export(self, *words, **variables):
        """A run."""
        given = {"cluster_export_to": ["ssm"], "cluster_export_ssm_python": str(AWS / "venv/bin/python"), **variables}
        return play(self.inventory, "cluster-export.yml", "-e", json.dumps(given), *words)

    def test_10_check_mode_stores_nothing(self):
        run = self.export("--check")
        self.assertEqual(run.rc, 0, run.output)
        self.assertEqual(sum(run.changed().values()), 1, run.output)
        self.assertEqual(self.stored(), {})

    def test_20_what_the_cluster_is(self):
        with untouched(self, ["pve1", "pve2"]):
            run = self.export(cluster_export_ssm_secure=["corosync_conf"])
        self.assertEqual(run.rc, 0, run.output)
        stored = self.stored()
        self.assertEqual(
            {name.removeprefix(self.prefix): kind for name, (kind, _value, _version) in stored.items()},
            {"/name": "String", "/config_digest": "String", "/nodes": "String", "/corosync_conf": "SecureString"},
        )
        self.assertEqual(stored[f"{self.prefix}/name"][1], "lab")
        nodes = json.loads(stored[f"{self.prefix}/nodes"][1])
        self.assertEqual(
            [(node["short_name"], node["node_id"], node["links"]) for node in nodes],
            [(f"pve{n}", n, [{"number": 0, "address": f"10.77.1.{10 + n}"}]) for n in (1, 2)],
        )
        self.assertIn("cluster_name: lab", stored[f"{self.prefix}/corosync_conf"][1])
        self.assertNotIn("PRIVATE", str(stored))
        self.assertEqual([part for part in authkey() if part in str(stored) + run.output], [], "the authkey was exported")

        # an inventory may read it where it is: the lookup runs in the controller's own Python, which needs boto3 for it
        libraries, = (AWS / "venv/lib").glob("python*/site-packages")
        lookup = Inventory(2, cluster_nodes="{{ lookup('amazon.aws.ssm_parameter', '" + self.prefix + "/nodes') | from_json }}", corosync_link0_address="")
        with mock.patch.dict(os.environ, PYTHONPATH=str(libraries)):
            read = play(lookup, "cluster-init.yml", "--tags", "phase3,phase4,phase6")
        self.assertEqual((read.rc, set(read.changed().values())), (0, {0}), read.output)

        # what was exported describes the same cluster: nothing is to be done
        again = play(Inventory(2, cluster_nodes=nodes, corosync_link0_address=""), "cluster-init.yml", "--tags", "phase3,phase4,phase6")
        self.assertEqual((again.rc, set(again.changed().values())), (0, {0}), again.output)

    def test_30_a_second_run_changes_nothing(self):
        before = self.stored()
        run = self.export(cluster_export_ssm_secure=["corosync_conf"])
        self.assertEqual((run.rc, sum(run.changed().values())), (0, 0), run.output)
        self.assertEqual(self.stored(), before)

    def test_40_what_cannot_be_stored_is_refused_before_anything_is(self):
        before = self.stored()
        run = self.export(cluster_export_ssm_prefix="/ssm/x")
        self.assertNotEqual(run.rc, 0)
        self.assertIn("cannot export cluster 'lab' to AWS SSM: '/ssm/x' cannot be the beginning of a parameter's name", run.output)
        with mock.patch.dict(os.environ, ANSIBLE_COLLECTIONS_PATH=f"{ROOT}/.ansible/collections"):
            run = self.export()
        self.assertNotEqual(run.rc, 0)
        self.assertIn("the collection community.aws is not installed; run 'ansible-galaxy collection install community.aws'", run.output)
        self.assertEqual(self.stored(), before)
        self.assertEqual(len({str(view) for view in nodes_agree(["pve1", "pve2"]).values()}), 1)
