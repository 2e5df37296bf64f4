# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node says on its way into AWS SSM, under the real ansible-playbook: stored byte for byte, and run nowhere.

In the place of the module that calls AWS is one that writes down what it was given.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml
from ansible.errors import AnsibleFilterError
from ansible.release import __version__

from ansible_collections.pve.cluster.plugins.filter.cluster_export import FilterModule as Export, cluster_export
from ansible_collections.pve.cluster.plugins.filter.ssm_values import FilterModule
from ansible_collections.pve.cluster.plugins.plugin_utils.ssm import ssm_values

from .filter.test_health_report import recorded

# Before ansible-core 2.19 every text that is the value of a variable is a template, unless it is marked as none; since then none is, unless it is marked
# as one.
EVERY_TEXT = tuple(int(part) for part in __version__.split(".")[:2]) < (2, 19)
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


# In the place of the module that keeps texts from being templates: each of them is one, on any ansible-core.
TRUSTING = '''
def verbatim(function):
    return lambda *given, **options: _trusted(function(*given, **options))

displayed, plain, shown, marked = verbatim, str, lambda value: value, lambda value: value

def _trusted(value):
    try:
        from ansible.template import trust_as_template
    except ImportError:  # before ansible-core 2.19 whatever a filter returns is one
        return value
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value
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

    def stored(self, folder, conf, facts, trusting=False, as_a_fact=False, values=None):
        """What the stand-in was given, after the role's own tasks have run on what a node answered."""
        module = Path(folder, "ansible_collections/community/aws/plugins/modules/ssm_parameter.py")
        module.parent.mkdir(parents=True)
        out = Path(folder, "stored")
        module.write_text(LEAF.replace("FILE", repr(str(out))))
        collection = Path(folder, "ansible_collections/pve/cluster")
        collection.mkdir(parents=True)
        for part in ("galaxy.yml", "meta", "roles"):
            (collection / part).symlink_to(ROOT / part)
        shutil.copytree(ROOT / "plugins", collection / "plugins", ignore=shutil.ignore_patterns("__pycache__", "modules", "action"))
        tasks = ROLE / "tasks/ssm_parameters.yml"
        if trusting:
            (collection / "plugins/plugin_utils/verbatim.py").write_text(TRUSTING)
        if trusting or as_a_fact:
            # kept as a fact, as a careless task would: a value of a variable is where a text becomes a template, on any ansible-core
            keep = {"ansible.builtin.set_fact": {"kept": "{{ cluster_export_ssm_values }}"}}
            (task,) = yaml.safe_load(tasks.read_text())
            tasks = Path(folder, "tasks.yml")
            task["community.aws.ssm_parameter"]["value"] = "{{ kept[item] }}"
            tasks.write_text(yaml.safe_dump([keep, task]))
        library = Path(folder, "library")
        library.mkdir()
        (library / "node_facts.py").write_text(FACTS.replace("TEXT", repr(json.dumps(facts))))
        source = Path(folder, "corosync.conf")
        source.write_text(conf, encoding="utf-8", newline="")
        role = yaml.safe_load((ROLE / "vars/main.yml").read_text())
        if trusting:
            # ansible-core before 2.19 marks what comes of a registered variable, and not what comes of hostvars
            named = "hostvars[cluster_inventory_seed].cluster_export_conf.content"
            role["cluster_export_inventory"] = role["cluster_export_inventory"].replace("cluster_export_conf.content", named)
        defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
        play = {
            "hosts": "pve1", "gather_facts": False, "connection": "local",
            "vars": {**defaults, **role, "cluster_export_ssm_python": sys.executable, "cluster_name": "labcluster", "cluster_inventory_seed": "pve1",
                     "cluster_inventory_hosts": ["pve1"], **({"cluster_export_ssm_values": values} if values else {})},
            "tasks": [
                {"ansible.builtin.set_fact": {"cluster_inventory_node": {"name": "pve1", "address": "10.77.0.11", "fqdn": "pve1.lab"}}},
                {"node_facts": {}},
                {"ansible.builtin.slurp": {"src": str(source)}, "register": "cluster_export_conf"},
                {"ansible.builtin.include_tasks": str(tasks)},
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

    def test_a_text_that_is_trusted_is_run_and_found_out(self):
        """Otherwise nothing would be shown by the other tests. Trusted by every ansible-core is what stands in a playbook."""
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder, "owned")
            done, stored = self.stored(folder, "totem {\n}\n", recorded("two_links"), values={"name": f"{{{{ lookup('pipe', 'touch {mark}') }}}}"})
            self.assertTrue(mark.exists(), done.stdout + done.stderr)
        self.assertEqual(stored, {"/pve-cluster/labcluster/name": ""})

    def test_a_collection_that_trusts_a_node_is_found_out_by_any_ansible(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder, "owned")
            done, stored = self.stored(folder, f"# {{{{ lookup('pipe', 'touch {mark}') }}}}\n", recorded("two_links"), trusting=True)
            self.assertTrue(mark.exists(), done.stdout + done.stderr)
        self.assertEqual(stored["/pve-cluster/labcluster/corosync_conf"].strip(), "#")

    def test_a_fact_made_of_it_is_no_template_either(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder, "owned")
            conf = hostile(mark)
            _done, stored = self.stored(folder, conf, recorded("two_links"), as_a_fact=True)
            self.assertFalse(mark.exists(), "text of a node was run")
        self.assertEqual(stored["/pve-cluster/labcluster/corosync_conf"], conf)

    @unittest.skipIf(EVERY_TEXT, "before ansible-core 2.19 no text has such a mark")
    def test_no_value_is_marked_as_a_template(self):
        from ansible.template import is_trusted_as_template

        conf = "totem {\n  cluster_name: {{ 1 }}\n}\n"
        given = {"name": "pve1", "address": "10.77.0.11", "fqdn": "pve1.lab"}
        values = FilterModule().filters()["ssm_values"](Export().filters()["cluster_export"](recorded("two_links"), {"pve1": given}, conf))
        self.assertEqual(values["corosync_conf"], conf)
        self.assertEqual([name for name, value in values.items() if is_trusted_as_template(value)], [])

    def test_nothing_in_the_collection_makes_a_template_of_a_text(self):
        """To mark it as one, which is how ansible-core since 2.19 knows it, or to render it, are the only ways there are."""
        ways = re.compile(r"trust_as_template|TrustedAsTemplate|\bTemplar\b|\.do_template\(")
        found = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "plugins").rglob("*.py")) if ways.search(file.read_text())]
        self.assertEqual(found, [])

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
