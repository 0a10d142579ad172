//! The life of real processes: how they start, stop, die, come back and are turned away.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod admin_side;
mod data;
mod demo;
mod liveness;
mod refusals;
mod settings;
mod shutdown;
