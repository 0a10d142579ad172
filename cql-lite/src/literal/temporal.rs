//! `timestamp`, `date` and `time` literals, in the forms that CQL documents.

use crate::calendar::{self, MILLIS_PER_DAY, NANOS_PER_DAY};
use crate::value::ValueError;

/// A cursor over the text of a date or time.
struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    fn accept(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.accept(wanted).then_some(())
    }

    /// As many digits as there are, if that is within the bounds.
    fn digits(&mut self, least: usize, most: usize) -> Option<&'a str> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        if !(least..=most).contains(&digits.len()) {
            return None;
        }
        self.rest = rest;
        Some(digits)
    }

    fn number(&mut self, least: usize, most: usize) -> Option<u32> {
        self.digits(least, most)?.parse().ok()
    }

    /// `yyyy-mm-dd` as days since 1970-01-01; years beyond 9999 with a sign, as Java writes them.
    fn date(&mut self) -> Option<i64> {
        let negative = self.accept('-');
        if !negative {
            self.accept('+');
        }
        let year: i64 = self.digits(4, 9)?.parse().ok()?;
        self.expect('-')?;
        let month = self.number(1, 2)?;
        self.expect('-')?;
        let day = self.number(1, 2)?;
        calendar::days_from_civil(if negative { -year } else { year }, month, day)
    }

    /// `hh:mm[:ss[.fraction]]` as nanoseconds.
    fn time_of_day(&mut self, needs_seconds: bool) -> Option<i64> {
        let hours = self.number(1, 2).filter(|h| *h < 24)?;
        self.expect(':')?;
        let minutes = self.number(1, 2).filter(|m| *m < 60)?;
        let mut seconds = 0;
        let mut nanos = 0;
        if self.accept(':') {
            seconds = self.number(1, 2).filter(|s| *s < 60)?;
            if self.accept('.') {
                let digits = self.digits(1, 9)?;
                nanos = digits.parse::<i64>().ok()? * 10_i64.pow(9 - digits.len() as u32);
            }
        } else if needs_seconds {
            return None;
        }
        Some((i64::from(hours) * 3600 + i64::from(minutes) * 60 + i64::from(seconds)) * 1_000_000_000 + nanos)
    }

    /// A time zone as seconds east of UTC: `Z`, `+hh`, `+hhmm`, `+hh:mm`, or a name; none is UTC.
    fn zone(&mut self) -> Option<i64> {
        self.rest = self.rest.trim();
        if self.rest.is_empty() {
            return Some(0);
        }
        let sign = match self.rest.as_bytes().first() {
            Some(b'+') => 1,
            Some(b'-') => -1,
            _ => {
                let name = std::mem::take(&mut self.rest);
                return ZONES.iter().find(|(zone, _)| zone.eq_ignore_ascii_case(name)).map(|(_, h)| h * 3600);
            }
        };
        self.rest = self.rest.get(1..)?;
        let digits = self.digits(2, 4)?;
        let (hours, mut minutes) = digits.split_at(2);
        if self.accept(':') && minutes.is_empty() {
            minutes = self.digits(2, 2)?;
        }
        let hours: i64 = hours.parse().ok().filter(|h| *h <= 18)?;
        let minutes: i64 = match minutes.len() {
            0 => 0,
            2 => minutes.parse().ok().filter(|m| *m < 60)?,
            _ => return None,
        };
        Some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Names of time zones that mean the same all over the world, and those of North America that Java knows.
const ZONES: [(&str, i64); 13] = [
    ("Z", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("UT", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("CET", 1),
];

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Milliseconds since 1970 of a `timestamp` literal: an integer, or a date with an optional time and zone.
pub(super) fn parse_timestamp(text: &str) -> Result<i64, ValueError> {
    if is_integer(text) {
        return text.parse().map_err(|_| ValueError::Invalid(format!("Unable to make long (for date) from: '{text}'")));
    }
    timestamp(text).ok_or_else(|| ValueError::Invalid(format!("Unable to parse a date/time from '{text}'")))
}

fn timestamp(text: &str) -> Option<i64> {
    let mut scan = Scan { rest: text };
    let days = scan.date()?;
    let mut nanos = 0;
    let starts_time = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    if scan.accept('T') || scan.rest.strip_prefix(' ').is_some_and(starts_time) {
        scan.accept(' ');
        nanos = scan.time_of_day(false)?;
    }
    let zone = scan.zone()?;
    if !scan.rest.is_empty() {
        return None;
    }
    days.checked_mul(MILLIS_PER_DAY)?.checked_add(nanos / 1_000_000)?.checked_sub(zone * 1000)
}

/// Wire number of a `date` literal: `yyyy-mm-dd`, or the number itself (1970-01-01 being 2^31).
pub(super) fn parse_date(text: &str) -> Result<u32, ValueError> {
    if is_integer(text) {
        return text
            .parse()
            .map_err(|_| ValueError::Invalid(format!("Unable to make unsigned int (for date) from: '{text}'")));
    }
    let mut scan = Scan { rest: text };
    let days = scan.date().filter(|_| scan.rest.is_empty());
    let days =
        days.ok_or_else(|| ValueError::Invalid(format!("Unable to coerce '{text}' to a formatted date (long)")))?;
    calendar::date_from_days(days).ok_or_else(|| {
        let (edge, name) = if days < 0 { (0, "less than min") } else { (u32::MAX, "greater than max") };
        let edge = calendar::format_date(edge);
        ValueError::Invalid(format!("Input date {text} is {name} supported date {edge}"))
    })
}

/// Nanoseconds since midnight of a `time` literal: `hh:mm:ss[.fraction]`, or the number itself.
pub(super) fn parse_time(text: &str) -> Result<i64, ValueError> {
    if is_integer(text) {
        return text
            .parse()
            .ok()
            .filter(|nanos| (0..NANOS_PER_DAY).contains(nanos))
            .ok_or_else(|| ValueError::Invalid(format!("Unable to make long (for time) from: '{text}'")));
    }
    let mut scan = Scan { rest: text };
    scan.time_of_day(true)
        .filter(|_| scan.rest.is_empty())
        .ok_or_else(|| ValueError::Invalid(format!("(TimeType) Unable to coerce '{text}' to a formatted time (long)")))
}
