// SPDX-License-Identifier: GPL-3.0-or-later
//! A pvecm that is at work on this node: one that creates a cluster, joins one, or changes who is in it.
//!
//! Its worker goes on when whoever started it is killed, and then calls itself `task UPID:..` (`fork_worker` in
//! `PVE/RESTEnvironment.pm`), so that nothing in its command line says `pvecm`.

use std::path::Path;

use host::{Host, HostError, if_there};

/// A process that is at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// Its number.
    pub pid: u32,
    /// What it does, such as `pvecm add`.
    pub what: String,
}

/// Looks for one; any of several.
///
/// # Errors
/// When the processes of this node cannot be listed.
pub fn query(host: &dyn Host) -> Result<Option<Work>, HostError> {
    for name in if_there(host.list(Path::new("/proc")))?.unwrap_or_default() {
        let Ok(pid) = name.parse() else { continue };
        // It may have ended meanwhile, and a kernel thread has none.
        let Ok(line) = host.read(&Path::new("/proc").join(&name).join("cmdline")) else { continue };
        if let Some(what) = parse(&line) {
            return Ok(Some(Work { pid, what }));
        }
    }
    Ok(None)
}

/// What the process of this command line does for pvecm; none for any other.
#[must_use]
pub fn parse(line: &[u8]) -> Option<String> {
    const VERBS: [&str; 4] = ["create", "add", "addnode", "delnode"];
    let text = String::from_utf8_lossy(line);
    let mut words = text.split('\0');
    if let Some(upid) = text.strip_prefix("task UPID:") {
        return match upid.split(':').nth(4) {
            Some("clustercreate") => Some("pvecm create".to_owned()),
            Some("clusterjoin") => Some("pvecm add".to_owned()),
            _ => None,
        };
    }
    // perl, its options, the program
    words.by_ref().take(4).find(|word| *word == "pvecm" || word.ends_with("/pvecm"))?;
    let verb = words.next().filter(|verb| VERBS.contains(verb))?;
    Some(format!("pvecm {verb}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    fn of(words: &[&str]) -> Option<String> {
        parse(words.join("\0").as_bytes())
    }

    /// The task's name is as in `captures/3-node_quorate--cat_etc_pve_.clusterlog--pve1`.
    #[test]
    fn each_command_line() {
        let join = "task UPID:pve2:000001D7:00021D2A:6B008B65:clusterjoin::root@pam:";
        assert_eq!(of(&[join, "", ""]).unwrap(), "pvecm add");
        assert_eq!(of(&[&join.replace("clusterjoin", "clustercreate")]).unwrap(), "pvecm create");
        assert_eq!(of(&[&join.replace("clusterjoin", "qmstart")]), None);
        assert_eq!(
            of(&["/usr/bin/perl", "-T", "/usr/bin/pvecm", "add", "10.0.0.1", "--use_ssh", ""]).unwrap(),
            "pvecm add"
        );
        assert_eq!(of(&["pvecm", "delnode", "pve3"]).unwrap(), "pvecm delnode");
        assert_eq!(of(&["/usr/bin/perl", "/usr/bin/pvecm", "addnode", "x"]).unwrap(), "pvecm addnode");
        assert_eq!(of(&["perl", "/usr/bin/pvecm", "create", "x"]).unwrap(), "pvecm create");
        for other in [
            &["perl", "/usr/bin/pvecm", "status"][..],
            &["perl", "/usr/bin/pvecm", "mtunnel"],
            &["vi", "/root/notes-of-pvecm", "add"],
            &["sh", "-c", "pvecm add"],
            &["a", "b", "c", "d", "pvecm", "add"],
            &["pvecm"],
            &[""],
        ] {
            assert_eq!(of(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_processes_of_this_node() {
        let host = FakeHost::new().file("/proc/7/cmdline", "bash\0").file("/proc/version", "Linux");
        assert_eq!(query(&host), Ok(None));
        let host = host.file("/proc/12/cmdline", "perl\0/usr/bin/pvecm\0add\0x\0");
        assert_eq!(query(&host), Ok(Some(Work { pid: 12, what: "pvecm add".to_owned() })));
        let list = |step: &testkit::Step| *step == testkit::Step::List("/proc".into());
        assert!(query(&host.fail_when(list, 5)).is_err());
    }
}
