// SPDX-License-Identifier: GPL-3.0-or-later
//! Every read.

use cluster_state::certificates::{self, Certificates};
use cluster_state::cfgtool::{self, Links};
use cluster_state::leftovers::{self, Traces};
use cluster_state::situation::{Evidence, Reading};
use cluster_state::ssh::{self, Ssh};
use cluster_state::versions::{self, Versions};
use cluster_state::vmlist::{self, Guest};
use host::{Host, HostError, LocalAddress};

use crate::args::Part;
use crate::health::{self, HealthObserved};

/// All that was read, or why it could not be.
pub(crate) struct Observed {
    pub(crate) evidence: Evidence,
    /// None where corosync does not run.
    pub(crate) links: Option<Reading<Links>>,
    pub(crate) guests: Reading<Option<Vec<Guest>>>,
    pub(crate) certificates: Reading<Certificates>,
    pub(crate) traces: Reading<Traces>,
    pub(crate) ssh: Reading<Ssh>,
    pub(crate) versions: Reading<Versions>,
    pub(crate) addresses: Result<Vec<LocalAddress>, HostError>,
    /// None unless it was asked for.
    pub(crate) health: Option<HealthObserved>,
}

/// Reads what is always told, and the parts that are asked for. For the first, two programs are started, five where corosync runs, and the journal's where something is wrong.
pub(crate) fn observe(host: &dyn Host, parts: &[Part]) -> Observed {
    let evidence = Evidence::read(host);
    let links = evidence.quorum.is_ok().then(|| cfgtool::query(host));
    Observed {
        links,
        guests: vmlist::query(host),
        certificates: certificates::query(host),
        traces: leftovers::query(host),
        ssh: ssh::query(host),
        versions: versions::query(host),
        addresses: host.addresses(),
        health: parts.contains(&Part::Health).then(|| health::observe(host, &evidence)),
        evidence,
    }
}
