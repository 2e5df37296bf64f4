// SPDX-License-Identifier: GPL-3.0-or-later
//! Versions of the programs, from the package database: `pveversion` and `pvecm apiver` start Perl for 0.3 s and
//! fail while pmxcfs is stopped.

use std::path::Path;

use host::{Ending, Host};
use serde::Serialize;

use crate::StateError;
use crate::read::{program, text_if_there};

/// Where PVE's join code has the version of its protocol.
const SETUP: &str = "/usr/share/perl5/PVE/Cluster/Setup.pm";

/// Versions; none of what is not installed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Versions {
    /// Of Proxmox VE, e.g. `9.1.2`.
    pub pve: Option<String>,
    /// Of the package pve-cluster (pvecm and pmxcfs).
    pub pve_cluster: Option<String>,
    /// Of the package corosync.
    pub corosync: Option<String>,
    /// Of the protocol by which nodes join (`pvecm apiver`).
    pub join_api: Option<u32>,
}

/// Asks the package database, and where it does not know a program that is there, the program itself.
///
/// # Errors
/// When the package database does not answer.
pub fn query(host: &dyn Host) -> Result<Versions, StateError> {
    let mut versions = packages(host, &["pve-manager", "pve-cluster", "corosync"])?;
    versions.join_api = text_if_there(host, Path::new(SETUP))?.as_deref().and_then(parse_join_api);
    if versions.pve.is_none() {
        versions.pve = ask(host, "pveversion", &[]).as_deref().and_then(parse_pveversion);
    }
    if versions.join_api.is_none() && versions.pve.is_some() {
        versions.join_api = ask(host, "pvecm", &["apiver"]).and_then(|said| said.trim().parse().ok());
    }
    Ok(versions)
}

/// The version of the package corosync, from the package database; none when it is not installed.
///
/// # Errors
/// When the package database does not answer.
pub fn corosync(host: &dyn Host) -> Result<Option<String>, StateError> {
    Ok(packages(host, &["corosync"])?.corosync)
}

fn packages(host: &dyn Host, names: &[&str]) -> Result<Versions, StateError> {
    // Exit code 1 says only that some package is not known.
    let format = "${Package} ${Version} ${db:Status-Status}\\n";
    let command = program("dpkg-query", &[&["-W", "-f", format], names].concat());
    let output = host.run(&command)?;
    if !matches!(output.ending, Ending::Exited(0 | 1)) {
        return Err(StateError::failed(&command, &output));
    }
    Ok(parse_packages(&output.stdout))
}

/// What a program prints that may not be installed, or may not work now: pvecm does not without pmxcfs.
fn ask(host: &dyn Host, name: &str, args: &[&str]) -> Option<String> {
    let output = host.run(&program(name, args)).ok()?;
    output.exited_zero().then_some(output.stdout)
}

/// Reads lines of package, version and status.
#[must_use]
pub fn parse_packages(text: &str) -> Versions {
    let version_of = |package: &str| {
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let found = words.next() == Some(package);
            let version = words.next()?;
            (found && words.next() == Some("installed")).then(|| version.to_owned())
        })
    };
    Versions {
        pve: version_of("pve-manager"),
        pve_cluster: version_of("pve-cluster"),
        corosync: version_of("corosync"),
        join_api: None,
    }
}

/// Reads `pve-manager/9.2.11/5d1f9a0c6e2b4713 (running kernel: 6.17.2-1-pve)`.
#[must_use]
pub fn parse_pveversion(text: &str) -> Option<String> {
    let mut parts = text.lines().next()?.split('/');
    (parts.next()? == "pve-manager").then_some(())?;
    parts.next().map(str::to_owned)
}

/// Reads the constant `JOIN_API_VERSION` of PVE's join code.
#[must_use]
pub fn parse_join_api(text: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("use constant ").unwrap_or(line).split_once("=>")?;
        (name.trim() == "JOIN_API_VERSION").then_some(())?;
        value.trim().trim_end_matches([';', ',']).parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::{Answer, FakeHost};

    const ASKED: &str =
        "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' pve-manager pve-cluster corosync";

    #[test]
    fn a_node_is_asked_once() {
        let host = FakeHost::new()
            .query(
                ASKED,
                "corosync 3.1.9-pve2 installed\npve-cluster 9.0.6 installed\npve-manager 9.1.2 installed\n",
            )
            .file(SETUP, "package PVE::Cluster::Setup;\nuse constant JOIN_API_VERSION => 1;\n");
        assert_eq!(
            query(&host).unwrap(),
            Versions {
                pve: Some("9.1.2".to_owned()),
                pve_cluster: Some("9.0.6".to_owned()),
                corosync: Some("3.1.9-pve2".to_owned()),
                join_api: Some(1),
            }
        );
        assert_eq!(host.commands().len(), 1);
    }

    #[test]
    fn corosync_alone_is_asked_for_alone() {
        let asked = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n' corosync";
        let ask = |answer: Answer| corosync(&FakeHost::new().query(asked, answer));
        assert_eq!(ask(Answer::ok("corosync 3.1.9-pve2 installed\n")), Ok(Some("3.1.9-pve2".to_owned())));
        assert_eq!(ask(Answer::exit(1, "", "dpkg-query: no packages found matching corosync\n")), Ok(None));
        assert!(ask(Answer::exit(2, "", "dpkg-query: error: unable to open the database\n")).is_err());
    }

    #[test]
    fn programs_without_a_package_are_asked_themselves() {
        let unknown = "dpkg-query: no packages found matching pve-manager\n";
        let host = FakeHost::new()
            .query(ASKED, Answer::exit(1, "corosync 3.1.9-2 installed\n", unknown))
            .query("pveversion", recording!("standalone--pveversion--pve1").stdout)
            .query("pvecm apiver", recording!("3-node_quorate--pvecm_apiver--pve1").stdout);
        let found = query(&host).unwrap();
        assert_eq!((found.pve.as_deref(), found.join_api), (Some("9.2.11"), Some(1)));
        assert_eq!((found.pve_cluster, found.corosync.as_deref()), (None, Some("3.1.9-2")));
    }

    #[test]
    fn what_a_program_cannot_tell_now_is_not_known_and_the_rest_is() {
        let host = FakeHost::new()
            .query(ASKED, Answer::exit(1, "pve-cluster 9.1.6 installed\n", ""))
            .query("pveversion", recording!("standalone--pveversion--pve1").stdout)
            .query("pvecm apiver", Answer::exit(111, "", "ipcc_send_rec[1] failed: Connection refused\n"));
        let found = query(&host).unwrap();
        assert_eq!((found.pve_cluster.as_deref(), found.pve.as_deref()), (Some("9.1.6"), Some("9.2.11")));
        assert_eq!(found.join_api, None);
        let hanging = FakeHost::new().query(ASKED, Answer::hangs());
        assert!(matches!(query(&hanging), Err(StateError::TimedOut { seconds: 5, .. })));
    }

    #[test]
    fn a_machine_without_any() {
        let host = FakeHost::new()
            .query(ASKED, Answer::exit(1, "", "dpkg-query: no packages found matching corosync\n"))
            .query("pveversion", Answer::not_installed());
        assert_eq!(query(&host), Ok(Versions::default()));
    }

    #[test]
    fn a_removed_package_has_no_version() {
        let found = parse_packages("corosync 3.1.9-2 config-files\npve-manager  not-installed\n");
        assert_eq!(found, Versions::default());
    }

    #[test]
    fn the_constant_is_found_in_either_form() {
        let table = [
            ("use constant JOIN_API_VERSION => 1;\n", Some(1)),
            ("use constant {\n    JOIN_API_VERSION => 2,\n};\n", Some(2)),
            ("# JOIN_API_VERSION => 1\n", None),
            ("my $v = JOIN_API_VERSION;\n", None),
        ];
        for (text, version) in table {
            assert_eq!(parse_join_api(text), version, "{text}");
        }
    }
}
