// SPDX-License-Identifier: GPL-3.0-or-later
//! A fake machine for the modules' tests. A dev-dependency only.
