# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Ansible logs in to a host in this run, as variables that make it do so in the next."""

from __future__ import annotations

from ansible_collections.pve.cluster.plugins.plugin_utils.given import nothing, number, truth

# Variable -> what else may say it: other variables, and then the option of the command line.
_WAYS = {
    "ansible_user": (("ansible_user", "ansible_ssh_user"), "remote_user"),
    "ansible_port": (("ansible_port", "ansible_ssh_port"), None),
    "ansible_ssh_private_key_file": (("ansible_ssh_private_key_file", "ansible_private_key_file"), "private_key_file"),
    "ansible_ssh_common_args": (("ansible_ssh_common_args",), "ssh_common_args"),
    "ansible_ssh_extra_args": (("ansible_ssh_extra_args",), "ssh_extra_args"),
    "ansible_become": (("ansible_become",), "become"),
    "ansible_become_method": (("ansible_become_method",), "become_method"),
    "ansible_become_user": (("ansible_become_user",), "become_user"),
}
# What the command line says even where nobody said it.
_USUAL = {"ansible_become_method": "sudo", "ansible_become_user": "root", "ansible_port": 22}


def login(variables, options):
    """Connection variables for the same login. `variables` are the host's, `options` those of the command line. Passwords are left out."""
    found = {}
    for name, (places, option) in _WAYS.items():
        given = [variables.get(place) for place in places] + [options.get(option) if option else None]
        value = next((one for one in given if not nothing(one)), None)
        if value is None:
            continue
        if name == "ansible_become":
            value = truth(value, name)
        elif name == "ansible_port":
            value = number(value, name)
        else:
            value = str(value)
        if value is not False and value != _USUAL.get(name):
            found[name] = value
    return found
