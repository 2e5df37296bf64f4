# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of examples/echo.rs, for Ansible's own AnsibleModule."""

from __future__ import annotations

LINK = {
    "number": {"type": "int", "required": True},
    "address": {"type": "str", "aliases": ["addr"]},
    "key": {"type": "str", "no_log": True},
    "mode": {"type": "str", "choices": ["active", "passive"], "default": "passive"},
    "ports": {"type": "list", "elements": "int"},
    "inner": {
        "type": "dict",
        "options": {"x": {"type": "int", "required": True}, "y": {"type": "list", "elements": "int"}},
    },
}

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True, "aliases": ["title", "label"]},
    "act": {"type": "str", "default": "nothing"},
    "s": {"type": "str"},
    "sd": {"type": "str", "default": "d"},
    "n": {"type": "int"},
    "nd": {"type": "int", "default": 5},
    "f": {"type": "float"},
    "b": {"type": "bool"},
    "bd": {"type": "bool", "default": False},
    "l": {"type": "list"},
    "ls": {"type": "list", "elements": "str"},
    "li": {"type": "list", "elements": "int"},
    "lb": {"type": "list", "elements": "bool"},
    "lp": {"type": "list", "elements": "path"},
    "ld": {"type": "list", "elements": "str", "default": []},
    "d": {"type": "dict"},
    "p": {"type": "path"},
    "r": {"type": "raw"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "yn": {"type": "str", "choices": ["yes", "no"]},
    "onoff": {"type": "str", "choices": ["on", "true", "off"]},
    "lc": {"type": "list", "elements": "str", "choices": ["a", "b", "c"]},
    "ic": {"type": "int", "choices": [1, 2]},
    "password": {"type": "str", "no_log": True},
    "ma": {"type": "str"},
    "mb": {"type": "str"},
    "ta": {"type": "str"},
    "tb": {"type": "str"},
    "why": {"type": "str"},
    "how": {"type": "str"},
    "link": {"type": "dict", "options": LINK, "required_together": [["address", "key"]]},
    "links": {"type": "list", "elements": "dict", "options": LINK},
    "ruled": {
        "type": "dict",
        "options": {name: {"type": "str"} for name in "abcd"},
        "mutually_exclusive": [["a", "b"]],
        "required_one_of": [["a", "b"]],
        "required_if": [["a", "x", ["c", "d"]]],
        "required_by": {"b": ["c", "d"]},
    },
}

RULES = {
    "mutually_exclusive": [["ma", "mb"], ["ma", "ta"]],
    "required_together": [["ta", "tb"]],
    "required_if": [["state", "absent", ["why", "how"]], ["bd", True, ["why"]]],
    "required_by": {"how": ["why"]},
}
