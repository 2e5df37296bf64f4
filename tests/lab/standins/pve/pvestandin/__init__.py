# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the programs of Proxmox VE, for lab nodes only: written from recordings of the real ones."""
