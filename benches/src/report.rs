//! The figures of a run: a table for people, JSON for programs.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::args::{BenchArgs, Distribution, Mix};
use crate::counters::Counters;
use crate::outcome::{Kind, Outcome};
use crate::processes::{Sample, Usage};

const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999)];

/// What there is to tell of a run.
pub struct Report<'a> {
    /// How it was started.
    pub args: &'a BenchArgs,
    /// What it did.
    pub mix: Mix,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// What the servers used for it.
    pub usage: &'a Sample,
    /// What the CPU counted of them.
    pub counters: Counters,
}

impl Report<'_> {
    fn operations(&self) -> u64 {
        self.outcome.tally.successes() + self.outcome.tally.failures()
    }

    /// CPU time per operation in microseconds.
    fn per_operation_us(&self, time: Duration) -> f64 {
        time.as_micros() as f64 / self.operations().max(1) as f64
    }

    /// A count of the CPU by operation.
    fn counted_per_operation(&self, count: Option<f64>) -> Option<f64> {
        count.map(|count| count / self.operations().max(1) as f64)
    }

    /// CPU time of all servers.
    fn cpu(&self) -> (Duration, Duration) {
        let usages = &self.usage.0;
        (usages.iter().map(|usage| usage.user).sum(), usages.iter().map(|usage| usage.system).sum())
    }

    /// The figures for people.
    pub fn table(&self) -> String {
        let (args, tally) = (self.args, &self.outcome.tally);
        let mut out = String::new();
        let pace = match args.rate {
            Some(rate) => format!("open loop at {rate}/s, at most {} in flight", args.in_flight),
            None => format!("closed loop, {} in flight", args.in_flight),
        };
        let distribution = match args.distribution {
            Distribution::Uniform => "uniform".to_owned(),
            Distribution::Zipfian => format!("zipfian {}", args.zipf_exponent),
        };
        let _ =
            writeln!(out, "{}; {pace}; {} connections per server; {:?}", self.mix, args.connections, args.consistency);
        let _ = writeln!(
            out,
            "{} keys, {distribution}; values of {} bytes; seed {}",
            args.keys, args.value_bytes, args.seed
        );
        let _ = write!(out, "\n{:<8}{:>12}{:>11}{:>10}", "latency", "operations", "per s", "mean ms");
        for (name, _) in QUANTILES {
            let _ = write!(out, "{name:>9}");
        }
        let _ = writeln!(out, "{:>9}", "max");
        for kind in Kind::ALL {
            let latency_us = &tally.latency_us[kind as usize];
            if !latency_us.is_empty() {
                self.latency_line(&mut out, kind, latency_us);
            }
        }
        if !self.usage.0.is_empty() {
            self.usage_lines(&mut out);
        }
        for (name, count) in [("instructions", self.counters.instructions), ("cycles", self.counters.cycles)] {
            if let Some(count) = self.counted_per_operation(count) {
                let _ = writeln!(out, "{name:<12}{count:>11.0} per operation, all servers");
            }
        }
        self.failure_lines(&mut out);
        out
    }

    fn latency_line(&self, out: &mut String, kind: Kind, latency_us: &Histogram<u64>) {
        let per_second = latency_us.len() as f64 / self.outcome.elapsed.as_secs_f64().max(1e-9);
        let (name, count) = (kind.name(), latency_us.len());
        let _ = write!(out, "{name:<8}{count:>12}{per_second:>11.0}{:>10.3}", latency_us.mean() / 1e3);
        for (_, quantile) in QUANTILES {
            let _ = write!(out, "{:>9.3}", latency_us.value_at_quantile(quantile) as f64 / 1e3);
        }
        let _ = writeln!(out, "{:>9.3}", latency_us.max() as f64 / 1e3);
    }

    fn usage_lines(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "\n{:<12}{:>11}{:>11}{:>11}{:>8}{:>13}{:>10}",
            "server", "CPU us/op", "user us", "system us", "cores", "resident MiB", "peak MiB"
        );
        let line = |out: &mut String, name: &str, user: Duration, system: Duration, resident: u64, peak: u64| {
            let cores = (user + system).as_secs_f64() / self.outcome.elapsed.as_secs_f64().max(1e-9);
            let (user, system) = (self.per_operation_us(user), self.per_operation_us(system));
            let _ = writeln!(
                out,
                "{name:<12}{:>11.2}{user:>11.2}{system:>11.2}{cores:>8.2}{:>13}{:>10}",
                user + system,
                resident >> 20,
                peak >> 20
            );
        };
        for usage in &self.usage.0 {
            let name = format!("pid {}", usage.pid);
            line(out, &name, usage.user, usage.system, usage.resident_bytes, usage.resident_peak_bytes);
        }
        if self.usage.0.len() > 1 {
            let (user, system) = self.cpu();
            let sum = |bytes: fn(&Usage) -> u64| self.usage.0.iter().map(bytes).sum();
            line(out, "together", user, system, sum(|u| u.resident_bytes), sum(|u| u.resident_peak_bytes));
        }
    }

    fn failure_lines(&self, out: &mut String) {
        let tally = &self.outcome.tally;
        for (message, count) in &tally.errors {
            let _ = writeln!(out, "failed {count:>8}  {message}");
        }
        if tally.missing > 0 {
            let _ = writeln!(out, "{} reads found less than was written", tally.missing);
        }
        if self.outcome.given_up > 0 {
            let _ =
                writeln!(out, "{} operations were not started: the servers were too far behind", self.outcome.given_up);
        }
    }

    /// The figures for programs.
    pub fn json(&self) -> Value {
        let (args, tally) = (self.args, &self.outcome.tally);
        let kinds: serde_json::Map<String, Value> = Kind::ALL
            .iter()
            .map(|kind| (kind, &tally.latency_us[*kind as usize]))
            .filter(|(_, latency_us)| !latency_us.is_empty())
            .map(|(kind, latency_us)| (kind.name().to_owned(), latency_json(latency_us)))
            .collect();
        let (user, system) = self.cpu();
        let servers: Vec<Value> = self.usage.0.iter().map(|usage| self.usage_json(usage)).collect();
        json!({
            "mix": self.mix.to_string(),
            "loop": if args.rate.is_some() { "open" } else { "closed" },
            "rate_per_s": args.rate,
            "in_flight": args.in_flight,
            "connections": args.connections,
            "consistency": format!("{:?}", args.consistency),
            "keys": args.keys,
            "distribution": format!("{:?}", args.distribution),
            "value_bytes": args.value_bytes,
            "seed": args.seed,
            "elapsed_s": self.outcome.elapsed.as_secs_f64(),
            "operations": self.operations(),
            "throughput_per_s": self.outcome.throughput(),
            "latency_us": kinds,
            "failures": tally.errors,
            "missing": tally.missing,
            "given_up": self.outcome.given_up,
            "server_cpu_us_per_operation": (!servers.is_empty()).then(|| self.per_operation_us(user + system)),
            "server_instructions_per_operation": self.counted_per_operation(self.counters.instructions),
            "server_cycles_per_operation": self.counted_per_operation(self.counters.cycles),
            "servers": servers,
        })
    }

    fn usage_json(&self, usage: &Usage) -> Value {
        json!({
            "pid": usage.pid,
            "user_us_per_operation": self.per_operation_us(usage.user),
            "system_us_per_operation": self.per_operation_us(usage.system),
            "resident_bytes": usage.resident_bytes,
            "resident_peak_bytes": usage.resident_peak_bytes,
        })
    }
}

fn latency_json(latency_us: &Histogram<u64>) -> Value {
    let mut value = json!({"count": latency_us.len(), "mean": latency_us.mean(), "max": latency_us.max()});
    for (name, quantile) in QUANTILES {
        value[name] = json!(latency_us.value_at_quantile(quantile));
    }
    value
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::outcome::Tally;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    #[test]
    fn cpu_time_is_told_per_operation() {
        let args = Line::parse_from(["bench", "--rate", "100"]).args;
        let mut tally = Tally::default();
        for _ in 0..1_000 {
            tally.success(Kind::Write, Duration::from_micros(500));
        }
        let outcome = Outcome { tally, elapsed: Duration::from_secs(10), given_up: 3 };
        let usage = |pid| Usage {
            pid,
            user: Duration::from_millis(10),
            system: Duration::from_millis(20),
            resident_bytes: 5 << 20,
            resident_peak_bytes: 6 << 20,
        };
        let usage = Sample(vec![usage(7), usage(8)]);
        let counters = Counters { instructions: Some(50_000.0), cycles: None };
        let report = Report { args: &args, mix: args.mix(), outcome: &outcome, usage: &usage, counters };
        let json = report.json();
        assert_eq!(json["server_instructions_per_operation"], 50.0);
        assert!(json["server_cycles_per_operation"].is_null());
        assert_eq!(json["server_cpu_us_per_operation"], 60.0);
        assert_eq!(json["latency_us"]["write"]["p99.9"], 500);
        assert_eq!(json["throughput_per_s"], 100.0);
        let table = report.table();
        for part in ["open loop at 100/s", "pid 7", "together          60.00", "3 operations were not started"] {
            assert!(table.contains(part), "{part} is not in\n{table}");
        }
    }
}
