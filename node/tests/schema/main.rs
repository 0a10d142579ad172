//! Schema changes: what is accepted, what is refused with which code, and that what is described can be made again.

#![allow(clippy::unwrap_used)]

mod contents;
mod descriptions;
mod generated;
mod keyspaces;
mod options;
mod session;
mod tables;
