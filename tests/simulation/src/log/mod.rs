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

use starling_node::cluster::LogPlant;

pub use world::LogWorld;

/// The bugs that can be planted, with their names.
pub const LOG_PLANTS: [(&str, LogPlant); 4] = [
    ("forget-promise", LogPlant::ForgetPromises),
    ("accept-lower-ballot", LogPlant::AcceptLowerBallot),
    ("wrong-deciders", LogPlant::WrongDeciders),
    ("apply-twice", LogPlant::ApplyTwice),
];
