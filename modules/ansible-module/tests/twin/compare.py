# SPDX-License-Identifier: GPL-3.0-or-later
"""Give the same arguments to examples/echo.rs and to Ansible's own AnsibleModule, and compare what they make of them.

Usage: compare.py ECHO_BINARY, with a Python that has ansible-core 2.19 or later: its wording is the one to match.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import re
import subprocess
import sys
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible.release import __version__ as ansible_version

from echo_spec import ARGUMENT_SPEC, RULES

HERE = os.path.dirname(os.path.abspath(__file__))


def theirs(args):
    """What AnsibleModule makes of the arguments, in a process of its own: it collects warnings in globals."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, in_process(args).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def in_process(args):
    out = io.StringIO()
    spec = copy.deepcopy(ARGUMENT_SPEC)
    with patch_module_args(args), contextlib.redirect_stdout(out):
        try:
            module = AnsibleModule(spec, supports_check_mode=True, **RULES)
            module.exit_json(args=bare(spec, module.params))
        except SystemExit:
            pass
    return out.getvalue()


def bare(spec, params):
    """The options without aliases and nulls, as a module in Rust gets them."""
    result = {}
    for name, value in params.items():
        if name not in spec:
            if any(name in option.get("aliases", ()) for option in spec.values()):
                continue
        if value is None:
            continue
        inner = spec.get(name, {}).get("options")
        if inner and isinstance(value, dict):
            value = bare(inner, value)
        elif inner and isinstance(value, list):
            value = [bare(inner, item) for item in value]
        result[name] = value
    return result


def ours(binary, args):
    """What the example makes of them."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({**args, "_ansible_inject_invocation": False}, file)
        file.flush()
        done = subprocess.run([binary, file.name], capture_output=True, check=False)
    assert done.stderr == b"" and done.stdout.count(b"\n") == 1, done
    return json.loads(done.stdout)


def relevant(answer):
    """The parts that are compared; the words for booleans come out of a Python set in any order."""
    msg = answer.get("msg", "")
    head, include, words = msg.partition("Valid booleans include: ")
    if include:
        msg = head + include + ", ".join(sorted(words.split(", ")))
    warnings = [w if isinstance(w, str) else w["event"]["msg"] for w in answer.get("warnings", [])]
    return {"failed": bool(answer.get("failed")), "msg": msg, "args": answer.get("args"), "warnings": warnings}


def main():
    binary = sys.argv[1]
    # What a path may be expanded with, the same for both.
    os.environ.update(HOME="/home/twin", TWIN="x")
    os.environ.pop("NO_SUCH_VARIABLE", None)
    with open(os.path.join(HERE, "cases.json"), encoding="utf-8") as file:
        cases = json.load(file)
    with open(os.path.join(HERE, "known_differences.json"), encoding="utf-8") as file:
        known = json.load(file)
    differences = 0
    for case in cases:
        expected = relevant(theirs({**case, "_ansible_module_name": "pve.cluster.echo"}))
        found = relevant(ours(binary, {**case, "_ansible_module_name": "pve.cluster.echo"}))
        text = json.dumps(case)
        if text in known:
            if relevant(known[text]["ours"]) != found or expected == found:
                differences += 1
                print(f"{text}: no longer the known difference ({known[text]['why']}): {found}")
            continue
        if expected != found:
            differences += 1
            print(f"{text}\n  AnsibleModule: {json.dumps(expected)}\n  this crate:    {json.dumps(found)}")
    print(f"{len(cases)} cases compared with ansible-core {ansible_version}, {differences} differ")
    return 1 if differences or len(cases) < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
