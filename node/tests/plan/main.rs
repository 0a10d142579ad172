//! The planner against a memory store: statements in, rows out.

#![allow(clippy::unwrap_used)]

mod bindings;
mod errors;
mod functions;
mod masks;
mod moments;
mod random;
mod reads;
mod support;
mod writes;
