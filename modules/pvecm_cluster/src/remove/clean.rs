// SPDX-License-Identifier: GPL-3.0-or-later
//! Takes away what `pvecm delnode` leaves behind. Each step may be the last one of a run that is killed; the next run
//! finds what is left and goes on.

use std::time::Duration;

use host::Host;
use locks::Lock;
use membership::files::{AUTHORIZED_KEYS, KNOWN_HOSTS, remove};
use membership::keys::{self, Stopped, locked, rewrite};

use super::args::Wanted;
use super::commands;
use super::decide::{Plan, without_host};
use super::look::directory;
use super::seen::Seen;

/// Takes the node out of high availability and replication, cleans the two key files and removes the directory. What cannot be
/// done for one of them keeps none of the others from being done; it is told at the end.
pub(crate) fn clean(
    host: &dyn Host,
    wanted: &Wanted,
    seen: &Seen,
    plan: &Plan,
    lock: &Lock,
    deadline: Duration,
) -> Result<(), Vec<Stopped>> {
    type Deed<'a> = Box<dyn Fn() -> Result<(), Stopped> + 'a>;
    let lists = plan.lists.iter().map(|list| -> Deed<'_> {
        Box::new(move || commands::shorten(host, wanted, seen, list, deadline).map(|_| ()))
    });
    let jobs = plan
        .jobs
        .iter()
        .map(|job| -> Deed<'_> { Box::new(move || commands::delete_job(host, job, deadline)) });
    let mut deeds: Vec<Deed<'_>> = lists.chain(jobs).collect();
    if plan.authorized_keys.is_some() || plan.known_hosts.is_some() {
        deeds.push(Box::new(|| locked(host, deadline, |lock| key_files(host, lock, wanted, seen, plan))));
    }
    if let Some(entries) = &plan.directory {
        deeds.push(Box::new(|| Ok(remove(host, &directory(&wanted.node), entries)?)));
    }
    let mut stopped = Vec::new();
    for deed in deeds {
        // Without the lock another run may be at the same thing.
        if let Err(lost) = lock.check(host) {
            stopped.push(Stopped::Lost(locks::MEMBERSHIP, lost));
            break;
        }
        stopped.extend(deed().err());
    }
    if stopped.is_empty() { Ok(()) } else { Err(stopped) }
}

fn key_files(host: &dyn Host, lock: &Lock, wanted: &Wanted, seen: &Seen, plan: &Plan) -> Result<(), Stopped> {
    if plan.authorized_keys.is_some() {
        rewrite(host, lock, AUTHORIZED_KEYS, |bytes| {
            keys::authorized_keys(bytes, &wanted.node, &seen.own_keys).0
        })?;
    }
    if plan.known_hosts.is_some()
        && let Some(conf) = seen.here.view.conf.conf()
    {
        rewrite(host, lock, KNOWN_HOSTS, |bytes| match std::str::from_utf8(bytes) {
            Ok(text) => without_host(wanted, seen, conf, text).into_bytes(),
            Err(_) => bytes.to_vec(),
        })?;
    }
    Ok(())
}
