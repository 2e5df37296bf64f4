# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node says on its way into AWS SSM, under the real ansible-playbook: stored byte for byte, and run nowhere.

In the place of the module that calls AWS is one that writes down what it was given.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.pve.cluster.plugins.filter.cluster_export import cluster_export
from ansible_collections.pve.cluster.plugins.plugin_utils.ssm import ssm_values

from .filter.test_health_report import recorded

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles/cluster_export"
LEAF = '''#!/usr/bin/python
import json
from ansible.module_utils.basic import AnsibleModule
m = AnsibleModule({name: {"type": "raw"} for name in ("name", "value", "string_type", "key_id", "tier", "region", "profile")})
with open(FILE, "a") as out:
    out.write(json.dumps(m.params) + "\\n")
m.exit_json(changed=True)
'''
FACTS = '''#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule({}).exit_json(ansible_facts={"pve_cluster": __import__("json").loads(TEXT)})
'''


def hostile(mark):
    """A corosync.conf whose every line wants to be run by somebody: by Jinja2, a shell, YAML or JSON."""
    return (
        f"# {{{{ lookup('pipe', 'touch {mark}') }}}}\n# {{% set x = lookup('ansible.builtin.pipe', 'touch {mark}') %}}{{# #}}\n"
        f"# $(touch {mark}) `touch {mark}` '; touch {mark}; \"; touch {mark} #\n# !unsafe !!python/object/apply:os.system ['touch {mark}']\n"
        f"# \\ \"}}, {{\"name\": \"x\"}} \u2028 \ttab\ntotem {{\n  cluster_name: labcluster\n}}\n\n"
    )


class Stored(unittest.TestCase):
    maxDiff = None

    def stored(self, folder, conf, facts):
        """What the stand-in was given, after the role's own tasks have run on what a node answered."""
        module = Path(folder, "ansible_collections/community/aws/plugins/modules/ssm_parameter.py")
        module.parent.mkdir(parents=True)
        out = Path(folder, "stored")
        module.write_text(LEAF.replace("FILE", repr(str(out))))
        Path(folder, "ansible_collections/pve").symlink_to(ROOT / ".ansible/collections/ansible_collections/pve")
        library = Path(folder, "library")
        library.mkdir()
        (library / "node_facts.py").write_text(FACTS.replace("TEXT", repr(json.dumps(facts))))
        source = Path(folder, "corosync.conf")
        source.write_text(conf, encoding="utf-8", newline="")
        role = yaml.safe_load((ROLE / "vars/main.yml").read_text())
        defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
        play = {
            "hosts": "pve1", "gather_facts": False, "connection": "local",
            "vars": {**defaults, **role, "cluster_export_ssm_python": sys.executable, "cluster_name": "labcluster", "cluster_inventory_seed": "pve1",
                     "cluster_inventory_hosts": ["pve1"]},
            "tasks": [
                {"ansible.builtin.set_fact": {"cluster_inventory_node": {"name": "pve1", "address": "10.77.0.11", "fqdn": "pve1.lab"}}},
                {"node_facts": {}},
                {"ansible.builtin.slurp": {"src": str(source)}, "register": "cluster_export_conf"},
                {"ansible.builtin.include_tasks": str(ROLE / "tasks/ssm_parameters.yml")},
            ],
        }
        book = Path(folder, "book.yml")
        book.write_text(yaml.safe_dump([play]), encoding="utf-8")
        done = subprocess.run(
            ["ansible-playbook", "-i", "pve1,", str(book)], cwd=folder, capture_output=True, text=True, check=False,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": folder, "ANSIBLE_HOME": folder, "ANSIBLE_COLLECTIONS_PATH": folder,
                 "ANSIBLE_LIBRARY": str(library), "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        )
        text = out.read_text() if out.exists() else ""
        return done, {given["name"]: given["value"] for given in map(json.loads, text.splitlines())}

    def test_every_byte_is_stored_and_nothing_is_run(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder, "owned")
            conf = hostile(mark)
            done, stored = self.stored(folder, conf, recorded("two_links"))
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertFalse(mark.exists(), "text of a node was run")
        self.assertEqual(sorted(stored), [f"/pve-cluster/labcluster/{name}" for name in ("config_digest", "corosync_conf", "name", "nodes")])
        self.assertEqual(stored["/pve-cluster/labcluster/corosync_conf"], conf)
        nodes = json.loads(stored["/pve-cluster/labcluster/nodes"])
        self.assertEqual([node["short_name"] for node in nodes], ["pve1", "pve2", "pve3"])

    def test_a_node_whose_name_is_a_command_is_exported_nowhere(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder, "owned")
            facts = recorded("two_links")
            facts["nodelist"][1]["name"] = f"{{{{ lookup('pipe', 'touch {mark}') }}}}"
            done, stored = self.stored(folder, "totem {\n}\n", facts)
            self.assertNotEqual(done.returncode, 0, done.stdout)
            self.assertIn("cannot export the cluster", done.stdout + done.stderr)
            self.assertFalse(mark.exists(), "text of a node was run")
        self.assertEqual(stored, {})

    def test_what_is_read_back_as_json_can_hold_no_template(self):
        for evil in ("{{ 1 }}", "pve2\", \"x\": \"", "$(id)", "pve2\n", "{% if 1 %}", "pve2'"):
            for put in (lambda facts, evil: facts["nodelist"][1].update(name=evil), lambda facts, evil: facts["nodelist"][1]["links"].update({"0": evil})):
                facts = recorded("two_links")
                put(facts, evil)
                with self.subTest(evil=evil), self.assertRaises(AnsibleFilterError):
                    ssm_values(cluster_export(facts, {}, "totem {\n}\n"))


if __name__ == "__main__":
    unittest.main()
