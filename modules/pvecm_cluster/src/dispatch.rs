// SPDX-License-Identifier: GPL-3.0-or-later
//! Which state does what the task asks for.

use ansible_module::{Context, Failure, Outcome};
use host::Host;

use crate::args::{Given, Task};
use crate::declared::{self, State};
use crate::{leave, member, remove, repair, reserve};

/// Does what the task asks.
pub(crate) fn run(mut given: Given, context: &Context, host: &dyn Host) -> Result<Outcome, Failure> {
    let (password, problem) = given.take_password();
    let (task, mut wrong) = given.task();
    wrong.extend(problem.map(str::to_owned));
    match task {
        // What is wrong with the task itself is told before anything is looked at.
        Task::Member(args) if !wrong.is_empty() || !member::is_valid(&args) => {
            member::run(&args, password.as_ref(), wrong, context, host)
        }
        Task::Member(args) => {
            let asked = repair::Args {
                cluster_name: args.cluster_name.clone(),
                cluster_node: args.cluster_node.clone(),
                joins: args.state == State::Joined,
                repair: args.repair,
                timeout: args.timeout,
            };
            repair::around(&asked, context, host, &leaves(&args, context, host), |relisted| {
                let args = declared::Args { force: args.force || relisted, ..args.clone() };
                member::run(&args, password.as_ref(), Vec::new(), context, host)
            })
        }
        Task::Removal(args) => remove::run(&args, wrong, context, host),
        Task::Absence(args) => leave::run(&args, wrong, context, host),
        Task::Reservation(args) => reserve::run(&args, wrong, context, host),
    }
}

/// How a repair lets this node leave the cluster of its task.
fn leaves<'a>(
    args: &'a declared::Args,
    context: &'a Context,
    host: &'a dyn Host,
) -> impl Fn() -> Result<Outcome, Failure> + 'a {
    move || {
        let args =
            leave::Args { cluster_name: args.cluster_name.clone(), force: true, timeout: args.timeout };
        leave::run(&args, Vec::new(), context, host)
    }
}
