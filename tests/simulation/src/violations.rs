//! What was found that must not be.

/// Violations of one run, in order.
#[derive(Debug, Default)]
pub struct Violations {
    found: Vec<String>,
}

impl Violations {
    /// Notes something that must not be.
    pub fn note(&mut self, at_us: u64, what: impl AsRef<str>) {
        self.found.push(format!("at {:.3} s: {}", at_us as f64 / 1e6, what.as_ref()));
    }

    /// What went wrong.
    pub fn all(&self) -> &[String] {
        &self.found
    }
}
