// SPDX-License-Identifier: GPL-3.0-or-later
//! Whether high availability would fence nodes: its manager's own word, and whether this Proxmox VE can disarm it.
//!
//! Since Proxmox VE 9.2 `ha-manager crm-command disarm-ha` has every node's watchdog released, for work on the cluster's
//! network or corosync, and `arm-ha` takes them up again (ha-manager(1), "Disarming HA for Cluster Maintenance").

use host::Host;
use serde::Deserialize;

use crate::read::program;
use crate::{ParseError, StateError};

/// What the manager says of fencing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arming {
    /// Watchdogs run.
    Armed,
    /// Nothing is to be kept running, so no watchdog runs.
    Standby,
    /// It was told to disarm, and not every watchdog is released yet.
    Disarming,
    /// No watchdog runs, on any node.
    Disarmed,
    /// A word that this program does not know.
    Other(String),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "armed-state", alias = "armed_state")]
    armed: Option<String>,
}

/// Asks for the state of fencing; none where this Proxmox VE does not tell.
///
/// # Errors
/// When the call fails or its answer cannot be understood.
pub fn query(host: &dyn Host) -> Result<Option<Arming>, StateError> {
    let command = program("pvesh", &["get", "/cluster/ha/status/current", "--output-format", "json"]);
    let output = host.run(&command)?;
    if !output.exited_zero() {
        return Err(StateError::failed(&command, &output));
    }
    parse(&output.stdout).map_err(StateError::unexpected("pvesh get /cluster/ha/status/current"))
}

/// Reads the list of entries, one of which is of the type `fencing`.
///
/// # Errors
/// When it is no such list.
pub fn parse(text: &str) -> Result<Option<Arming>, ParseError> {
    let entries: Vec<Entry> =
        serde_json::from_str(text).map_err(|error| ParseError::Json { reason: error.to_string() })?;
    let fencing = entries.into_iter().find(|entry| entry.kind.as_deref() == Some("fencing"));
    Ok(fencing.and_then(|entry| entry.armed).map(|word| match word.as_str() {
        "armed" => Arming::Armed,
        "standby" => Arming::Standby,
        "disarming" => Arming::Disarming,
        "disarmed" => Arming::Disarmed,
        _ => Arming::Other(word),
    }))
}

/// Whether this Proxmox VE can disarm, by the usage that its program prints.
///
/// # Errors
/// When the program cannot be started.
pub fn can_disarm(host: &dyn Host) -> Result<bool, StateError> {
    let output = host.run(&program("ha-manager", &["help"]))?;
    let said = [output.stdout, output.stderr].concat();
    Ok(said.split_whitespace().any(|word| word == "disarm-ha"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::{Answer, FakeHost};

    const CURRENT: &str = "pvesh get /cluster/ha/status/current --output-format json";

    #[test]
    fn each_state_has_its_name() {
        let told = |state: &str| {
            parse(&format!(
                r#"[{{"id":"quorum","node":"pve1","quorate":1,"status":"OK","type":"quorum"}},
                    {{"armed-state":"{state}","id":"fencing","node":"pve1","type":"fencing","status":"x"}}]"#
            ))
            .unwrap()
        };
        assert_eq!(told("armed"), Some(Arming::Armed));
        assert_eq!(told("standby"), Some(Arming::Standby));
        assert_eq!(told("disarming"), Some(Arming::Disarming));
        assert_eq!(told("disarmed"), Some(Arming::Disarmed));
        assert_eq!(told("asleep"), Some(Arming::Other("asleep".to_owned())));
        assert_eq!(parse(r#"[{"id":"quorum","type":"quorum"}]"#).unwrap(), None);
        assert_eq!(parse("").unwrap_err().to_string(), "EOF while parsing a value at line 1 column 0");
    }

    #[test]
    fn an_older_one_cannot_disarm() {
        let old = "ha-manager crm-command migrate <sid> <node>\n       ha-manager crm-command stop <sid> <timeout>\n";
        let new = format!(
            "{old}       ha-manager crm-command arm-ha\n       ha-manager crm-command disarm-ha <resource-mode>\n"
        );
        for (text, can) in [(old, false), (&new, true)] {
            let host = FakeHost::new().query("ha-manager help", Answer::exit(0, "", text));
            assert_eq!(can_disarm(&host).unwrap(), can);
        }
        let host = FakeHost::new().query(CURRENT, Answer::exit(2, "", "no such path\n"));
        assert!(query(&host).is_err());
    }
}
