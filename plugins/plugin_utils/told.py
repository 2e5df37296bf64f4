# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result says to a person at a terminal. Knows no display."""

from __future__ import annotations

import json

from ansible_collections.pve.cluster.plugins.plugin_utils.way_in import with_remedy

# Ansible's own, or told beside it.
_NOT_SAID = ("msg", "changed", "failed", "exception", "warnings", "deprecations", "invocation", "assertion", "evaluated_to", "unreachable", "diff")


def shown(text):
    """A text without anything that a terminal would obey: its characters as codes. Lines stay lines."""
    return "".join(one if one.isprintable() or one == "\n" else one.encode("unicode_escape").decode() for one in str(text))


def said(values):
    """What a result says: its message, with what a program printed behind it; everything that it has where there is none."""
    message = values.get("argument_errors") or values.get("msg", values.get("censored"))
    if message in (None, "", []):
        rest = {key: value for key, value in values.items() if key not in _NOT_SAID and not key.startswith("_ansible")}
        return shown(json.dumps(rest, default=str, ensure_ascii=False))
    lines = [str(line) for line in message] if isinstance(message, (list, tuple)) else [str(message)]
    if values.get("unreachable"):
        lines = [with_remedy(line) for line in lines]
    if values.get("failed") or values.get("rc"):
        lines += [text for text in (str(values.get(key) or "").strip() for key in ("module_stderr", "module_stdout", "stderr")) if text]
    return shown("\n".join(lines))


def where_first(hosts, task, text):
    """What went wrong: where and in which task, if that is to be said, then what; further lines below."""
    first, *more = text.split("\n")
    place = [", ".join(hosts), task] if hosts else []
    return "\n".join([": ".join([*place, first]), *(f"    {line}" for line in more)])
