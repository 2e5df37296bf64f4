// SPDX-License-Identifier: GPL-3.0-or-later
//! That every node has proved a change: written in /etc/pve before a rescue is called off, where every other one finds it.
//!
//! The rescues of a cluster are called off one after the other, and whoever does that may die in the middle. Without this, those that are
//! left would undo a change that every node has proved, as soon as they lose each other.

use std::path::Path;

use corosync_document::Document;
use host::{Host, HostError, if_there};

use crate::record::{Record, digest, is_digest};

/// The file, the same on every node. It stays: the next change has a higher version.
pub(crate) const PATH: &str = "/etc/pve/corosync-change-proved";
const NEW: &str = "/etc/pve/corosync-change-proved.new";

/// The text that every node has proved last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) version: u64,
    pub(crate) digest: String,
}

impl Proof {
    /// Of this text; none where it has no version.
    pub(crate) fn of(text: &Document) -> Option<Self> {
        Some(Self { version: text.config_version()?, digest: digest(text) })
    }

    /// Whether it is a proof of this text in the time of this record. One of an earlier change says nothing.
    pub(crate) fn holds(&self, record: &Record, text: &Document) -> bool {
        self.version >= record.version
            && text.config_version().is_some_and(|version| version >= self.version)
            && digest(text) == self.digest
    }

    fn to_text(&self) -> String {
        let Self { version, digest } = self;
        format!(
            "# Written by pve.cluster: the corosync.conf that every node has proved to run.\nproved {version} {digest}\nend\n"
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        let words: Vec<&str> = lines.next()?.split(' ').collect();
        let ["proved", version, digest] = words.as_slice() else { return None };
        let whole = lines.next() == Some("end") && is_digest(digest);
        whole.then(|| version.parse().ok().map(|version| Self { version, digest: (*digest).to_owned() }))?
    }
}

/// Reads it. What is not whole proves nothing.
pub(crate) fn read(host: &dyn Host) -> Result<Option<Proof>, HostError> {
    let text = if_there(host.read(Path::new(PATH)))?;
    Ok(text.and_then(|text| Proof::parse(&String::from_utf8_lossy(&text))))
}

/// Writes that every node has proved this text.
pub(crate) fn write(host: &dyn Host, text: &Document) -> Result<(), HostError> {
    let Some(proof) = Proof::of(text) else { return Ok(()) };
    if read(host)?.as_ref() == Some(&proof) {
        return Ok(());
    }
    let new = Path::new(NEW);
    // several nodes may write the same at one moment, and the last one wins
    if_there(host.remove_file(new))?;
    host.create(new, proof.to_text().as_bytes(), 0o640)?;
    host.rename(new, Path::new(PATH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide_tests::conf;
    use testkit::FakeHost;

    #[test]
    fn what_is_written_is_read_and_half_of_it_is_nothing() {
        let host = FakeHost::new().pmxcfs("/etc/pve");
        assert_eq!(read(&host).unwrap(), None);
        let text = conf(5, &["10.77.1"]);
        write(&host, &text).unwrap();
        assert_eq!(read(&host).unwrap(), Proof::of(&text));
        let effects = host.effects().len();
        write(&host, &text).unwrap();
        assert_eq!(host.effects().len(), effects, "it is there");
        let whole = host.text(PATH);
        for (end, _) in whole.trim_end().char_indices() {
            assert_eq!(Proof::parse(&whole[..end]), None, "{end}");
        }
        assert_eq!(Proof::parse(&whole.replace("proved 5", "proved x")), None);
    }

    #[test]
    fn it_is_of_one_text_and_of_no_earlier_change() {
        let record = Record { version: 4, ..Record::default() };
        let text = |version| conf(version, &["10.77.1"]);
        let proof = Proof::of(&text(5)).unwrap();
        assert!(proof.holds(&record, &text(5)) && proof.holds(&record, &text(6)));
        assert!(!proof.holds(&record, &text(4)));
        assert!(!proof.holds(&record, &conf(5, &["10.77.2"])));
        assert!(proof.holds(&Record { version: 5, ..Record::default() }, &text(5)));
        assert!(!proof.holds(&Record { version: 6, ..Record::default() }, &text(7)));
    }
}
