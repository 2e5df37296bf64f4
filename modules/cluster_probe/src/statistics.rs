// SPDX-License-Identifier: GPL-3.0-or-later
//! What round trips come to.

use serde::Serialize;

/// Round trips in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Latency {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) average: f64,
    pub(crate) max: f64,
    /// How much one round trip differs from the one before it, on average.
    pub(crate) jitter: f64,
}

/// Of round trips in nanoseconds, in the order of their sending; none when there are none.
pub(crate) fn latency(trips: &[u64]) -> Option<Latency> {
    let mut sorted = trips.to_vec();
    sorted.sort_unstable();
    let count = u64::try_from(trips.len()).ok().filter(|count| *count > 0)?;
    let differences: Vec<u64> =
        trips.iter().zip(trips.iter().skip(1)).map(|(one, next)| one.abs_diff(*next)).collect();
    let jitter =
        differences.iter().sum::<u64>().checked_div(u64::try_from(differences.len()).ok()?).unwrap_or(0);
    Some(Latency {
        min: milliseconds(*sorted.first()?),
        median: milliseconds(*sorted.get(trips.len() / 2)?),
        average: milliseconds(trips.iter().sum::<u64>() / count),
        max: milliseconds(*sorted.last()?),
        jitter: milliseconds(jitter),
    })
}

/// With three digits behind the point, which is as exact as it gets.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a measurement are far below 2^52")]
pub(crate) fn milliseconds(nanoseconds: u64) -> f64 {
    (nanoseconds / 1_000) as f64 / 1_000.0
}

/// The clock of the other node against this one's, in milliseconds, from the time of a question by this clock, of its answer by
/// the other, and how long both took together.
#[expect(clippy::cast_precision_loss, reason = "only the difference is shown, to the microsecond")]
pub(crate) fn clock_offset(asked: i64, answered: i64, trip: u64) -> f64 {
    let half = i64::try_from(trip / 2).unwrap_or(i64::MAX);
    (answered.saturating_sub(asked).saturating_sub(half) / 1_000) as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_round_trips() {
        assert_eq!(latency(&[]), None);
        assert_eq!(
            latency(&[2_000_000, 1_000_000, 6_000_000]),
            Some(Latency { min: 1.0, median: 2.0, average: 3.0, max: 6.0, jitter: 3.0 })
        );
        assert_eq!(latency(&[1_500]).map(|one| (one.min, one.jitter)), Some((0.001, 0.0)));
    }

    #[test]
    fn a_clock_that_is_ahead_has_a_positive_offset() {
        assert!((clock_offset(1_000_000_000, 1_251_000_000, 2_000_000) - 250.0).abs() < 0.001);
        assert!((clock_offset(1_000_000_000, 901_000_000, 2_000_000) + 100.0).abs() < 0.001);
    }
}
