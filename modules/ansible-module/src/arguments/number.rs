// SPDX-License-Identifier: GPL-3.0-or-later
//! Numbers in text, as Python's `Decimal()` and `float()` read them.

use serde_json::Number;

/// More digits than this are nobody's option, and cost time and memory to write out.
const DIGITS: usize = 4300;

/// The whole number that a decimal text stands for: `5`, ` +5 `, `1_000`, `1.0`, `1e3`. None when it has a fraction.
pub(super) fn int(text: &str) -> Option<Number> {
    let text = text.trim().replace('_', "");
    let (negative, text) = sign(&text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The value is digits * 10^shift.
    let shift = exponent - i64::try_from(fraction.len()).ok()?;
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0.into());
    }
    if shift < 0 {
        let cut = digits.len().checked_sub(usize::try_from(-shift).ok()?)?;
        if digits.get(cut..)?.bytes().any(|byte| byte != b'0') {
            return None;
        }
        digits.truncate(cut);
    } else {
        let zeros = usize::try_from(shift).ok()?;
        if significant.len() + zeros > DIGITS {
            return None;
        }
        digits.extend(std::iter::repeat_n('0', zeros));
    }
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() || digits.len() > DIGITS {
        return None;
    }
    let minus = if negative { "-" } else { "" };
    serde_json::from_str(&format!("{minus}{digits}")).ok()
}

/// The number that a text stands for as a float. Not a number and infinity are none: JSON has no word for them.
pub(super) fn float(text: &str) -> Option<Number> {
    let text = text.trim();
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let lone = bytes.iter().enumerate().any(|(i, byte)| {
        *byte == b'_' && !(digit(i.checked_sub(1).and_then(|i| bytes.get(i))) && digit(bytes.get(i + 1)))
    });
    if lone || text.bytes().any(|byte| !(byte.is_ascii_digit() || b"+-.eE_".contains(&byte))) {
        return None;
    }
    text.replace('_', "").parse::<f64>().ok().and_then(Number::from_f64)
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn exponent_of(text: &str) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: i64 = digits.parse().ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers() {
        for (text, expected) in [
            ("1", "1"),
            (" 5 ", "5"),
            ("+5", "5"),
            ("-7", "-7"),
            ("1_000", "1000"),
            ("1.0", "1"),
            ("1e3", "1000"),
            ("12.50E1", "125"),
            ("1000e-3", "1"),
            ("0.0", "0"),
            ("-0", "0"),
            (".0", "0"),
            ("1.", "1"),
            ("0e99999999999", "0"),
            ("007", "7"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
        ] {
            assert_eq!(int(text).map(|n| n.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "q", "0x10", "1.5", "1e-1", "1e", "e3", ".", "+", "1 2", "nan", "1e999999999", "--1"]
        {
            assert_eq!(int(text), None, "{text}");
        }
    }

    #[test]
    fn floats() {
        for (text, expected) in
            [("1", 1.0), (" .5 ", 0.5), ("5.", 5.0), ("1_0.5e-1", 1.05), ("-2E3", -2000.0)]
        {
            assert_eq!(float(text).and_then(|n| n.as_f64()), Some(expected), "{text}");
        }
        for text in ["", "q", "nan", "inf", "1__0", "_1", "1_", "0x1", "1,5"] {
            assert_eq!(float(text), None, "{text}");
        }
    }
}
