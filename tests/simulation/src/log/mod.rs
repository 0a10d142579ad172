//! The epoch log alone: clusters of nothing but membership and schema, without data, so that many seeds fit in a minute.
//!
//! `shape` is what a seed makes of its cluster, `machine` a disk and the lives on it, `clients` the schema changes,
//! `operator` whoever runs the cluster (joins, leaves, replacements, recoveries), `oracle` what must hold.

mod asking;
mod clients;
mod faults;
mod history;
mod machine;
mod members;
mod operator;
mod oracle;
mod recovery;
mod shape;
mod world;

pub use world::LogWorld;
