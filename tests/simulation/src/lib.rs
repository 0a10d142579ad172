//! Whole clusters in one thread on simulated time, network and disk. A seed decides everything.
//!
//! The nodes are the server's own code (`starling_node::assembly`); only the outside differs. `world` is the
//! queue of events, `machine` a disk and the lives on it, `network` and `nemesis` the faults, `clients` the
//! load, `oracle` what must hold. `log` is a world of its own: membership and schema alone.

mod clients;
mod ddl;
mod diary;
mod effects;
mod faults;
mod load;
pub mod log;
mod machine;
mod nemesis;
mod network;
mod oracle;
mod outside;
mod owning;
mod random;
mod shape;
mod trace;
mod violations;
mod wide;
mod world;

pub use world::{Manner, Report, World};
