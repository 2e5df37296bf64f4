// SPDX-License-Identifier: GPL-3.0-or-later
//! The program as systemd starts it: what it prints goes to the journal.

#![expect(clippy::print_stdout, reason = "the journal is where it is read")]

use std::process::ExitCode;

use host::RealHost;
use rescue::Came;

/// Says that the program can be run from where it is.
pub(crate) fn ready() -> ExitCode {
    println!("{}", rescue::READY);
    ExitCode::SUCCESS
}

/// Looks, and puts back what was lost.
pub(crate) fn fire() -> ExitCode {
    println!("nobody has called it off: looking whether the cluster is well");
    match rescue::fire(&RealHost::new(), &|line| println!("{line}")) {
        Ok(Came::Well(how)) => {
            println!("the cluster is well: {how}");
            ExitCode::SUCCESS
        }
        Ok(Came::Left(reason)) => {
            println!("not all is well, and it is not for the rescue to repair: {reason}");
            ExitCode::SUCCESS
        }
        Ok(Came::Waiting(reason)) => {
            println!("not over yet, looking again in a minute: {reason}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            println!("cannot put corosync.conf back: {reason}");
            ExitCode::FAILURE
        }
    }
}
