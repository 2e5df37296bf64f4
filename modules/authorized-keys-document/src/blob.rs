// SPDX-License-Identifier: GPL-3.0-or-later
//! The inside of a public key: whether a blob is a whole key of its type.

use crate::Algorithm;

/// The modulus that sshd asks of an RSA key at least (`RequiredRSASize`), and reads at most, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=16384;

/// The length-prefixed fields of a blob, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn string(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let field = rest.get(..length)?;
        self.0 = rest.get(length..)?;
        Some(field)
    }

    /// A number that is not negative; its bytes without the zeros before it, and its length in bits.
    fn number(&mut self) -> Option<(&'a [u8], usize)> {
        let field = self.string()?;
        if field.first().is_some_and(|first| first & 0x80 != 0) {
            return None;
        }
        let zeros = field.iter().take_while(|digit| **digit == 0).count();
        let digits = field.get(zeros..)?;
        let leading = digits.first().map_or(0, |digit| digit.leading_zeros() as usize);
        Some((digits, digits.len() * 8 - leading))
    }

    /// A point of the curve of this name, not compressed, with coordinates of so many bytes.
    fn point(&mut self, curve: &str, bytes: usize) -> Option<()> {
        let named = self.string()? == curve.as_bytes();
        let point = self.string()?;
        (named && point.len() == 1 + 2 * bytes && point.first() == Some(&4)).then_some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The type that a blob names itself.
pub(crate) fn type_of(blob: &[u8]) -> Option<&[u8]> {
    Fields(blob).string()
}

/// The blob of a key of this type as OpenSSH itself would write it; none when it is not a whole key of the type, and
/// nothing more. That a point lies on its curve is not computed.
///
/// Two blobs of one key can differ: in the name of the type, and in zeros before a number. sshd takes both for the key.
pub(crate) fn canonical(algorithm: Algorithm, blob: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(blob);
    (Algorithm::named_inside(fields.string()?)? == algorithm).then_some(())?;
    let inside = fields.0;
    let mut canonical = Vec::new();
    put(&mut canonical, algorithm.name().as_bytes())?;
    match algorithm {
        Algorithm::Rsa => {
            let (exponent, _) = fields.number()?;
            let (modulus, bits) = fields.number()?;
            RSA_BITS.contains(&bits).then_some(())?;
            put_number(&mut canonical, exponent)?;
            put_number(&mut canonical, modulus)?;
        }
        Algorithm::Dsa => {
            for _ in ["p", "q", "g", "y"] {
                put_number(&mut canonical, fields.number()?.0)?;
            }
        }
        Algorithm::Ed25519 => (fields.string()?.len() == 32).then_some(())?,
        Algorithm::EcdsaP256 => fields.point("nistp256", 32)?,
        Algorithm::EcdsaP384 => fields.point("nistp384", 48)?,
        Algorithm::EcdsaP521 => fields.point("nistp521", 66)?,
        Algorithm::SkEd25519 => {
            (fields.string()?.len() == 32).then_some(())?;
            fields.string()?;
        }
        Algorithm::SkEcdsaP256 => {
            fields.point("nistp256", 32)?;
            fields.string()?;
        }
    }
    fields.end()?;
    if !matches!(algorithm, Algorithm::Rsa | Algorithm::Dsa) {
        canonical.extend_from_slice(inside);
    }
    Some(canonical)
}

/// Whether the blob names its type by one of OpenSSH's short names, as `rsa`: sshd 9.2 takes such a key, 10.0 does not.
pub(crate) fn is_named_short(blob: &[u8]) -> bool {
    type_of(blob).is_some_and(|name| Algorithm::named(name).is_none())
}

fn put(blob: &mut Vec<u8>, field: &[u8]) -> Option<()> {
    blob.extend_from_slice(&u32::try_from(field.len()).ok()?.to_be_bytes());
    blob.extend_from_slice(field);
    Some(())
}

/// A number whose first bit is set gets a zero before it, or it would be negative.
fn put_number(blob: &mut Vec<u8>, digits: &[u8]) -> Option<()> {
    let negative = digits.first().is_some_and(|first| first & 0x80 != 0);
    let zero: &[u8] = if negative { &[0] } else { &[] };
    put(blob, &[zero, digits].concat())
}
