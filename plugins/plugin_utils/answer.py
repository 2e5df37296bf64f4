# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module printed, as the answer that Ansible may be given. Knows nothing of Ansible."""

from __future__ import annotations

import json

# Ansible takes these from its own actions alone: `_ansible_*` change how a result is treated, the others change its inventory.
_ANSIBLE_ONLY = ("add_host", "add_group")
_DISCOVERED = ("discovered_interpreter_", "ansible_discovered_interpreter_")


def answer(stdout):
    """The JSON object that a module printed, without what only Ansible itself may say; None where there is none."""
    for line in reversed(stdout.splitlines()):
        if line.startswith("{"):
            try:
                found = json.loads(line)
            except ValueError:
                continue
            return _cleaned(found)
    return None


def _cleaned(found):
    kept = {key: value for key, value in found.items() if not key.startswith("_ansible_") and key not in _ANSIBLE_ONLY}
    for key in ("warnings", "deprecations"):
        if key in kept and not kept[key]:
            del kept[key]
    facts = kept.get("ansible_facts")
    if isinstance(facts, dict):
        kept["ansible_facts"] = {key: value for key, value in facts.items() if not key.startswith(_DISCOVERED)}
    return kept
