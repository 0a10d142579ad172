//! Durations and points in time: adding the one to the other, and rounding down to multiples.

use super::Duration;
use crate::calendar::{MILLIS_PER_DAY, NANOS_PER_DAY, civil_from_days, days_from_civil, days_in_month};

const NANOS_PER_MILLI: i64 = 1_000_000;
const MONTHS_PER_YEAR: i64 = 12;

/// Why a point in time cannot be rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FloorError {
    /// The first multiple lies after what is to be rounded.
    #[error("The floor function starting time is greater than the provided time")]
    StartsLater,
    /// A duration of the past.
    #[error("Negative durations are not supported by the floor function")]
    Negative,
    /// More than a time of day can be rounded by.
    #[error("For time values, the floor can only be computed for durations smaller that a day")]
    LongerThanADay,
}

impl Duration {
    /// Whether any part is negative; then none is positive.
    pub fn is_negative(&self) -> bool {
        self.months < 0 || self.days < 0 || self.nanos < 0
    }

    /// Whether it consists of whole days.
    pub fn has_day_precision(&self) -> bool {
        self.nanos == 0
    }

    /// Whether it consists of whole milliseconds.
    pub fn has_millisecond_precision(&self) -> bool {
        self.nanos % NANOS_PER_MILLI == 0
    }

    /// The same in the other direction; `None` for the lowest numbers, which have no counterpart.
    pub fn negated(&self) -> Option<Duration> {
        Some(Duration {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            nanos: self.nanos.checked_neg()?,
        })
    }

    /// Milliseconds since 1970 that lie this much after others: first the months, which end on the month's last day
    /// where it is shorter, then the days, then the rest. `None` out of range.
    pub fn after_ms(&self, ms: i64) -> Option<i64> {
        self.times_after_ms(1, ms)
    }

    fn times_after_ms(&self, times: i64, ms: i64) -> Option<i64> {
        let moved = add_months(ms, i64::from(self.months).checked_mul(times)?)?;
        moved.checked_add(self.millis_without_months()?.checked_mul(times)?)
    }

    fn millis_without_months(&self) -> Option<i64> {
        i64::from(self.days).checked_mul(MILLIS_PER_DAY)?.checked_add(self.nanos / NANOS_PER_MILLI)
    }

    /// The last of `start_ms` and the moments one, two, three ... durations after it that does not lie after `ms`.
    ///
    /// # Errors
    /// A negative duration, and a start after `ms`.
    pub fn floor_ms(&self, ms: i64, start_ms: i64) -> Result<i64, FloorError> {
        if start_ms > ms {
            return Err(FloorError::StartsLater);
        }
        if self.is_negative() {
            return Err(FloorError::Negative);
        }
        if self.months == 0 {
            let (length, elapsed) =
                (self.millis_without_months().unwrap_or(i64::MAX), i128::from(ms) - i128::from(start_ms));
            // What is left of a division is less than both.
            let left = if length == 0 { 0 } else { elapsed % i128::from(length) };
            return Ok(ms - i64::try_from(left).unwrap_or(0));
        }
        // What is out of range lies after everything.
        let fits = |times: i64| self.times_after_ms(times, start_ms).filter(|moment| *moment <= ms);
        if fits(1).is_none() {
            return Ok(start_ms);
        }
        // Months have no fixed length, so the number of durations is searched.
        let (mut low, mut high) = (1, 2);
        while fits(high).is_some() {
            (low, high) = (high, high * 2);
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if fits(middle).is_some() { low = middle } else { high = middle }
        }
        Ok(fits(low).unwrap_or(start_ms))
    }

    /// A time of day in nanoseconds rounded down to a multiple of the duration.
    ///
    /// # Errors
    /// A negative duration, and one longer than a day.
    pub fn floor_time(&self, nanos: i64) -> Result<i64, FloorError> {
        if self.is_negative() {
            return Err(FloorError::Negative);
        }
        if self.months != 0 || self.days != 0 || self.nanos > NANOS_PER_DAY {
            return Err(FloorError::LongerThanADay);
        }
        Ok(if self.nanos == 0 { nanos } else { nanos - nanos % self.nanos })
    }
}

fn add_months(ms: i64, months: i64) -> Option<i64> {
    if months == 0 {
        return Some(ms);
    }
    let (year, month, day) = civil_from_days(ms.div_euclid(MILLIS_PER_DAY));
    let moved = year.checked_mul(MONTHS_PER_YEAR)?.checked_add(month - 1)?.checked_add(months)?;
    let (year, month) = (moved.div_euclid(MONTHS_PER_YEAR), moved.rem_euclid(MONTHS_PER_YEAR) + 1);
    let month = u32::try_from(month).ok()?;
    let day = u32::try_from(day).ok()?.min(days_in_month(year, month));
    days_from_civil(year, month, day)?.checked_mul(MILLIS_PER_DAY)?.checked_add(ms.rem_euclid(MILLIS_PER_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::literal::parse_duration;

    fn ms(year: i64, month: u32, day: u32, hour: i64) -> i64 {
        days_from_civil(year, month, day).unwrap() * MILLIS_PER_DAY + hour * 3_600_000
    }

    fn after(text: &str, from: i64) -> Option<i64> {
        parse_duration(text).unwrap().after_ms(from)
    }

    #[test]
    fn months_end_where_the_month_ends() {
        assert_eq!(after("1mo", ms(2020, 1, 31, 5)), Some(ms(2020, 2, 29, 5)));
        assert_eq!(after("1y1mo1d1h", ms(2019, 12, 31, 23)), Some(ms(2021, 2, 2, 0)));
        assert_eq!(after("-1mo", ms(2020, 3, 31, 0)), Some(ms(2020, 2, 29, 0)));
        assert_eq!(after("-2d", ms(2017, 1, 1, 0)), Some(ms(2016, 12, 30, 0)));
        assert_eq!(after("13mo", ms(1969, 12, 1, 0)), Some(ms(1971, 1, 1, 0)));
    }

    #[test]
    fn the_ends_of_time_are_not_passed() {
        assert_eq!(after("1ms", i64::MAX), None);
        assert_eq!(after("1mo", i64::MAX), None);
        assert_eq!(after("-1ms", i64::MIN), None);
        assert_eq!(after("-178956970y", i64::MIN), None);
        assert_eq!(after("0s", i64::MIN), Some(i64::MIN));
        let lowest = Duration { months: i32::MIN, days: 0, nanos: 0 };
        assert_eq!(lowest.negated(), None);
        assert!(lowest.after_ms(0).is_some());
    }

    #[test]
    fn floors() {
        let floor = |text: &str, at: i64, start: i64| parse_duration(text).unwrap().floor_ms(at, start);
        assert_eq!(floor("1h", ms(2016, 9, 27, 16) + 61_000, 0), Ok(ms(2016, 9, 27, 16)));
        assert_eq!(floor("2h", ms(2016, 9, 27, 17), 0), Ok(ms(2016, 9, 27, 16)));
        assert_eq!(floor("2h", ms(2016, 9, 27, 17), ms(2016, 9, 27, 1)), Ok(ms(2016, 9, 27, 17)));
        assert_eq!(floor("1mo", ms(2016, 9, 27, 17), 0), Ok(ms(2016, 9, 1, 0)));
        assert_eq!(floor("1mo", ms(1970, 2, 10, 0), ms(1970, 1, 15, 0)), Ok(ms(1970, 1, 15, 0)));
        assert_eq!(floor("1mo1d", ms(1970, 3, 4, 0), 0), Ok(ms(1970, 3, 3, 0)));
        assert_eq!(floor("0s", 12_345, 0), Ok(12_345));
        assert_eq!(floor("1ns", 12_345, 0), Ok(12_345));
        assert_eq!(floor("1ms", i64::MAX, 0), Ok(i64::MAX));
        assert_eq!(floor("1ms", i64::MAX, i64::MIN), Ok(i64::MAX));
        assert_eq!(floor("178956970y2147483647d", i64::MAX, 0), Ok(after("178956970y2147483647d", 0).unwrap()));
        assert_eq!(floor("1h", -1, 0), Err(FloorError::StartsLater));
        assert_eq!(floor("-1h", 5, 0), Err(FloorError::Negative));
        let floor_time = |text: &str, nanos: i64| parse_duration(text).unwrap().floor_time(nanos);
        assert_eq!(floor_time("2h", 16 * 3_600_000_000_000 + 12), Ok(16 * 3_600_000_000_000));
        assert_eq!(floor_time("0s", 7), Ok(7));
        assert_eq!(floor_time("24h", 7), Ok(0));
        assert_eq!(floor_time("25h", 7), Err(FloorError::LongerThanADay));
        assert_eq!(floor_time("1d", 7), Err(FloorError::LongerThanADay));
        assert_eq!(floor_time("-1h", 7), Err(FloorError::Negative));
    }
}
