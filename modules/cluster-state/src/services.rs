// SPDX-License-Identifier: GPL-3.0-or-later
//! `systemctl show`: the services of a node, all in one call.

use std::collections::BTreeMap;

use host::Host;

use crate::read::program;
use crate::{ParseError, StateError};

/// The services of a PVE node, as far as a cluster needs them.
pub const UNITS: [&str; 8] = [
    "corosync",
    "pve-cluster",
    "pvedaemon",
    "pveproxy",
    "pvestatd",
    "pve-ha-lrm",
    "pve-ha-crm",
    "corosync-qdevice",
];

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name without `.service`.
    pub name: String,
    /// Whether such a unit is installed.
    pub installed: bool,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`, ..
    pub active: String,
    /// `enabled`, `disabled`, `masked`, `static`, ..; empty when it is not installed.
    pub enabled: String,
    /// How its last run ended: `success`, `exit-code`, `signal`, `timeout`, ..
    pub result: String,
    /// The exit code of its main process's last run, 0 while it runs.
    pub exit_code: i32,
}

impl Service {
    /// Whether it runs.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active == "active"
    }
}

/// Services by name.
pub type Services = BTreeMap<String, Service>;

/// Asks systemd for the services of [`UNITS`].
///
/// # Errors
/// When systemd does not run or does not answer in time.
pub fn query(host: &dyn Host) -> Result<Services, StateError> {
    let units: Vec<String> = UNITS.iter().map(|unit| format!("{unit}.service")).collect();
    let properties = "--property=Id,LoadState,ActiveState,UnitFileState,Result,ExecMainStatus";
    let command = program("systemctl", &["show", properties]).args(units);
    let output = host.run(&command)?;
    if !output.exited_zero() {
        return Err(StateError::failed(&command, &output));
    }
    parse(&output.stdout).map_err(StateError::unexpected("systemctl show"))
}

/// Reads blocks of `Key=value` lines, one block a unit, an empty line between two.
///
/// # Errors
/// When a block lacks a property that every unit has.
pub fn parse(text: &str) -> Result<Services, ParseError> {
    let mut services = Services::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let service = service(block)?;
        services.insert(service.name.clone(), service);
    }
    Ok(services)
}

fn service(block: &str) -> Result<Service, ParseError> {
    let property = |name: &'static str| {
        let value = block.lines().find_map(|line| line.split_once('=').filter(|(key, _)| *key == name));
        value.map(|(_, value)| value).ok_or(ParseError::Missing { field: name })
    };
    let id = property("Id")?;
    Ok(Service {
        name: id.strip_suffix(".service").unwrap_or(id).to_owned(),
        installed: property("LoadState")? != "not-found",
        active: property("ActiveState")?.to_owned(),
        enabled: property("UnitFileState")?.to_owned(),
        // Kinds of units that have no process of their own, such as targets, have neither of these two.
        result: property("Result").unwrap_or_default().to_owned(),
        exit_code: property("ExecMainStatus").ok().and_then(|code| code.parse().ok()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What systemd 257 printed for a service that its condition keeps from starting, one that runs, and none.
    #[test]
    fn a_standalone_node() {
        let text = "Result=success\nExecMainStatus=0\nId=corosync.service\nLoadState=loaded\n\
            ActiveState=inactive\nUnitFileState=enabled\n\n\
            Result=success\nExecMainStatus=0\nId=pve-cluster.service\nLoadState=loaded\n\
            ActiveState=active\nUnitFileState=enabled\n\n\
            Result=success\nExecMainStatus=0\nId=nosuch.service\nLoadState=not-found\n\
            ActiveState=inactive\nUnitFileState=\n";
        let found = parse(text).unwrap();
        let states: Vec<(&str, bool, &str)> =
            found.values().map(|unit| (unit.name.as_str(), unit.installed, unit.active.as_str())).collect();
        assert_eq!(
            states,
            [("corosync", true, "inactive"), ("nosuch", false, "inactive"), ("pve-cluster", true, "active")]
        );
    }

    #[test]
    fn running_failed_and_missing() {
        let text = "Result=success\nExecMainStatus=0\nId=pve-cluster.service\nLoadState=loaded\n\
            ActiveState=active\nUnitFileState=enabled\n\n\
            Result=exit-code\nExecMainStatus=255\nId=corosync.service\nLoadState=loaded\n\
            ActiveState=failed\nUnitFileState=enabled\n\n\
            Id=corosync-qdevice.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=\n";
        let found = parse(text).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found["pve-cluster"].is_active());
        assert_eq!(
            found["corosync"],
            Service {
                name: "corosync".to_owned(),
                installed: true,
                active: "failed".to_owned(),
                enabled: "enabled".to_owned(),
                result: "exit-code".to_owned(),
                exit_code: 255,
            }
        );
        assert!(!found["corosync-qdevice"].installed);
    }

    #[test]
    fn a_block_without_an_id_is_refused() {
        assert_eq!(parse("LoadState=loaded\n").unwrap_err().to_string(), "'Id' is missing");
    }
}
