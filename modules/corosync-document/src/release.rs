// SPDX-License-Identifier: GPL-3.0-or-later
//! Releases of corosync, and which options came in after the first of corosync 3.
//!
//! Source: the change log of Debian's corosync 3.1.10 package (`/usr/share/doc/corosync/changelog.gz`), which has a date
//! for each option, with the dates of the releases in Fedora's package; and the names of options in the programs of the
//! packages 3.1.2, 3.1.7, 3.1.9 and 3.1.10.

use std::fmt;

use crate::Document;

/// A release of corosync. A later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32, pub u32);

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

impl Release {
    /// The release in a package's version, as `3.1.9-pve2` or `1:3.1.9-2+deb13u1`; none where it is no such version.
    #[must_use]
    pub fn of_package(version: &str) -> Option<Self> {
        let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
        let upstream = upstream.split(['-', '+', '~']).next()?;
        let mut parts = upstream.split('.').map(|part| part.parse::<u32>().ok());
        let release = Self(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(release)
    }
}

/// Options that came in after 3.0.0. An earlier release takes them without a word, and they do nothing.
///
/// Options of corosync-qdevice are not among them: it is a program of its own, with versions of its own.
const SINCE: [(&str, Release); 9] = [
    ("totem.block_unlisted_ips", Release(3, 0, 2)),
    ("nozzle.name", Release(3, 0, 2)),
    ("nozzle.ipaddr", Release(3, 0, 2)),
    ("nozzle.ipprefix", Release(3, 0, 2)),
    ("nozzle.macaddr", Release(3, 0, 2)),
    ("system.allow_knet_handle_fallback", Release(3, 1, 1)),
    ("totem.cancel_token_hold_on_retransmit", Release(3, 1, 6)),
    ("totem.knet_mtu", Release(3, 1, 7)),
    ("totem.ip_dscp", Release(3, 1, 10)),
];

/// The release that an option came in with, where that is not the first of corosync 3.
///
/// Takes the option with its sections, as `totem.knet_mtu`.
#[must_use]
pub fn since(path: &str) -> Option<Release> {
    SINCE.iter().find(|(known, _)| *known == path).map(|(_, release)| *release)
}

/// The options of a document that not every release of corosync 3 knows, each with the first that does.
#[must_use]
pub fn newer_options(document: &Document) -> Vec<(&'static str, Release)> {
    SINCE.iter().filter(|(path, _)| document.get(path).is_some()).copied().collect()
}

/// Every option that came in after 3.0.0, with the release that it came in with.
pub fn later_options() -> impl Iterator<Item = (&'static str, Release)> {
    SINCE.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_tells_its_release() {
        for (version, expected) in [
            ("3.1.9-pve2", Some(Release(3, 1, 9))),
            ("3.1.9-2+deb13u1", Some(Release(3, 1, 9))),
            ("1:3.1.10-1", Some(Release(3, 1, 10))),
            ("3.1.7", Some(Release(3, 1, 7))),
            ("3.2.0~rc1", Some(Release(3, 2, 0))),
            ("3.1", None),
            ("3.1.9.1", None),
            ("", None),
            ("3.1.x", None),
            ("git", None),
        ] {
            assert_eq!(Release::of_package(version), expected, "{version}");
        }
        assert!(Release(3, 1, 10) > Release(3, 1, 9) && Release(3, 2, 0) > Release(3, 1, 10));
        assert_eq!(Release(3, 1, 10).to_string(), "3.1.10");
    }

    #[test]
    fn an_option_that_came_later_is_known_for_it() {
        assert_eq!(since("totem.ip_dscp"), Some(Release(3, 1, 10)));
        assert_eq!(since("totem.knet_mtu"), Some(Release(3, 1, 7)));
        assert_eq!(since("totem.token"), None);
        assert_eq!(since("logging.ip_dscp"), None);
        assert_eq!(since("ip_dscp"), None);
        for (path, release) in later_options() {
            let (section, name) = path.rsplit_once('.').unwrap();
            assert!(crate::key(section, name).is_some(), "{path} is no option");
            assert!(release > Release(3, 0, 0), "{path}");
            assert_eq!(since(path), Some(release));
        }
        assert_eq!(later_options().count(), 9);
    }

    #[test]
    fn a_document_tells_what_it_uses_of_them() {
        let text = "totem {\n  ip_dscp: 46\n  token: 1000\n  knet_mtu: 0\n}\nlogging {\n  block_unlisted_ips: yes\n}\nnozzle {\n  name: noz0\n}\n";
        assert_eq!(
            newer_options(&Document::parse(text.as_bytes())),
            [
                ("nozzle.name", Release(3, 0, 2)),
                ("totem.knet_mtu", Release(3, 1, 7)),
                ("totem.ip_dscp", Release(3, 1, 10)),
            ]
        );
        assert_eq!(newer_options(&Document::parse(b"totem {\n  token: 1000\n}\n")), []);
    }
}
