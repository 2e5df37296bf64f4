// SPDX-License-Identifier: GPL-3.0-or-later
//! What is carried: the newcomer's one-time certificate, and the envelope that only the key beside it opens.
//!
//! All that is secret goes through openssl's stdin and stdout. The key is in a directory of root's in memory, and is removed when the
//! envelope has been opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host::{Attributes, Command, Host, HostError, if_there, is_there, read_text, replace_file};
use membership::pmxcfs_service::exits_zero;
use serde_json::{Value, json};

/// For root alone, and gone with the next boot.
const DIRECTORY: &str = "/run/pve-cluster-relay";
/// How long an offer is good for, by the newcomer's own clock.
const LIFE: u64 = 3600;
/// An offer that is good for less is replaced by a new one.
const ENOUGH: u64 = 900;
const UUID: &str = "/proc/sys/kernel/random/uuid";
const PATIENCE: Duration = Duration::from_secs(60);

/// What the newcomer remembers of its offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) id: String,
    pub(crate) cluster_name: String,
    pub(crate) expires: u64,
}

/// An offer that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) note: Note,
    pub(crate) certificate: String,
}

/// What an envelope holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) node: String,
    pub(crate) id: String,
    pub(crate) expires: u64,
    pub(crate) cluster_name: String,
    pub(crate) config_version: u64,
    pub(crate) conf: String,
    /// In base64.
    pub(crate) authkey: String,
}

impl Letter {
    /// As text.
    pub(crate) fn write(&self) -> String {
        let Self { node, id, expires, cluster_name, config_version, conf, authkey } = self;
        json!({
            "node": node, "id": id, "expires": expires, "cluster_name": cluster_name, "config_version": config_version,
            "conf": conf, "authkey": authkey,
        })
        .to_string()
    }

    fn read(letter: &str) -> Option<Self> {
        let letter: Value = serde_json::from_slice(letter.as_bytes()).ok()?;
        Some(Self {
            node: text(&letter, "node")?,
            id: text(&letter, "id")?,
            expires: letter.get("expires")?.as_u64()?,
            cluster_name: text(&letter, "cluster_name")?,
            config_version: letter.get("config_version")?.as_u64()?,
            conf: text(&letter, "conf")?,
            authkey: text(&letter, "authkey")?,
        })
    }

    /// A letter with this key.
    pub(crate) fn with_key(mut self, key: &[u8]) -> Self {
        self.authkey = STANDARD.encode(key);
        self
    }

    /// The key's bytes; none where there are none.
    pub(crate) fn key(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.authkey).ok().filter(|key| !key.is_empty())
    }
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

fn at(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// The pair that is there and may be used for this cluster for a while yet.
pub(crate) fn usable(host: &dyn Host, cluster_name: &str) -> Result<Option<Pair>, HostError> {
    let Some(note) = note(host)? else { return Ok(None) };
    let fits = note.cluster_name == cluster_name && note.expires >= host.unix_time() + ENOUGH;
    let Some(certificate) = if_there(read_text(host, &at("cert.pem")))? else { return Ok(None) };
    Ok((fits && is_there(host, &at("key.pem"))?).then_some(Pair { note, certificate }))
}

/// What is remembered of the last offer.
pub(crate) fn note(host: &dyn Host) -> Result<Option<Note>, HostError> {
    let bytes = if_there(host.read(&at("offer.json")))?;
    let note = bytes.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    Ok(note.and_then(|note| {
        Some(Note {
            id: text(&note, "id")?,
            cluster_name: text(&note, "cluster_name")?,
            expires: note.get("expires")?.as_u64()?,
        })
    }))
}

/// What check mode offers: a certificate that nothing can be sealed for.
pub(crate) fn none(host: &dyn Host, cluster_name: &str) -> Pair {
    let (id, expires) = ("check mode".to_owned(), host.unix_time() + LIFE);
    Pair {
        note: Note { id, cluster_name: cluster_name.to_owned(), expires },
        certificate: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned(),
    }
}

/// Makes a pair.
///
/// # Errors
/// In words.
pub(crate) fn make(host: &dyn Host, node: &str, cluster_name: &str) -> Result<Pair, String> {
    let words = |error: HostError| error.to_string();
    destroy(host).map_err(words)?;
    if !is_there(host, Path::new(DIRECTORY)).map_err(words)? {
        host.make_dir(Path::new(DIRECTORY), 0o700).map_err(words)?;
    }
    host.set_mode(Path::new(DIRECTORY), 0o700).map_err(words)?;
    let id = read_text(host, Path::new(UUID)).map_err(words)?.trim().to_owned();
    let (key, certificate) = (at("key.pem"), at("cert.pem"));
    let command = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "2", "-subj"])
        .arg(format!("/CN={node}"))
        .args(["-keyout", &key.to_string_lossy(), "-out", &certificate.to_string_lossy()])
        .timeout(PATIENCE);
    exits_zero(&command, &host.run(&command).map_err(words)?)?;
    host.set_mode(&key, 0o600).map_err(words)?;
    let certificate = read_text(host, &certificate).map_err(words)?;
    let note = Note { id, cluster_name: cluster_name.to_owned(), expires: host.unix_time() + LIFE };
    let text = json!({"id": note.id, "cluster_name": cluster_name, "expires": note.expires}).to_string();
    let private = Attributes::Exactly { mode: 0o600, uid: 0, gid: 0 };
    replace_file(host, &at("offer.json"), text.as_bytes(), private).map_err(words)?;
    Ok(Pair { note, certificate })
}

/// Removes the pair. The key goes first.
pub(crate) fn destroy(host: &dyn Host) -> Result<(), HostError> {
    for name in ["key.pem", "cert.pem", "offer.json"] {
        if_there(host.remove_file(&at(name)))?;
    }
    Ok(())
}

/// Seals a letter for the holder of a certificate.
///
/// # Errors
/// In words.
pub(crate) fn seal(host: &dyn Host, letter: &Letter, certificate: &str) -> Result<String, String> {
    let words = |error: HostError| error.to_string();
    if !is_there(host, Path::new(DIRECTORY)).map_err(words)? {
        host.make_dir(Path::new(DIRECTORY), 0o700).map_err(words)?;
    }
    let recipient = at(&format!("to-{}.pem", letter.node));
    let private = Attributes::Exactly { mode: 0o600, uid: 0, gid: 0 };
    replace_file(host, &recipient, certificate.as_bytes(), private).map_err(words)?;
    let command = Command::new("openssl")
        .args(["cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "PEM", "-recip"])
        .arg(recipient.to_string_lossy())
        .args(["-keyopt", "rsa_padding_mode:oaep"])
        .stdin(letter.write())
        .timeout(PATIENCE);
    let output = host.run(&command);
    if_there(host.remove_file(&recipient)).map_err(words)?;
    let output = output.map_err(words)?;
    exits_zero(&command, &output)?;
    Ok(output.stdout)
}

/// Opens an envelope; none where this node's key does not open it.
///
/// # Errors
/// When openssl cannot be run.
pub(crate) fn open(host: &dyn Host, envelope: &str) -> Result<Option<Letter>, HostError> {
    let command = Command::new("openssl")
        .args(["cms", "-decrypt", "-binary", "-inform", "PEM", "-inkey"])
        .arg(at("key.pem").to_string_lossy())
        .arg("-recip")
        .arg(at("cert.pem").to_string_lossy())
        .stdin(envelope)
        .timeout(PATIENCE);
    let output = host.run(&command)?;
    Ok(if output.exited_zero() { Letter::read(&output.stdout) } else { None })
}
