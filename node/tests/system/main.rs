//! The system tables, and the queries that drivers and cqlsh put to them.

#![allow(clippy::unwrap_used)]

mod contents;
mod fixture;
mod queries;
