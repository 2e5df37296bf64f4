// SPDX-License-Identifier: GPL-3.0-or-later
//! What must hold for any bytes as a corosync.conf, with every kind of edit made to it. Shared by the fuzzer and by
//! `cargo test`, which replays the corpus.

use corosync_document::{Document, EditError, Place, disagreements, unknown_keys, validate};

/// How many places there are.
pub(crate) const PLACES: usize = 6;

/// Panics when something does not hold, with the edits made at one place (of [`PLACES`], by its number): six of them
/// in one execution would be one sixth of the executions.
pub(crate) fn check_at(bytes: &[u8], place: usize) {
    let document = Document::parse(bytes);
    assert_eq!(document.to_bytes(), bytes, "bytes in are bytes out");
    let clean = disagreements(&document).is_empty();
    let _ = (validate(&document), unknown_keys(&document), document.device(), document.links());

    let place = match place % PLACES {
        0 => Place::section("totem"),
        1 => Place::section("logging"),
        2 => Place::section("quorum.device.net"),
        3 => Place::Interface(0),
        4 => Place::Interface(1),
        _ => Place::Logger("QDEVICE".into()),
    };
    edited(&document, clean, |it| it.set(&place, "token", "5000"));
    edited(&document, clean, |it| Ok(it.remove(&place, "token")));
    edited(&document, clean, |it| it.remove_section(&place));
    for node in document.nodes() {
        edited(&document, clean, |it| it.set_votes(&node.name, 2));
        edited(&document, clean, |it| it.set_address(&node.name, 7, "10.0.0.7"));
    }
    edited(&document, clean, |it| it.set_config_version(17));
    edited(&document, clean, |it| it.remove_link(1));
    let nodes = document.nodes();
    edited(&document, clean, |it| it.set_link(1, nodes.iter().map(|node| (node.name.as_str(), "10.0.0.1"))));
}

/// An edit that is refused or changes nothing leaves every byte; one that was made changes nothing when made again,
/// reads as it was meant, and leaves a file that both readers take as one that both take.
fn edited(document: &Document, clean: bool, edit: impl Fn(&mut Document) -> Result<bool, EditError>) {
    let mut after = document.clone();
    let changed = edit(&mut after);
    if changed != Ok(true) {
        assert_eq!(&after, document);
        return;
    }
    assert_ne!(after.to_bytes(), document.to_bytes());
    assert_eq!(Document::parse(&after.to_bytes()), after);
    if clean {
        assert_eq!(disagreements(&after), [], "{}", after.to_text());
    }
    let once = after.clone();
    assert_eq!(edit(&mut after), Ok(false));
    assert_eq!(after, once);
}
