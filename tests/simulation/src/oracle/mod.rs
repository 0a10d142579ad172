//! What must hold: a file each.

pub mod levels;
mod registers;
pub mod rest;
pub mod schema;
mod truncation;

pub use registers::{Outcome, Registers};
pub use truncation::Truncations;

/// All that looks at what clients see, and what it found.
#[derive(Debug, Default)]
pub struct Oracle {
    pub registers: Registers,
    pub truncations: Truncations,
    violations: Vec<String>,
}

impl Oracle {
    /// Notes something that must not be.
    pub fn violation(&mut self, at_us: u64, what: String) {
        self.violations.push(format!("at {:.3} s: {what}", at_us as f64 / 1e6));
    }

    /// What went wrong.
    pub fn violations(&self) -> &[String] {
        &self.violations
    }
}
