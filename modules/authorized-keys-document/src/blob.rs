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

    /// A number that is not negative, without leading zeros; its length in bits.
    fn number(&mut self) -> Option<usize> {
        let field = self.string()?;
        if field.first().is_some_and(|first| first & 0x80 != 0) {
            return None;
        }
        let digits = field.iter().skip_while(|digit| **digit == 0);
        let leading = digits.clone().next().map_or(0, |digit| digit.leading_zeros() as usize);
        Some(digits.count() * 8 - leading)
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

/// Whether the blob is a whole key of this type and nothing more. That a point lies on its curve is not computed.
pub(crate) fn is_whole(algorithm: Algorithm, blob: &[u8]) -> bool {
    whole(algorithm, blob).is_some()
}

fn whole(algorithm: Algorithm, blob: &[u8]) -> Option<()> {
    let mut fields = Fields(blob);
    (fields.string()? == algorithm.name().as_bytes()).then_some(())?;
    match algorithm {
        Algorithm::Rsa => {
            fields.number()?;
            RSA_BITS.contains(&fields.number()?).then_some(())?;
        }
        Algorithm::Dsa => {
            for _ in ["p", "q", "g", "y"] {
                fields.number()?;
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
    fields.end()
}
