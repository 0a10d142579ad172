//! Coordination of writes and reads: every level, over one to three datacentres, with replicas dead, slow, failing
//! or behind; against a naive model.

#![allow(clippy::unwrap_used)]

mod bytes;
mod latencies;
mod layout;
mod random_reads;
mod random_writes;
mod reads;
mod repairs;
mod writes;
