//! `duration` literals: `1y2mo3d`, ISO 8601 `P1Y2M3DT4H5M6S`, `P3W` and `P0001-02-03T04:05:06`.

use crate::value::{Duration, ValueError};

/// Parts of a duration while they are summed up, without a sign.
#[derive(Default)]
struct Parts {
    months: i64,
    days: i64,
    nanos: i64,
}

#[derive(Clone, Copy)]
enum Part {
    Months,
    Days,
    Nanos,
}

/// Units from large to small: name, part, size in it, name for error messages.
const UNITS: [(&str, Part, i64, &str); 11] = [
    ("y", Part::Months, 12, "years"),
    ("mo", Part::Months, 1, "months"),
    ("w", Part::Days, 7, "weeks"),
    ("d", Part::Days, 1, "days"),
    ("h", Part::Nanos, 3_600_000_000_000, "hours"),
    ("m", Part::Nanos, 60_000_000_000, "minutes"),
    ("s", Part::Nanos, 1_000_000_000, "seconds"),
    ("ms", Part::Nanos, 1_000_000, "milliseconds"),
    ("us", Part::Nanos, 1_000, "microseconds"),
    ("µs", Part::Nanos, 1_000, "microseconds"),
    ("ns", Part::Nanos, 1, "nanoseconds"),
];

impl Parts {
    fn add(&mut self, amount: &str, unit: usize) -> Result<(), ValueError> {
        let (_, part, size, name) = UNITS[unit.min(UNITS.len() - 1)];
        let (sum, limit, total) = match part {
            Part::Months => (&mut self.months, i64::from(i32::MAX), "months"),
            Part::Days => (&mut self.days, i64::from(i32::MAX), "days"),
            Part::Nanos => (&mut self.nanos, i64::MAX, "nanoseconds"),
        };
        let added = amount.parse::<i64>().ok().and_then(|n| n.checked_mul(size)).and_then(|n| n.checked_add(*sum));
        match added.filter(|sum| *sum <= limit) {
            Some(added) => *sum = added,
            None => {
                return Err(ValueError::Invalid(format!(
                    "Invalid duration. The total number of {total} must be less or equal to {limit} ({amount} {name})"
                )));
            }
        }
        Ok(())
    }

    fn finish(self, negative: bool) -> Result<Duration, ValueError> {
        let too_long = |_| ValueError::Invalid("Invalid duration. A part is out of range".to_owned());
        let (months, days) =
            (i32::try_from(self.months).map_err(too_long)?, i32::try_from(self.days).map_err(too_long)?);
        Ok(if negative {
            Duration { months: -months, days: -days, nanos: -self.nanos }
        } else {
            Duration { months, days, nanos: self.nanos }
        })
    }
}

/// Reads a duration literal in any of its forms.
///
/// # Errors
/// [`ValueError::Invalid`] with Cassandra's wording.
pub fn parse_duration(text: &str) -> Result<Duration, ValueError> {
    let unable = || ValueError::Invalid(format!("Unable to convert '{text}' to a duration"));
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let parts = match body.strip_prefix(['P', 'p']) {
        Some(iso) if is_alternative(iso) => parse_alternative(iso).ok_or_else(unable)??,
        Some(iso) => parse_iso(iso).ok_or_else(unable)??,
        None => parse_units(body).ok_or_else(unable)??,
    };
    parts.finish(negative)
}

/// Splits `12ab34..` into the number, the letters after it and the rest.
fn split_amount(text: &str) -> Option<(&str, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (amount, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    (!amount.is_empty() && !unit.is_empty()).then_some((amount, unit, rest))
}

type Parsed = Option<Result<Parts, ValueError>>;

/// The outer `None`: not of this form at all; the inner error says what is wrong.
fn parse_units(mut text: &str) -> Parsed {
    let mut parts = Parts::default();
    let mut last: Option<usize> = None;
    if text.is_empty() {
        return None;
    }
    while !text.is_empty() {
        let (amount, name, rest) = split_amount(text)?;
        let name = name.to_lowercase().replace('\u{3bc}', "µ");
        let unit = UNITS.iter().position(|(unit, ..)| *unit == name)?;
        if let Some(last) = last {
            let (before, now) = (UNITS[last].3, UNITS[unit].3);
            if before == now {
                return Some(Err(ValueError::Invalid(format!(
                    "Invalid duration. The {now} are specified multiple times"
                ))));
            }
            if unit < last {
                return Some(Err(ValueError::Invalid(format!("Invalid duration. The {before} should be after {now}"))));
            }
        }
        if let Err(error) = parts.add(amount, unit) {
            return Some(Err(error));
        }
        last = Some(unit);
        text = rest;
    }
    Some(Ok(parts))
}

/// `1Y2M3DT4H5M6S` or `3W`, without the leading P.
fn parse_iso(text: &str) -> Parsed {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    // Index into UNITS by letter, in the order in which they may come.
    const DATE: [(&str, usize); 3] = [("y", 0), ("m", 1), ("d", 3)];
    const WEEK: [(&str, usize); 1] = [("w", 2)];
    const TIME: [(&str, usize); 3] = [("h", 4), ("m", 5), ("s", 6)];
    let mut parts = Parts::default();
    let weeks = time.is_empty() && date.ends_with(['W', 'w']);
    for (mut text, mut units) in [(date, if weeks { &WEEK[..] } else { &DATE[..] }), (time, &TIME[..])] {
        while !text.is_empty() {
            let (amount, name, rest) = split_amount(text)?;
            let at = units.iter().position(|(unit, _)| unit.eq_ignore_ascii_case(name))?;
            let (_, unit) = units.get(at)?;
            if let Err(error) = parts.add(amount, *unit) {
                return Some(Err(error));
            }
            units = units.get(at + 1..)?;
            text = rest;
        }
    }
    Some(Ok(parts))
}

fn is_alternative(text: &str) -> bool {
    text.as_bytes().get(4) == Some(&b'-')
}

/// `0001-02-03T04:05:06`, without the leading P.
fn parse_alternative(text: &str) -> Parsed {
    let (date, time) = text.split_once(['T', 't'])?;
    let mut parts = Parts::default();
    let fields = date.splitn(3, '-').zip([(4, 0), (2, 1), (2, 3)]);
    let times = time.splitn(3, ':').zip([(2, 4), (2, 5), (2, 6)]);
    let mut count = 0;
    for (amount, (length, unit)) in fields.chain(times) {
        if amount.len() != length || !amount.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        if let Err(error) = parts.add(amount, unit) {
            return Some(Err(error));
        }
        count += 1;
    }
    (count == 6).then_some(Ok(parts))
}
