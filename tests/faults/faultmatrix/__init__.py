# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: every action, every fault, every step boundary; then the same task again."""
