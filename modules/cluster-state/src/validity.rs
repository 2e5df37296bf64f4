// SPDX-License-Identifier: GPL-3.0-or-later
//! From when to when a certificate is valid, read from its DER form: the one thing of X.509 that is needed here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::ParseError;

/// Seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Validity {
    /// Valid from then on.
    pub not_before: i64,
    /// Valid until then.
    pub not_after: i64,
}

/// Of the first certificate of a PEM file.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn of_pem(pem: &str) -> Result<Validity, ParseError> {
    let body = pem
        .split_once("-----BEGIN CERTIFICATE-----")
        .and_then(|(_, rest)| rest.split_once("-----END CERTIFICATE-----"))
        .map(|(body, _)| body.split_whitespace().collect::<String>())
        .ok_or(ParseError::Encoding { reason: "there is no certificate in it" })?;
    let der = STANDARD
        .decode(body)
        .map_err(|_| ParseError::Encoding { reason: "its certificate is not base64" })?;
    of_der(&der).ok_or(ParseError::Encoding { reason: "its certificate does not say how long it is valid" })
}

/// Certificate { tbsCertificate { [0] version, serial, algorithm, issuer, validity { notBefore, notAfter } .. } .. }
fn of_der(der: &[u8]) -> Option<Validity> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    let (SEQUENCE, certificate, _) = element(der)? else { return None };
    let (SEQUENCE, mut rest, _) = element(certificate)? else { return None };
    // The version is left out of certificates of the first version.
    if let (VERSION, _, behind) = element(rest)? {
        rest = behind;
    }
    for _serial_algorithm_issuer in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (kind, from, behind) = element(validity)?;
    let (until_kind, until, _) = element(behind)?;
    Some(Validity { not_before: time(kind, from)?, not_after: time(until_kind, until)? })
}

/// The first element: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0_usize, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` (1950 to 2049) or `YYYYMMDDHHMMSSZ`.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let digits = match kind {
        UTC_TIME if text.len() == 12 => {
            let century = if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME if text.len() == 14 => text.to_owned(),
        _ => return None,
    };
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    Some(days(year, month, day) * 86_400 + number(8, 10)? * 3_600 + number(10, 12)? * 60 + number(12, 14)?)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counted in years that begin in March, so that the day
/// that is sometimes missing is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    before + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_dates() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(2026, 11, 20), 20_777);
        assert_eq!(days(1950, 1, 1), -7_305);
    }

    #[test]
    fn both_forms_of_a_time() {
        assert_eq!(time(0x17, b"700101000000Z"), Some(0));
        assert_eq!(time(0x17, b"491231235959Z"), Some(2_524_607_999));
        assert_eq!(time(0x18, b"20500101000000Z"), Some(2_524_608_000));
        assert_eq!(time(0x17, b"7001010000Z"), None);
        assert_eq!(time(0x18, b"not a time yet!"), None);
    }

    /// `openssl x509 -noout -dates` says the same of this file.
    #[test]
    fn a_real_certificate() {
        let found = of_pem(include_str!("../tests/fixtures/certificate-one.pem")).unwrap();
        assert_eq!((found.not_before, found.not_after), (1_795_204_848, 4_948_804_848));
    }

    #[test]
    fn what_ends_early_is_refused_and_never_read_beyond() {
        let pem = include_str!("../tests/fixtures/certificate-one.pem");
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(body).unwrap();
        assert!(of_der(&der).is_some());
        for length in 0..der.len() {
            assert_eq!(of_der(&der[..length]), None, "{length} bytes");
        }
        assert_eq!(of_pem("").unwrap_err().to_string(), "there is no certificate in it");
    }
}
