// SPDX-License-Identifier: GPL-3.0-or-later
//! `corosync-qdevice-tool -s`: whether this node has its QDevice.

use host::Host;
use serde::Serialize;

use crate::read::program;
use crate::{ParseError, StateError};

/// The QDevice as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Qdevice {
    /// Whether the QNetd server answers this node.
    pub connected: bool,
    /// The program's own word: `Connected`, `Connect failed`, .., or that it does not run.
    pub state: String,
    /// The QNetd server and its port.
    pub server: Option<String>,
    /// How it casts its votes.
    pub algorithm: Option<String>,
}

/// Asks the QDevice daemon. Where it does not run, that is the answer.
///
/// # Errors
/// When the program cannot be run, does not answer in time, or answers something unknown.
pub fn query(host: &dyn Host) -> Result<Qdevice, StateError> {
    let command = program("corosync-qdevice-tool", &["-s"]);
    let output = host.run(&command)?;
    if output.stderr.contains("Can't connect to QDevice socket") {
        let state = "not running".to_owned();
        return Ok(Qdevice { connected: false, state, server: None, algorithm: None });
    }
    if !output.exited_zero() {
        return Err(StateError::failed(&command, &output));
    }
    parse(&output.stdout).map_err(StateError::unexpected(&command.line()))
}

/// Reads lines such as `State: Connected`, tabs between.
///
/// # Errors
/// When it does not say how it is connected.
pub fn parse(text: &str) -> Result<Qdevice, ParseError> {
    let field = |name: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        found.map(|value| value.trim().to_owned())
    };
    let state = field("State").ok_or(ParseError::Missing { field: "State" })?;
    Ok(Qdevice {
        connected: state == "Connected",
        state,
        server: field("QNetd host"),
        algorithm: field("Algorithm"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::{Answer, FakeHost};

    #[test]
    fn connected_and_not() {
        let good = recording!("qdevice_pve1+pve2_cluster_qnetd_on_pve4--corosync-qdevice-tool_-s--pve1");
        assert_eq!(
            parse(&good.stdout).unwrap(),
            Qdevice {
                connected: true,
                state: "Connected".to_owned(),
                server: Some("10.77.0.14:5403".to_owned()),
                algorithm: Some("Fifty-Fifty split".to_owned()),
            }
        );
        let stopped = recording!("qdevice_qnetd_stopped--corosync-qdevice-tool_-s--pve1");
        let found = parse(&stopped.stdout).unwrap();
        assert_eq!((found.connected, found.state.as_str()), (false, "Connect failed"));
    }

    #[test]
    fn a_daemon_that_does_not_run() {
        let none = recording!("3-node_quorate--corosync-qdevice-tool_-s--pve1");
        let host = FakeHost::new()
            .query("corosync-qdevice-tool -s", Answer::exit(none.rc, none.stdout, none.stderr));
        assert_eq!(query(&host).unwrap().state, "not running");
    }
}
