# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that comes from a node, kept from being anything but text.

Before ansible-core 2.19 whatever a filter returns is a template again as soon as it is the value of a variable: of a fact, or of a loop's
item. What a node wrote between {{ and }} would then be run on the controller.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence

from ansible.release import __version__

# Longer ones are cut: nobody reads them, and a page is to stay a page.
LONGEST = 2000
# From 2.19 on only what Ansible trusts is a template, and nothing that a filter makes is trusted.
_TRUSTS_ALL = tuple(int(part) for part in __version__.split(".")[:2]) < (2, 19)


def plain(text):
    """A text to be shown: in one line, printable, and nothing that begins a template."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[:LONGEST]) + (".." if len(text) > LONGEST else "")
    return re.sub(r"\{(?=[{%#])", "{ ", shown)


def shown(value):
    """A value with all its texts as they are to be shown."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {shown(key): shown(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [shown(item) for item in value]
    return value


def marked(value):
    """A value that no version of Ansible takes for a template."""
    if not _TRUSTS_ALL:
        return value
    from ansible.utils.unsafe_proxy import wrap_var

    return wrap_var(value)


def verbatim(function):
    """A filter whose result is never a template."""

    @functools.wraps(function)
    def called(*given, **options):
        return marked(function(*given, **options))

    return called


def displayed(function):
    """A filter whose result is shown: its texts are in one line, printable, and begin no template."""

    @functools.wraps(function)
    def called(*given, **options):
        return marked(shown(function(*given, **options)))

    return called
