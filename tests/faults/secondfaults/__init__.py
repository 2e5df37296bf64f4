# SPDX-License-Identifier: GPL-3.0-or-later
"""The second fault: pairs of faults done to each action, in real nodes."""
