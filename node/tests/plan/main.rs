//! The planner against a memory store: statements in, rows out.

#![allow(clippy::unwrap_used)]

mod bindings;
mod collections;
mod converging;
mod errors;
mod functions;
mod hostile;
mod json;
mod masks;
mod moments;
mod more_functions;
mod random;
mod reads;
mod support;
mod writes;
