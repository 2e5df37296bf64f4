// SPDX-License-Identifier: GPL-3.0-or-later
//! What a join by password meets at the cluster node: the certificate on port 8006, and what the login asks for.

use std::net::IpAddr;
use std::time::Duration;

use cluster_state::{StateError, certificates, services, tfa};
use host::{Command, Host};

use crate::observe;
use crate::reason::{self, Reason};
use crate::seen::Door;

/// The only user that may join nodes.
const ROOT: &str = "root@pam";
const PORT: u16 = 8006;
/// For one address. A port that is closed answers at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks at it.
pub fn look(host: &dyn Host) -> Result<Door, StateError> {
    let services = services::query(host)?;
    let state = services.get("pveproxy").map(|service| service.active.as_str()).unwrap_or_default();
    // While pveproxy does not run, anybody could listen there.
    let served = if state == "active" { served(host)? } else { None };
    Ok(Door {
        starting: served.is_none() && (state == "activating" || observe::booting(host)?),
        served,
        next: certificates::query(host)?.served,
        factor: tfa::query(host, ROOT)?,
    })
}

/// Asks the port itself: pveproxy may listen on one address only.
fn served(host: &dyn Host) -> Result<Option<String>, StateError> {
    let own = host.addresses()?.into_iter().map(|local| local.address);
    let (near, far): (Vec<IpAddr>, Vec<IpAddr>) = own.partition(IpAddr::is_loopback);
    for address in near.into_iter().chain(far) {
        let to = std::net::SocketAddr::new(address, PORT).to_string();
        let command = Command::new("openssl").args(["s_client", "-connect", &to]).timeout(PATIENCE);
        let output = host.run(&command)?;
        if let Ok(fingerprint) = certificates::fingerprint(&output.stdout) {
            return Ok(Some(fingerprint));
        }
    }
    Ok(None)
}

impl Door {
    /// Why nobody can join through it.
    pub fn reasons(&self, peer: &str) -> Vec<Reason> {
        let mut reasons = Vec::new();
        if self.served.is_none() {
            reasons.push(reason::no_api(peer, self.starting));
        }
        if self.factor {
            reasons.push(reason::second_factor());
        }
        reasons
    }

    /// What a person should know although it stands in nobody's way.
    pub fn warning(&self, peer: &str) -> Option<String> {
        let (served, next) = (self.served.as_ref()?, self.next.as_ref()?);
        (served != next).then(|| {
            format!(
                "pveproxy on '{peer}' still serves the certificate with the fingerprint '{served}', not the one in its file: \
                 'systemctl restart pveproxy' there changes that"
            )
        })
    }
}
