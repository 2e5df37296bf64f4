// SPDX-License-Identifier: GPL-3.0-or-later
//! Whole runs on a fake machine.

mod cluster;
mod docs;
mod drop_in;
mod faults;
mod golden;
mod local;
mod lockout;
mod refusals;
mod world;
mod writers;
