#!/usr/bin/python
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: sample
short_description: A module for the tests
description:
  - It has an option of every sort.
options:
  state:
    description: What to be.
    type: str
    choices:
      present: There.
      absent: Not there.
    default: present
  name:
    description: Its name.
    type: str
    required: true
    aliases: [title]
  password:
    description: Its secret.
    type: str
  force:
    description: Do it anyway.
    type: bool
    default: no
  level:
    description: How much.
    type: int
    choices: [1, 2]
  links:
    description: Its links.
    type: list
    elements: dict
    default: []
    suboptions:
      number:
        description: Which one.
        type: int
        required: true
      address:
        description: Where.
        type: str
      key:
        description: With what.
        type: str
"""

EXAMPLES = r"""
- name: Be there
  pve.cluster.sample:
    title: x
    links:
      - number: 0
        address: "{{ address }}"

- name: In a block
  block:
    - name: Be gone
      pve.cluster.sample:
        name: x
        state: absent
"""

RETURN = r"""
state:
  description: What it is.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

LINK = dict(
    number=dict(type="int", required=True),
    address=dict(type="str"),
    key=dict(type="str", no_log=True),
)


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"choices": ["present", "absent"], "default": "present"},
            "name": dict(type="str", required=True, aliases=["title"]),
            "password": dict(type="str", no_log=True),
            "force": dict(type="bool", default=False),
            "level": dict(type="int", choices=[1, 2]),
            "links": dict(
                type="list", elements="dict", default=[], options=LINK, required_together=[("address", "key")]
            ),
        },
        mutually_exclusive=[("password", "level")],
        required_if=[("state", "present", ("links",)), ("force", True, ["level"])],
        required_by={"password": "level"},
        supports_check_mode=True,
    )
    module.fail_json(msg="compiled module missing: run make build")


if __name__ == "__main__":
    main()
