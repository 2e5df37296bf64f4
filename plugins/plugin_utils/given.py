# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory or a template gives, as what it is meant to be.

Before ansible-core 2.19 a template gives text: a number arrives as its digits and none as the empty text. An INI inventory and
`-e name=value` give text on every version.
"""

from __future__ import annotations

import re

from ansible.errors import AnsibleFilterError

# what YAML and Ansible's own `bool` take
_TRUE = ("true", "yes", "on", "1", "y", "t")
_FALSE = ("false", "no", "off", "0", "n", "f")


def nothing(value):
    """Whether no value is given: none, or the empty text that stands for it."""
    return value is None or (isinstance(value, str) and value.strip() in ("", "None"))


def number(value, what):
    """A number; one in text too."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d+)", text):
        return float(text)
    raise AnsibleFilterError(f"cannot use '{value}' as {what}: it is not a number")


def truth(value, what):
    """Yes or no; none is no."""
    if isinstance(value, bool):
        return value
    text = "no" if nothing(value) else str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise AnsibleFilterError(f"cannot use '{value}' as {what}: it is neither true nor false")


def names(value):
    """A list of names; a text with commas between them too, so that one name is not taken for its letters."""
    if nothing(value):
        return []
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return list(value)


def limits(usual, value):
    """All limits by name: the usual ones, and in their place those that are given. One that has no such name is a mistake."""
    given = {} if nothing(value) else dict(value)
    unknown = sorted(set(given) - set(usual))
    if unknown:
        raise AnsibleFilterError(f"cannot use the limit '{unknown[0]}': there are {', '.join(usual)}")
    return {**usual, **{name: number(one, f"the limit '{name}'") for name, one in given.items() if not nothing(one)}}


def link_number(link, position):
    """The number of a node's link: its place in the list where it has none. What is no number is left as it is, to be refused by its name."""
    found = link.get("number")
    if nothing(found):
        return position
    text = str(found).strip()
    return int(text) if re.fullmatch(r"\d+", text) and not isinstance(found, bool) else found
