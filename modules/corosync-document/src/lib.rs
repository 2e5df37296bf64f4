// SPDX-License-Identifier: GPL-3.0-or-later
//! corosync.conf, read and edited without losing a byte.
