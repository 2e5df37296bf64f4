// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reason not to create a cluster that no other state has, in words.

use ansible_module::Reason;
use ansible_module::reason::lasting;

pub(crate) fn no_coefficient_option() -> Reason {
    lasting("this pvecm has no option '--token-coefficient', which came with Proxmox VE 9.1")
}
