// SPDX-License-Identifier: GPL-3.0-or-later
//! What sshd's configuration says, as sshd itself reads it.

use std::path::PathBuf;
use std::time::Duration;

use host::{Command, User};

/// sshd wants to be called by its whole path.
const SSHD: &str = "/usr/sbin/sshd";
const PATIENCE: Duration = Duration::from_secs(20);

/// The settings that decide whether a key lets its user in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Effective {
    /// `AuthorizedKeysFile`, as configured; empty for `none`.
    pub(crate) key_files: Vec<String>,
    /// `Port`.
    pub(crate) ports: Vec<u16>,
    /// `PubkeyAuthentication`.
    pub(crate) takes_keys: bool,
    /// `PermitRootLogin`.
    pub(crate) root_login: String,
    /// `UseDNS`: whether it looks up the name of the address that a login comes from.
    pub(crate) looks_names_up: bool,
}

/// Asks for the settings that hold for a login of this user. `Match` blocks on addresses are taken as they apply to
/// a login from the machine itself.
pub(crate) fn ask(user: &str) -> Command {
    Command::new(SSHD)
        .arg("-T")
        .arg("-C")
        .arg(format!("user={user},host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"))
        .timeout(PATIENCE)
}

/// Has sshd check its configuration.
pub(crate) fn check() -> Command {
    Command::new(SSHD).arg("-t").timeout(PATIENCE)
}

/// Has a running sshd read its configuration again; one that is started for each connection does so anyway.
pub(crate) fn reload() -> Command {
    Command::new("systemctl").args(["try-reload-or-restart", "ssh.service"]).timeout(PATIENCE)
}

/// Reads what [`ask`] prints: lines of a keyword in lower case and its value. `None` when the one setting is missing
/// that is always there.
pub(crate) fn parse(text: &str) -> Option<Effective> {
    let mut found = Effective::default();
    let mut listed = false;
    for line in text.lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        match keyword {
            "authorizedkeysfile" => {
                listed = true;
                found.key_files =
                    value.split(' ').filter(|file| *file != "none").map(str::to_owned).collect();
            }
            "port" => found.ports.extend(value.parse::<u16>()),
            "pubkeyauthentication" => found.takes_keys = value == "yes",
            "usedns" => found.looks_names_up = value == "yes",
            "permitrootlogin" => value.clone_into(&mut found.root_login),
            _ => {}
        }
    }
    listed.then_some(found)
}

/// The path that an entry of `AuthorizedKeysFile` means for a user; `None` when it holds a token unknown here.
pub(crate) fn expand(entry: &str, user: &User) -> Option<PathBuf> {
    let mut path = String::new();
    let mut rest = entry.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            path.push(c);
            continue;
        }
        match rest.next()? {
            '%' => path.push('%'),
            'h' => path.push_str(user.home.to_str()?),
            'u' => path.push_str(&user.name),
            'U' => path.push_str(&user.uid.to_string()),
            _ => return None,
        }
    }
    Some(user.home.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> User {
        User { name: "alice".into(), uid: 1000, gid: 1000, home: "/home/alice".into() }
    }

    #[test]
    fn a_recorded_answer() {
        // captures/ssh_behaviour_around_a_join--sshd_effective_settings--pve1.txt, and what the recording left out
        let text = "port 22\nlogingracetime 120\npermitrootlogin yes\npubkeyauthentication yes\n\
                    authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\nmaxstartups 10:30:100\n";
        assert_eq!(
            parse(text),
            Some(Effective {
                key_files: vec![".ssh/authorized_keys".into(), ".ssh/authorized_keys2".into()],
                ports: vec![22],
                takes_keys: true,
                root_login: "yes".into(),
                looks_names_up: false,
            })
        );
        assert!(parse("authorizedkeysfile none\nusedns yes\n").unwrap().looks_names_up);
        assert_eq!(parse("authorizedkeysfile none\n").unwrap().key_files, [""; 0]);
        assert_eq!(parse("port 22\n"), None);
    }

    #[test]
    fn entries_and_the_paths_they_mean() {
        for (entry, path) in [
            (".ssh/authorized_keys", Some("/home/alice/.ssh/authorized_keys")),
            ("/etc/ssh/keys/%u", Some("/etc/ssh/keys/alice")),
            ("%h/keys.%U", Some("/home/alice/keys.1000")),
            ("/odd%%name", Some("/odd%name")),
            ("/keys/%k", None),
            ("/keys/%", None),
        ] {
            assert_eq!(expand(entry, &alice()), path.map(PathBuf::from), "{entry}");
        }
    }
}
