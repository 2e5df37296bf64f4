# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions the recordings come from."""

RELEASE = "9.2"
MANAGER = "9.2.11"
REPOSITORY_ID = "5d1f9a0c6e2b4713"
KERNEL = "6.17.2-1-pve"

# The packages `pveversion -v` lists and dpkg knows of.
PACKAGES = (
    ("proxmox-ve", "9.2.0", f"running kernel: {KERNEL}"),
    ("pve-manager", MANAGER, f"running version: {MANAGER}/{REPOSITORY_ID}"),
    ("pve-cluster", "9.1.6", None),
    ("libpve-cluster-api-perl", "9.1.6", None),
    ("libpve-cluster-perl", "9.1.6", None),
    ("libpve-common-perl", "9.2.1", None),
    ("libpve-access-control", "9.0.4", None),
    ("pve-ha-manager", "5.1.0", None),
)


def pveversion(verbose):
    if not verbose:
        return f"pve-manager/{MANAGER}/{REPOSITORY_ID} (running kernel: {KERNEL})"
    return "\n".join(
        f"{name}: {version}" + (f" ({note})" if note else "") for name, version, note in PACKAGES
    )
