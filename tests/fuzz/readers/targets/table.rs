// SPDX-License-Identifier: GPL-3.0-or-later
//! Every reader of foreign text, with what must hold for any bytes.

use authorized_keys_document::{Document as Keys, given_keys};
use cluster_state::{
    certificates, cfgtool, clock, cmap, corosync_check, corosync_events, fencing, foreign, ha, journal, knet, members, qdevice,
    quorumtool, services, ssh, tfa, validity, versions, vmlist,
};
use corosync_document::{Document, disagreements, unknown_keys, validate};
use locks::Owner;

#[path = "../../../../modules/rescue/src/record.rs"]
#[allow(dead_code, unreachable_pub)]
mod record;
#[path = "../../../../modules/cluster_probe/src/wire.rs"]
#[allow(dead_code, unreachable_pub)]
mod wire;

pub(crate) type Reader = fn(&[u8]);

/// What a program has printed, as the host hands it on.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) const READERS: &[(&str, Reader)] = &[
    ("corosync_conf", |bytes| {
        let document = Document::parse(bytes);
        assert_eq!(document.to_bytes(), bytes, "bytes in are bytes out");
        let _ = disagreements(&document);
    }),
    ("corosync_conf-rules", |bytes| {
        let document = Document::parse(bytes);
        let _ = (validate(&document), unknown_keys(&document), document.links(), document.device(), document.all_keys());
    }),
    ("authorized_keys", |bytes| {
        let document = Keys::parse(bytes);
        assert_eq!(document.to_bytes(), bytes, "bytes in are bytes out");
        let session = authorized_keys_document::Session { address: "10.0.0.7".parse().ok(), now: 1_800_000_000, ahead: 3600 };
        for entry in document.entries() {
            assert!(document.contains(&entry.key));
            let _ = session.obstacle(&entry.options);
        }
        for given in given_keys(&text(bytes)).unwrap_or_default() {
            assert!(Keys::parse(given.key.spelling().as_bytes()).contains(&given.key));
        }
    }),
    ("corosync-cfgtool", |bytes| drop(cfgtool::parse(&text(bytes)))),
    ("timedatectl", |bytes| drop(clock::parse(&text(bytes)))),
    ("corosync-cmapctl", |bytes| {
        if let Ok(cmap) = cmap::parse(&text(bytes)) {
            let _ = cmap.member_versions();
        }
    }),
    ("corosync-t", |bytes| drop(corosync_check::reason(&text(bytes)))),
    ("corosync-events", |bytes| drop(corosync_events::parse(&text(bytes)))),
    ("corosync-foreign", |bytes| drop(foreign::parse(&text(bytes)))),
    ("ha-resources", |bytes| drop(ha::parse_resources(&text(bytes)))),
    ("ha-manager-status", |bytes| drop(fencing::parse_manager(&text(bytes)))),
    ("ha-lrm-status", |bytes| drop(fencing::parse_lrm(&text(bytes)))),
    ("ha-commands", |bytes| {
        let queue = fencing::parse_queue(&text(bytes));
        let _ = fencing::Fencing { queue, ..fencing::Fencing::default() }.queued();
    }),
    ("journal", |bytes| drop(journal::parse(&text(bytes)))),
    ("journal-put-out", |bytes| {
        let _ = journal::parse_put_out(&text(bytes));
    }),
    ("knet", |bytes| drop(knet::parse(&text(bytes), 1))),
    ("members", |bytes| drop(members::parse(&text(bytes)))),
    ("corosync-qdevice-tool", |bytes| drop(qdevice::parse(&text(bytes)))),
    ("corosync-quorumtool", |bytes| drop(quorumtool::parse(&text(bytes)))),
    ("systemctl", |bytes| drop(services::parse(&text(bytes)))),
    ("ssh-key", |bytes| drop(ssh::parse("/root/.ssh/id_rsa.pub", &text(bytes)))),
    ("tfa", |bytes| drop(tfa::has_factor(&text(bytes), "root@pam"))),
    ("domains", |bytes| {
        let _ = tfa::asks_realm(&text(bytes), "pam");
    }),
    ("dpkg-query", |bytes| drop(versions::parse_packages(&text(bytes)))),
    ("pveversion", |bytes| drop(versions::parse_pveversion(&text(bytes)))),
    ("join-api", |bytes| {
        let _ = versions::parse_join_api(&text(bytes));
    }),
    ("vmlist", |bytes| drop(vmlist::parse(&text(bytes)))),
    ("certificate", |bytes| drop(certificates::fingerprint(&text(bytes)))),
    ("certificate-validity", |bytes| drop(validity::of_pem(&text(bytes)))),
    ("probe-packet", |bytes| {
        if let Some(packet) = wire::decode(bytes) {
            assert_eq!(wire::decode(&wire::encode(&packet)), Some(packet));
        }
    }),
    ("lock-owner", |bytes| {
        let text = text(bytes);
        if let Some(owner) = Owner::of(&text) {
            assert_eq!(Owner::of(&owner.word()), Some(owner));
        }
    }),
    ("rescue-record", |bytes| {
        if let Some(record) = record::Record::parse(&text(bytes)) {
            assert_eq!(record::Record::parse(&record.to_text()), Some(record));
        }
    }),
    ("join-reservation", |bytes| pvecm_cluster::fuzzed::reservation(&text(bytes))),
];
