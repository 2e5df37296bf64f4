// SPDX-License-Identifier: GPL-3.0-or-later
//! `expiry-time`: until when a line lets its key in.

/// A moment as the option writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expiry {
    /// Seconds since 1970, its clock taken for UTC.
    seconds: i64,
    /// Whether it is UTC; otherwise it is the machine's own time.
    utc: bool,
}

impl Expiry {
    /// Reads `YYYYMMDD` or `YYYYMMDDHHMM[SS]`, with `Z` or `UTC` behind it or without; none for what sshd does not take.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let lower = value.to_ascii_lowercase();
        let zone = lower.strip_suffix(b"utc").or_else(|| lower.strip_suffix(b"z"));
        let digits = zone.unwrap_or(&lower);
        let clock = matches!(digits.len(), 8 | 12 | 14) && digits.iter().all(u8::is_ascii_digit);
        let part = |range: std::ops::Range<usize>| -> i64 {
            digits
                .get(range)
                .unwrap_or_default()
                .iter()
                .fold(0, |number, digit| number * 10 + i64::from(digit.saturating_sub(b'0')))
        };
        let (year, month, day) = (part(0..4), part(4..6), part(6..8));
        let (hour, minute, second) = (part(8..10), part(10..12), part(12..14));
        // sshd counts a 31 February on as 3 March
        let real = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        (clock && real && second <= 60 && seconds > 0).then_some(Self { seconds, utc: zone.is_some() })
    }

    /// Seconds since 1970, where the machine's own time is ahead of UTC by so many seconds.
    pub(crate) fn unix(self, ahead: i64) -> i64 {
        if self.utc { self.seconds } else { self.seconds - ahead }
    }
}

/// Days from 1 January 1970 to a day of the Gregorian calendar; the year begins in March, so that the leap day is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(value: &str, ahead: i64) -> Option<i64> {
        Expiry::read(value.as_bytes()).map(|expiry| expiry.unix(ahead))
    }

    #[test]
    fn moments_as_date_counts_them() {
        for (value, ahead, seconds) in [
            ("19700102", 0, 86_400),
            ("20000229", 0, 951_782_400),
            ("20000301", 0, 951_868_800),
            ("21000301", 0, 4_107_542_400),
            ("20301231", 0, 1_924_905_600),
            ("203012312359", 0, 1_924_991_940),
            ("20301231235959Z", 0, 1_924_991_999),
            ("20301231235960", 0, 1_924_992_000),
            ("20301231", 3600, 1_924_902_000),
            ("20301231", -3600, 1_924_909_200),
            ("20301231Z", 3600, 1_924_905_600),
            ("20301231utc", 3600, 1_924_905_600),
            ("20300231", 0, 1_898_726_400),
        ] {
            assert_eq!(unix(value, ahead), Some(seconds), "{value}");
        }
    }

    #[test]
    fn what_sshd_does_not_take() {
        for value in [
            "",
            "Z",
            "never",
            "2030-12-31",
            "2030123",
            "2030123123",
            "20301331",
            "20300031",
            "20301200",
            "20301232",
            "203012312460",
            "203012312400",
            "20301231235961",
            "19700101",
            "19691231",
            "2030 101",
            "+2030101",
            "20301231+0100",
        ] {
            assert_eq!(unix(value, 0), None, "{value}");
        }
    }
}
