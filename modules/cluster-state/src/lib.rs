// SPDX-License-Identifier: GPL-3.0-or-later
//! What the programs of a Proxmox VE node say about it: one file a program.
