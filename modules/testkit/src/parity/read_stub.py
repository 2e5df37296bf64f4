# SPDX-License-Identifier: GPL-3.0-or-later
"""Print as JSON what a documentation stub says, without importing it: it needs no Ansible for that."""

import ast
import json
import sys

with open(sys.argv[1], encoding="utf-8") as source:
    tree = ast.parse(source.read())

names = {}
for node in ast.walk(tree):
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        names[node.targets[0].id] = node.value


def value(node):
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [value(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {value(key): value(item) for key, item in zip(node.keys, node.values)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return {keyword.arg: value(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -value(node.operand)
    if isinstance(node, ast.Name) and node.id in names:
        return value(names[node.id])
    raise SystemExit(f"line {node.lineno}: write this as a literal: {ast.unparse(node)}")


calls = [
    node
    for node in ast.walk(tree)
    if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "AnsibleModule"
]
if len(calls) != 1 or calls[0].args:
    raise SystemExit("one call of AnsibleModule with keyword arguments only is needed")
texts = {name: value(names[name]) for name in ("DOCUMENTATION", "EXAMPLES", "RETURN") if name in names}
print(json.dumps({"texts": texts, "module": {keyword.arg: value(keyword.value) for keyword in calls[0].keywords}}))
