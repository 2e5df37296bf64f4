# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: real Debian nodes on one machine. `../lab` is its front door."""
