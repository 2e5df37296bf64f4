# SPDX-License-Identifier: GPL-3.0-or-later
"""Replays recordings of a real cluster on lab nodes and compares what came out."""
