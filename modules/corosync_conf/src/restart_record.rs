// SPDX-License-Identifier: GPL-3.0-or-later
//! The note of what waits for a restart, made before the change: whoever comes after an interruption finds it.

use host::{Host, HostError};
use rescue::pending::{self, Pending};

use crate::plan::{Work, waits_for_restart};

/// What the record was before this change wrote into it; none when it wrote nothing.
pub(crate) struct RestartRecord {
    cluster: String,
    before: Option<Vec<Pending>>,
}

impl RestartRecord {
    /// Notes for every node that is on what it runs of each key that it will not follow.
    ///
    /// # Errors
    /// When the record cannot be read or written; then it is as it was.
    pub(crate) fn make(host: &dyn Host, work: &Work) -> Result<Self, HostError> {
        let cluster = work.before.cluster_name().unwrap_or_default().to_owned();
        let waiting: Vec<_> = work.changes.iter().filter(|change| waits_for_restart(&change.key)).collect();
        if waiting.is_empty() {
            return Ok(Self { cluster, before: None });
        }
        let before = pending::read(host, &cluster)?;
        let listed: Vec<String> = work.before.nodes().into_iter().map(|node| node.name).collect();
        let mut record = before.clone();
        record.retain(|old| {
            let anew = waiting.iter().any(|change| change.key == old.key)
                && work.members.iter().any(|member| member.name == old.node);
            listed.contains(&old.node) && !anew
        });
        let since = host.unix_time();
        for member in &work.members {
            record.extend(waiting.iter().map(|change| Pending {
                node: member.name.clone(),
                key: change.key.clone(),
                since,
                runs: change.before.clone(),
            }));
        }
        pending::write(host, &cluster, &record)?;
        Ok(Self { cluster, before: Some(before) })
    }

    /// Makes it as it was, when the change was undone. Says what is left; that costs a restart too many at most.
    pub(crate) fn put_back(&self, host: &dyn Host) -> Option<String> {
        let error = pending::write(host, &self.cluster, self.before.as_ref()?).err()?;
        Some(format!("'{}' says still that a restart is due: {error}", pending::PATH))
    }
}
