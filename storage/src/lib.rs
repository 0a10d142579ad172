//! What this node holds: cells, their merge, keys, reads, folding and purging over an ordered key-value engine.

pub mod canonical;
pub mod committer;
pub mod engine;
pub mod format;
pub mod header;
pub mod key;
pub mod live;
pub mod merge;
pub mod model;
pub mod ranges;
pub mod store;
pub mod threads;
