//! Random CQL on wide partitions, each owned by one client, checked against a small sequential model.
//!
//! `table` is what the partitions look like, `place` which rows a condition names, `writes` and `reads` draw
//! statements, `effect` and `model` say what must be visible, `check` compares an answer with that, `owner` is the
//! client. All of it is pure: chance and time come in, requests and verdicts go out.

mod blob;
mod check;
mod decode;
mod effect;
mod levels;
mod model;
mod owner;
mod place;
mod reads;
mod several;
mod table;
mod writes;

pub use owner::{Clocks, Owner};
pub use table::SETUP;

#[cfg(test)]
mod tests;
