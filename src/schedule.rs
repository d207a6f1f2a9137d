//! Pauses between attempts: some at once, then a list of delays or capped exponential backoff with full jitter.
//!
//! Of the backoff, the n-th pause is drawn evenly from 0 to min(cap, base × 2^(n−1)). Drawing from the whole range, not around
//! its end, spreads the clients of a recovering endpoint best (M. Brooker, "Exponential Backoff and Jitter", 2015). A list of
//! delays was written by somebody who means them: they are at most a tenth longer.

use std::time::Duration;

/// When a delivery that failed is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// So many first retries follow without a pause.
    pub immediate: u32,
    /// The pauses after those.
    pub pauses: Pauses,
}

/// Pauses, the first of them after the last retry without one.
#[derive(Debug, Clone, PartialEq)]
pub enum Pauses {
    /// Growing, and random.
    Backoff(Backoff),
    /// One after another, the last for ever; at least one.
    Delays(Vec<Duration>),
}

/// How much longer than it says a delay of a list may be, as a share: spreads deliveries that failed at one moment.
const DELAY_JITTER: f64 = 0.1;

impl Schedule {
    /// What a subscription has when it says nothing.
    pub const DEFAULT: Self = Self { immediate: 0, pauses: Pauses::Backoff(Backoff::DEFAULT) };

    /// The pause after `failures` failed attempts (at least 1); `fraction` in 0..1 is the jitter.
    #[must_use]
    pub fn pause(&self, failures: u32, fraction: f64) -> Duration {
        let Some(nth) = failures.max(1).checked_sub(self.immediate).filter(|nth| *nth > 0) else {
            return Duration::ZERO;
        };
        match &self.pauses {
            Pauses::Backoff(backoff) => backoff.pause(nth, fraction),
            Pauses::Delays(delays) => {
                let at = usize::try_from(nth - 1).unwrap_or(usize::MAX).min(delays.len().saturating_sub(1));
                let delay = delays.get(at).copied().unwrap_or_default();
                delay.mul_f64(1.0 + DELAY_JITTER * fraction.clamp(0.0, 1.0))
            }
        }
    }
}

/// Base and cap of the pauses; the base is above zero and the cap not below it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

/// A range that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BackoffError {
    /// The first pause would always be nothing.
    #[error("the backoff base is zero")]
    ZeroBase,
    /// The cap would be ignored.
    #[error("the backoff cap {cap:?} is below the base {base:?}")]
    CapBelowBase {
        /// The base given.
        base: Duration,
        /// The cap given.
        cap: Duration,
    },
}

impl Backoff {
    /// What a subscription has when it says nothing: 5 s up to 6 h, as in `outbox.subscription`.
    pub const DEFAULT: Self = Self { base: Duration::from_secs(5), cap: Duration::from_hours(6) };

    /// A backoff from `base` up to `cap`.
    ///
    /// # Errors
    /// When the base is zero or the cap is below it.
    pub fn new(base: Duration, cap: Duration) -> Result<Self, BackoffError> {
        if base.is_zero() {
            return Err(BackoffError::ZeroBase);
        }
        if cap < base {
            return Err(BackoffError::CapBelowBase { base, cap });
        }
        Ok(Self { base, cap })
    }

    /// The longest the pause after `failures` failed attempts (at least 1) can be.
    #[must_use]
    pub fn ceiling(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        // 2^31 × the smallest base of 1 ms is 24 days, beyond every cap.
        let factor = 1_u32.checked_shl(doublings).filter(|_| doublings < 31).unwrap_or(u32::MAX);
        self.base.checked_mul(factor).unwrap_or(self.cap).min(self.cap)
    }

    /// The pause after `failures` failed attempts; `fraction` in 0..1 is the jitter.
    #[must_use]
    pub fn pause(&self, failures: u32, fraction: f64) -> Duration {
        self.ceiling(failures).mul_f64(fraction.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_up_to_the_cap_and_never_overflow() {
        let backoff = Backoff::new(Duration::from_secs(5), Duration::from_hours(6)).expect("valid");
        for (failures, seconds) in
            [(0, 5), (1, 5), (2, 10), (3, 20), (13, 20_480), (14, 21_600), (60, 21_600), (u32::MAX, 21_600)]
        {
            assert_eq!(backoff.ceiling(failures), Duration::from_secs(seconds), "after {failures} failures");
        }
    }

    #[test]
    fn jitter_covers_the_whole_range() {
        let backoff = Backoff::new(Duration::from_secs(8), Duration::from_secs(8)).expect("valid");
        assert_eq!(backoff.pause(1, 0.0), Duration::ZERO);
        assert_eq!(backoff.pause(1, 0.25), Duration::from_secs(2));
        assert_eq!(backoff.pause(1, 7.0), Duration::from_secs(8));
    }

    #[test]
    fn immediate_retries_come_before_all_pauses() {
        let pauses = Pauses::Delays(vec![Duration::from_mins(1)]);
        let schedule = Schedule { immediate: 2, pauses };
        let seconds: Vec<_> = (0..5).map(|failures| schedule.pause(failures, 0.0).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 60, 60]);
        let backoff = Backoff::new(Duration::from_secs(8), Duration::from_secs(64)).expect("valid");
        let schedule = Schedule { immediate: 1, pauses: Pauses::Backoff(backoff) };
        let seconds: Vec<_> = (1..5).map(|failures| schedule.pause(failures, 1.0).as_secs()).collect();
        assert_eq!(seconds, [0, 8, 16, 32]);
    }

    #[test]
    fn the_last_delay_is_for_ever_and_jitter_only_adds() {
        let delays = [5, 300, 7200].map(Duration::from_secs).to_vec();
        let schedule = Schedule { immediate: 0, pauses: Pauses::Delays(delays) };
        let seconds: Vec<_> = (1..6).map(|failures| schedule.pause(failures, 0.0).as_secs()).collect();
        assert_eq!(seconds, [5, 300, 7200, 7200, 7200]);
        assert_eq!(schedule.pause(2, 0.5), Duration::from_secs(315));
        assert_eq!(schedule.pause(u32::MAX, 1.0), Duration::from_mins(132));
    }

    #[test]
    fn senseless_ranges_are_refused() {
        assert_eq!(Backoff::new(Duration::ZERO, Duration::from_secs(1)), Err(BackoffError::ZeroBase));
        assert!(Backoff::new(Duration::from_secs(2), Duration::from_secs(1)).is_err());
    }
}
