# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

"""What the modules' documentation says alike of check mode, diffs and where they run."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes of modules that change a cluster from one of its members."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    support: full
    description: Refuses for the same reasons and predicts the same answer. Changes nothing.
  platform:
    support: full
    platforms: proxmox
    description: Runs on a Proxmox VE node that is a member of the cluster, as root.
"""

    NO_DIFF = r"""
attributes:
  diff_mode:
    support: none
    description: There is nothing to show.
"""
