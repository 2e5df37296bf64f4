// SPDX-License-Identifier: GPL-3.0-or-later
//! What is special about creating a cluster on this node.

mod decide;
mod words;

pub(crate) use self::decide::{command, forecast, this_node};
