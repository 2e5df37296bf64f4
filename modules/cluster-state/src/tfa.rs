// SPDX-License-Identifier: GPL-3.0-or-later
//! Second factors: a login by password alone is refused where one is asked for.
//!
//! `tfa.cfg` is JSON since Proxmox VE 7.1, with the factors of each user under `users`; before, it had a line
//! `USER:TYPE:DATA` a user (`PVE/AccessControl.pm` and `PVE/API2/TFA.pm` of libpve-access-control). A realm of
//! `domains.cfg` can ask all of its users for one with the property `tfa`.

use std::path::Path;

use host::Host;
use serde_json::Value;

use crate::read::text_if_there;
use crate::{ParseError, StateError};

const FACTORS: &str = "/etc/pve/priv/tfa.cfg";
const REALMS: &str = "/etc/pve/domains.cfg";

/// Whether a login of this user, such as `root@pam`, asks for a second factor.
///
/// # Errors
/// When a file cannot be read or is not what it is to be. What is in it is secret and is not repeated.
pub fn query(host: &dyn Host, user: &str) -> Result<bool, StateError> {
    let own = text_if_there(host, Path::new(FACTORS))?.unwrap_or_default();
    let realms = text_if_there(host, Path::new(REALMS))?.unwrap_or_default();
    let realm = user.rsplit('@').next().unwrap_or_default();
    Ok(asks_realm(&realms, realm) || has_factor(&own, user).map_err(StateError::unexpected(FACTORS))?)
}

/// Whether `tfa.cfg` has a factor of this user that is in use.
///
/// # Errors
/// When it is neither of its two forms.
pub fn has_factor(text: &str, user: &str) -> Result<bool, ParseError> {
    if text.trim().is_empty() {
        return Ok(false);
    }
    if !text.trim_start().starts_with('{') {
        return Ok(text.lines().any(|line| line.trim().split(':').next() == Some(user)));
    }
    let all: Value =
        serde_json::from_str(text).map_err(|_| ParseError::Encoding { reason: "it is not JSON" })?;
    let kinds = all.get("users").and_then(|users| users.get(user)).and_then(Value::as_object);
    Ok(kinds.is_some_and(|kinds| kinds.values().any(in_use)))
}

/// Whether this is a list with a factor that is not switched off, or the recovery keys.
fn in_use(kind: &Value) -> bool {
    match kind {
        Value::Array(factors) => {
            factors.iter().any(|factor| factor.get("enable").and_then(Value::as_bool) != Some(false))
        }
        Value::Object(keys) => !keys.is_empty(),
        _ => false,
    }
}

/// Whether `domains.cfg` has a realm of this name that asks for a second factor.
#[must_use]
pub fn asks_realm(text: &str, realm: &str) -> bool {
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if inside && line.split_whitespace().next() == Some("tfa") {
                return true;
            }
        } else if let Some((_, name)) = line.split_once(':') {
            inside = name.trim() == realm;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    const ROOT: &str = "root@pam";

    #[test]
    fn factors_of_the_user_count() {
        let table = [
            ("", false),
            ("{}", false),
            (r#"{"users":{}}"#, false),
            (r#"{"users":{"root@pam":{}}}"#, false),
            (r#"{"users":{"root@pam":{"totp":[],"u2f":[],"webauthn":[]}}}"#, false),
            (r#"{"users":{"joe@pve":{"totp":[{"id":"a","entry":"x"}]}}}"#, false),
            (r#"{"users":{"root@pam":{"totp":[{"id":"a","created":1,"entry":"otpauth://x"}]}}}"#, true),
            (r#"{"users":{"root@pam":{"totp":[{"id":"a","enable":false,"entry":"x"}]}}}"#, false),
            (r#"{"users":{"root@pam":{"totp":[{"enable":false},{"enable":true}]}}}"#, true),
            (r#"{"users":{"root@pam":{"recovery":{"secret":"x","entries":["y"]}}}}"#, true),
            (r#"{"users":{"root@pam":{"totp-locked":true}},"webauthn":{"rp":"x"}}"#, false),
            ("root@pam:oath:eyJrZXlzIjoiIn0=\n", true),
            ("joe@pve:u2f:eyJrZXlzIjoiIn0=\n", false),
        ];
        for (text, expected) in table {
            assert_eq!(has_factor(text, ROOT).unwrap(), expected, "{text}");
        }
        assert_eq!(has_factor("{\"otpauth", ROOT).unwrap_err().to_string(), "it is not JSON");
    }

    #[test]
    fn a_realm_can_ask_all_its_users() {
        let realms = "pam: pam\n\tcomment tfa\n\ttfa type=oath\n\npve: pve\n\tcomment x\n";
        assert!(asks_realm(realms, "pam"));
        assert!(!asks_realm(realms, "pve"));
        assert!(!asks_realm("", "pam"));
    }

    #[test]
    fn both_files_may_be_missing() {
        let host = FakeHost::new();
        assert!(!query(&host, ROOT).unwrap());
        let host = host.dir("/etc/pve/priv").file(FACTORS, r#"{"users":{"root@pam":{"totp":[{}]}}}"#);
        assert!(query(&host, ROOT).unwrap());
        let host = FakeHost::new().dir("/etc/pve").file(REALMS, "pam: pam\n\ttfa type=yubico,id=1,key=2\n");
        assert!(query(&host, ROOT).unwrap());
    }
}
