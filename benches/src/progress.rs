//! A line per second on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use crate::outcome::{Tally, histogram};

/// Tells how a phase gets on.
pub struct Progress {
    name: &'static str,
    total: Option<u64>,
    done: u64,
    is_terminal: bool,
}

impl Progress {
    /// Begins; `total` operations if that is known.
    pub fn new(name: &'static str, total: Option<u64>) -> Progress {
        Progress { name, total, done: 0, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Shows what was counted in the span of time that has just ended.
    pub fn show(&mut self, elapsed: Duration, span: Duration, counted: &Tally) {
        self.done += counted.successes() + counted.failures();
        let text = line(self.name, self.total, self.done, elapsed, span, counted);
        // A terminal's line is written over; a log gets one after the other.
        let mut out = std::io::stderr().lock();
        let _ = if self.is_terminal { write!(out, "\r{text}\x1b[K") } else { writeln!(out, "{text}") };
        let _ = out.flush();
    }

    /// Ends the line.
    pub fn end(&self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(name: &str, total: Option<u64>, done: u64, elapsed: Duration, span: Duration, counted: &Tally) -> String {
    let mut latency_us = histogram();
    for part in &counted.latency_us {
        latency_us.add(part).expect("histograms of the same bounds");
    }
    let per_second = counted.successes() as f64 / span.as_secs_f64().max(1e-9);
    let share = total.map(|total| format!(" {:3.0}%", 100.0 * done as f64 / total.max(1) as f64)).unwrap_or_default();
    let p50_us = latency_us.value_at_quantile(0.5);
    let p99_us = latency_us.value_at_quantile(0.99);
    let failures = match counted.failures() {
        0 => String::new(),
        failures => format!("  {failures} failed"),
    };
    let seconds = elapsed.as_secs();
    format!("{name:>4} {seconds:>4} s{share}  {per_second:>9.0}/s  p50 {p50_us} us  p99 {p99_us} us{failures}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Kind;

    #[test]
    fn a_line_tells_rate_latency_and_failures() {
        let mut tally = Tally::default();
        for _ in 0..100 {
            tally.success(Kind::Write, Duration::from_micros(100));
        }
        tally.failure("x".into());
        let second = Duration::from_secs(1);
        let text = line("run", Some(404), 101, 3 * second, second, &tally);
        assert_eq!(text, " run    3 s  25%        100/s  p50 100 us  p99 100 us  1 failed");
    }
}
