// SPDX-License-Identifier: GPL-3.0-or-later
//! What is special about a join of this node.

mod decide;
mod reserved;
mod words;

pub(crate) use self::decide::{cluster, command, forecast, this_node, two_versions};
pub(crate) use self::reserved::there;
