# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for pmxcfs that behaves as the recordings in captures/ show."""
