// SPDX-License-Identifier: GPL-3.0-or-later
//! `corosync -t`: whether corosync would start from its file. A corosync that runs goes on with what it read before, whatever
//! has become of the file.

use host::Host;

use crate::StateError;
use crate::read::program;

/// Why corosync would not start from /etc/corosync/corosync.conf; none when it would.
///
/// # Errors
/// When the program cannot be run or does not answer in time.
pub fn query(host: &dyn Host) -> Result<Option<String>, StateError> {
    let output = host.run(&program("corosync", &["-t"]))?;
    if output.exited_zero() {
        return Ok(None);
    }
    Ok(Some(reason(&output.stderr).unwrap_or_else(|| format!("'corosync -t' ended with {}", output.rc()))))
}

/// The reason among lines such as `Nov 20 18:15:07.146 error   [MAIN  ] Invalid transport type.` or `parser error: ..`.
fn reason(text: &str) -> Option<String> {
    let words = |line: &str| line.rsplit("] ").next().unwrap_or_default().trim().to_owned();
    let mut said = text.lines().map(words).filter(|line| !line.is_empty());
    said.find(|line| !line.contains("exiting with status"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::recording;
    use testkit::{Answer, FakeHost};

    fn asked(rc: i32, stderr: &str) -> Option<String> {
        query(&FakeHost::new().query("corosync -t", Answer::exit(rc, "", stderr))).unwrap()
    }

    #[test]
    fn a_file_that_is_well() {
        let recorded = recording!("3-node_quorate--corosync_-t--pve1");
        assert_eq!(asked(recorded.rc, &recorded.stderr), None);
    }

    /// Recordings `config_change_*--state_afterwards--pve1`.
    #[test]
    fn files_that_are_not() {
        let missing = "parser error: /etc/corosync/corosync.conf:42: Missing closing brace\n";
        assert_eq!(asked(8, missing), Some(missing.trim().to_owned()));
        let transport = "Nov 20 18:15:07.146 error   [MAIN  ] Invalid transport type. Should be udpu, udp or knet\n\
            Nov 20 18:15:07.146 error   [MAIN  ] Corosync Cluster Engine exiting with status 8 at main.c:1497.\n";
        assert_eq!(asked(8, transport).unwrap(), "Invalid transport type. Should be udpu, udp or knet");
        assert_eq!(asked(8, "").unwrap(), "'corosync -t' ended with 8");
    }
}
