//! The CPU's own counters by `perf stat`, where it is installed and the machine has them: virtual ones often have not.

use std::process::{Child, Command, Stdio};

/// A count that goes on beside a load.
pub struct Counting(Option<Child>);

/// What was counted in all processes together; `None` where it cannot be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counters {
    /// Instructions that were carried out.
    pub instructions: Option<f64>,
    /// Cycles of the CPU's clock.
    pub cycles: Option<f64>,
}

impl Counting {
    /// Counts for these processes from now on, for so many seconds.
    pub fn start(pids: &[u32], duration_s: u64) -> Counting {
        if pids.is_empty() {
            return Counting(None);
        }
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let child = Command::new("perf")
            .args(["stat", "--field-separator", ",", "--event", "instructions,cycles", "--pid", &pids.join(",")])
            .args(["--", "sleep", &duration_s.to_string()])
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        Counting(child.ok())
    }

    /// Waits until its time is over.
    pub fn finish(self) -> Counters {
        match self.0.map(Child::wait_with_output) {
            Some(Ok(output)) => parse(&String::from_utf8_lossy(&output.stderr)),
            _ => Counters::default(),
        }
    }
}

/// Lines of `COUNT,UNIT,EVENT,...`; what is not counted has a text in place of the count.
fn parse(text: &str) -> Counters {
    let count = |event: &str| {
        text.lines().find_map(|line| {
            let mut fields = line.split(',');
            let (count, name) = (fields.next()?, fields.nth(1)?);
            if name.split(':').next() == Some(event) { count.parse().ok() } else { None }
        })
    };
    Counters { instructions: count("instructions"), cycles: count("cycles") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_where_there_are_any() {
        let text = "1200,,instructions:u,100,100.00,,\n<not supported>,,cycles,0,100.00,,\n";
        assert_eq!(parse(text), Counters { instructions: Some(1200.0), cycles: None });
        assert_eq!(parse("perf: command failed\n"), Counters::default());
        assert_eq!(Counting::start(&[], 1).finish(), Counters::default());
    }
}
