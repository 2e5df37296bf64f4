// SPDX-License-Identifier: GPL-3.0-or-later
//! The certificate of a node's API: what a joining node is asked to trust.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use host::Host;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::read::{is_there, text_if_there};
use crate::{ParseError, StateError};

/// The certificate that PVE makes for every node.
pub const NODE: &str = "/etc/pve/local/pve-ssl.pem";
/// A certificate of the administrator's own.
pub const CUSTOM: &str = "/etc/pve/local/pveproxy-ssl.pem";
/// Its key, without which it is not used.
const CUSTOM_KEY: &str = "/etc/pve/local/pveproxy-ssl.key";

/// SHA-256 fingerprints, in the form that `pvecm add --fingerprint` takes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Certificates {
    /// Of the node's certificate.
    pub node: Option<String>,
    /// Of the administrator's own.
    pub custom: Option<String>,
    /// Of the one that pveproxy serves from its next start on: it keeps the one it started with.
    pub served: Option<String>,
}

/// Reads both certificates.
///
/// # Errors
/// When one cannot be read or is not one.
pub fn query(host: &dyn Host) -> Result<Certificates, StateError> {
    let of = |path: &str| -> Result<Option<String>, StateError> {
        let text = text_if_there(host, Path::new(path))?;
        text.map(|pem| fingerprint(&pem).map_err(StateError::unexpected(path))).transpose()
    };
    let node = of(NODE)?;
    let custom = of(CUSTOM)?;
    let usable = custom.is_some() && is_there(host, Path::new(CUSTOM_KEY))?;
    let served = if usable { custom.clone() } else { node.clone() };
    Ok(Certificates { node, custom, served })
}

/// The SHA-256 fingerprint of the first certificate of a PEM file: `AA:BB:..`, 32 pairs.
///
/// # Errors
/// When it has none.
pub fn fingerprint(pem: &str) -> Result<String, ParseError> {
    let no = |reason| ParseError::Encoding { reason };
    let (_, rest) =
        pem.split_once("-----BEGIN CERTIFICATE-----").ok_or(no("there is no certificate in it"))?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or(no("its certificate has no end"))?;
    let body: String = body.split_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| no("its certificate is not base64"))?;
    if der.is_empty() {
        return Err(no("its certificate is empty"));
    }
    let pairs: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(pairs.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::FakeHost;

    // made with `openssl req -x509`; the fingerprints are what `openssl x509 -fingerprint -sha256` says
    const ONE: &str = include_str!("../tests/fixtures/certificate-one.pem");
    const ONE_FINGERPRINT: &str =
        "D9:C4:74:C7:9D:8D:32:95:4D:83:9A:5D:19:28:F6:0A:F5:84:70:A1:E4:80:AD:83:26:47:85:E9:D1:A9:2A:74";
    const TWO: &str = include_str!("../tests/fixtures/certificate-two.pem");
    const TWO_FINGERPRINT: &str =
        "F7:70:DD:9C:9D:5E:F6:35:9D:6C:32:3D:16:9D:CE:7E:A5:84:2F:F8:18:8F:84:69:EF:A1:50:A9:3C:93:77:2A";

    #[test]
    fn the_first_of_a_chain_counts() {
        assert_eq!(fingerprint(ONE).unwrap(), ONE_FINGERPRINT);
        assert_eq!(fingerprint(&format!("{TWO}{ONE}")).unwrap(), TWO_FINGERPRINT);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let table = [
            ("", "there is no certificate in it"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n", "its certificate has no end"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "its certificate is not base64"),
            ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "its certificate is empty"),
        ];
        for (pem, said) in table {
            assert_eq!(fingerprint(pem).unwrap_err().to_string(), said);
        }
    }

    #[test]
    fn an_own_certificate_is_served_only_with_its_key() {
        let host = FakeHost::new().dir("/etc/pve/local").file(NODE, ONE);
        let found = query(&host).unwrap();
        assert_eq!((found.served.as_deref(), found.custom), (Some(ONE_FINGERPRINT), None));
        let host = host.file(CUSTOM, TWO);
        assert_eq!(query(&host).unwrap().served.as_deref(), Some(ONE_FINGERPRINT));
        let host = host.file(CUSTOM_KEY, "");
        let found = query(&host).unwrap();
        assert_eq!(found.served.as_deref(), Some(TWO_FINGERPRINT));
        assert_eq!(found.node.as_deref(), Some(ONE_FINGERPRINT));
    }
}
