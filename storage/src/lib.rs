//! What this node holds: cells, their merge, keys, reads, folding and purging over an ordered key-value engine.

pub mod model;
