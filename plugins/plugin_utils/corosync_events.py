# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What corosync says of links and nodes in the journal, for people."""

from __future__ import annotations

import re


def event_said(said, names):
    """What corosync said last, with names of nodes in place of their nodeids. `names`: nodeid -> name."""

    def name(number):
        return names.get(number, f"node {number}")

    said = re.sub(r"^host: host: (\d+) has", lambda found: f"{name(found[1])} has", str(said))
    said = re.sub(r"^link: host: (\d+) link: (\d+) is", lambda found: f"link {found[2]} to {name(found[1])} is", said)
    return re.sub(r"\bhost: (\d+)\b", lambda found: name(found[1]), said)
