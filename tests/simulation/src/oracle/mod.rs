//! What must hold: a file each.

pub mod clocks;
mod diaries;
pub mod levels;
mod lists;
mod registers;
pub mod rest;
pub mod schema;
mod truncation;

pub use diaries::Diaries;
pub use lists::Lists;
pub use registers::{Outcome, Registers};
pub use truncation::Truncations;

use crate::violations::Violations;

/// All that looks at what clients see, and what it found.
#[derive(Debug, Default)]
pub struct Oracle {
    pub registers: Registers,
    pub truncations: Truncations,
    pub lists: Lists,
    pub diaries: Diaries,
    pub violations: Violations,
}
