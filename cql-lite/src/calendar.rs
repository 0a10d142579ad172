//! Dates and times of day as text: the proleptic Gregorian calendar, as Java's `LocalDate` counts it.

/// Milliseconds of a day.
pub(crate) const MILLIS_PER_DAY: i64 = 86_400_000;
/// Nanoseconds of a day.
pub(crate) const NANOS_PER_DAY: i64 = 86_400_000_000_000;
/// What a `date` holds for 1970-01-01.
const DATE_EPOCH: i64 = 1 << 31;
/// Days of 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// Days since 1970-01-01 of a civil date; `None` where the month has no such day.
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    // Years begin in March, so that the leap day comes last.
    let shifted_year = if month <= 2 { year.checked_sub(1)? } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let shifted_month = i64::from((month + 9) % 12);
    let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era.checked_mul(DAYS_PER_ERA)?.checked_add(day_of_era - 719_468)
}

/// Days of a month, from 1 for January.
pub(crate) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a number of days since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

fn format_civil(days: i64) -> String {
    let (year, month, day) = civil_from_days(days);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.abs())
}

/// A `date` as `yyyy-mm-dd`.
pub(crate) fn format_date(date: u32) -> String {
    format_civil(i64::from(date) - DATE_EPOCH)
}

/// A `date` from days since 1970-01-01; `None` out of its range.
pub(crate) fn date_from_days(days: i64) -> Option<u32> {
    u32::try_from(days.checked_add(DATE_EPOCH)?).ok()
}

/// A `time` as `hh:mm:ss.nnnnnnnnn`.
pub(crate) fn format_time(nanos: i64) -> String {
    let (seconds, nanos) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    format!("{:02}:{:02}:{:02}.{nanos:09}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A `timestamp` as cqlsh prints it: `2015-05-03 13:30:54.234000+0000`.
pub(crate) fn format_timestamp(millis: i64) -> String {
    let (days, of_day) = (millis.div_euclid(MILLIS_PER_DAY), millis.rem_euclid(MILLIS_PER_DAY));
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let date = format_civil(days);
    format!("{date} {:02}:{:02}:{:02}.{millis:03}000+0000", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates() {
        let cases = [
            (1970, 1, 1, 0),
            (1969, 12, 31, -1),
            (2000, 2, 29, 11_016),
            (1, 1, 1, -719_162),
            (0, 3, 1, -719_468),
            (9999, 12, 31, 2_932_896),
        ];
        for (year, month, day, days) in cases {
            assert_eq!(days_from_civil(year, month, day), Some(days));
            assert_eq!(civil_from_days(days), (year, i64::from(month), i64::from(day)));
        }
        assert_eq!(days_from_civil(1900, 2, 29), None);
        assert_eq!(days_from_civil(2024, 13, 1), None);
        assert_eq!(days_from_civil(2024, 4, 31), None);
        assert_eq!(format_date(0), "-5877641-06-23");
        assert_eq!(format_date(u32::MAX), "5881580-07-11");
        assert_eq!(format_timestamp(1_430_659_854_234), "2015-05-03 13:30:54.234000+0000");
        assert_eq!(format_timestamp(-1), "1969-12-31 23:59:59.999000+0000");
        assert_eq!(format_time(NANOS_PER_DAY - 1), "23:59:59.999999999");
        // The extremes of the type do not overflow.
        format_timestamp(i64::MIN);
        format_timestamp(i64::MAX);
    }
}
