//! The clients of Cassandra's ecosystem, unmodified, each against a cluster of three processes. A client that set-up
//! could not install is skipped by name. README.md beside this file has the contract of the runners.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

mod arrivals;
mod cqlsh;
mod encrypted;
mod gocql;
mod java;
mod nodejs;
mod process;
mod python;
mod report;
mod run;
mod rust;
mod script;
