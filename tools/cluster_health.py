# SPDX-License-Identifier: GPL-3.0-or-later
"""Says how a cluster is: `cluster-health [status|nodes|findings ..] [-i INVENTORY] [-o text|json] [-- ansible-playbook's words]`.

Exit codes are those of monitoring plugins: 0 well, 1 well with warnings, 2 not well, 3 not known. Works from a clone, with its .venv and
ansible.cfg, and from an installed collection, with the ansible-playbook on PATH and the user's own configuration.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Where Ansible looks for collections unless it is told otherwise.
DEFAULTS = ["~/.ansible/collections", "/usr/share/ansible/collections"]
CODES = {"ok": 0, "warning": 1, "error": 2}
UNKNOWN = 3
PARTS = ["status", "nodes", "findings"]


def arguments(words):
    """What is asked, and what is for ansible-playbook."""
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(prog="cluster-health", description=__doc__.splitlines()[0], epilog=__doc__.splitlines()[2])
    parser.add_argument("show", nargs="*", choices=[[], *PARTS], metavar="PART", help="what to print (all of it)")
    parser.add_argument("-i", "--inventory", default=os.environ.get("ANSIBLE_INVENTORY", "inventory"))
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    parser.add_argument("--compare", metavar="FILE", help="an earlier report (-o json); says what is not as in it")
    return parser.parse_args(words[:end]), words[end + 1 :]


def environment(own, given):
    """Ansible's environment: a clone has a configuration of its own; an installed collection that stands elsewhere is made known."""
    config = own / "ansible.cfg"
    if config.exists():
        return {**given, "ANSIBLE_CONFIG": str(config)}
    if own.parts[-3:-1] != ("ansible_collections", "pve"):
        return dict(given)
    above, known = own.parents[2], given.get("ANSIBLE_COLLECTIONS_PATH")
    if not known and above in [Path(folder).expanduser().resolve() for folder in DEFAULTS]:
        return dict(given)
    return {**given, "ANSIBLE_COLLECTIONS_PATH": ":".join([str(above), known or ":".join(DEFAULTS)])}


def main(words):
    """Run the playbook quietly and print its report; its own output only when there is none."""
    asked, rest = arguments(words)
    playbook = ROOT / ".venv/bin/ansible-playbook"
    with tempfile.TemporaryDirectory(prefix="cluster-health-") as folder:
        document, text = Path(folder, "report.json"), Path(folder, "report.txt")
        variables = {
            "cluster_health_output_file": str(document),
            "cluster_health_text_file": str(text),
            "cluster_health_show": asked.show or PARTS,
            "cluster_health_fail_on": "never",
        }
        if asked.compare:
            variables["cluster_health_compare_with"] = str(Path(asked.compare).resolve())
        ran = subprocess.run(
            [playbook if playbook.exists() else "ansible-playbook", "-i", asked.inventory, ROOT / "playbooks/cluster-health.yml",
             "-e", json.dumps(variables), *rest],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            env=environment(ROOT, os.environ),
        )
        if not document.exists() or not text.exists():
            print(ran.stdout, file=sys.stderr)
            print("cannot tell how the cluster is: the run above wrote no report", file=sys.stderr)
            return UNKNOWN
        sys.stdout.write((document if asked.output == "json" else text).read_text())
        return CODES[json.loads(document.read_text())["verdict"]]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
